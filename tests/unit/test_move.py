"""A models/ directory that was built before the modules moved into rooms, under today's code."""
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from scripts.builds import code
from tests import needs
from tests.needs import ROOT
from tests.project import DIGITS, Project

BEFORE = "ca53cd8082c26c060c544748fce1bce87d6244dd"  # the last commit whose modules stood side by side
CONVERTED = ("models/enc_model.h5", "models/json_models/keras/model.json",
             "models/json_models/keras/group1-shard1of1.bin")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A project of the old code, which trained and converted LeNet with it."""
    needs.tensorflow()
    found = subprocess.run(["git", "archive", BEFORE, "scripts", "dodo.py", "docker/locks"], cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if found.returncode:
        needs.lacking(f"the history of this repository, with {BEFORE[:7]} (git fetch --unshallow)")
    project = Project(tmp_path_factory.mktemp("old") / "project")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(project.path)
    project.write("models/models.toml", DIGITS)
    assert project.ran() == {"data:keras", "train:keras", "encapsulate:keras", "convert:keras"}
    return project


@pytest.fixture
def moved(old, tmp_path):
    """The same models/ under today's code."""
    shutil.copytree(old.path, str(tmp_path / "project"), symlinks=True)
    project = Project(tmp_path / "project")
    shutil.rmtree(project.file("scripts"))
    shutil.copytree(os.path.join(ROOT, "scripts"), project.file("scripts"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(ROOT, "dodo.py"), project.file("dodo.py"))
    return project


def record(project, stage):
    return json.loads(project.read(f"models/.records/{stage}.keras.json").decode())


def test_what_was_trained_stays_and_is_converted_once_more_to_the_same_bytes(old, moved):
    assert moved.ran() == {"encapsulate:keras", "convert:keras"}
    assert moved.ran() == set()
    before, after = old.artifacts(), moved.artifacts()
    for name in CONVERTED + ("models/model.h5", "models/data.npz"):
        assert after[name] == before[name], name
    assert set(after) == set(before)
    assert record(moved, "train") == record(old, "train")


def test_todays_code_trains_the_bytes_that_the_old_code_trained(old, moved):
    """The proof of what code.EQUAL says; and a manifest tells the same whichever code recorded the training."""
    assert record(old, "train")["code"] in code.EQUAL["train"].older
    moved.ran()
    converted = moved.artifacts()
    os.remove(moved.file("models/model.h5"))
    assert moved.ran() == {"train:keras"}
    assert moved.artifacts() == converted
    assert converted["models/model.h5"] == old.artifacts()["models/model.h5"]
    assert record(moved, "train")["facts"] == record(old, "train")["facts"]
    assert record(moved, "train")["settings"] == {"epochs": 1}


def test_another_setting_trains_anew_whatever_code_built_it(moved):
    moved.write("models/models.toml", DIGITS + "seed = 1\n")
    assert "seed changed" in moved.doit("info", "train:keras")[1]
    moved.write("models/models.toml", DIGITS + "seed = 0\n")
    assert "up-to-date" in moved.doit("info", "train:keras")[1]
