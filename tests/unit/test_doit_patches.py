"""What replaces something of doit's was written for the doit that is installed."""
import os
import re

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


def test_nothing_of_doits_is_replaced_anywhere_else():
    """No other module assigns to an attribute of something that it imports from doit."""
    words = 0
    for place, _, names in os.walk(os.path.join(ROOT, "scripts")):
        for name in names:
            if not name.endswith(".py") or name == "doit_patches.py":
                continue
            with open(os.path.join(place, name), encoding="utf-8") as stream:
                text = stream.read()
            for imported in re.findall(r"^from doit\S* import (.*)$|^import (doit\S*)", text, re.M):
                for word in re.findall(r"\w+", "".join(imported)):
                    words += 1
                    replaces = rf"^\s*{word}\.\w+(, \w+\.\w+)* = |setattr\({word}\b"
                    assert not re.search(replaces, text, re.M), (name, word)
    assert words, "no module imports doit: this test looks for nothing"
