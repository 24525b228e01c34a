"""Files that people reported: each is rebuilt by a real Keras, and converts to what that Keras computes."""
import importlib
import json
import os
import shutil

import h5py
import numpy
import pytest

from scripts import Fault, encapsulate, preprocess
from scripts.formats import keras_h5
from scripts.viewer import packages, predict
from tests import needs
from tests.models import oracle, zoo
from tests.models.test_zoo import officially

needs.tensorflow()


def converted(source, folder, name="js", **options):
    """Convert `source` with every layer as output; return the path of model.json and the outputs' names."""
    out = os.path.join(str(folder), name)
    os.mkdir(out)
    _, found = preprocess.preprocess(str(source), out, **options)
    return os.path.join(out, "model.json"), found["outputs"]


def computes(model_json, inputs, expected):
    """Assert that TensorFlow.js's outputs are those of `expected`: {name: ndarray}."""
    needs.node()
    found = dict(predict.predict(model_json, inputs))
    for name, value in expected.items():
        assert oracle.distance(value, found[name]) <= 1e-5, name


def bent(path, change):
    """Change the topology in an h5: change(record) returns the new one."""
    with h5py.File(str(path), "r+") as file:
        text = file.attrs["model_config"]
        record = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(change(record)).encode("utf-8")
    return str(path)


def planted(keras, model):
    """The model with random weights, seeded; its variances are not negative."""
    random = numpy.random.RandomState(3)
    model.set_weights([numpy.asarray(numpy.abs(random.normal(0.2, 0.4, value.shape)) + 0.1 * (value.ndim == 1),
                                     value.dtype) for value in model.get_weights()])
    return model


# Models of a user's own class ------------------------------------------------------------------------------

def subclassed(keras):
    """Models of own classes: the outer one, one in it, one wrapped, a Sequential, and a layer without a name."""
    class Mine(keras.Model):
        def train_step(self, data):
            return {}

    class Chain(keras.Sequential):
        pass

    class Unnamed(keras.layers.Layer):
        def call(self, inputs):
            return inputs

        def get_config(self):
            return {}

    layers = keras.layers
    start, inner, step = keras.Input((5, 3), name="start"), keras.Input((5, 3)), keras.Input((3,))
    middle = Mine(inner, layers.BatchNormalization(name="norm")(layers.Dense(3, name="dense")(inner)), name="middle")
    wrapped = Mine(step, layers.Dense(2, name="of_step")(step), name="wrapped")
    each = layers.TimeDistributed(wrapped, name="each")(middle(start))
    chain = Chain([keras.Input((5, 2)), layers.Dense(4, name="first"), layers.Dense(2, name="second")], name="chain")
    end = layers.Dense(2, name="end")(chain(each))
    return planted(keras, Mine(start, [end, Unnamed(name="odd")(end)], name="outer"))


WAYS = [(flavour, way) for flavour in oracle.FLAVOURS for way in ["h5", "json"] + ["keras"] * (
    needs.STACK == "modern") + ["tf"] * (flavour == "keras2")]


@pytest.mark.parametrize("flavour, way", WAYS)
def test_a_functional_model_of_a_subclass_is_the_graph_that_its_file_holds(flavour, way, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = subclassed(keras)
    names = ["middle", "each", "chain", "end"]
    inputs = [numpy.random.RandomState(1).rand(2, 5, 3).astype("float32")]
    expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), inputs)))
    source, options = str(tmp_path / ("model." + way)), {}
    if way == "json":
        (tmp_path / "model.json").write_text(model.to_json())
        options["weights"] = str(tmp_path / "model.weights.h5")
        model.save_weights(options["weights"])
    else:
        model.save(source, **({"save_format": "tf"} if way == "tf" else {}))
    if way != "tf":  # a SavedModel holds what its signature computes, own classes and all
        with pytest.raises(Fault, match="'odd' is .*Unnamed.*outputs that do without it: middle, each, chain, end"):
            converted(source, tmp_path, "all", **options)
    enc = str(tmp_path / "enc.h5")
    model_json, found = converted(source, tmp_path, layers=names, enc_model=enc, **options)
    assert found == names
    computes(model_json, inputs, expected)
    for value, other in zip(expected.values(), oracle.predict(keras.models.load_model(enc, compile=False), inputs)):
        assert oracle.distance(value, other) <= 1e-6


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_an_own_layer_without_a_name_is_told_by_its_class(flavour, tmp_path):
    keras = oracle.load(flavour)

    class RandomCut(keras.layers.Layer):
        def call(self, inputs):
            return inputs

        def get_config(self):
            return {"size": 3}

    keras.backend.clear_session()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="one"), RandomCut(),
                              keras.layers.Dense(2, name="two")])
    for name in ["model.h5"] + ["model.keras"] * (needs.STACK == "modern"):
        model.save(str(tmp_path / name))
        with pytest.raises(Fault, match="'random_cut' is .*RandomCut.*; outputs that do without it: one$"):
            converted(tmp_path / name, tmp_path, name + ".js")
        _, found = converted(tmp_path / name, tmp_path, name + ".one", layers=["one"])
        assert found == ["one"]


# Embeddings of given numbers -------------------------------------------------------------------------------

def of_a_matrix(keras, words, given=numpy.asarray):
    """A model with an Embedding of given numbers, which `given` makes of an array."""
    keras.backend.clear_session()
    layers, matrix = keras.layers, given(numpy.random.RandomState(5).rand(words, 100))
    start = keras.Input((5,), name="start")
    looked = layers.Embedding(words, 100, embeddings_initializer=keras.initializers.Constant(matrix), trainable=False,
                              name="looked")(start)
    return keras.Model(start, layers.Dense(2, bias_initializer=keras.initializers.Constant(0.5), name="end")(
        layers.GlobalAveragePooling1D(name="mean")(looked)))


def is_read_whole(keras, model, source, tmp_path, **options):
    """Assert that a file of the model converts to what Keras computes, and that Keras opens the enc_model.h5 of it;
    return the path of model.json."""
    embeddings = model.get_layer("looked").get_weights()[0]
    inputs = [numpy.random.RandomState(5).randint(0, len(embeddings), (3, 5)).astype("float32")]
    enc = str(tmp_path / "enc.h5")
    model_json, found = converted(source, tmp_path, enc_model=enc, **options)
    assert found == ["looked", "mean", "end"]
    computes(model_json, inputs, dict(zip(found, oracle.predict(oracle.multi_output(keras, model, found), inputs))))
    again = keras.models.load_model(enc, compile=False)
    assert numpy.array_equal(again.get_layer("looked").get_weights()[0], embeddings)
    return model_json


# Of 12000 words and more the file is read without the numbers; Keras itself takes seconds for each million of them.
@pytest.mark.parametrize("way, words", [("h5", 20000), ("json", 12000), ("h5", 30), ("json", 30)]
                         + [("keras", 12000), ("keras", 30)] * (needs.STACK == "modern"))
@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_an_embedding_that_was_made_of_a_matrix_is_read_whatever_its_size(flavour, way, words, tmp_path):
    """Keras's own example of pretrained embeddings: all numbers stand in the topology once more."""
    keras = oracle.load(flavour)
    model = of_a_matrix(keras, words)
    source, options = str(tmp_path / ("model." + way)), {}
    if way == "json":
        (tmp_path / "model.json").write_text(model.to_json())
        options["weights"] = str(tmp_path / "model.weights.h5")
        model.save_weights(options["weights"])
    else:
        model.save(source)
    model_json = is_read_whole(keras, model, source, tmp_path, **options)
    assert words < 100 or os.path.getsize(model_json) < 10000


@pytest.mark.modern  # Keras 3 alone writes a tensor
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_its_numbers_may_be_a_tensor(name, tmp_path):
    keras = oracle.load("keras3")
    model = of_a_matrix(keras, 30, keras.ops.convert_to_tensor)
    model.save(str(tmp_path / name))
    model_json = is_read_whole(keras, model, str(tmp_path / name), tmp_path)
    with open(model_json) as stream:
        assert "__tensor__" not in stream.read()


@pytest.mark.parametrize("way", ["tf", "tfjs"])
def test_its_numbers_are_read_from_a_savedmodel_and_from_what_the_official_converter_writes(way, tmp_path):
    keras = oracle.load("keras2")
    model = of_a_matrix(keras, 30)
    source = str(tmp_path / "model")
    if way == "tf":
        model.save(source, save_format="tf")
    else:
        needs.reference()
        model.save(source + ".h5", save_format="h5")
        officially(source + ".h5", source)
    is_read_whole(keras, model, source, tmp_path)


# CuDNNLSTM and CuDNNGRU ------------------------------------------------------------------------------------

def as_plain(record):
    """A topology whose CuDNN layers are called what Keras calls them today, edited as people do."""
    if isinstance(record, list):
        return [as_plain(item) for item in record]
    if not isinstance(record, dict):
        return record
    record = {key: as_plain(item) for key, item in record.items()}
    if str(record.get("class_name")).startswith("CuDNN"):
        record["class_name"] = record["class_name"][5:]
        record["config"].pop("time_major", None)
    return record


def fast(keras, kind):
    """CuDNN layers alone, in a Bidirectional, in a nested model."""
    made = getattr(importlib.import_module("tensorflow").compat.v1.keras.layers, "CuDNN" + kind)
    layers = keras.layers
    start, inner_start = keras.Input((5, 3), name="start"), keras.Input((5, 4))
    inner = keras.Model(inner_start, layers.Dense(2, name="of_inner")(made(3, name="inner_rnn")(inner_start)),
                        name="inner")
    x = made(4, return_sequences=True, name="rnn")(start)
    return planted(keras, keras.Model(start, [inner(x), layers.Bidirectional(made(2), name="both")(x)], name="fast"))


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_cudnn_layer_is_the_layer_that_keras_makes_of_it(kind, edited, tmp_path):
    keras = oracle.load("keras2")
    keras.backend.clear_session()
    source, enc = str(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    model = fast(keras, kind)
    model.save(source)
    shutil.copy(source, str(tmp_path / "edited.h5"))
    again = keras.models.load_model(bent(tmp_path / "edited.h5", as_plain), compile=False)
    assert isinstance(again.get_layer("rnn"), getattr(keras.layers, kind))
    inputs = [numpy.random.RandomState(1).rand(2, 5, 3).astype("float32")]
    names = ["rnn", "inner", "both"]
    expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, again, names), inputs)))
    source = str(tmp_path / "edited.h5") if edited else source
    assert encapsulate.build(source, enc, layers=names)["outputs"] == names
    for value, other in zip(expected.values(), oracle.predict(keras.models.load_model(enc, compile=False), inputs)):
        assert oracle.distance(value, other) <= 1e-6
    archive = str(tmp_path / "model.keras")
    if needs.STACK == "modern":
        model.save(archive)
    for index, path in enumerate([source] + [archive] * os.path.exists(archive)):
        if kind == "GRU":
            with pytest.raises(Fault, match="reset_after=True"):
                converted(path, tmp_path, f"js{index}", format="layers")
        else:
            model_json, _ = converted(path, tmp_path, f"js{index}", layers=names)
            computes(model_json, inputs, expected)


# Layers as activations, shared and adapted layers ----------------------------------------------------------

@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_an_activation_that_is_a_layer_is_one_by_name_where_keras_has_it(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers
    start = keras.Input((4,), name="start")
    ends = [layers.Dense(3, activation=layer, name=name)(start) for name, layer in (
        ("relu", layers.ReLU()), ("soft", layers.Softmax()), ("elu", layers.ELU()))]
    wrapped = layers.TimeDistributed(layers.Dense(3, activation=layers.ReLU()), name="each")(
        layers.Reshape((2, 2), name="pairs")(start))
    model = planted(keras, keras.Model(start, ends + [wrapped]))
    inputs = [numpy.random.RandomState(1).normal(0, 1, (3, 4)).astype("float32")]
    names = ["relu", "soft", "elu", "each"]
    expected = dict(zip(names, oracle.predict(model, inputs)))
    refused = {"cell": layers.SimpleRNN(2, activation=layers.LeakyReLU(0.1), name="cell"),
               "within": layers.TimeDistributed(layers.Dense(2, activation=layers.LeakyReLU(0.1)), name="within")}
    for ending in ["h5"] + ["keras"] * (needs.STACK == "modern"):
        source, enc = str(tmp_path / ("model." + ending)), str(tmp_path / f"{ending}.h5")
        model.save(source)
        model_json, _ = converted(source, tmp_path, "js_" + ending, layers=names, enc_model=enc)
        computes(model_json, inputs, expected)
        loaded = keras.models.load_model(enc, compile=False)
        for value, other in zip(expected.values(), oracle.predict(loaded, inputs)):
            assert oracle.distance(value, other) <= 1e-6
        for name, layer in refused.items():  # inside of what is repeated it cannot stand behind
            keras.Sequential([keras.Input((3, 4)), layer]).save(str(tmp_path / f"{name}.{ending}"))
            with pytest.raises(Fault, match="its activation is a LeakyReLU, which TensorFlow.js does not have; put it "
                                            "after the layer"):
                converted(tmp_path / f"{name}.{ending}", tmp_path, f"{name}_{ending}", format="layers")


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_an_activation_that_is_a_layer_with_settings_is_a_layer_behind(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers
    inner = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(4, (3, 2), padding="same", name="leaky",
                                                                   activation=layers.LeakyReLU(0.1))], name="inner")
    start = keras.Input((6, 6, 3), name="start")
    shared = layers.Conv2D(3, 1, activation=layers.ReLU(max_value=0.5), name="shared")
    first = shared(start)
    x = layers.Add(name="sum")([first, shared(first)])
    x = layers.Conv2D(4, (3, 2), padding="same", activation=layers.LeakyReLU(0.3), name="conv")(x)
    y = layers.Activation(layers.LeakyReLU(0.2), name="alone")(inner(start))
    model = planted(keras, keras.Model(start, layers.Dense(2, activation=layers.LeakyReLU(0.1), name="end")(
        layers.Flatten(name="flat")(layers.Add(name="both")([x, y])))))
    inputs = [numpy.random.RandomState(1).normal(0, 1, (2, 6, 6, 3)).astype("float32")]
    names = ["shared@0", "shared@1", "sum", "conv", "inner", "alone", "end"]
    expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), inputs)))
    for ending in ["h5"] + ["keras"] * (needs.STACK == "modern"):
        source, enc = str(tmp_path / ("model." + ending)), str(tmp_path / f"{ending}.h5")
        model.save(source)
        model_json, found = converted(source, tmp_path, "js_" + ending, layers=names, enc_model=enc)
        assert found == names
        for bundle in (None, packages.bundle("@tensorflow/tfjs", "1.0.0")):
            for value, output in zip(expected.values(), predict.predict(model_json, inputs, bundle)):
                assert oracle.distance(value, output.values) <= 1e-5
        for value, other in zip(expected.values(), oracle.predict(keras.models.load_model(enc, compile=False), inputs)):
            assert oracle.distance(value, other) <= 1e-6


@pytest.mark.parametrize("flavour, ending", [(flavour, ending) for flavour in oracle.FLAVOURS
                                             for ending in ["h5"] + ["keras"] * (needs.STACK == "modern")])
def test_a_layer_that_two_nested_models_share_has_its_weights_in_both(flavour, ending, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers
    shared = layers.Dense(4, activation="tanh", name="shared")
    one, two, start = keras.Input((4,), name="one"), keras.Input((4,), name="two"), keras.Input((4,), name="start")
    first = keras.Model(one, layers.Dense(4, name="behind")(shared(one)), name="first")
    second = keras.Model(two, shared(layers.Dense(4, name="before")(two)), name="second")
    model = planted(keras, keras.Model(start, second(first(start))))
    source = str(tmp_path / ("model." + ending))
    model.save(source)
    inputs = [numpy.random.RandomState(1).normal(0, 1, (3, 4)).astype("float32")]
    names = ["first", "second"]
    expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), inputs)))
    model_json, found = converted(source, tmp_path)
    assert found == names
    computes(model_json, inputs, expected)
    wanted = ["first/shared", "first/behind", "second/before", "second/shared"]
    model_json, names = converted(source, tmp_path, "inside", layers=wanted)
    computes(model_json, inputs, {names[-1]: expected["second"]})


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_layers_in_nested_models_may_be_called_like_others(flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers

    def dense(name, size=4):
        return layers.Dense(size, activation="tanh", name=name)

    deep = zoo.chain(keras, (4,), [dense("same"), dense("deep_same")], name="deep")
    one, two, start = keras.Input((4,)), keras.Input((4,)), keras.Input((4,), name="start")
    twice = "same" if zoo.is_keras3(keras) else "once"  # which Keras 2 cannot save in one model as h5
    first = keras.Model(one, dense(twice)(deep(one)), name="first")
    second = keras.Model(two, layers.Concatenate(name="both")([dense("same")(two), dense("first")(two)]), name="second")
    step = zoo.chain(keras, (2,), [dense("same", 3), dense("other", 2)], name="step")
    x = dense("same")(layers.Add(name="sum")([first(start), first(dense("deep_same")(start))]))
    pairs = layers.TimeDistributed(step, name="each")(layers.Reshape((4, 2), name="pairs")(second(x)))
    model = planted(keras, keras.Model(start, pairs))
    inputs = [numpy.random.RandomState(1).normal(0, 1, (3, 4)).astype("float32")]
    names = ["first@0", "first@1", "same", "second", "each"]
    expected = oracle.predict(oracle.multi_output(keras, model, names), inputs)
    for ending in ["h5"] + ["keras"] * (needs.STACK == "modern"):
        source = str(tmp_path / ("model." + ending))
        model.save(source)
        model_json, found = converted(source, tmp_path, "js_" + ending, layers=names)
        assert found == names
        for bundle in (None, packages.bundle("@tensorflow/tfjs", "1.0.0")):
            for value, (_, other) in zip(expected, predict.predict(model_json, inputs, bundle)):
                assert oracle.distance(value, other) <= 1e-5


if "keras3" in oracle.FLAVOURS:
    @pytest.mark.parametrize("ending", ["h5", "keras"])
    def test_low_rank_adaptations_are_added_to_the_weights(ending, tmp_path):
        keras = oracle.load("keras3")
        keras.backend.clear_session()
        layers = keras.layers
        inner_start, start = keras.Input((5, 3)), keras.Input((5,), name="start")
        inside = layers.Dense(4, name="inside")
        inner = keras.Model(inner_start, layers.BatchNormalization(name="norm")(inside(inner_start)), name="inner")
        looked, end = layers.Embedding(9, 3, name="looked"), layers.Dense(2, name="end")
        model = planted(keras, keras.Model(start, end(inner(looked(start)))))
        for layer, rank in ((inside, 2), (looked, 1), (end, 3)):
            layer.enable_lora(rank, lora_alpha=4)
            added = [layer.lora_kernel_b] if hasattr(layer, "lora_kernel_b") else [layer.lora_embeddings_b]
            added[0].assign(numpy.random.RandomState(rank).normal(0, 1, added[0].shape))
        source, enc = str(tmp_path / ("model." + ending)), str(tmp_path / "enc.h5")
        model.save(source)
        inputs = [numpy.random.RandomState(1).randint(0, 9, (3, 5)).astype("float32")]
        names = ["looked", "inner", "end"]
        expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), inputs)))
        model_json, found = converted(source, tmp_path, enc_model=enc)
        assert found == names
        computes(model_json, inputs, expected)
        for value, other in zip(expected.values(), oracle.predict(keras.models.load_model(enc, compile=False), inputs)):
            assert oracle.distance(value, other) <= 1e-5


if "keras3" in oracle.FLAVOURS:
    @pytest.mark.parametrize("ending", ["h5", "keras"])
    def test_a_model_that_keras_quantized_is_told_to_be_saved_before(ending, tmp_path):
        keras = oracle.load("keras3")
        start = keras.Input((4,), name="start")
        model = keras.Model(start, keras.layers.Dense(3, name="end")(start))
        model.quantize("int8")
        model.save(str(tmp_path / ("model." + ending)))
        with pytest.raises(Fault, match="layer 'end' is quantized by Keras.*save the model before its quantize"):
            converted(tmp_path / ("model." + ending), tmp_path)


# Checkpoints -----------------------------------------------------------------------------------------------

def test_the_line_about_a_checkpoint_s_graph_works_when_it_is_followed(tmp_path):
    v1 = importlib.import_module("tensorflow").compat.v1
    values = numpy.random.RandomState(1).rand(2, 3).astype("float32")
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder("float32", [None, 3], name="x")
        y = v1.matmul(x, v1.get_variable("v", [3, 2]), name="y")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
        expected = session.run(y, {x: values})
    for path in (tmp_path / "model.ckpt.meta", tmp_path):
        with pytest.raises(Fault, match=r"restore it in a session \(tf.compat.v1.train.import_meta_graph\), save it"):
            converted(path, tmp_path, "refused")
        shutil.rmtree(str(tmp_path / "refused"))
    with v1.Graph().as_default() as graph, v1.Session() as session:
        v1.train.import_meta_graph(str(tmp_path / "model.ckpt.meta")).restore(session, str(tmp_path / "model.ckpt"))
        tensors = [graph.get_tensor_by_name(name) for name in ("x:0", "y:0")]
        v1.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": tensors[0]}, {"y": tensors[1]})
    model_json, names = converted(tmp_path / "saved", tmp_path)
    computes(model_json, [values], {names[-1]: expected})


# A Sequential in list form, layers without a name ----------------------------------------------------------

def listed(record, depth=0):
    """A record with each Sequential in it as a list of layers, as Keras before 2.2.3 and TensorFlow.js 1 write it."""
    if isinstance(record, list):
        return [listed(item, depth) for item in record]
    if not isinstance(record, dict):
        return record
    record = {key: listed(item, depth + 1) for key, item in record.items()}
    if record.get("class_name") == "Sequential":
        record["config"] = record["config"]["layers"]
    return record


def lists_of(keras):
    """Sequentials in a Sequential: one in it, one in that, and one wrapped."""
    layers = keras.layers
    deep = zoo.chain(keras, (4, 3), [layers.Dense(3, name="deep_1"), layers.Dense(2, name="deep_2")])
    inner = zoo.chain(keras, (4, 3), [layers.Dense(3, activation="tanh", name="inner_1"), deep])
    wrapped = zoo.chain(keras, (2,), [layers.Dense(3, name="step_1"), layers.Dense(2, name="step_2")])
    return zoo.chain(keras, (4, 3), [inner, layers.TimeDistributed(wrapped, name="each"),
                                     layers.Dense(2, name="end")])


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_sequential_in_list_form_is_one_wherever_it_stands(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = planted(keras, lists_of(keras))
    model.save(str(tmp_path / "model.h5"))
    names = [layer.name for layer in model.layers]
    inputs = [numpy.random.RandomState(1).rand(2, 4, 3).astype("float32")]
    expected = dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), inputs)))
    model_json, found = converted(bent(tmp_path / "model.h5", listed), tmp_path)
    assert found == names
    computes(model_json, inputs, expected)
    # The same in TensorFlow.js's own files, which keep the names of weights alone: names are then Keras's defaults.
    with open(model_json) as file:
        document = json.load(file)
    outer = document["modelTopology"]["model_config"]["config"]["layers"]
    chain = [dict(entry, name=None, inbound_nodes=None) for entry in outer]
    document["modelTopology"]["model_config"] = {"class_name": "Sequential", "config": listed(
        [{key: value for key, value in entry.items() if value is not None} for entry in chain])}
    with open(model_json, "w") as file:
        json.dump(document, file)
    again, found = converted(model_json, tmp_path, "again")
    assert found == ["sequential_1", "each", "end"]
    computes(again, inputs, {"sequential_1": expected[names[0]], "each": expected["each"], "end": expected["end"]})


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_nested_list_in_a_functional_model_has_the_name_beside_it(flavour, tmp_path):
    model = oracle.planted(flavour, "nested_sequential")
    model.save(str(tmp_path / "model.h5"))
    names = ["head", "late"]
    expected = dict(zip(names, model.activations(names)))
    model_json, found = converted(bent(tmp_path / "model.h5", listed), tmp_path)
    assert found == names
    computes(model_json, model.inputs, expected)


def nameless(record):
    """A record without the names of its Dense layers."""
    if isinstance(record, list):
        return [nameless(item) for item in record]
    if not isinstance(record, dict):
        return record
    record = {key: nameless(item) for key, item in record.items()}
    if record.get("class_name") == "Dense":
        record["config"] = {key: item for key, item in record["config"].items() if key != "name"}
    return record


def test_layers_without_a_name_are_called_what_keras_calls_them(tmp_path):
    keras = oracle.load("keras2")
    keras.backend.clear_session()
    model = planted(keras, lists_of(keras))
    inputs = [numpy.random.RandomState(1).rand(2, 4, 3).astype("float32")]
    values = oracle.predict(model, inputs)[0]
    (tmp_path / "topology.json").write_text(json.dumps(listed(nameless(json.loads(model.to_json())))))
    model.save_weights(str(tmp_path / "weights.h5"))
    keras.backend.clear_session()
    again = keras.models.model_from_json((tmp_path / "topology.json").read_text())
    model_json, found = converted(tmp_path / "topology.json", tmp_path, weights=str(tmp_path / "weights.h5"))
    assert found == [layer.name for layer in again.layers]
    computes(model_json, inputs, {found[-1]: values})


@pytest.mark.parametrize("version, lists", [("2.2.2", True), ("2.1.6-tf", True), ("2.2.4", False), ("2.20.0", False)])
def test_an_h5_for_an_old_keras_holds_lists_again(version, lists, tmp_path):
    keras = oracle.load("keras2")
    source, enc = str(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    lists_of(keras).save(source)
    with h5py.File(bent(source, listed), "r+") as file:
        file.attrs["keras_version"] = version
    encapsulate.build(source, enc)
    with h5py.File(enc, "r") as file:
        record = json.loads(keras_h5.text(file.attrs["model_config"]))
    configs = [layer["config"] for layer in record["config"]["layers"] if layer["class_name"] == "Sequential"]
    assert configs and all(isinstance(config, list) == lists for config in configs)
    model = keras.models.load_model(enc, compile=False)  # it reads both
    assert len(model.outputs) == 3


def begun(flavour, dtype):
    """Return a Keras, its layers, and an input of whole numbers."""
    needs.node()
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    return keras, keras.layers, keras.Input((6, 4), dtype=dtype, name="start")


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_what_tensorflow_js_computes_otherwise_of_whole_numbers_is_a_graph_model(flavour, tmp_path):
    keras, layers, start = begun(flavour, "int32")
    ends = [layers.GlobalAveragePooling1D(name="mean")(layers.Reshape((6, 4), name="again")(start))]
    if flavour == "keras3":  # Keras 2 has no such things of whole numbers, and this mean has a fraction
        ends = [layers.BatchNormalization(name="norm")(start), layers.Activation("tanh", name="tanh")(start),
                layers.LayerNormalization(name="each")(start),
                layers.Concatenate(name="both")([start, layers.Rescaling(0.3, name="third")(start)])] + ends
    model = planted(keras, keras.Model(start, ends))
    source = str(tmp_path / "model.h5")
    model.save(source)
    values = numpy.random.RandomState(4).randint(-9, 9, (2, 6, 4)).astype("int32")
    values[1] = [-7, 7, -1, 5]  # means without a fraction: sixths of 7 in float32 are together less than 7
    names = [layer.name for layer in model.layers[1:]]
    expected = oracle.predict(oracle.multi_output(keras, model, names), [values])
    with pytest.raises(Fault, match="is a (Batch|Global).* of whole numbers.*outputs that do without it: .*again"):
        converted(source, tmp_path, "layers", format="layers")
    model_json, found = converted(source, tmp_path)
    assert found == names
    computes(model_json, [values.astype("float32")], dict(zip(names, expected)))


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_sums_of_few_bits_that_overflow_in_keras_are_a_graph_model(flavour, tmp_path):
    keras, layers, start = begun(flavour, "uint8")
    turned = layers.Reshape((4, 6), name="turned")(start)
    model = keras.Model(start, [layers.Add(name="sum")([turned, turned]), layers.Multiply(name="square")([start] * 2)])
    source = str(tmp_path / "model.h5")
    model.save(source)
    values = numpy.random.RandomState(4).randint(0, 256, (2, 6, 4)).astype("uint8")
    names = ["turned", "sum", "square"]
    expected = oracle.predict(oracle.multi_output(keras, model, names), [values])
    model_json, found = converted(source, tmp_path, layers=names)
    assert found == names
    computes(model_json, [values.astype("float32")], dict(zip(names, expected)))
