"""One Chromium and one set of models for all browser tests; pages are built and served as a user's are."""
import os
import shutil
import subprocess
import sys

import pytest

from scripts.viewer import page
from scripts.viewer.chromium import Browser, Serving
from tests import needs
from tests.browser import models

PICTURES = os.environ.get("PICTURES")  # where screenshots are kept, if anywhere


def made(directory, *arguments):
    """Run tests.browser.models; return the directory that it wrote into."""
    needs.tensorflow()
    subprocess.run([sys.executable, "-m", "tests.browser.models", str(directory)] + list(arguments), cwd=needs.ROOT,
                   check=True)
    return directory


@pytest.fixture(scope="package")  # ended with the tests of this directory: its page draws all the time
def browser():
    needs.node()
    with Browser(needs.chromium()) as running:
        yield running


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The directory of the trained LeNet: source.h5, json/, reference.npz."""
    return made(tmp_path_factory.mktemp("trained"), "trained", needs.mnist()) / "trained"


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """The directory of the other models, one directory each."""
    names = sorted(models.BUILDERS) + ["mobilenet", "resnet50"] if needs.STACK == "modern" else models.BOTH_STACKS
    return made(tmp_path_factory.mktemp("zoo"), *names)


@pytest.fixture(scope="session")
def lenet_files(trained, tmp_path_factory):
    directory = tmp_path_factory.mktemp("page")
    page.build(str(trained / "json"), str(directory), data=needs.mnist(), title="LeNet",
               reference=str(trained / "reference.npz"))
    return directory


@pytest.fixture(scope="package")
def lenet(lenet_files):
    """The address of the trained LeNet's page."""
    with Serving(lenet_files) as address:
        yield address


@pytest.fixture
def spoiled(lenet_files, tmp_path):
    """A copy of LeNet's page to damage, as (directory, address)."""
    directory = tmp_path / "page"
    shutil.copytree(str(lenet_files), str(directory))
    with Serving(directory) as address:
        yield directory, address


@pytest.fixture
def keep(browser):
    """keep(name): a screenshot in $PICTURES, where that is set."""
    def picture(name):
        if PICTURES:
            os.makedirs(PICTURES, exist_ok=True)
            browser.ask("screenshot", path=os.path.join(os.path.abspath(PICTURES), f"{needs.STACK}-{name}.png"))
    return picture
