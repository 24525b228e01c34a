"""What the tests of whole models share: one Node process and one TensorFlow process, and that every result loads."""
import pytest

from scripts.base import child
from scripts.viewer import predict
from tests import shared_node, shared_tensorflow


@pytest.fixture(scope="session", autouse=True)
def one_process_for_many_models():
    """Run TensorFlow.js and TensorFlow in the shared processes, as long as tests of models run."""
    alone = predict.run_node
    predict.run_node, child.run = shared_node.run_node, shared_tensorflow.run
    yield
    predict.run_node, child.run = alone, shared_tensorflow.ALONE


@pytest.fixture(autouse=True)
def exit_0_is_a_promise(every_result_loads):
    """What a test of this directory converts, in this process or by a command, TensorFlow.js loads."""
