"""Masks: which layers hand one on in Keras, and where TensorFlow.js hides other time steps."""
import pytest

from scripts import Fault
from scripts.layers import encapsulation
from scripts.layers import masks as keras_masks
from scripts.layers.references import Ref
from scripts.layers.topology import Layer, graph
from scripts.tfjs.passes import masks
from tests.unit import made
from tests.unit.made import functional, layer, start


def words(name="words", source="start", **config):
    return layer("Embedding", name, source, input_dim=9, output_dim=4, **dict({"mask_zero": True}, **config))


@pytest.mark.parametrize("record, answer", [
    (words(), True), (words(mask_zero=False), False), (layer("Masking", "m"), True), (layer("Dense", "d"), False)])
def test_what_makes_a_mask(record, answer):
    assert keras_masks.makes(record) is answer


def test_a_layer_inside_a_model_inside_a_wrapper_is_found():
    inner = functional([start("inside"), words(source="inside")], "words")
    assert keras_masks.any_inside({"class_name": "TimeDistributed", "config": {"layer": inner}}, keras_masks.makes)


@pytest.mark.parametrize("between, carried", [
    (layer("Dropout", "between", "words"), True), (layer("Conv1D", "between", "words"), False),
    (layer("LSTM", "between", "words", return_sequences=True), True), (layer("LSTM", "between", "words"), False)])
def test_a_mask_is_carried_by_layers_that_keep_the_time_steps(between, carried):
    source = graph(functional([start(), words(), between], "between"))
    assert (Ref("between", 0, 0) in keras_masks.carried(source)) is carried


def test_masks_that_need_one_another_are_a_cycle():
    first = made.operation("Any", "a", made.tensor("b"))
    second = made.operation("Any", "b", made.tensor("a"))
    source = graph(functional([start(), words()], "words"), 3)
    for record in (first, second):
        source.layers[record["name"]] = Layer(record, record["inbound_nodes"])
    with pytest.raises(Fault, match="depends on its own output: the topology has a cycle"):
        keras_masks.Comparisons(source).input_of(Ref("a", 0, 0))


# TensorFlow.js's --------------------------------------------------------------------------------------------

LSTM = {"units": 2, "return_sequences": True}


def refused(layers, *outputs, **settings):
    """{name: reason} of what is refused, of both kinds."""
    spoilt, shown = masks.refused(functional(layers, *outputs), settings.get("major", 2))
    return {name: str(fault) for name, fault in list(spoilt.items()) + list(shown.items())}


def test_a_model_without_masks_is_not_looked_at():
    assert refused([start(), layer("LSTM", "lstm", "start", **LSTM)], "lstm") == {}


def test_a_recurrent_layer_behind_an_embedding_hides_the_same_steps():
    assert refused([start(), words(), layer("LSTM", "lstm", "words", **LSTM)], "lstm") == {}


def test_a_recurrent_layer_beside_it_finds_the_others_mask():
    layers = [start(), start("open", (3, 4)), words(), layer("LSTM", "first", "words", units=2),
              layer("LSTM", "second", "open", units=2)]
    assert "hides steps by the mask of another layer" in refused(layers, "first", "second")["second"]


def test_the_order_of_the_outputs_decides():
    layers = [start(), start("open", (3, 4)), words(), layer("LSTM", "first", "words", units=2),
              layer("LSTM", "second", "open", units=2)]
    assert refused(layers, "second", "first") == {}


def test_an_average_over_masked_steps_is_refused():
    layers = [start(), words(), layer("GlobalAveragePooling1D", "average", "words")]
    assert "averages over masked steps too" in refused(layers, "average")["average"]


def test_a_mask_that_a_layer_of_tensorflow_js_loses_stays_in_the_keyword_arguments():
    layers = [start(), words(), layer("LeakyReLU", "leaky", "words"), layer("LSTM", "lstm", "leaky", units=2)]
    assert refused(layers, "lstm") == {}


def test_what_bidirectional_gives_for_masked_steps_is_refused_where_it_is_seen():
    both = layer("Bidirectional", "both", "words", merge_mode="concat",
                 layer={"class_name": "LSTM", "config": dict(LSTM, name="inner")})
    assert "Keras gives 0 for masked steps" in refused([start(), words(), both], "both")["both"]
    layers = [start(), words(), both, layer("LSTM", "last", "both", units=2)]
    assert refused(layers, "last") == {}


def test_keras_3_merges_masks_otherwise():
    layers = [start(), start("open", (4, 4)), words(), layer("Multiply", "times", "words", "open")]
    assert refused(layers, "times") == {}
    assert "Keras 3 leaves masked steps out" in refused(layers, "times", major=3)["times"]


def test_tensorflow_js_hides_the_steps_of_another_mask_than_keras_where_two_are_added():
    layers = [start(), start("later"), words(), words("others", "later"),
              layer("Add", "sum", "words", "others"), layer("LSTM", "lstm", "sum", units=2)]
    assert "hides other steps than Keras" in refused(layers, "lstm")["lstm"]


def test_masks_that_are_joined():
    layers = [start(), start("later"), words(), words("others", "later"),
              layer("Concatenate", "both", "words", "others", axis=-1), layer("LSTM", "lstm", "both", units=2)]
    assert refused(layers, "lstm") == {}
    assert "hides other steps than Keras" in refused(layers, "lstm", major=3)["lstm"]
    layers = [start(), start("open", (4, 4)), words(), layer("Concatenate", "both", "words", "open", axis=1)]
    assert "of masks that TensorFlow.js cannot join" in refused(layers, "both")["both"]


def test_a_layer_that_uses_masks_inside_a_time_distributed_is_refused():
    each = layer("TimeDistributed", "each", "words", layer={"class_name": "Softmax", "config": {"name": "inner"}})
    assert "around what uses masks" in refused([start(), words(), each], "each")["each"]
    each["config"]["layer"] = {"class_name": "Dense", "config": {"name": "inner", "units": 2}}
    assert refused([start(), words(), each], "each") == {}


@pytest.mark.parametrize("kind, line", [("Softmax", "which it would have added; use an Activation"),
                                        ("ConvLSTM2D", "which TensorFlow.js cannot compute")])
def test_a_layer_that_takes_no_mask_in_tensorflow_js_is_refused_after_one(kind, line):
    assert line in refused([start(), words(), layer(kind, "end", "words", units=2)], "end")["end"]


def test_an_initial_state_of_one_layer_reaches_the_next_in_tensorflow_js():
    layers = [start(), start("state", (2,)), words(), layer("LSTM", "first", "words", "state", "state", units=2),
              layer("LSTM", "second", "words", units=2)]
    assert "after a mask and another with an initial state" in refused(layers, "first", "second")["second"]


def test_a_call_says_what_its_fields_are():
    call = masks.Call(words(), [], [], [], {}, "words", (0,))
    assert call._fields == ("record", "sides", "own", "other", "keywords", "outermost", "source")


def test_what_computes_masks_alone_is_no_output():
    """Keras 3 joins the masks of joined tensors by an operation, Concatenate, that is a layer elsewhere."""
    joined = made.operation("Concatenate", "joined", [made.tensor("mask"), made.tensor("mask")])
    embedding = made.keras3(layer("Embedding", "words", input_dim=5, output_dim=3), made.tensor("start"))
    lstm = made.keras3(layer("LSTM", "lstm", units=2), made.tensor("words"), mask=made.tensor("joined"))
    mask = made.operation("NotEqual", "mask", made.tensor("start"), 0)
    source = graph(functional([start(), embedding, mask, joined, lstm], "lstm"), 3)
    assert [ref.layer for ref in encapsulation.every_output(source, 3)] == ["words", "lstm"]
    seen = graph(functional([start(), embedding, mask, joined, lstm], "lstm", "joined"), 3)
    assert keras_masks.computing(seen) == set()
