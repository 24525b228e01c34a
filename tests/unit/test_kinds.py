"""The table of layer classes: which classes are in it; what it says of masks is what Keras says."""
import pytest

from scripts.layers import kinds, open_sizes
from scripts.layers.kinds import Mask
from scripts.layers.records import MODELS
from scripts.layers.topology import output_count
from scripts.tfjs import supported
from tests import needs
from tests.unit import examples, made

# Keras supports a mask there to use it, and hands none on
USES = ("GlobalAveragePooling1D", "Dot")


@pytest.fixture(scope="module")
def keras():
    needs.tensorflow()
    return __import__("keras")


def test_every_layer_of_tensorflow_js_is_known():
    lacking = [name for name in supported.LAYERS if name not in MODELS and kinds.KINDS[name].variables is None]
    assert lacking == []


def test_a_class_is_found_by_its_old_name_and_only_where_it_is_keras_s():
    assert kinds.find("UnifiedLSTM") is kinds.KINDS["LSTM"] and kinds.find("Mystery") is None
    record = made.layer("Dense", "dense")
    assert kinds.of(record).name == kinds.of(dict(record, module="keras.layers")).name == "Dense"
    assert kinds.of(dict(record, module="mine")) is None
    assert kinds.of(dict(record, module=None, registered_name="Custom>Dense")) is None


def test_a_class_stands_in_the_table_once():
    with pytest.raises(ValueError, match="Dense stands in the table twice"):
        kinds.kind.row("core", "Dense")


def test_merges_recurrent_layers_and_idle_ones_are_told_by_their_rows():
    assert kinds.merges() == {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}
    assert {"RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM2D", "Bidirectional"} <= kinds.recurrents()
    assert {"Dropout", "RandomFlip", "Identity"} <= kinds.idle() and "Dense" not in kinds.idle()


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_a_mask_goes_on_where_keras_lets_it(keras, name):
    if name not in examples.names(keras):
        assert examples.may_lack(name)
    elif name not in USES:
        supports, mask = bool(examples.made(keras, name).layer.supports_masking), kinds.KINDS[name].mask
        own = mask is not Mask.PASSES_IN_3 or keras.__version__.startswith("3")
        assert supports is (mask not in (Mask.STOPS, Mask.MAKES) and own or name == "Masking")


@pytest.mark.modern
@pytest.mark.parametrize("name", ["Identity", "Rescaling", "Normalization"])
def test_a_mask_goes_on_from_keras_3_on(name):
    """The other Keras of this stack is the last Keras 2."""
    needs.tensorflow()
    for major, module in ((2, "tf_keras"), (3, "keras")):
        layers = __import__(module).layers
        layer = layers.Rescaling(0.5) if name == "Rescaling" else getattr(layers, name)()
        assert (name in kinds.passing(major)) is bool(layer.supports_masking) is (major == 3)


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_a_call_has_as_many_outputs_as_in_keras(keras, name):
    if name not in examples.names(keras):
        assert examples.may_lack(name)
    else:
        one = examples.made(keras, name)
        assert output_count(one.record) in (None, len(one.outputs))
        assert output_count(one.record) is not None or len(one.outputs) > 1


@pytest.mark.parametrize("name", [name for name in sorted(examples.EXAMPLES)
                                  if kinds.KINDS[name].axes({}, 3) and name not in ("Flatten", "RNN")])
def test_the_first_variable_tells_the_sizes_of_the_input_that_decide(keras, name):
    if name not in examples.names(keras):
        assert examples.may_lack(name)
    else:
        one, shape = examples.made(keras, name), (None,) + examples.EXAMPLES[name][1][0]
        said = open_sizes.said_by(one.record, one.layer.weights, len(shape))
        assert said == {axis: shape[axis] for axis in open_sizes.needed(one.record, len(shape))} != {}


def test_the_sizes_that_decide_are_those_of_the_row():
    sync = made.layer("SyncBatchNormalization", "sync", axis=1)
    assert open_sizes.needed(sync, 4) == [1] and not open_sizes.needed(made.layer("Mystery", "m"), 4)
    assert open_sizes.needed(made.layer("Flatten", "flat"), 4) == [1, 2, 3]
