"""Convolutions, pooling, padding and resizing, as graph models.

One model has a branch for each setting, of images that are not square.
"""
import h5py
import numpy
import pytest

from scripts import lower, preprocess
from scripts.base import stack
from scripts.base.fault import Fault
from scripts.emit import Builder
from scripts.layers.model import Model, Weight
from scripts.operations.graph import Tensor
from scripts.viewer import predict
from tests import needs
from tests.models import lowered, oracle

needs.tensorflow()
OLD = stack.NAME != "modern"  # Keras 2.6 on TensorFlow 2.6


def branches(keras, x, layers):
    """A model of one input with an output for each layer."""
    return keras.Model(x, [layer(x) for layer in layers])


def convolutions_of_a_row(keras):
    layers, x = keras.layers, keras.Input((11, 4), name="x")
    made = [layers.Conv1D(6, 5, padding="same"), layers.Conv1D(6, 4, 3, "same", activation="relu"),
            layers.Conv1D(6, 3, 2, use_bias=False), layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
            layers.Conv1D(5, 3, 2, padding="causal"), layers.Conv1D(6, 1, 3, "same"),
            layers.SeparableConv1D(5, 4, 2, "same", depth_multiplier=2),
            layers.SeparableConv1D(5, 3, dilation_rate=3, activation="tanh")]
    if not OLD:
        made += [layers.Conv1D(8, 3, padding="same", groups=2), layers.Conv1D(8, 3, 2, groups=4),
                 layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2),
                 layers.DepthwiseConv1D(4, 2, "same", use_bias=False), layers.DepthwiseConv1D(3, dilation_rate=2)]
    return branches(keras, x, made)


def convolutions_of_an_image(keras):
    layers, x = keras.layers, keras.Input((9, 12, 4), name="x")
    made = [layers.Conv2D(5, (2, 5), padding="same"), layers.Conv2D(5, (5, 1), (3, 2), "same"),
            layers.Conv2D(5, 1, 2, "same"), layers.Conv2D(5, 3, padding="same"), layers.Conv2D(5, 3, 2, "same"),
            layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(5, 4, (4, 1), "same"),
            layers.Conv2D(5, (3, 2), (1, 3), activation="sigmoid"),
            layers.Conv2D(5, 3, dilation_rate=(2, 1)), layers.Conv2D(5, (3, 2), padding="same", dilation_rate=(1, 3)),
            layers.DepthwiseConv2D((4, 3), (2, 2), "same", depth_multiplier=2),
            layers.DepthwiseConv2D(3, use_bias=False), layers.DepthwiseConv2D(2, padding="same", dilation_rate=(3, 3)),
            layers.SeparableConv2D(6, (3, 4), (2, 2), "same", depth_multiplier=2),
            layers.SeparableConv2D(6, (2, 3), dilation_rate=2, activation="relu", use_bias=False)]
    if not OLD:
        made += [layers.Conv2D(8, (3, 2), (2, 1), "same", groups=2), layers.Conv2D(8, 3, padding="same", groups=4),
                 layers.Conv2D(4, 3, groups=4, dilation_rate=2)]
    return branches(keras, x, made)


def convolutions_of_a_volume(keras):
    layers, x = keras.layers, keras.Input((5, 6, 7, 2), name="x")
    made = [layers.Conv3D(3, (2, 3, 4), padding="same"), layers.Conv3D(3, (3, 2, 1), (2, 3, 2), "same"),
            layers.Conv3D(3, 2, (3, 1, 2)), layers.Conv3D(3, (2, 1, 3), dilation_rate=(3, 1, 2), activation="relu"),
            layers.Conv3D(3, 1, (2, 3, 4), "same")]
    if not OLD:
        made += [layers.Conv3D(4, 2, groups=2, padding="same")]
    return branches(keras, x, made)


def transposed_convolutions(keras):
    layers = keras.layers
    row, image, volume = keras.Input((5, 3)), keras.Input((4, 5, 3)), keras.Input((3, 4, 5, 2))
    made = [layers.Conv1DTranspose(4, 3, 2, "same")(row), layers.Conv1DTranspose(4, 2, 3)(row),
            layers.Conv1DTranspose(4, 5, 2, activation="relu")(row),
            layers.Conv1DTranspose(4, 4, 3, "same", output_padding=1)(row)]
    made += [layer(image) for layer in [
        layers.Conv2DTranspose(4, (3, 2), (2, 3), "same"), layers.Conv2DTranspose(4, (2, 5), (3, 2)),
        layers.Conv2DTranspose(4, (5, 3), 3, "same", output_padding=(0, 2), use_bias=False),
        layers.Conv2DTranspose(4, (1, 3), (3, 2), output_padding=1), layers.Conv2DTranspose(4, 1, 3, "same"),
        layers.Conv2DTranspose(4, 4, 1, "same")]]
    made += [layer(volume) for layer in [
        layers.Conv3DTranspose(2, (2, 3, 4), (2, 1, 3), "same"), layers.Conv3DTranspose(2, (3, 1, 2), (1, 2, 3)),
        layers.Conv3DTranspose(2, 3, 2, "same", output_padding=1), layers.Conv3DTranspose(2, (1, 2, 1), 2, "same")]]
    return keras.Model([row, image, volume], made)


def dilated_transposed_convolutions(keras):
    layers, x = keras.layers, keras.Input((4, 5, 3))
    return branches(keras, x, [layers.Conv2DTranspose(4, (3, 2), padding="same", dilation_rate=2),
                               layers.Conv2DTranspose(4, (2, 3), dilation_rate=3, activation="relu")])


def pooling_of_windows(keras):
    layers = keras.layers
    row, image, volume = keras.Input((11, 3)), keras.Input((7, 10, 3)), keras.Input((5, 8, 7, 2))
    made = []
    for kind in ("Max", "Average"):
        one, two, three = [getattr(layers, f"{kind}Pooling{count}D") for count in (1, 2, 3)]
        made += [layer(row) for layer in [one(2), one(3, 2, "same"), one(2, 4, "same"), one(4, 1, "same")]]
        made += [layer(image) for layer in [
            two(2), two((3, 2), (2, 3), "same"), two((1, 4), 1, "same"), two((2, 3), 4, "same"), two((4, 1), (1, 2))]]
        made += [layer(volume) for layer in [
            three(2), three((3, 2, 1), (2, 3, 1), "same"), three(1, (2, 3, 4), "same"), three((2, 1, 3), 4, "same"),
            three((1, 3, 2), (1, 2, 2))]]
    return keras.Model([row, image, volume], made)


def pooling_of_whole_images(keras):
    layers = keras.layers
    row, image, volume, masked = [keras.Input(shape) for shape in ((6, 3), (4, 5, 3), (2, 3, 4, 2), (5, 3))]
    made = []
    for kind in ("Max", "Average"):
        for count, x in ((1, row), (2, image), (3, volume)):
            layer = getattr(layers, f"Global{kind}Pooling{count}D")
            made += [layer()(x), layer(data_format="channels_first")(x), layer(keepdims=True)(x),
                     layer(keepdims=True, data_format="channels_first")(x)]
    kept = layers.Masking(0.0)(masked)
    made += [layers.GlobalAveragePooling1D()(kept), layers.GlobalAveragePooling1D(keepdims=True)(kept)]
    return keras.Model([row, image, volume, masked], made)


def adaptive_pooling(keras):
    layers = keras.layers
    row, image, volume = keras.Input((11, 3)), keras.Input((7, 10, 3)), keras.Input((5, 8, 7, 2))
    made = []
    for kind in ("Max", "Average"):
        one, two, three = [getattr(layers, f"Adaptive{kind}Pooling{count}D") for count in (1, 2, 3)]
        made += [one(size)(row) for size in (1, 2, 3, 4, 7, 11)] + [one(2, data_format="channels_first")(row)]
        made += [two((3, 4))(image), two(1)(image), two((7, 6), data_format="channels_first")(
            layers.Permute((3, 1, 2))(image)), three((2, 3, 7))(volume)]
    return keras.Model([row, image, volume], made)


def margins_and_cuts(keras):
    layers = keras.layers
    row, image, volume = keras.Input((6, 3)), keras.Input((5, 6, 3)), keras.Input((4, 5, 6, 2))
    made = [layers.ZeroPadding1D(2)(row), layers.ZeroPadding1D((0, 3))(row), layers.Cropping1D(1)(row),
            layers.Cropping1D((2, 0))(row), layers.UpSampling1D(3)(row)]
    for x, data_format in ((image, "channels_last"), (image, "channels_first")):
        made += [layer(x) for layer in [
            layers.ZeroPadding2D((1, 2), data_format=data_format),
            layers.ZeroPadding2D(((0, 1), (3, 0)), data_format=data_format), layers.Cropping2D(1, data_format),
            layers.Cropping2D(((2, 1), (0, 2)) if data_format == "channels_last" else ((2, 1), (0, 1)), data_format),
            layers.UpSampling2D((3, 2), data_format)]]
        made += [layer(volume) for layer in [
            layers.ZeroPadding3D((1, 2, 0), data_format), layers.Cropping3D(((0, 1), (2, 0), (0, 1)), data_format),
            layers.UpSampling3D((2, 1, 3), data_format)]]
    return keras.Model([row, image, volume], made)


METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resized(keras):
    layers, x = keras.layers, keras.Input((7, 10, 3), name="x")
    three = keras.__version__ >= "3"
    known = [name for name in METHODS if not three or name not in ("area", "gaussian", "mitchellcubic")]
    made = [layers.Resizing(11, 4, name) for name in known] + [layers.Resizing(3, 13, name) for name in known]
    made += [layers.UpSampling2D((2, 3), interpolation=name) for name in known if not OLD or name == "bilinear"]
    made += [layers.Resizing(size, 5, crop_to_aspect_ratio=True) for size in (4, 6)]
    made += [layers.CenterCrop(4, 5), layers.CenterCrop(7, 9), layers.RandomCrop(4, 8), layers.RandomCrop(7, 3)]
    made += [] if OLD else [layers.CenterCrop(9, 6)]
    if three:
        made += [layers.Resizing(3, 4, name, antialias=True) for name in known]
        made += [layers.Resizing(size, 8, pad_to_aspect_ratio=True, fill_value=0.5) for size in (3, 9)]
        made += [layers.Resizing(4, 5, data_format="channels_first"), layers.AutoContrast((-2, 3)),
                 layers.AutoContrast()]
    equalize = getattr(layers, "ContrastLimitedAdaptiveHistogramEqualization", None)
    if equalize:
        made += [equalize((-3, 3), 2.0, (2, 3)), equalize((-2, 2), 0, (1, 4)), equalize((-2, 2), 1.0),
                 equalize((-2, 2), 3.0, (2, 2), data_format="channels_first"), equalize((-3, 3), 8.0, (7, 5)),
                 equalize(clip_limit=0.5, tile_grid_size=(3, 2))]
    return branches(keras, x, made)


def random_layers(keras):
    """What does nothing outside of training."""
    layers, x = keras.layers, keras.Input((7, 10, 3), name="x")
    made = [layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.1), layers.RandomTranslation(0.1, 0.2),
            layers.RandomContrast(0.1)]
    if keras.__version__ >= "3":
        made += [layers.RandomShear(0.1), layers.RandomGrayscale(0.2), layers.RandomHue(0.2), layers.MixUp(),
                 layers.RandomSaturation(0.2), layers.RandomPosterization(4), layers.RandomSharpness(0.2),
                 layers.RandomColorJitter(), layers.RandomColorDegeneration(0.2), layers.RandomErasing(),
                 layers.RandomGaussianBlur(), layers.RandomInvert(), layers.RandomPerspective(), layers.CutMix(),
                 layers.RandomElasticTransform(), layers.Solarization(0.2, 0.1),
                 layers.RandAugment(), layers.AugMix()]
    elif not OLD:
        made += [layers.RandomHeight(0.1), layers.RandomWidth(0.1), layers.RandomBrightness(0.1)]
    return branches(keras, x, made)


def channels_in_front(keras, data_format="channels_first"):
    """Layers with the channels in front; Keras has few of them on processors: of channels_last, transposed around."""
    layers = keras.layers
    row, image, volume = keras.Input((3, 7)), keras.Input((4, 6, 7)), keras.Input((2, 4, 5, 6))
    given = {"data_format": data_format, "padding": "same"}

    def made(layer, x):
        rank = len(x.shape)
        if data_format == "channels_first":
            return layer(x)
        moved = layers.Permute(tuple(range(2, rank)) + (1,))(x)
        return layers.Permute((rank - 1,) + tuple(range(1, rank - 1)))(layer(moved))

    outputs = [made(layer, image) for layer in [
        layers.Conv2D(5, (2, 3), (3, 2), activation="relu", **given), layers.DepthwiseConv2D((3, 2), **given),
        layers.SeparableConv2D(4, 2, **given), layers.Conv2DTranspose(3, (2, 3), (3, 2), **given),
        layers.MaxPooling2D((2, 3), **given), layers.AveragePooling2D((3, 2), (2, 3), **given)]]
    outputs += [made(layer, row) for layer in [layers.Conv1D(5, 3, 2, **given), layers.MaxPooling1D(2, **given),
                                               layers.AveragePooling1D(3, 2, **given)]]
    outputs += [made(layer, volume) for layer in [
        layers.Conv3D(3, (1, 2, 3), 2, **given), layers.Conv3DTranspose(2, 2, (1, 2, 3), **given),
        layers.MaxPooling3D((2, 1, 3), **given), layers.AveragePooling3D(2, (1, 2, 3), **given)]]
    return keras.Model([row, image, volume], outputs)


def open_images(keras):
    """A network for images of any size."""
    layers, x = keras.layers, keras.Input((None, None, 3), name="x")
    y = layers.Conv2D(4, (3, 2), (2, 3), "same", activation="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2)(layers.ZeroPadding2D((1, 2))(y))
    y = layers.SeparableConv2D(5, (2, 4), (2, 2), "same")(layers.MaxPooling2D((2, 3), (1, 2), "same")(y))
    up = layers.UpSampling2D((2, 3))(y)
    turned = [layers.Conv2DTranspose(2, (3, 2), (2, 3), padding)(y) for padding in ("same", "valid")]
    turned += [layers.UpSampling2D((2, 3), interpolation="bilinear")(y), layers.Resizing(5, 9)(x),
               layers.Resizing(4, 3, "nearest")(x)]
    return keras.Model(x, [layers.Conv2D(3, 1)(layers.Cropping2D(((1, 0), (0, 2)))(up)),
                           layers.AveragePooling2D((2, 3), 2, "same")(up), layers.GlobalAveragePooling2D()(y),
                           layers.GlobalMaxPooling2D(keepdims=True)(y) if not OLD else y] + turned)


def open_rows_and_volumes(keras):
    layers, row, volume = keras.layers, keras.Input((None, 3)), keras.Input((None, None, None, 2))
    made = [layer(row) for layer in [
        layers.Conv1D(4, 3, 2, "same"), layers.Conv1D(4, 3, dilation_rate=2, padding="causal"),
        layers.MaxPooling1D(2, padding="same"), layers.UpSampling1D(2), layers.Conv1DTranspose(3, 2, 3, "same")]]
    made += [layer(volume) for layer in [
        layers.Conv3D(3, (2, 3, 1), (1, 2, 1), "same"), layers.AveragePooling3D((2, 3, 2), (1, 2, 2), "same"),
        layers.Conv3DTranspose(2, (2, 3, 2), (1, 2, 3)), layers.UpSampling3D((2, 1, 3)), layers.Conv3D(2, 2, (2, 1, 2)),
        layers.GlobalAveragePooling3D()]]
    return keras.Model([row, volume], made)


BUILDS = [convolutions_of_a_row, convolutions_of_an_image, convolutions_of_a_volume, transposed_convolutions,
          pooling_of_windows, margins_and_cuts, open_images, open_rows_and_volumes,
          resized, random_layers] + ([] if OLD else [pooling_of_whole_images])


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    lowered.agree(lowered.Model(flavour, build), tmp_path)


def test_dilated_transposed_convolutions_of_keras_2(tmp_path):
    lowered.agree(lowered.Model("keras2", dilated_transposed_convolutions), tmp_path)  # Keras 3 has none on processors


@pytest.mark.modern  # Keras 3 alone has it
def test_adaptive_pooling(tmp_path):
    lowered.agree(lowered.Model("keras3", adaptive_pooling), tmp_path)


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_channels_in_front_are_computed_as_behind(flavour, tmp_path):
    made = lowered.Model(flavour, channels_in_front)
    behind = channels_in_front(made.keras, "channels_last")
    behind.set_weights(made.model.get_weights())
    names = [tensor._keras_history[0].name for tensor in made.model.outputs]
    lowered.agree(made, tmp_path, names, expected=oracle.predict(behind, made.inputs))


def test_keras_before_2_4_interpolates_between_the_corners_of_places(tmp_path):
    """Keras 2.3.1 resizes by resize_bilinear, which has no half_pixel_centers."""
    import tensorflow

    def image(keras):
        x = keras.Input((5, 6, 2), name="x")
        return keras.Model(x, keras.layers.UpSampling2D((2, 3), interpolation="bilinear", name="up")(x))

    made = lowered.Model("keras2", image)
    source = str(tmp_path / "model.h5")
    made.model.save(source)
    with h5py.File(source, "r+") as file:
        file.attrs["keras_version"] = "2.3.1"
    preprocess.preprocess(source, str(tmp_path / "js"), layers=["up"], format="graph")
    expected = tensorflow.compat.v1.image.resize_bilinear(made.inputs[0], (10, 18)).numpy()
    found = predict.predict(str(tmp_path / "js" / "model.json"), made.inputs, outputs=["up"], sync=True)
    assert lowered.distance(expected, found[0].values) <= 1e-5


KERNEL, BIAS = Weight.of("kernel", numpy.zeros((3, 3, 4, 4), "float32")), Weight.of("bias", numpy.zeros(4, "float32"))
TWO = {"kernel_size": [3, 3], "filters": 4}


@pytest.mark.parametrize("name,config,weights", [
    ("Conv2D", dict(TWO, strides=[0, 1]), [KERNEL, BIAS]), ("Conv2D", dict(TWO, strides=10 ** 9), [KERNEL, BIAS]),
    ("Conv2D", dict(TWO, dilation_rate="x"), [KERNEL, BIAS]), ("Conv2D", dict(TWO, padding="full"), [KERNEL, BIAS]),
    ("Conv2D", dict(TWO, dilation_rate=9, padding="valid"), [KERNEL, BIAS]), ("Conv1D", TWO, [KERNEL, BIAS]),
    ("Conv2DTranspose", dict(TWO, output_padding=-1), [KERNEL, BIAS]), ("MaxPooling2D", {"pool_size": [8, 2]}, []),
    ("AveragePooling2D", {"pool_size": [1, 2, 3]}, []), ("ZeroPadding2D", {"padding": [[1, 2], 10 ** 9]}, []),
    ("Cropping2D", {"cropping": [[3, 4], [0, 0]]}, []), ("UpSampling2D", {"size": [2, -1]}, []),
    ("UpSampling2D", {"interpolation": ["nearest"]}, []), ("Resizing", {"height": 10 ** 12, "width": 1}, []),
    ("Resizing", {"height": 4, "width": 5, "fill_value": "x", "pad_to_aspect_ratio": True}, []),
    ("CenterCrop", {"height": 1.5, "width": 2}, []), ("AdaptiveMaxPooling2D", {"output_size": [2]}, [])])
def test_a_setting_that_makes_no_sense_is_refused_in_a_line(name, config, weights):
    records = [("InputLayer", "x", {"batch_input_shape": [None, 6, 9, 4], "dtype": "float32"}, []),
               (name, "y", config, [[["x", 0, 0, {}]]])]
    layers = [{"class_name": kind, "name": own, "config": dict(settings, name=own), "inbound_nodes": calls}
              for kind, own, settings, calls in records]
    topology = {"class_name": "Functional", "config": {
        "name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["y", 0, 0]]}}
    with pytest.raises(Fault):
        lower.lower(Model(topology, {"y": weights}, "2.6.0"))


def test_a_pad_has_at_most_the_four_dimensions_that_webgl_has():
    b = Builder()
    padded = b.pad(b.placeholder("x", "float32", (None, 2, 3, 4, 5)), [(0, 0), (1, 0), (0, 2), (0, 0), (3, 1)], 7)
    assert padded.shape == (None, 3, 5, 4, 9)
    ranks = [len(b.graph.spec(Tensor(node.name)).shape) for node in b.graph.nodes.values() if node.op == "PadV2"]
    assert ranks == [3, 3, 3]
