"""How the project's Python is written, for the machines without ruff: no line of more than 120 columns."""
import os

from tests.needs import ROOT

COLUMNS = 120


def sources():
    """Yield the Python files of the project, as paths below its root with "/"."""
    yield "dodo.py"
    for top in ("scripts", "bench", "tests"):
        for directory, inside, names in os.walk(os.path.join(ROOT, top)):
            inside[:] = [name for name in inside if name != "__pycache__"]
            for name in names:
                if name.endswith(".py"):
                    yield os.path.relpath(os.path.join(directory, name), ROOT).replace(os.sep, "/")


def test_no_line_is_longer_than_120_columns():
    paths = sorted(set(sources()))
    assert "tests/unit/test_style.py" in paths and "dodo.py" in paths
    found = []
    for path in paths:
        with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
            found += ["%s:%d" % (path, number) for number, line in enumerate(stream, 1)
                      if len(line.rstrip("\n")) > COLUMNS]
    assert found == []
