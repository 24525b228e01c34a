"""ONNX models on their whole way, against onnxruntime: every layer of small networks.

The models are made by tests/unit/onnx_made.py; each runs in TensorFlow.js 1.0.0 and in today's.
"""
import json
import os

import numpy
import pytest

from scripts import Fault, preprocess, verify
from scripts.api import convert
from scripts.base import child
from scripts.verification import by_onnxruntime
from scripts.viewer import packages, predict
from tests import needs
from tests.models import oracle
from tests.unit import onnx_made
from tests.unit.onnx_made import Made

BOUND = 1e-5
pytestmark = pytest.mark.modern


def network(*steps):
    """A model of these steps, each made(Made, x) -> the next x, on an image of 3 channels; every step is an output."""
    made = Made()
    x, ends = "x", []
    for step in steps:
        x = step(made, x)
        ends.append(x)
    return made, {"x": ["N", 3, 9, 12]}, ends


def conv(inputs, outputs, size, bias=True, groups=1, **more):
    def step(made, x):
        name = f"w{made.count}"
        weights = [made.weight(name, outputs, inputs // groups, *size)] + ([made.weight(name + "b", outputs)] if bias
                                                                            else [])
        return made.node("Conv", x, *weights, group=groups, **more)
    return step


def op(name, *constants, **more):
    def step(made, x):
        named = [made.constant(f"{name}{made.count}_{place}", numpy.asarray(value))
                 for place, value in enumerate(constants)]
        return made.node(name, x, *named, **more)
    return step


def norm(name, channels, count, **more):
    def step(made, x):
        return made.node(name, x, *[made.weight(f"n{made.count}_{place}", channels, positive=place % 3 == 0)
                                    for place in range(count)], **more)
    return step


def transposed(inputs, outputs, size, groups=1, **more):
    def step(made, x):
        return made.node("ConvTranspose", x, made.weight(f"t{made.count}", inputs, outputs // groups, *size),
                         group=groups, **more)
    return step


def squeeze_and_excite(made, x):
    y = made.node("GlobalAveragePool", x)
    y = made.node("Sigmoid", made.node("Conv", y, made.weight("se", 8, 8, 1, 1)))
    return made.node("Mul", x, y)


def shuffled(made, x):
    """ShuffleNet's channels: (N, 8, H, W) -> (N, 2, 4, H, W) -> (N, 4, 2, H, W) -> (N, 8, H, W)."""
    shape = [made.node("Shape", x, outputs=["sizes"])] + [made.node(
        "Slice", "sizes", made.constant(f"b{place}", numpy.array([place])), made.constant(
            f"e{place}", numpy.array([place + 1])), made.constant(f"a{place}", numpy.array([0])))
        for place in (0, 2, 3)]
    parted = made.node("Concat", shape[1], made.constant("groups", numpy.array([2, 4])), shape[2], shape[3], axis=0)
    x = made.node("Transpose", made.node("Reshape", x, parted), perm=[0, 2, 1, 3, 4])
    joined = made.node("Concat", shape[1], made.constant("all", numpy.array([-1])), shape[2], shape[3], axis=0)
    return made.node("Reshape", x, joined)


def classified(made, x):
    """Flatten, two dense layers, one of them as MatMul and Add."""
    size = made.node("Gather", made.node("Shape", x), made.constant("zero", numpy.array(0)), axis=0)
    shape = made.node("Concat", made.node("Unsqueeze", size, made.constant("front", numpy.array([0]))),
                      made.constant("rest", numpy.array([-1])), axis=0)
    x = made.node("Reshape", x, shape)
    x = made.node("Gemm", x, made.weight("fc", 6, 8 * 9 * 12), made.weight("fcb", 6), transB=1)
    x = made.node("Add", made.node("MatMul", x, made.weight("fd", 6, 5)), made.weight("fdb", 5))
    return made.node("Softmax", x, axis=-1)


def looped(made, x):
    """A loop of three steps, which carries an image, reads another one, and leaves a number per step and image."""
    body = Made()
    body.count = 100
    number = body.node("Add", body.node("Cast", "step", to=1), body.constant("one", numpy.float32(1)))
    carried = body.node("Add", body.node("Div", "carried", number), x)
    left = body.node("ReduceMean", carried, axes=[1, 2, 3], keepdims=0)
    body.node("Not", body.node("Not", "going"), outputs=["goes_on"])
    graph = body.graph({"step": [], "going": [], "carried": ["N", 8, 9, 12]}, ["goes_on", carried, left],
                       {"step": 7, "going": 9, "goes_on": 9})
    made.node("Loop", made.constant("steps", numpy.array(3)), made.constant("go", numpy.array(True)), x, body=graph,
              outputs=["looped", "left"])
    return made.node("Mul", "looped", made.node("ReduceMean", "left", keepdims=0))


def listed(made, x):
    """What PyTorch's split, a list that a loop fills, and cat and stack of it become."""
    made.node("SplitToSequence", x, made.constant("each", numpy.array(3)), axis=1, outputs=["parts"])
    first, last = [made.node("SequenceAt", "parts", made.constant(f"place{place}", numpy.array(place)))
                   for place in (0, -1)]
    body = Made()
    body.count = 200
    factor = body.node("Add", body.node("Cast", "step", to=1), body.constant("half", numpy.float32(0.5)))
    body.node("SequenceInsert", "list", body.node("Mul", first, factor), outputs=["longer"])
    body.node("Identity", "going", outputs=["goes_on"])
    graph = body.graph({"step": [], "going": [], "list": []}, ["goes_on", "longer"], {
        "step": 7, "going": 9, "goes_on": 9, "list": "row", "longer": "row"})
    made.node("Loop", made.constant("times", numpy.array(2)), "", made.node("SequenceConstruct", first), body=graph,
              outputs=["filled"])
    made.node("SequenceErase", "filled", made.constant("second", numpy.array(1)), outputs=["left_over"])
    stacked = made.node("ConcatFromSequence", "left_over", axis=-1, new_axis=1)
    count = made.node("Cast", made.node("SequenceLength", "left_over"), to=1)
    joined = made.node("ConcatFromSequence", made.node("SequenceInsert", "left_over", last, made.constant(
        "front", numpy.array(0))), axis=1)
    return made.node("Concat", joined, made.node("Mul", made.node("ReduceSum", stacked, made.constant(
        "behind", numpy.array([-1])), keepdims=0), count), axis=1)


def scanned(made, x):
    """Sums of channels from the last one on, beside the first ones, by a Scan; a loop that the data end."""
    body = Made()
    body.count = 300
    total = body.node("Add", "total", "channel")
    body.node("Identity", total, outputs=["sum"])
    graph = body.graph({"total": ["N", 9, 12], "channel": ["N", 9, 12]}, [total, "sum"])
    start = made.node("ReduceMin", x, axes=[1], keepdims=0)
    made.node("Scan", start, x, body=graph, num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1],
              scan_output_axes=[-1], scan_output_directions=[1], outputs=["whole", "sums"])
    body = Made()
    body.count = 400
    half = body.node("Mul", "value", body.constant("less", numpy.float32(0.5)))
    mean = body.node("ReduceMean", body.node("Abs", half), keepdims=0)
    body.node("Greater", mean, body.constant("least", numpy.float32(0.3)), outputs=["on"])
    graph = body.graph({"number": [], "before": [], "value": ["N", 9, 12]}, ["on", half], {
        "number": 7, "before": 9, "on": 9})
    some = made.node("Greater", made.node("ReduceMax", "whole", keepdims=0), made.constant("low", numpy.float32(-9)))
    made.node("Loop", made.constant("most", numpy.array(6)), some, "whole", body=graph, outputs=["shrunk"])
    kept = made.node("Transpose", "sums", perm=[0, 3, 1, 2])
    return made.node("Add", kept, made.node("Unsqueeze", "shrunk", made.constant("channels", numpy.array([1]))))


def determined(made, x):
    """Determinants of large matrices and of small ones."""
    large = made.node("Reshape", made.node("Slice", x, *[made.constant(name, numpy.array([value])) for name, value in (
        ("from", 0), ("to", 9), ("along", 3))]), made.constant("grid", numpy.array([0, 8, 9, 9])))
    small = made.node("Reshape", x, made.constant("cells", numpy.array([0, 8, 12, 3, 3])))
    return made.node("Add", made.node("Det", made.node("Mul", large, made.constant("size", numpy.float32(0.5)))),
                     made.node("ReduceSum", made.node("Det", small), made.constant("rest", numpy.array([2])),
                               keepdims=0))


SAME = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
NETWORKS = {
    "lenet": [conv(3, 8, (5, 5), pads=[2] * 4), op("Relu"), op("MaxPool", kernel_shape=[3, 3], pads=[1] * 4),
              classified],
    "strides": [conv(3, 8, (3, 2), strides=[2, 1], pads=[1, 0, 0, 1]), op("LeakyRelu", alpha=0.3),
                op("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1),
                op("AveragePool", kernel_shape=[2, 2], pads=[1] * 4, count_include_pad=1),
                op("LpPool", kernel_shape=[2, 2]), op("HardSwish")],
    "same": [conv(3, 8, (3, 3), auto_pad="SAME_UPPER", strides=[2, 2]), op("Elu"),
             op("MaxPool", kernel_shape=[2, 3], auto_pad="SAME_LOWER", strides=[2, 2]), op("Clip", numpy.float32(0),
                                                                                          numpy.float32(6))],
    "loop": [conv(3, 8, (3, 3), **SAME), looped, conv(8, 4, (3, 3), **SAME)],
    "lists": [conv(3, 8, (3, 3), **SAME), listed, conv(11, 8, (3, 3), **SAME), scanned, determined],
    "groups": [conv(3, 8, (3, 3), False, **SAME), conv(8, 8, (3, 3), groups=2, **SAME), shuffled,
               conv(8, 8, (3, 3), groups=8, dilations=[2, 1], pads=[2, 1, 2, 1]), squeeze_and_excite,
               conv(8, 16, (1, 1), groups=8)],
    "norms": [conv(3, 8, (3, 3), **SAME), norm("BatchNormalization", 8, 4), norm("InstanceNormalization", 8, 2),
              op("LRN", size=3), op("Selu"),
              op("LpNormalization", axis=1), op("MeanVarianceNormalization", axes=[2, 3]), op("Softmax", axis=1)],
    "transposed": [transposed(3, 8, (3, 3), strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]), op("Tanh"),
                   transposed(8, 4, (3, 2), groups=2, pads=[1, 0, 1, 1]),
                   transposed(4, 4, (3, 3), dilations=[2, 2], strides=[2, 1]),
                   transposed(4, 2, (4, 4), strides=[2, 2], auto_pad="SAME_UPPER")],
    "tokens": [conv(3, 8, (3, 3), strides=[3, 3]), op("Reshape", numpy.array([0, 8, -1])),
               op("Transpose", perm=[0, 2, 1]), norm("LayerNormalization", 8, 2),
               op("Unsqueeze", numpy.array([1])), op("Squeeze", numpy.array([1])),
               op("Transpose", perm=[0, 2, 1]), op("Pow", numpy.float32(3)), op("Div", numpy.float32(4))],
    "rows": [op("Reshape", numpy.array([0, 3, -1])), conv(3, 8, (3,), pads=[2, 1], strides=[2]),
             op("MaxPool", kernel_shape=[3], strides=[2], dilations=[2]), norm("BatchNormalization", 8, 4),
             op("AveragePool", kernel_shape=[2]), transposed(8, 4, (3,), strides=[2])],
    "volumes": [op("Reshape", numpy.array([0, 3, 3, 3, 12])), conv(3, 4, (2, 3, 3), pads=[1, 1, 1, 0, 1, 1]),
                op("MaxPool", kernel_shape=[2, 2, 2]), norm("BatchNormalization", 4, 4),
                op("AveragePool", kernel_shape=[2, 1, 3], pads=[1, 0, 1, 0, 0, 1]), op("GlobalMaxPool")],
}


def group_norm(made, x):
    """As PyTorch exports it."""
    y = made.node("Reshape", x, made.constant("two", numpy.array([0, 2, -1])))
    y = made.node("InstanceNormalization", y, made.weight("one", 2), made.weight("none", 2))
    y = made.node("Reshape", y, made.node("Shape", x))
    return made.node("Mul", y, made.weight("scale", 8, 1, 1))


NETWORKS["groupnorm"] = [conv(3, 8, (3, 3)), group_norm, op("Relu"), conv(8, 4, (3, 3), **SAME)]


def scaled(made, x):
    """Every way of Resize on rows whose number is open: by scales, and to the sizes of another tensor."""
    ends = []
    for places, mode, near in [(one, mode, near) for one in ("half_pixel", "pytorch_half_pixel", "align_corners",
                                                             "asymmetric", "half_pixel_symmetric")
                               for mode, near in (("linear", "floor"), ("cubic", "floor"), ("nearest", "floor"),
                                                  ("nearest", "round_prefer_floor"))] + [
                                   ("asymmetric", "nearest", "ceil"), ("half_pixel", "nearest", "round_prefer_ceil")]:
        for scale in (2, 0.75 if places == "align_corners" else 0.6 if mode != "nearest" else 1.25):
            scales = made.constant(f"scales{made.count}", numpy.array([1, 1, scale, 1.5], "float32"))
            ends.append(made.node("Resize", x, "", scales, mode=mode, coordinate_transformation_mode=places,
                                  nearest_mode=near))
    small = made.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    sizes = made.node("Concat", *[made.node("Slice", made.node("Shape", one), *[made.constant(
        f"cut{made.count}{place}", numpy.array([bound])) for place, bound in enumerate(bounds)])
        for one, bounds in ((small, (0, 2)), (x, (2, 4)))], axis=0)
    for mode in ("nearest", "linear"):
        ends.append(made.node("Resize", small, "", "", sizes, mode=mode, coordinate_transformation_mode="asymmetric",
                              nearest_mode="floor"))
    ends.append(made.node("Mul", x, ends[-1]))
    half = made.node("Floor", made.node("Div", made.node("Cast", made.node("Shape", x), to=1), made.constant(
        "parts", numpy.array([1, 1, 3, 1], "float32"))))
    ends.append(made.node("Resize", x, "", "", made.node("Cast", half, to=7), nearest_mode="floor",
                          coordinate_transformation_mode="asymmetric"))
    ends.append(made.node("Resize", x, "", made.node("Div", half, made.node("Cast", made.node("Shape", x), to=1)),
                          mode="linear"))
    return ends


def reshaped(made, x):
    """Shapes that several open sizes decide, and numbers that are computed."""
    small = made.node("MaxPool", x, kernel_shape=[2, 1], strides=[2, 1])
    rows = made.node("Reshape", small, made.constant("rows", numpy.array([0, 3, -1])))
    other = made.node("AveragePool", x, kernel_shape=[2, 1], strides=[2, 1])
    back = made.node("Reshape", rows, made.node("Shape", other))
    size = made.node("Cast", made.node("Shape", x), to=1)
    part = made.node("Div", size, made.constant("half", numpy.array([1, 1, 2, 0.5], "float32")))
    swapped = made.node("Reshape", x, made.node("Cast", part, to=7))
    filled = made.node("ConstantOfShape", made.node("Cast", part, to=7))
    return [rows, back, swapped, made.node("Add", filled, swapped), made.node("Expand", made.weight("one", 1, 3, 1, 1),
                                                                              made.node("Cast", part, to=7))]


def chosen(made, x):
    """If of the data, either way, on an image and on numbers; statistics of the batch; nothing that is dropped."""
    ends = []
    image = conv(3, 8, (3, 3), **SAME)(made, x)
    for bound in (-9, 9):
        condition = made.node("Greater", made.node("ReduceMax", x, keepdims=0), made.constant(
            f"bound{bound}", numpy.array(bound, "float32")))
        one, other = Made(), Made()
        one.node("Mul", image, image, outputs=["chosen"])
        other.node("Neg", image, outputs=["chosen"])
        ends.append(made.node("If", condition, then_branch=one.graph({}, ["chosen"]),
                              else_branch=other.graph({}, ["chosen"])))
    parts = [made.weight(f"part{place}", 8, positive=place == 3) for place in range(4)]
    made.node("BatchNormalization", ends[0], *parts, training_mode=1, momentum=0.7, outputs=["now", "mean", "variance"])
    dropped = made.node("Dropout", "now", made.constant("none", numpy.array(0, "float32")),
                        made.constant("training", numpy.array(True)))
    return ends + ["now", "mean", "variance", dropped]


def classical(made, x):
    """What scikit-learn's linear models and preprocessing become."""
    def ml(op, *inputs, **more):
        return made.node(op, *inputs, domain="ai.onnx.ml", **more)

    rows = made.node("Sub", made.node("ReduceMean", x, axes=[1, 2], keepdims=0), made.constant("mid", numpy.array(
        0.5, "float32")))
    ends = [ml("Scaler", rows, offset=[0.1 * place for place in range(12)], scale=[2.0] * 12)]
    ends += [ml("Normalizer", ends[0], norm=norm) for norm in ("MAX", "L1", "L2")]
    ends += [ml("Binarizer", rows, threshold=0.01), ml("Imputer", ends[-1], imputed_value_floats=[7.0],
                                                       replaced_value_float=1.0)]
    weights = [float(one) for one in numpy.random.RandomState(1).normal(0, 1, 36)]
    ends.append(ml("LinearRegressor", ends[0], coefficients=weights, intercepts=[0.5, 1.0, -1.0], targets=3))
    for kind in ("NONE", "SOFTMAX", "LOGISTIC"):
        ends += [f"label_{kind}", f"scores_{kind}"]
        ml("LinearClassifier", ends[0], coefficients=weights, intercepts=[0.5, 1.0, -1.0], post_transform=kind,
           classlabels_ints=[4, 9, -2], outputs=ends[-2:])
    best = made.node("ArgMax", ends[-1], axis=1)
    picked = ml("ArrayFeatureExtractor", made.constant("classes", numpy.array([1.5, 2.5, 9.0], "float32")), best)
    return ends + [picked, ml("ArrayFeatureExtractor", rows, made.constant("some", numpy.array([3, 0, 11])))]


@pytest.mark.parametrize("build", [scaled, reshaped, chosen, classical])
def test_what_open_sizes_decide_is_what_onnxruntime_computes(build, tmp_path, onnxruntime):
    made = Made()
    ends = build(made, "x")
    path = made.save(tmp_path / "m.onnx", {"x": ["N", 3, "H", 12]}, ends, {one: 7 for one in ends if "label" in one})
    agree(path, tmp_path, ends)


@pytest.fixture(scope="module")
def onnxruntime():
    needs.node()
    return needs.onnx()


@pytest.mark.parametrize("name", sorted(NETWORKS) + ["resnet18"])
def test_every_layer_is_what_onnxruntime_computes(name, tmp_path, onnxruntime):
    made, inputs, outputs = onnx_made.resnet18() if name == "resnet18" else network(*NETWORKS[name])
    path = made.save(tmp_path / "m.onnx", inputs, outputs)
    found = agree(path, tmp_path, None if name == "resnet18" else outputs)
    assert len(found.names) == len(NETWORKS.get(name, range(69))) and all(len(one) == 4 for one in found.inputs)


def agree(path, tmp_path, outputs):
    """Assert that these outputs (None: all layers) are what onnxruntime computes; return what it was asked."""
    preprocess.preprocess(path, str(tmp_path / "js"), layers=outputs)
    model_json = str(tmp_path / "js" / "model.json")
    found = by_onnxruntime.values(path, model_json, None, verify.told_of(model_json))
    for version in ("1.0.0", None):
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        outputs = [one.replace(":", "/") for one in found.names]
        values = predict.predict(model_json, found.inputs, bundle, outputs, sync=True)
        far = {one: oracle.distance(numpy.asarray(wanted, "float64"), got.values) if wanted.shape == got.values.shape
               else (wanted.shape, got.values.shape) for one, wanted, got in zip(found.names, found.wanted, values)}
        assert not {key: value for key, value in far.items() if not isinstance(value, float) or value > BOUND}, version
    return found


def test_verify_takes_onnxruntime_for_its_oracle(tmp_path, onnxruntime):
    made, inputs, outputs = network(*NETWORKS["same"])
    path = made.save(tmp_path / "m.onnx", inputs, outputs)
    for layout in ("auto", "as-is"):
        target = str(tmp_path / layout)
        facts = preprocess.preprocess(path, target, layout=layout).facts
        assert ("layout" in facts) == (layout == "auto")
        report, values = verify.verify(path, os.path.join(target, "model.json"))
        assert report["agree"] and report["oracle"] == "onnxruntime" and len(report["outputs"]) == 4, report
        assert values["input_0"].shape == ((4, 9, 12, 3) if layout == "auto" else (4, 3, 9, 12))
    assert "layout" not in preprocess.preprocess(path, str(tmp_path / "trusted"), trust="none.py", layout="as-is").facts
    with pytest.raises(Fault, match="layout is an ONNX model's"):
        preprocess.preprocess(os.path.join(target, "model.json"), str(tmp_path / "js"), trust="none.py", layout="as-is")
    convert(path, tmp_path / "called", layout="as-is")
    assert predict.describe(str(tmp_path / "called" / "model.json"))["inputs"][0]["shape"][1:] == [3, 9, 12]
    with pytest.raises(Fault, match="layout: 'NCHW' is none of auto, as-is"):
        convert(path, tmp_path / "called", layout="NCHW")


def test_the_oracle_has_the_inputs_that_are_constants(tmp_path, onnxruntime):
    made, inputs, outputs = onnx_made.of_rates()
    path = made.save(tmp_path / "m.onnx", inputs, outputs, {"rate": 7})
    model_json = convert(path, tmp_path / "js", constants={"rate": 8000}).model_json
    found = by_onnxruntime.values(path, model_json, None, verify.told_of(model_json))
    assert (found.wanted[0] == found.inputs[0][:, :1]).all() and found.wanted[0].shape == (4, 1)


def test_the_document_tells_the_layout_and_the_layers(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    path = made.save(tmp_path / "m.onnx", inputs, outputs)
    preprocess.preprocess(path, str(tmp_path / "js"), layers=["conv1", "fc"])
    with open(str(tmp_path / "js" / "model.json")) as file:
        document = json.load(file)
    told = document["userDefinedMetadata"]["tensorspace"]
    assert told["layout"] == {"input": "NHWC", "conv1": "NHWC"}
    assert [one["name"] for one in told["layers"]] == ["input", "conv1", "fc"]
    assert document["generatedBy"] == "onnx pytorch 2.9.1"


def test_what_is_about_layers_of_keras_is_refused(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    path = made.save(tmp_path / "m.onnx", inputs, outputs)
    for more, words in ((dict(format="layers"), "format=layers"), (dict(enc_model="e.h5"), "enc_model"),
                        (dict(saved_model_tags="other"), "tags")):
        with pytest.raises(Fault, match=words):
            preprocess.preprocess(path, str(tmp_path / "js"), **more)
    with pytest.raises(Fault, match="without layers of Keras's"):
        child.run("encapsulate", [path, str(tmp_path / "e.h5")], True)
