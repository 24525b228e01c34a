"""What the tests of training share."""
import pytest

from scripts.training import dataset


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The path of a data.npz of the embedded digits."""
    path = str(tmp_path_factory.mktemp("digits") / "data.npz")
    dataset.save(path, dataset.digits(), "digits")
    return path
