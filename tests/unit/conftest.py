"""What the tests of modules share: images to train on, and that every result loads."""
import pytest

from scripts.training import dataset


@pytest.fixture(autouse=True)
def exit_0_is_a_promise(every_result_loads):
    """What a test of this directory converts, in this process or by a command, TensorFlow.js loads."""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The path of a data.npz of the embedded digits."""
    path = str(tmp_path_factory.mktemp("digits") / "data.npz")
    dataset.save(path, dataset.digits(), "digits")
    return path
