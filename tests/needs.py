"""What some tests need and some machines lack.  Each function returns it, or skips the test with the reason.

With REQUIRE_ALL=1 in the environment nothing is skipped: the test fails with the same reason (tests/conftest.py).
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pytest

from scripts import bootstrap
from scripts.base import stack

ROOT = bootstrap.ROOT
STACK = stack.NAME
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def lacking(reason):
    """Skip the running test: this machine lacks what `reason` says, and how to get it."""
    pytest.skip("needs " + reason)


def command(name, remedy):
    """Return the path of a program, from the PATH or from beside the running Python."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    found = shutil.which(name) or (beside if os.access(beside, os.X_OK) else None)
    return found or lacking(f"{name} ({remedy})")


def node():
    """Return the path of a node >= 18."""
    path = command("node", "python scripts/bootstrap.py view")
    said = subprocess.run([path, "--version"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    version = re.match(r"v(\d+)", said)
    if not version or int(version.group(1)) < 18:
        beside = os.path.join(os.path.dirname(sys.executable), "node")
        return beside if os.access(beside, os.X_OK) else lacking(f"node >= 18, not {said.strip()}")
    return path


def npm():
    """Return the path of npm."""
    return command("npm", "python scripts/bootstrap.py view")


def chromium():
    """Return the path of a Chromium or Chrome: $CHROMIUM, or the first one on the PATH."""
    named = os.environ.get("CHROMIUM")
    found = [path for path in map(shutil.which, [named] if named else CHROMIUM) if path]
    return found[0] if found else lacking("Chromium (apt install chromium, or set CHROMIUM)")


def buildah():
    """Return the path of buildah, on a machine where it can build: as root, with runc."""
    root()
    command("runc", "apt install runc")
    return command("buildah", "apt install buildah")


def docker():
    """Return the directory that a newer Debian's docker, buildx and compose were unpacked in, where they can run."""
    root()
    command("runc", "apt install runc")
    place = os.environ.get("DOCKER_ROOT", "")
    return place if os.path.exists(os.path.join(place, "usr", "sbin", "dockerd")) else lacking(
        "docker 26 or newer (DOCKER_ROOT=DIRECTORY, after: mmdebstrap --variant=extract "
        "--include=docker.io,docker-buildx,docker-cli,docker-compose trixie DIRECTORY)")


def root():
    """Return 0, the user id of root."""
    return os.getuid() if os.getuid() == 0 else lacking("root")


def environment(stack):
    """Return the python of a stack's environment in this checkout: bootstrap.py made it."""
    path = os.path.join(ROOT, bootstrap.ENVIRONMENTS[stack], "bin", "python")
    return path if os.access(path, os.X_OK) else lacking(f"the {stack} environment (make test)")


def keras231():
    """Return the python of the environment that holds Keras 2.3.1 and TensorFlow 1.15."""
    path = os.path.join(ROOT, bootstrap.APART["keras231"], "bin", "python")
    return path if os.access(path, os.X_OK) else lacking("Keras 2.3.1 (python3.6 scripts/bootstrap.py keras231)")


def python36():
    """Return the path of a Python 3.6, without packages."""
    return bootstrap.find_python36() or lacking("a Python 3.6 (set PYTHON36, or: pyenv install 3.6.15)")


def module(name, role):
    """Return the name of a module that is installed; nothing is imported (TensorFlow takes seconds)."""
    return name if importlib.util.find_spec(name) else lacking(f"{name} (python scripts/bootstrap.py {role})")


def tensorflow():
    """Return "tensorflow": it is installed."""
    return module("tensorflow", "train")


def atheris():
    """Return "atheris": the coverage-guided fuzzer is installed (it has wheels for Linux on x86-64 alone)."""
    return module("atheris", "test")


def reference():
    """Return "tensorflowjs": the official converter is installed, and Keras 2 with it."""
    tensorflow()
    if STACK == "modern":
        module("tf_keras", "reference")
    return module("tensorflowjs", "reference")


def onnx():
    """Return "onnxruntime": it is installed, and onnx with it, on the modern stack alone."""
    module("onnx", "onnx")
    return module("onnxruntime", "onnx")


def mnist():
    """Return the path of the real MNIST, an npz with Keras's names."""
    beside = os.path.join(os.path.dirname(ROOT), "shared", "data", "mnist.npz")
    cached = os.path.join(os.path.expanduser("~"), ".keras", "datasets", "mnist.npz")
    for path in (os.environ.get("MNIST_NPZ"), beside, cached):
        if path and os.path.isfile(path):
            return os.path.abspath(path)
    return lacking("the real MNIST (set MNIST_NPZ to an mnist.npz)")
