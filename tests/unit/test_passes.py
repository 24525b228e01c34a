"""The passes from a Keras model to one that TensorFlow.js loads: one small model and one assertion for each."""
import pytest

from scripts import Fault, lower
from scripts.layers import encapsulation, lambdas
from scripts.layers.topology import graph
from scripts.tfjs.passes import PASSES, keras2, loading, normalization, refusal, spelling
from scripts.tfjs.passes.draft import Draft, each_layer
from tests.unit import made
from tests.unit.made import functional, keras3, layer, start, tensor


def converted(record, version=made.KERAS2):
    """{name: record} of the layers after all passes."""
    result = keras2(made.model(record, version)).topology
    return {item["config"]["name"]: item for item in result["config"]["layers"]}


def refused(record, version=made.KERAS2):
    with pytest.raises(Fault) as caught:
        keras2(made.model(record, version))
    return str(caught.value)


# The list --------------------------------------------------------------------------------------------------

def test_a_nested_model_goes_through_every_pass_that_its_outer_model_goes_through():
    seen = []

    def spy(draft):
        seen.append(draft.given["config"]["name"])
        return draft

    inner = functional([start("inside"), layer("ReLU", "relu", "inside")], "relu", name="inner")
    record = functional([start(), made.nested(inner, "inner", "start")], "inner@1")
    Draft(record, 2, (spy,) + PASSES + (spy,), {}).done()
    assert seen == ["model", "inner", "inner", "model"]


def test_a_layer_that_one_pass_refuses_is_left_alone_by_the_next():
    seen = []

    @each_layer
    def refuses(draft, item):
        if item.name == "relu":
            raise Fault("no")
        return item

    @each_layer
    def sees(draft, item):
        seen.append(item.name)
        return item

    draft = Draft(functional([start(), layer("ReLU", "relu", "start")], "relu"), 2, (refuses, sees), {}).done()
    assert seen == ["start"] and list(draft.refused) == ["relu"]


def test_a_pass_leaves_the_record_of_the_source_as_it_is():
    record = functional([start(), layer("Dense", "dense", "start", units=2, kernel_regularizer={
        "class_name": "L2", "config": {"l2": 0.5}})], "dense")
    before = repr(record)
    converted(record)
    assert repr(record) == before


def test_a_dropout_of_a_package_does_nothing_and_one_of_the_user_s_own_module_is_not_known():
    own = layer("FixedDropout", "dropped", "start", rate=0.5, noise_shape=[None, 1])
    found = converted(functional([start(), own, layer("ReLU", "relu", "dropped")], "relu"))["dropped"]
    assert found["class_name"] == "Activation" and found["config"]["activation"] == "linear"
    named = dict(own, module="mine", registered_name="FixedDropout")
    assert "dropped" in refused(functional([start(), named, layer("ReLU", "relu", "dropped")], "relu"))
    assert lower.lower(made.model(functional([start(), own], "dropped"))).layers[-1].name == "dropped"


# lambda inputs, scale: inputs[0] + inputs[1] * scale, as Keras 2.6 has it of Python 3.6
SCALED = ("4wIAAAAAAAAAAgAAAAMAAABDAAAAcxQAAAB8AGQBGQB8AGQCGQB8ARQAFwBTACkDTukAAAAA6QEA\nAACpACkC2gZpbnB1dHPaBXNjYWxl"
          "cgMAAAByAwAAANoIPHN0cmluZz7aCDxsYW1iZGE+AwAAAHMA\nAAAA\n")


@pytest.mark.parametrize("function, arguments", [
    (SCALED.replace("GQCGQ", "GQCFw"), {"scale": 0.5}), (SCALED.replace("6QEA", "6QIA"), {"scale": 0.5}),
    (SCALED.replace("4wIA", "4wEA"), {"scale": 0.5}), (SCALED, {"scale": [0.5]}), (SCALED, {}),
    (SCALED[:40], {"scale": 1}), ("", {"scale": 1}), ("a", {"scale": 1}), (None, {"scale": 1})])
def test_any_other_lambda_is_no_layer_of_keras_s_own(function, arguments):
    config = {"function": [function, None, None], "arguments": arguments}
    assert lambdas.known(layer("Lambda", "block35_1", **config))["class_name"] == "Lambda"
    known = lambdas.known(layer("Lambda", "block35_1", **dict(config, function=[SCALED, None, None],
                                                              arguments={"scale": 0.5})))
    assert known["class_name"] == "CustomScaleLayer" and known["config"]["scale"] == 0.5


# Refusals --------------------------------------------------------------------------------------------------

def test_the_line_names_the_first_layer_of_the_model_though_a_later_pass_refuses_it():
    """A call is looked at behind the layers' settings."""
    record = functional([start(), layer("Dropout", "first", "start", rate=0.5), layer("Lambda", "second", "start")],
                        "first", "second")
    record["config"]["layers"][1]["inbound_nodes"][0][0][3] = {"training": True}
    assert refused(record).startswith("layer 'first' is called with training=True")


def test_the_line_lists_the_outputs_that_do_without():
    record = functional([start(), layer("ReLU", "good", "start"), layer("Lambda", "bad", "start"),
                         layer("ReLU", "behind", "bad")], "good", "bad", "behind")
    assert refused(record).endswith("TensorFlow.js does not have it; build the model without it; "
                                    "outputs that do without it: good")


def test_the_outermost_model_alone_says_which_outputs_do_without():
    inner = functional([start("inside"), layer("Lambda", "code", "inside")], "code", name="inner")
    record = functional([start(), made.nested(inner, "inner", "start")], "inner@1")
    assert refused(record).count("every output needs it") == 1


def test_all_that_needs_a_refused_layer_is_a_dependent():
    layers = [start(), layer("ReLU", "a", "start"), layer("ReLU", "b", "a"), layer("ReLU", "c", "start")]
    source = graph(functional(layers, "b", "c"))
    assert refusal.dependents(source, ["a"]) == {("a", 0), ("b", 0)}


# Single passes ---------------------------------------------------------------------------------------------

def test_a_normalization_along_the_last_axis_is_a_rescaling():
    record = functional([start(), layer("Normalization", "norm", "start", axis=[-1], mean=[2.0] * 4,
                                        variance=[4.0] * 4)], "norm")
    made_of = converted(record)["norm"]
    assert made_of["class_name"] == "Rescaling"
    assert made_of["config"]["scale"] == [0.5] * 4 and made_of["config"]["offset"] == [-1.0] * 4


def test_a_mean_that_is_no_number_is_refused():
    record = functional([start(), layer("Normalization", "norm", "start", mean=[float("nan")] * 4, variance=[1.0] * 4)],
                        "norm")
    assert "'norm' is a Normalization whose mean or variance are no numbers" in refused(record)
    assert normalization.statistics({"mean": [1.0, 2.0], "variance": [1.0]}, []) is None


def test_a_mask_that_keras_3_computes_for_the_layers_own_input_is_left_out():
    embedding = keras3(layer("Embedding", "words", input_dim=5, output_dim=3, mask_zero=True), tensor("start"))
    record = functional([start(), embedding, made.operation("NotEqual", "mask", tensor("start"), 0),
                         keras3(layer("LSTM", "lstm", units=2), tensor("words"), mask=tensor("mask"))], "lstm")
    assert list(converted(record, made.KERAS3)) == ["start", "words", "lstm"]


def test_a_mask_of_another_layer_is_refused_by_the_layers_name():
    embedding = keras3(layer("Embedding", "words", input_dim=5, output_dim=3), tensor("start"))
    record = functional([start(), embedding, made.operation("NotEqual", "mask", tensor("start"), 0),
                         keras3(layer("LSTM", "lstm", units=2), tensor("words"), mask=tensor("mask"))], "lstm")
    assert refused(record, made.KERAS3).startswith("layer 'lstm' is called with a tensor as mask=, which TensorFlow.js "
                                                   "cannot: a mask of merged ones, of another layer")


def test_a_rank_that_tensorflow_js_does_not_have_is_refused():
    record = functional([start(shape=(2, 2, 2, 2)), layer("LayerNormalization", "norm", "start", axis=[-1])], "norm")
    assert "'norm' is a LayerNormalization of 5 dimensions" in refused(record)


def test_an_average_of_whole_numbers_is_refused():
    whole = layer("InputLayer", "start", batch_input_shape=[None, 3, 4], dtype="int32")
    record = functional([whole, layer("GlobalAveragePooling1D", "mean", "start")], "mean")
    assert "'mean' is a GlobalAveragePooling1D of whole numbers" in refused(record)
    whole["config"]["dtype"] = "float32"
    assert list(converted(record)) == ["start", "mean"]


def test_a_layer_that_must_know_an_open_size_is_refused():
    record = functional([start(shape=(3, None, 4)), layer("TimeDistributed", "each", "start", layer={
        "class_name": "Flatten", "config": {"name": "flat"}})], "each")
    assert "layer 'each' is a Flatten of (?, 4), of which TensorFlow.js must know the size" in refused(record)


def test_a_nested_sequential_without_an_input_gets_one_of_the_shape_that_it_is_called_on():
    inner = {"class_name": "Sequential", "name": "inner", "config": {"name": "inner", "layers": [
        layer("Dense", "dense", units=2)]}, "inbound_nodes": [[["start", 0, 0, {}]]]}
    head = converted(functional([start(), inner], "inner"))["inner"]["config"]["layers"][0]
    assert (head["class_name"], head["config"]["batch_input_shape"]) == ("InputLayer", [None, 4])


def test_time_distributed_calls_its_sequential_without_the_second_axis():
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [layer("Dense", "dense", units=2)]}}
    record = functional([start(shape=(7, 4)), layer("TimeDistributed", "each", "start", layer=inner)], "each")
    head = converted(record)["each"]["config"]["layer"]["config"]["layers"][0]
    assert head["config"]["batch_input_shape"] == [None, 4]


@pytest.mark.parametrize("shape, target", [((6,), [6]), ((None,), [-1])])
def test_a_flatten_of_what_is_flat_is_a_reshape(shape, target):
    made_of = converted(functional([start(shape=shape), layer("Flatten", "flat", "start")], "flat"))["flat"]
    assert (made_of["class_name"], made_of["config"]["target_shape"]) == ("Reshape", target)


def test_a_flatten_of_an_image_stays_one():
    assert converted(functional([start(shape=(2, 2, 1)), layer("Flatten", "flat", "start")],
                                "flat"))["flat"]["class_name"] == "Flatten"


def test_keras_3s_spelling_becomes_keras_2s():
    dense = keras3(dict(layer("Dense", "dense", units=2, activation="silu", quantization_config=None, dtype={
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}),
        module="keras.layers", registered_name=None), tensor("start"))
    first = dict(start(), config={"batch_shape": [None, 4], "dtype": "float32", "name": "start"})
    layers = converted(functional([first, dense], "dense"), made.KERAS3)
    assert layers["start"]["config"]["batch_input_shape"] == [None, 4]
    assert layers["dense"]["config"] == {"name": "dense", "trainable": True, "dtype": "float32", "units": 2,
                                         "activation": "swish"}
    assert layers["dense"]["inbound_nodes"] == [[["start", 0, 0, {}]]] and "module" not in layers["dense"]


@pytest.mark.parametrize("key, given, written", [
    ("activity_regularizer", {"class_name": "L2", "config": {"l2": 0.1}}, None),
    ("kernel_regularizer", {"class_name": "L2", "config": {"l2": 0.1}},
     {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.1}}),
    ("kernel_regularizer", {"class_name": "OrthogonalRegularizer", "config": {"factor": 0.1}}, None),
    ("kernel_constraint", {"class_name": "NonNeg", "config": {}}, None),
    ("kernel_initializer", {"class_name": "Mine", "config": {}}, {"class_name": "Zeros", "config": {}})])
def test_what_is_for_training_alone_is_written_so_that_tensorflow_js_loads_it(key, given, written):
    draft = Draft(functional([start(), layer("ReLU", "relu", "start")], "relu"), 2, (), {})
    assert spelling.setting(key, given, draft) == written


@pytest.mark.parametrize("rows, written", [(200, "Constant"), (201, "Zeros")])
@pytest.mark.parametrize("major, array", [(2, None), (3, "__numpy__"), (3, "__tensor__")])
def test_the_numbers_of_a_large_embedding_stand_in_its_weights_alone(major, array, rows, written):
    """TensorFlow.js reads what made them too, 20 bytes each, and does not look at it."""
    values = [[0.5] * 1000] * rows
    if array:
        values = {"class_name": array, "config": {"value": values, "dtype": "float32"}}
    given = {"class_name": "Constant", "config": {"value": values}}
    draft = Draft(functional([start(), layer("ReLU", "relu", "start")], "relu"), major, (), {})
    found = spelling.setting("embeddings_initializer", given, draft)
    assert found["class_name"] == written and (found["config"] == {}) == (written == "Zeros")


def test_a_tensor_given_by_keyword_is_refused():
    attends = keras3(layer("Dot", "dot", axes=1), tensor("start"), other=tensor("start"))
    assert "'dot' is called with a tensor as other=" in refused(functional([start(), attends], "dot"), made.KERAS3)


def test_a_plus_b_is_an_add():
    both = made.operation("Add", "sum", tensor("start"), tensor("other"))
    assert converted(functional([start(), start("other"), both], "sum"), made.KERAS3)["sum"]["class_name"] == "Add"


def test_a_plus_b_of_keras_2_is_an_add():
    both = {"class_name": "TFOpLambda", "name": "sum", "config": {"name": "sum", "function": "__operators__.add"},
            "inbound_nodes": [["start", 0, 0, {"y": ["other", 0, 0], "name": None}]]}
    made_of = converted(functional([start(), start("other"), both], "sum"))["sum"]
    assert made_of["class_name"] == "Add" and made_of["inbound_nodes"] == [[["start", 0, 0, {}], ["other", 0, 0, {}]]]


def test_a_plus_one_is_a_rescaling():
    record = functional([start(), made.operation("Add", "sum", tensor("start"), 1.0)], "sum")
    made_of = converted(record, made.KERAS3)["sum"]
    assert (made_of["class_name"], made_of["config"]["scale"], made_of["config"]["offset"]) == ("Rescaling", 1.0, 1.0)


def test_a_plus_a_number_for_each_place_is_no_layer():
    array = {"class_name": "__numpy__", "config": {"value": [[1.0] * 4] * 3, "dtype": "float32"}}
    record = functional([start(shape=(3, 4)), made.operation("Add", "sum", tensor("start"), array)], "sum")
    assert "'sum' is the operation Add with a constant" in refused(record, made.KERAS3)


@pytest.mark.parametrize("values", [[], [True], ["1"], [[1.0], [1.0, 2.0]], None, 1e39, [1.0, None], {"value": 1.0}])
def test_what_is_no_number_is_no_constant_of_a_rescaling(values):
    array = {"class_name": "__numpy__", "config": {"value": values, "dtype": "float32"}}
    record = functional([start(shape=(3, 4)), made.operation("Multiply", "product", tensor("start"), array)], "product")
    assert "'product' is the operation Multiply with a constant" in refused(record, made.KERAS3)


def test_a_layer_that_is_called_with_unlike_constants_is_no_rescaling():
    record = functional([start(), made.operation("Add", "sum", tensor("start"), 1.0)], "sum", "sum@1")
    record["config"]["layers"][1]["inbound_nodes"].append({"args": [tensor("start"), 2.0], "kwargs": {}})
    assert "'sum' is the operation Add with a constant" in refused(record, made.KERAS3)


@pytest.mark.parametrize("kind, names", [
    ("GlobalMaxPooling1D", ["pool_pooled", "pool"]), ("GlobalAveragePooling2D", ["pool_pooled", "pool_row", "pool"])])
def test_global_pooling_that_keeps_its_dimensions_ends_in_a_layer_of_its_name(kind, names):
    shape = (4, 3) if kind.endswith("1D") else (4, 4, 3)
    record = functional([start(shape=shape), layer(kind, "pool", "start", keepdims=True)], "pool")
    assert list(converted(record)) == ["start"] + names


def test_a_convolution_that_pads_more_on_the_left_than_above_is_padded_by_a_layer_of_its_own():
    layers = converted(functional([start(shape=(4, 4, 1)), layer(
        "Conv2D", "conv", "start", filters=1, kernel_size=[1, 3], strides=[1, 1], padding="same")], "conv"))
    assert list(layers) == ["start", "conv_padded", "conv"] and layers["conv"]["config"]["padding"] == "valid"
    assert layers["conv_padded"]["config"]["padding"] == [[0, 0], [1, 1]]


def test_an_activation_that_is_a_layer_is_one_after_the_layer_and_has_its_name():
    leaky = {"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.1}}
    layers = converted(functional([start(), layer("Dense", "dense", "start", units=2, activation=leaky)], "dense"))
    assert [(name, one["class_name"]) for name, one in layers.items()][1:] == [("dense_linear", "Dense"),
                                                                              ("dense", "LeakyReLU")]


def test_a_layer_that_tensorflow_js_does_not_make_for_its_sizes_is_refused():
    both = layer("Concatenate", "both", "start", "other")
    record = functional([start(shape=(None, 4)), start("other", (3, 4)), both], "both")
    assert "'both' is a Concatenate of (?, 4) and (3, 4), of which TensorFlow.js must know the size" in refused(record)


def test_a_name_that_tensorflow_js_cannot_take_becomes_one_that_it_takes():
    record = functional([start(), layer("ReLU", "first layer", "start")], "first layer")
    assert list(converted(record)) == ["start", "first_layer"]


def test_a_layer_in_a_nested_model_that_is_called_like_another_is_called_after_its_model():
    inner = functional([start("inside"), layer("Dense", "dense", "inside", units=4)], "dense", name="inner")
    layers = converted(functional([start(), made.nested(inner, "inner", "start"),
                                   layer("Dense", "dense", "inner@1", units=2)], "dense"))
    assert [one["name"] for one in layers["inner"]["config"]["layers"]] == ["inside", "inner_dense"]


def test_one_tensor_is_no_two_outputs():
    record = functional([start(), layer("ReLU", "relu", "start")], "relu", "relu")
    assert refused(record).startswith("one tensor is two")


def test_weights_have_tensorflow_jss_names():
    result = keras2(made.model(functional([start(), layer("Dense", "dense", "start", units=2)], "dense")))
    assert [weight.name for weight in result.weights["dense"]] == ["dense/kernel", "dense/bias"]


def test_weights_of_no_layer_are_refused():
    model = made.model(functional([start(), layer("Dense", "dense", "start", units=2)], "dense"))
    model.weights["other"] = model.weights["dense"]
    with pytest.raises(Fault, match="weights for a layer 'other' that the topology does not have"):
        keras2(model)


# Advice ----------------------------------------------------------------------------------------------------

SHARED = functional([start(), start("other"), layer("Dense", "tower", ["start"], ["other"], units=2),
                     layer("Lambda", "code", "tower@0"), layer("ReLU", "relu", "tower@1")],
                    "tower@0", "tower@1", "code", "relu")
EMBEDDED = [start(), start("open", (3, 4)),
            layer("Embedding", "words", "start", input_dim=9, output_dim=4, mask_zero=True),
            layer("LSTM", "first", "words", units=2),
            layer("LSTM", "second", "open", units=2),
            layer("GlobalAveragePooling1D", "average", "words")]
INNER = functional([start("inside"), layer("ReLU", "one", "inside"), layer("Lambda", "two", "one")], "two",
                   name="inner")
REFUSED = {
    "shared": (SHARED, None), "masks": (functional(EMBEDDED, "first", "second", "average", "words"), None),
    "shown": (functional(EMBEDDED, "average", "second", "first"), None),
    "doubled": (functional([start(), layer("ReLU", "x", "start"), layer("Add", "twice", "x", "x"),
                            layer("ReLU", "later", "x")], "twice", "later"), ["twice", "later"]),
    "asked": (SHARED, ["tower@1", "code"]),
    "inside": (functional([start(), made.nested(INNER, "inner", "start")], "inner@1"), ["inner/one", "inner"])}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_outputs_that_a_refusal_lists_are_converted_when_they_are_asked_for(name):
    record, layers = REFUSED[name]
    with pytest.raises(Fault, match="outputs that do without it: ") as caught:
        keras2(encapsulation.encapsulate(made.model(record), layers))
    listed = str(caught.value).split("outputs that do without it: ")[1].split(", ")
    again = keras2(encapsulation.encapsulate(made.model(record), listed))
    assert len(again.topology["config"]["output_layers"]) == len(listed)


def test_calls_of_a_shared_layer_are_listed_apart():
    assert refused(SHARED).endswith("outputs that do without it: tower@0, tower@1, relu")


def test_a_name_that_was_asked_for_is_listed_as_it_was_asked_for():
    with pytest.raises(Fault, match="outputs that do without it: tower@1$"):
        keras2(encapsulation.encapsulate(made.model(SHARED), ["code", "tower@1"]))


def test_outputs_that_are_refused_together_are_listed_as_far_as_they_are_converted():
    """Without the average, the mask of the first LSTM still reaches the second one."""
    line = refused(functional(EMBEDDED, "first", "second", "average"))
    assert line.startswith("layer 'second'") and line.endswith("outputs that do without it: first")


# Loading ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, config, shapes", [
    ("Dense", {"units": 3}, [(5, -1)]), ("Flatten", {}, [(5, -1)]), ("Add", {}, [(5, 2), (4, 2)]),
    ("Concatenate", {"axis": -1}, [(5, 2), (4, 2)]), ("Dot", {"axes": [1, 2]}, [(5, 2), (4, 2)])])
def test_a_layer_is_named_whose_inputs_tensorflow_js_does_not_take(kind, config, shapes):
    record = layer(kind, "one", *[f"in{place}" for place in range(len(shapes))], **config)
    inputs = [[None] + [None if size < 0 else size for size in shape] for shape in shapes]
    assert not loading.fit(record, inputs, True) and loading.fit(record, [[None, 5, 5]] * len(shapes), True)
    follower = loading.Loading(True)
    follower.path.append("one")
    follower.meets(record, inputs)
    assert list(follower.found) == ["one"]
