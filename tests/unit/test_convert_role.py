"""`make convert` on a fresh checkout: a small environment without TensorFlow converts a model that somebody brings."""
import os
import shutil
import subprocess
import sys

import pytest

from scripts import bootstrap
from scripts.training import lenet, saved_by_keras
from scripts.wire import shards
from tests import needs, shared_tensorflow
from tests.needs import ROOT
from tests.project import Project

MEGABYTES = 150


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with no environment, in which `make convert` made one and converted an untrained LeNet."""
    needs.reference()
    path = tmp_path_factory.mktemp("role") / "project"
    project = Project.create(path, '[keras]\n[mine]\nsource = "given.h5"\n')
    for name in ("Makefile", "pyproject.toml", "setup.cfg"):
        shutil.copy(os.path.join(ROOT, name), str(path))
    saved_by_keras.save_h5(lenet.build(saved_by_keras.legacy_keras()), str(path / "given.h5"))
    base = os.path.join(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info))
    environment = project.environment()
    done = subprocess.run(["make", "convert", "PYTHON=" + base], cwd=str(path), env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr.decode()
    return project


def test_the_model_that_was_brought_is_converted_and_the_one_to_train_is_not(checkout):
    assert os.path.exists(checkout.file("models/json_models/mine/model.json"))
    assert not os.path.exists(checkout.file("models/json_models/keras"))


def test_its_weights_are_those_of_the_official_converter(checkout, tmp_path):
    """encapsulated and converted by scripts.reference, in the environment of the tests"""
    middle, target = str(tmp_path / "enc.h5"), tmp_path / "official"
    target.mkdir()
    for arguments in (["encapsulate", checkout.file("given.h5"), middle], ["convert", middle, str(target)]):
        assert shared_tensorflow.TENSORFLOW.ask(ROOT, "reference", arguments) == (0, "")
    official = (target / "group1-shard1of1.bin").read_bytes()
    assert len(official) < shards.SHARD_SIZE
    assert checkout.read("models/json_models/mine/group1-shard1of1.bin") == official


def test_the_environment_is_small_and_holds_no_tensorflow(checkout):
    top = checkout.file(bootstrap.ENVIRONMENTS[needs.STACK])
    files = [os.path.join(directory, name) for directory, _, names in os.walk(top) for name in names]
    assert not [path for path in files if os.sep + "tensorflow" + os.sep in path or os.sep + "keras" + os.sep in path]
    size = sum(os.path.getsize(path) for path in files if not os.path.islink(path))
    assert size < MEGABYTES * 10 ** 6, f"{size} bytes"
