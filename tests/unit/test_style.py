"""How the project's Python is written, by ruff and without it; and that no test passes in silence."""
import ast
import glob
import os
import re
import subprocess

import pytest

from tests import needs
from tests.needs import ROOT

COLUMNS = 120
ABOVE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)  # what has returns of its own


def sources():
    """Yield the Python files of the project, as paths below its root with "/"."""
    yield "dodo.py"
    for top in ("scripts", "bench", "tests"):
        for directory, inside, names in os.walk(os.path.join(ROOT, top)):
            inside[:] = [name for name in inside if name != "__pycache__"]
            for name in names:
                if name.endswith(".py"):
                    yield os.path.relpath(os.path.join(directory, name), ROOT).replace(os.sep, "/")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def test_no_line_is_longer_than_120_columns():
    paths = sorted(set(sources()))
    assert "tests/unit/test_style.py" in paths and "dodo.py" in paths
    found = []
    for path in paths:
        found += [f"{path}:{number}" for number, line in enumerate(text_of(path).splitlines(), 1)
                  if len(line) > COLUMNS]
    assert found == []


def returns(text):
    """Return [(name of a test function, line)] of each `return` that ends a test before its last line."""
    def own(node):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.Return):
                yield inner.lineno
            elif not isinstance(inner, ABOVE):
                yield from own(inner)

    return [(test.name, line) for test in ast.walk(ast.parse(text))
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_") for line in own(test)]


def test_no_test_returns_before_it_has_asserted():
    """A case that a test cannot judge is left out by its parametrisation, or marked for a stack: it is not collected
    then, in the place of being counted as passed."""
    files = [path for path in sources() if path.startswith("tests/")]
    assert len(files) > 50
    assert [(path, *place) for path in files for place in returns(text_of(path))] == []


@pytest.mark.parametrize("body, found", [
    ("if x:\n  return", 1), ("for y in x:\n  with y:\n   return None", 1), ("try:\n  f()\n except E:\n  return", 1),
    ("def inner():\n  return 1\n assert inner()", 0), ("f(lambda: 1)\n assert x", 0)])
def test_a_return_is_found_wherever_it_stands_in_a_test(body, found):
    assert len(returns(f"def test_x(x):\n {body}\n")) == found


@pytest.mark.modern  # ruff runs on no Python 3.6, and reads the code without running it
def test_ruff_finds_nothing():
    done = subprocess.run([needs.command("ruff", "python scripts/bootstrap.py test"), "check", "--no-cache",
                           "--output-format", "concise", "."], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout


def test_every_file_that_the_table_of_promises_names_is_there():
    rows = [line.split(" | ") for line in text_of("tests/README.md").splitlines() if line.startswith("| ")][1:]
    named = [name for row in rows for name in re.findall("`([^`]+)`", row[1])]
    assert len(rows) > 30 and all(re.findall("`[^`]+`", row[1]) for row in rows)
    assert [name for name in named if not glob.glob(os.path.join(ROOT, "tests", name))] == []
    whole = [name for name in named if "*" not in name]
    tests = [path[len("tests/"):] for path in sources() if re.match(r"tests/(?!unit/).*/test_\w+\.py", path)]
    assert [path for path in tests if not path.startswith(tuple(whole))] == []
    assert all(len(row) == 3 for row in rows), "promise, test, how much of it"
