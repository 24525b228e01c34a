"""How the project's Python is written, for the machines without ruff; and that no test passes in silence."""
import ast
import os

import pytest

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
