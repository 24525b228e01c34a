"""scripts/summary.py and layers/shapes.py: the table says what Keras itself says, and reads without TensorFlow."""
import importlib
import os
import subprocess
import sys

import numpy
import pytest

from scripts import Fault, formats, preprocess, summary
from scripts.training import lenet
from tests import needs
from tests.unit import handmade


@pytest.fixture(scope="module")
def keras():
    needs.tensorflow()
    return __import__("keras")


def images(keras):
    """Every layer for images that has a shape of its own, each fed from the same input where that can be."""
    layers = keras.layers
    first = keras.Input((13, 11, 6), name="picture")
    tensors = [
        layers.Conv2D(5, (3, 2), strides=(2, 3))(first), layers.Conv2D(4, 3, padding="same", dilation_rate=2)(first),
        layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(first),
        layers.SeparableConv2D(7, 3)(first), layers.Conv2DTranspose(3, 4, strides=2)(first),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same")(first),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1)(first),
        layers.MaxPooling2D((3, 2), padding="same")(first), layers.AveragePooling2D(2, strides=3)(first),
        layers.GlobalAveragePooling2D()(first), layers.ZeroPadding2D(((1, 2), (3, 4)))(first),
        layers.ZeroPadding2D(2)(first), layers.Cropping2D(((1, 2), (0, 4)))(first), layers.UpSampling2D((2, 3))(first),
        layers.Permute((3, 1, 2))(first), layers.Flatten()(first), layers.Reshape((-1, 3))(first),
        layers.Dense(8)(first), layers.Activation("relu")(first), layers.BatchNormalization()(first),
        layers.Dropout(0.5)(first)]
    tensors += [layers.Concatenate()([first, tensors[1]]), layers.Concatenate(axis=1)([first, tensors[18]]),
                layers.Add()([first, tensors[18]]), layers.Multiply()([first, layers.Reshape((1, 1, 6))(
                    layers.GlobalMaxPooling2D()(first))])]
    return keras.Model(first, tensors)


def sequences(keras):
    """Every layer for sequences and volumes."""
    layers = keras.layers
    words, volume = keras.Input((12,), name="words"), keras.Input((9, 8, 7, 2), name="volume")
    first = layers.Embedding(30, 6)(words)
    single = layers.LSTM(5)(first)
    tensors = [
        layers.Conv1D(4, 3, strides=2)(first), layers.SeparableConv1D(5, 3, padding="same")(first),
        layers.MaxPooling1D(3)(first), layers.GlobalMaxPooling1D()(first), layers.ZeroPadding1D((1, 2))(first),
        layers.ZeroPadding1D(3)(first), layers.Cropping1D((2, 1))(first), layers.UpSampling1D(3)(first),
        layers.GRU(4, return_sequences=True)(first), layers.SimpleRNN(3)(first), single,
        layers.LSTM(5, return_state=True)(first)[2], layers.RNN([layers.LSTMCell(6), layers.GRUCell(3)])(first),
        layers.ConvLSTM2D(3, 2, strides=2)(volume), layers.ConvLSTM2D(3, 2, return_sequences=True)(volume),
        layers.RNN(layers.GRUCell(6), return_sequences=True)(first),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True))(first),
        layers.Bidirectional(layers.GRU(4), merge_mode="sum")(first),
        layers.TimeDistributed(layers.Dense(9))(first), layers.RepeatVector(3)(single),
        layers.Dot(axes=1)([single, single]),
        layers.Dot(axes=(2, 1))([first, layers.Permute((2, 1))(first)]), layers.Conv3D(3, 2, strides=2)(volume),
        layers.MaxPooling3D(2)(volume), layers.GlobalAveragePooling3D()(volume)]
    return keras.Model([words, volume], tensors)


def nested(keras):
    """A shared Dense, a nested model with a BatchNormalization, and a layer that is not trained."""
    layers = keras.layers
    inside = keras.Input((7,), name="inside")
    inner = keras.Model(inside, layers.Dense(3, name="inner_dense")(layers.BatchNormalization(name="norm")(inside)),
                        name="inner")
    chain = keras.models.Sequential([keras.Input((3,)), layers.Dense(4, name="deep")], name="chain")
    left, right = keras.Input((7,), name="left"), keras.Input((7,), name="right")
    shared = layers.Dense(7, name="shared")
    frozen = layers.Dense(2, name="frozen")
    frozen.trainable = False
    return keras.Model([left, right], [
        layers.Add(name="sum")([shared(left), shared(right)]), frozen(chain(inner(shared(left))))])


def open_sizes(keras):
    """Sizes that the input leaves open."""
    first = keras.Input((None, None, 3), name="any")
    hidden = keras.layers.Conv2D(4, 3)(first)
    return keras.Model(first, [keras.layers.MaxPooling2D()(hidden), keras.layers.GlobalMaxPooling2D()(hidden),
                               keras.layers.UpSampling2D()(hidden)])


def mobilenet(keras):
    applications = importlib.import_module("keras.applications.mobilenet_v2")
    return applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), alpha=0.35, classes=10)


@pytest.mark.parametrize("build", [lenet.build, images, sequences, nested, open_sizes, mobilenet],
                         ids=lambda build: build.__name__)
def test_names_shapes_and_counts_are_those_of_keras(keras, tmp_path, build):
    model = build(keras)
    path = str(tmp_path / "model.h5")
    model.save(path)
    with formats.read(path) as read:
        found = [row for row in summary.rows(read) if "/" not in row["layer"] and row["class"] != "InputLayer"]
        total, trained = summary.counts(read)
    wanted = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [row["layer"] for row in found] == [layer.name for layer in wanted]
    for row, layer in zip(found, wanted):
        outputs = layer.get_output_at(0) if hasattr(layer, "get_output_at") else \
            layer._inbound_nodes[-1].output_tensors[0]
        shape = (outputs[0] if isinstance(outputs, (list, tuple)) else outputs).shape
        assert (row["layer"], tuple(row["output"])) == (layer.name, tuple(shape))
        assert (row["layer"], row["parameters"]) == (layer.name, layer.count_params())
    assert total == model.count_params()
    assert trained == sum(int(numpy.prod(tuple(weight.shape))) for weight in model.trainable_weights)


def test_the_inputs_of_each_layer_and_the_layers_inside_a_nested_model_are_listed(keras, tmp_path):
    nested(keras).save(str(tmp_path / "model.h5"))
    with formats.read(str(tmp_path / "model.h5")) as model:
        rows = {row["layer"]: row for row in summary.rows(model)}
    assert rows["shared"]["inputs"] == ["left", "right", "left"]
    assert rows["sum"]["inputs"] == ["shared@0, shared@1"]
    assert rows["inner/inner_dense"]["parameters"] == 24 and rows["inner/norm"]["parameters"] == 28
    assert rows["chain/deep"]["parameters"] == 16 and rows["chain"]["parameters"] == 16
    assert rows["left"]["shown"] == "input"


def test_what_cannot_be_shown_says_why(keras, tmp_path):
    layers = keras.layers
    first = keras.Input((4, 4, 4, 2))
    model = keras.Model(first, [layers.Conv3D(2, 2, name="volume")(first),
                                layers.Lambda(abs, name="own")(layers.Reshape((4, 32), name="rows")(first))])
    model.save(str(tmp_path / "model.h5"))
    with formats.read(str(tmp_path / "model.h5")) as read:
        rows = {row["layer"]: row["shown"] for row in summary.rows(read)}
    assert rows["volume"] == "TensorSpace draws nothing of more than 3 dimensions"
    assert "TensorFlow.js does not have it" in rows["own"] and rows["rows"] == "yes"


def mixed(keras):
    """Layers that TensorFlow.js shows, in a layers model or in a graph model, and two that it does not."""
    layers, first = keras.layers, keras.Input((4, 4), name="first")
    kind = getattr(layers, "Normalization", None) or layers.experimental.preprocessing.Normalization
    adapted = kind(name="adapted")
    adapted.adapt(numpy.random.RandomState(1).rand(9, 4, 4).astype("float32"))
    words = keras.Input((4,), name="words")
    looked = layers.Embedding(9, 4, mask_zero=True, name="looked")(words)
    inside = keras.Input((4, 4), name="inside")
    inner = keras.Model(inside, layers.Lambda(abs, name="again")(inside), name="inner")
    return keras.Model([first, words], [
        adapted(first), layers.Softmax(axis=1, name="across")(first), layers.GRU(3, name="gru")(first),
        layers.Dense(2, name="dense")(first), layers.GlobalAveragePooling1D(name="average")(looked), inner(first),
        layers.LSTM(2, name="lstm")(looked), layers.Lambda(abs, name="own")(first), first + layers.GlobalMaxPooling1D(name="most")(first)])


def test_what_is_shown_is_what_converts(keras, tmp_path):
    path = str(tmp_path / "model.h5")
    mixed(keras).save(path)
    with formats.read(path) as model:
        shown = {row["layer"]: row["shown"] for row in summary.rows(model) if "/" not in row["layer"]}
    names = ("adapted", "dense", "lstm", "looked", "most", "across", "average", "gru")
    assert {shown[name] for name in names} == {"yes"}
    assert shown["own"] == "TensorFlow.js does not have it" and "layer 'inner/again' is a Lambda" in shown["inner"]
    for name, said in shown.items():
        if said == "input" or name in ("not_equal", "any"):  # what Keras 3 makes masks of is no output
            continue
        target = str(tmp_path / name)
        os.mkdir(target)
        if said == "yes":
            preprocess.preprocess(path, target, layers=[name])
        else:
            with pytest.raises(Fault) as caught:
                preprocess.preprocess(path, target, layers=[name])
            assert said in str(caught.value)


def test_sizes_that_are_open_are_those_that_are_given(tmp_path):
    record = handmade.topology()
    record["config"]["layers"][0]["config"]["batch_input_shape"] = [None, None, None, 1]
    path = handmade.h5(tmp_path / "model.h5", record)
    with formats.read(path) as model:
        assert summary.rows(model)[1]["output"] == [None, None, None, 2]
        for sizes in ([14, 14, 1], {"start": [14, 14, 1]}):
            assert summary.rows(model, sizes)[1]["output"] == [None, 12, 12, 2]
        for wrong in ([14, 14, 3], {"nosuch": [14, 14, 1]}):
            with pytest.raises(Fault, match="input_shape"):
                list(summary.lines(model, wrong))


def test_the_table_is_printed_without_tensorflow(keras, tmp_path):
    lenet.build(keras).save(str(tmp_path / "model.h5"))
    script = ("import sys; from scripts import summary; summary.main(sys.argv[1:]); "
              "assert not {'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "model.h5")], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["Layer", "Class", "Output", "Parameters", "Inputs", "Shown"]
    assert "Conv2D_2        Conv2D        (None, 8, 8, 16)        2,416  MaxPooling2D_1  yes" in lines
    assert lines[-1] == "44,426 parameters, 44,426 trained and 0 not"


def test_what_is_no_model_is_one_line(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"nothing")
    done = subprocess.run([sys.executable, "-m", "scripts.summary", str(tmp_path / "x.h5")], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and done.stdout == ""
