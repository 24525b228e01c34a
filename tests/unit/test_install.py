"""What pip installs of this project: both commands, on this stack, away from the checkout."""
import os
import shutil
import subprocess
import sys

import pytest

from tests import needs
from tests.unit import handmade

COMMANDS = ("tensorspace-preprocess", "tensorspacejs_converter")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory that pip installed into, from a copy of what the package is made of (pip builds in it)."""
    needs.module("setuptools", "train")
    copy, target = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("installed")
    shutil.copytree(os.path.join(needs.ROOT, "scripts"), str(copy / "scripts"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(os.path.join(needs.ROOT, name), str(copy))
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                           "--no-build-isolation", "--disable-pip-version-check", "--target", str(target), str(copy)])
    return str(target)


def run(installed, name, *arguments):
    done = subprocess.run([os.path.join(installed, "bin", name)] + list(arguments), cwd=installed,
                          env=dict(os.environ, PYTHONPATH=installed), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_both_commands_convert_a_model(installed, name, tmp_path):
    status, said, error = run(installed, name, "--output_layer_names=conv,softmax",
                              handmade.h5(tmp_path / "model.h5"), str(tmp_path / "out"))
    assert (status, error) == (0, "") and "2 outputs: conv, softmax" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["group1-shard1of1.bin", "model.json"]


@pytest.mark.parametrize("name", COMMANDS)
def test_both_commands_say_their_version_and_refuse_in_one_line(installed, name, tmp_path):
    assert run(installed, name, "--version") == (0, "tensorspace-preprocess 0.1.0\n", "")
    assert run(installed, name, "-v")[1] == "tensorspace-preprocess 0.1.0\n"
    (tmp_path / "empty.h5").write_bytes(b"")
    status, said, error = run(installed, name, str(tmp_path / "empty.h5"), str(tmp_path / "out"))
    assert (status, said, error.count("\n")) == (1, "", 1) and "empty" in error


def test_every_file_of_the_package_is_installed(installed):
    """The page's script and the lock of its packages too, which are no Python."""
    def files(top):
        return {os.path.relpath(os.path.join(directory, name), top) for directory, _, names in os.walk(top)
                for name in names if not name.endswith(".pyc")}
    assert files(os.path.join(installed, "scripts")) == files(os.path.join(needs.ROOT, "scripts"))
