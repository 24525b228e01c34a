"""What replaces something of doit's was written for the doit that is installed."""
import ast
import os

import doit
import pytest

from scripts.builds import doit_patches
from tests.needs import ROOT


@pytest.mark.parametrize("patch", doit_patches.PATCHES, ids=lambda patch: f"{patch.owner.__name__}.{patch.name}")
def test_what_is_replaced_is_what_the_replacement_was_written_for(patch):
    """A new doit fails here where it changed: read its source, mend the replacement, add its digest."""
    installed = ".".join(map(str, doit.__version__))
    assert patch.found() in patch.fits.values(), (
        f"doit {installed} has another {patch.source.__qualname__} ({patch.found()}) than {', '.join(patch.fits)}")
    assert patch.fits.get(installed, patch.found()) == patch.found()


def test_each_replacement_says_for_which_versions_it_was_written():
    assert {tuple(sorted(patch.fits)) for patch in doit_patches.PATCHES} == {("0.34.2", "0.37.0")}


def test_the_source_of_another_doit_is_seen(monkeypatch):
    patch = doit_patches.PATCHES[0]
    changed = patch._replace(source=lambda error: "another")
    assert changed.found() not in patch.fits.values()


def replaced(text):
    """The lines of Python that assign to an attribute of what the text imports from doit, at the top or further in."""
    tree, taken = ast.parse(text), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] == "doit":
            taken.update(name.asname or name.name for name in node.names)
        elif isinstance(node, ast.Import):
            taken.update(name.asname or "doit" for name in node.names if name.name.split(".")[0] == "doit")

    def root(node):
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        return getattr(node, "id", None)

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and root(node) in taken or \
                isinstance(node, ast.Call) and getattr(node.func, "id", None) == "setattr" \
                and root(node.args[0]) in taken:
            yield node.lineno


@pytest.mark.parametrize("text", [
    "from doit.cmdparse import CmdParseError\nCmdParseError.__str__ = str",
    "def main():\n    from doit.cmdparse import CmdParseError as Error\n    Error.__str__ = str",
    "import doit.reporter\ndoit.reporter.ConsoleReporter.write = print",
    "from doit import runner\nsetattr(runner.Runner, 'run_all', print)"])
def test_a_replacement_is_found_wherever_it_stands(text):
    assert len(list(replaced(text))) == 1


def test_nothing_of_doits_is_replaced_anywhere_else():
    """No other module assigns to an attribute of something that it imports from doit."""
    paths = [os.path.join(place, name) for place, _, names in os.walk(os.path.join(ROOT, "scripts")) for name in names
             if name.endswith(".py") and name != "doit_patches.py"]
    wrong, taking = [], 0
    for path in paths + [os.path.join(ROOT, "dodo.py")]:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        taking += "from doit" in text
        wrong += [f"{path}:{line}" for line in replaced(text)]
    assert wrong == []
    assert taking, "no module imports doit: this test looks for nothing"
