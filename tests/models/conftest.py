"""What the tests of whole models share: one Node process for all of them."""
import pytest

from scripts.viewer import predict
from tests import shared_node


@pytest.fixture(scope="session", autouse=True)
def one_node():
    """Run TensorFlow.js in the shared process, as long as tests of models run."""
    alone = predict.run_node
    predict.run_node = shared_node.run_node
    yield
    predict.run_node = alone
