"""Output shapes of layers: each class's rule says what Keras says, and what no tensor has is not told."""
import pytest

from scripts.layers import kinds, shapes
from scripts.layers.references import Ref
from scripts.layers.topology import graph
from tests import needs
from tests.unit import examples, made


@pytest.fixture(scope="module")
def keras():
    needs.tensorflow()
    return __import__("keras")


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_every_output_has_the_shape_that_keras_gives_it(keras, name):
    if name in examples.names(keras):
        one = examples.made(keras, name)
        found = shapes.of_graph(one.graph, one.major)
        for place, tensor in enumerate(one.outputs):
            told = kinds.KINDS[name].shape is not None  # a ReversibleEmbedding's depends on the call
            assert found[Ref(one.layer.name, 0, place)] == (list(tensor.shape) if told else None), place
    else:
        assert examples.may_lack(name)


def test_each_rule_has_an_example():
    tried = {kinds.KINDS[name].shape for name in examples.EXAMPLES}
    left = [name for name in examples.with_a_shape() if kinds.KINDS[name].shape not in tried]
    assert [name for name in left if not name.endswith(("Cell", "Cells"))] == []  # RNN's example has cells in it


def shape_of(name, record):
    return shapes.of_graph(graph(record), 2)[Ref(name, 0, 0)]


def test_a_class_that_is_not_known_and_what_is_behind_it_have_no_shape():
    record = made.functional([made.start(), made.layer("Mystery", "own", "start"), made.layer("ReLU", "last", "own")],
                             "last")
    assert shape_of("own", record) is None and shape_of("last", record) is None


def test_a_class_of_one_s_own_that_is_called_like_keras_s_has_no_shape():
    own = dict(made.layer("Dense", "own", "start", units=3), module="mine", registered_name="Dense")
    assert shape_of("own", made.functional([made.start(), own], "own")) is None


@pytest.mark.parametrize("config", [{}, {"units": "x"}, {"units": 1 << 70}, {"units": [3]}])
def test_a_size_that_no_tensor_has_is_not_told(config):
    record = made.functional([made.start(), made.layer("Dense", "odd", "start", **config)], "odd")
    assert shape_of("odd", record) is None


def test_open_sizes_stay_open():
    record = made.functional([made.start(shape=(None, 3)), made.layer("Flatten", "flat", "start"),
                              made.layer("ZeroPadding1D", "padded", "start", padding=2)], "flat", "padded")
    assert shape_of("flat", record) == [None, None] and shape_of("padded", record) == [None, None, 3]


def test_a_nested_model_has_the_shape_that_its_call_gives_it():
    inner = made.functional([made.start("inside", (None, 4)), made.layer("GlobalMaxPooling1D", "most", "inside")],
                            "most")
    record = made.functional([made.start(shape=(5, 4)), made.nested(inner, "inner", "start")], "inner@1")
    assert shape_of("inner", record) == [None, 4]
