"""ONNX files as data, and the graph that is made of them: types, files beside the model, names, layouts, refusals."""
import json
import os

import numpy
import pytest

from scripts import Fault, convert, formats, opset, preprocess, summary
from scripts.emit import core
from scripts.formats import onnx_tensors
from scripts.opset import sizes
from scripts.wire.protobuf import Damaged, field
from tests.unit import onnx_made
from tests.unit.onnx_made import Made, function, join, packed, tensor


def read(data, **more):
    """The values of one TensorProto."""
    found = onnx_tensors.tensor(data, "model.onnx")
    return found.weight.read()


# Tensors ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", sorted(onnx_made.TYPES))
def test_raw_values_of_every_type_of_numpy_are_read(dtype):
    array = numpy.array([[0, 1, 2], [3, 100, 5]]).astype(dtype)
    found = read(tensor("w", array))
    assert found.dtype == array.dtype and found.tolist() == array.tolist()


@pytest.mark.parametrize("dtype, number, body, wanted", [
    ("FLOAT", 1, field(4, numpy.array([1.5, -2], "<f4").tobytes()), [1.5, -2]),
    ("DOUBLE", 11, field(10, numpy.array([1.5, -2], "<f8").tobytes()), [1.5, -2]),
    ("INT64", 7, field(7, packed([-1, 1 << 40])), [-1, 1 << 40]),
    ("INT64", 7, field(7, 5) + field(7, -6), [5, -6]),  # not packed
    ("INT32", 6, field(5, packed([-1, 7])), [-1, 7]),
    ("INT8", 3, field(5, packed([-1, 7])), [-1, 7]),
    ("UINT8", 2, field(5, packed([255, 7])), [255, 7]),
    ("BOOL", 9, field(5, packed([1, 0])), [True, False]),
    ("UINT64", 13, field(11, packed([1 << 63, 7])), [1 << 63, 7]),
    ("FLOAT16", 10, field(5, packed(numpy.array([1.5, -2], "float16").view("uint16"))), [1.5, -2]),
    ("BFLOAT16", 16, field(5, packed([0x3fc0, 0xc000])), [1.5, -2]),
    ("BFLOAT16", 16, field(9, b"\xc0\x3f\x00\xc0"), [1.5, -2]),
    ("INT4", 22, field(9, b"\xf1"), [1, -1]),
    ("UINT4", 21, field(9, b"\xf1"), [1, 15]),
    ("INT2", 26, field(9, b"\x0d"), [1, -1]),
    ("FLOAT4E2M1", 23, field(9, b"\x93"), [1.5, -0.5]),
    ("FLOAT8E4M3FN", 17, field(9, b"\x3c\xc0"), [1.5, -2]),
    ("FLOAT8E5M2", 19, field(9, b"\x3e\xc0"), [1.5, -2]),
    ("FLOAT8E4M3FNUZ", 18, field(9, b"\x44\xc8"), [1.5, -2]),
    ("FLOAT8E5M2FNUZ", 20, field(9, b"\x42\xc4"), [1.5, -2]),
    ("FLOAT8E8M0", 24, field(9, b"\x80\x7e"), [2, 0.5]),
])
def test_values_in_fields_and_in_fewer_bits_are_read_as_the_numbers_that_they_mean(dtype, number, body, wanted):
    assert read(tensor("w", [], dtype=number, dims=[2], fields=body)).tolist() == wanted, dtype


@pytest.mark.parametrize("more, words", [
    (dict(dtype=1, dims=[2], fields=field(9, b"\0\0\0\0")), "4 bytes of 8"),
    (dict(dtype=1, dims=[2], fields=b""), "0 values"),
    (dict(dtype=1, dims=[-1], fields=b""), "shape"),
    (dict(dtype=99, dims=[1], fields=b""), "type 99"),
    (dict(dtype=0, dims=[1], fields=b""), "no type"),
    (dict(dtype=7, dims=[1], fields=field(7, b"\x80")), "cut short"),
    (dict(dtype=1, dims=[1], fields=field(4, b"\0\0")), "no floats"),
])
def test_a_tensor_that_does_not_fit_is_damage(more, words):
    with pytest.raises((Damaged, Fault), match=words):
        read(tensor("w", [], **more))


def test_weights_beside_the_model_are_read_row_by_row_and_are_among_its_files(tmp_path):
    array = numpy.arange(24, dtype="float32").reshape(4, 6)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "weights.bin").write_bytes(b"12345678" + array.tobytes())
    made = Made()
    told = join(*[field(13, field(1, key) + field(2, value)) for key, value in (
        ("location", "more/weights.bin"), ("offset", "8"), ("length", "96"))])
    made.tensors.append(tensor("w", array, fields=told + field(14, 1)))
    y = made.node("MatMul", "x", "w", named="/fc/MatMul")
    path = made.save(tmp_path / "m.onnx", {"x": ["N", 4]}, [y])
    assert formats.files(path) == [path, os.path.join(str(tmp_path), "more/weights.bin")]
    weight = formats.read(path).graph.tensors["w"].weight
    assert numpy.array_equal(weight.read(), array)
    assert numpy.array_equal(numpy.concatenate(list(weight.pieces(30))).reshape(4, 6), array)


# Files -----------------------------------------------------------------------------------------------------------

def test_a_file_is_told_by_its_content(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    path = made.save(tmp_path / "any.name", inputs, outputs)
    assert formats.which(path).__name__.endswith(".onnx") and formats.is_graph(path) and formats.is_onnx(path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    assert not formats.is_onnx(str(tmp_path / "saved_model.pb"))
    model = formats.read(path)
    assert (model.producer, model.opsets) == ("pytorch 2.9.1", {"": 17, "mine": 1})
    assert [(one.name, one.dtype, one.shape) for one in model.graph.inputs] == [
        ("input", "FLOAT", ("batch", 3, 32, 48))]


@pytest.mark.parametrize("cut", [30, 200, -1, -40])
def test_a_file_that_is_cut_short_is_damage(cut, tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    (tmp_path / "m.onnx").write_bytes(made.model(inputs, outputs)[:cut])
    with pytest.raises(Fault, match="damaged|nothing computes"):
        opset.lower(formats.read(str(tmp_path / "m.onnx")))


# Layout ----------------------------------------------------------------------------------------------------------

def lowered(made, tmp_path, fed, given, **settings):
    return opset.lower(formats.read(made.save(tmp_path / "m.onnx", fed, given)), **settings)


def count(graph, op):
    return sum(node.op == op for node in graph.nodes.values())


def test_a_resnet_has_no_transpose_at_all(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    found = lowered(made, tmp_path, inputs, outputs)
    assert count(found.graph, "Conv2D") == 20 and count(found.graph, "Transpose") == 0
    assert found.layouts == {"input": "NHWC"} and found.outputs == {"output": "output"}
    assert found.graph.nodes["input"].outputs[0].shape == (None, 32, 48, 3)


def test_as_is_has_one_transpose_at_each_edge_that_is_an_image(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    found = lowered(made, tmp_path, inputs, outputs, layout="as-is", outputs=["layer1.0.conv1", "fc"])
    assert count(found.graph, "Transpose") == 2 and found.layouts == {}
    assert found.graph.nodes["input"].outputs[0].shape == (None, 3, 32, 48)
    assert found.graph.nodes["layer1.0.conv1"].outputs[0].shape == (None, 8, 8, 12)


def test_a_dense_layer_behind_an_image_takes_its_values_as_they_are_stored(tmp_path):
    made = Made()
    x = made.node("Conv", "x", made.weight("w", 4, 3, 3, 3), pads=[1, 1, 1, 1])
    y = made.node("Gemm", made.node("Flatten", x), made.weight("k", 4 * 6 * 5, 7))
    found = lowered(made, tmp_path, {"x": ["N", 3, 6, 5]}, [y])
    assert count(found.graph, "Transpose") == 0


def test_tokens_of_an_image_are_not_moved(tmp_path):
    """A vision transformer's (N, C, H, W) -> (N, C, H * W) -> (N, H * W, C)."""
    made = Made()
    x = made.node("Conv", "x", made.weight("w", 8, 3, 4, 4), strides=[4, 4])
    x = made.node("Reshape", x, made.constant("shape", numpy.array([0, 8, -1])))
    x = made.node("Transpose", x, perm=[0, 2, 1])
    found = lowered(made, tmp_path, {"x": ["N", 3, 12, 8]}, [x])
    assert count(found.graph, "Transpose") == 0
    assert found.graph.nodes[found.graph.outputs[0]].outputs[0].shape == (None, 6, 8)


def test_a_group_normalization_of_pytorch_moves_no_value(tmp_path):
    """It is spelled Reshape, InstanceNormalization, Reshape, Mul, Add."""
    made, inputs, outputs = grouped()
    found = lowered(made, tmp_path, inputs, outputs)
    assert count(found.graph, "Transpose") == 0 and count(found.graph, "Rsqrt") == 1


def grouped():
    made = Made()
    x = made.node("Conv", "x", made.weight("w", 8, 3, 3, 3), pads=[1, 1, 1, 1])
    y = made.node("Reshape", x, made.constant("groups", numpy.array([0, 2, -1])))
    y = made.node("InstanceNormalization", y, made.weight("one", 2), made.weight("none", 2))
    y = made.node("Reshape", y, made.node("Shape", x))
    y = made.node("Add", made.node("Mul", y, made.weight("scale", 8, 1, 1)), made.weight("shift", 8, 1, 1))
    y = made.node("Conv", y, made.weight("v", 4, 8, 3, 3))
    return made, {"x": ["N", 3, 6, 5]}, [y]


def test_a_batch_that_shape_arithmetic_needs_stays_open(tmp_path):
    made = Made()
    x = made.node("Conv", "x", made.weight("w", 4, 3, 3, 3), pads=[1, 1, 1, 1])
    size = made.node("Gather", made.node("Shape", x), made.constant("zero", numpy.array(0)), axis=0)
    size = made.node("Unsqueeze", size, made.constant("axes", numpy.array([0])))
    shape = made.node("Concat", size, made.constant("rest", numpy.array([2, 2, -1])), axis=0)
    x = made.node("Reshape", x, shape)
    found = lowered(made, tmp_path, {"x": ["N", 3, 6, 5]}, [x])
    assert found.graph.nodes[found.graph.outputs[0]].outputs[0].shape == (None, 2, 2, 30)


def test_a_batch_that_is_multiplied_and_parted_again_stays_open(tmp_path):
    """Attention: (N, T, heads * C) -> (N * heads, T, C) and back, with the batch in the middle as PyTorch has it."""
    made = Made()
    size = made.node("Gather", made.node("Shape", "x"), made.constant("zero", numpy.array([0])), axis=0)
    many = made.node("Mul", size, made.constant("heads", numpy.array([3])))
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    x = made.node("Reshape", x, made.node("Concat", made.constant("t", numpy.array([5])), many, made.constant(
        "c", numpy.array([4])), axis=0))
    x = made.node("Softmax", made.node("Transpose", x, perm=[1, 0, 2]), axis=-1)
    x = made.node("Transpose", x, perm=[1, 0, 2])
    x = made.node("Reshape", x, made.node("Concat", made.constant("s", numpy.array([5])), size, made.constant(
        "w", numpy.array([12])), axis=0))
    found = lowered(made, tmp_path, {"x": ["N", 5, 12]}, [made.node("Transpose", x, perm=[1, 0, 2])])
    assert found.graph.nodes[found.graph.outputs[0]].outputs[0].shape == (None, 5, 12)


def test_a_batch_that_has_to_be_known_is_one(tmp_path):
    made = Made()
    y = made.node("Reshape", "x", made.constant("shape", numpy.array([1, 6])))
    found = lowered(made, tmp_path, {"x": ["N", 3, 2]}, [y])
    assert found.graph.nodes["x"].outputs[0].shape == (1, 3, 2)


def test_input_shape_gives_open_sizes(tmp_path):
    made = Made()
    y = made.node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    with pytest.raises(Fault, match="--input-shape"):
        lowered(made, tmp_path, {"x": ["N", 3, "H", None]}, [y])
    found = lowered(made, tmp_path, {"x": ["N", 3, "H", None]}, [y], input_shape=[None, 8, 6])
    assert found.graph.nodes["x"].outputs[0].shape == (None, 8, 6, 3)
    for wrong in ([4, 8, 6], [8, 6], {"y": [3, 8, 6]}, [3, 0, 6]):
        with pytest.raises(Fault, match="input_shape"):
            lowered(made, tmp_path, {"x": ["N", 3, "H", None]}, [y], input_shape=wrong)


@pytest.mark.parametrize("old, new, wanted", [
    ([2, 12, 3], [2, 3, 4, 3], [([0], [0]), ([1], [1, 2]), ([2], [3])]),
    ([2, 3, 4], [6, 4], [([0, 1], [0]), ([2], [1])]),
    ([2, 1, 3], [2, 3, 1], [([0], [0]), ([1], []), ([2], [1]), ([], [2])]),
    ([6, 4], [4, 6], [([0, 1], [0, 1])]),
])
def test_a_reshape_is_made_of_the_smallest_groups(old, new, wanted):
    assert [tuple(group) for group in sizes.groups(old, new)] == wanted


# Names -----------------------------------------------------------------------------------------------------------

def test_layers_are_called_as_the_modules_of_pytorch(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    found = lowered(made, tmp_path, inputs, outputs, every=True)
    assert list(found.outputs)[:9] == ["conv1", "bn1", "relu", "maxpool", "layer1.0.conv1", "layer1.0.bn1",
                                       "layer1.0.relu", "layer1.0.conv2", "layer1.0.bn2"]
    assert {"layer2.0.downsample.0", "layer4.1.relu_1", "layer3.0.Add", "avgpool", "fc"} <= set(found.outputs)
    kinds = {one.name: one.class_name for one in found.layers}
    assert [kinds[name] for name in ("input", "conv1", "bn1", "relu", "maxpool", "layer1.0.Add", "avgpool", "Flatten",
                                     "fc")] == [
        "InputLayer", "Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Add", "GlobalAveragePooling2D",
        "Flatten", "Dense"]
    shown = {one.name: one for one in found.layers}
    assert shown["layer1.0.Add"].inputs == ["layer1.0.bn2", "maxpool"] and shown["fc"].parameters == 330
    assert shown["conv1"].shape == [None, 16, 24, 8]
    told = summary.described(str(tmp_path / "m.onnx"))
    assert told.layout == {"input": "NHWC"} and list(told.lines())[-2:] == [
        "channels last, as TensorSpace draws them: input; --layout as-is leaves them in ONNX's order",
        f"{sum(one.parameters for one in found.layers):,} parameters"]


def test_a_module_with_modules_in_it_and_a_tensor_can_be_asked_for(tmp_path):
    made, inputs, outputs = onnx_made.resnet18()
    found = lowered(made, tmp_path, inputs, outputs, outputs=["layer1", "layer2.0", "relu_3"])
    assert [found.graph.nodes[node].inputs[0].node for node in found.graph.outputs] == [
        "layer1/layer1.1/relu_1/Relu/Relu", "layer2/layer2.0/relu_1/Relu/Relu", "relu/Relu/Relu"]
    with pytest.raises(Fault, match="no layer 'layer1.0.conv9'; near it: layer1.0.conv"):
        lowered(made, tmp_path, inputs, outputs, outputs=["layer1.0.conv9"])


def test_the_property_of_the_newer_exporter_names_the_modules(tmp_path):
    made = Made()
    x = made.node("Conv", "x", made.weight("w", 4, 3, 1, 1), named="node_conv2d",
                  scopes="['', 'features', 'features.0', 'conv2d']")
    y = made.node("Relu", x, named="node_relu", scopes="['', 'features', 'features.1', 'relu']")
    found = lowered(made, tmp_path, {"x": ["N", 3, 6, 5]}, [y], every=True)
    assert list(found.outputs) == ["features.0", "features.1"]


def test_a_bias_behind_a_product_belongs_to_its_layer(tmp_path):
    made = Made()
    x = made.node("Add", made.node("MatMul", "x", made.weight("w", 3, 4), named="dense"), made.weight("b", 4))
    y = made.node("Relu", x, named="active")
    found = lowered(made, tmp_path, {"x": ["N", 3]}, [y], every=True)
    assert list(found.outputs) == ["dense", "active"]
    assert found.graph.nodes[found.graph.nodes["dense"].inputs[0].node].op == "Add"
    assert [one.parameters for one in found.layers] == [0, 16, 0]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 1, 0), (3, 2, 0, 1), (1, 0, 3, 2)])
def test_a_weight_is_turned_in_parts_to_what_numpy_makes_of_it(order, monkeypatch):
    monkeypatch.setattr(core, "TURNED", 1)
    array = numpy.arange(19 * 5 * 3 * 2, dtype="float32").reshape(19, 5, 3, 2).transpose(order)
    made = core.contiguous(array, "float32")
    assert made.flags.c_contiguous and (made == array).all()


@pytest.mark.parametrize("op, shapes, constants, words", [
    ("STFT", {"x": [1, 1 << 21, 1]}, [("step", 1), ("window", [1.0]), ("frame", 1 << 20)], "its frames are 1048576"),
    ("DFT", {"x": [1, 1 << 20, 1]}, [], "it transforms 1048576 samples"),
    ("MelWeightMatrix", {}, [("bins", 1 << 22), ("length", 1), ("rate", 1), ("low", 0.0), ("high", 1.0)], "bins of 1"),
    ("HannWindow", {}, [("size", 1 << 30)], "has size"),
    ("AffineGrid", {"x": [1, 2, 3]}, [("size", [1, 1, 1 << 20, 1 << 20])], "on an image of"),
    ("Col2Im", {"x": [1, 4, 1 << 20]}, [("image", [1 << 20]), ("block", [4])], "puts 1048573 windows"),
    ("DeformConv", {"x": [1, 1, 4, 4], "w": [1, 1, 1, 1], "places": [1, 2, 1 << 30, 1]}, [], "too large")])
def test_what_would_fill_the_memory_is_refused(op, shapes, constants, words, tmp_path):
    made = Made(20)
    given = list(shapes) + [made.constant(name, numpy.array(value)) for name, value in constants]
    y = made.node("Add", made.node(op, *given), made.node("Relu", "other"))
    with pytest.raises(Fault, match=words):
        lowered(made, tmp_path, dict(shapes, other=["N", 1]), [y])


# Graphs in graphs ------------------------------------------------------------------------------------------------

def test_functions_of_the_model_are_put_in_the_place_of_their_calls(tmp_path):
    made, inner = Made(), Made()
    inner.node("Relu", "a", outputs=["b"])
    inner.node("Add", "b", "a", outputs=["c"])
    made.functions.append(function("Twice", ["a"], ["c"], inner.nodes))
    y = made.node("Twice", "x", domain="mine", named="twice")
    found = lowered(made, tmp_path, {"x": ["N", 3]}, [y])
    assert [node.op for node in found.graph.nodes.values() if node.op != "Identity"] == ["Placeholder", "Relu", "Add"]


@pytest.mark.parametrize("scopes, layers", [
    ("['', 'stem', 'stem.conv', 'conv2d']", ["stem.conv"]), (None, ["stem_1/conv", "stem_1/Relu"])])
def test_images_and_layers_inside_of_functions_are_known(scopes, layers, tmp_path):
    # PyTorch's exporters write modules, or the operations of which these are made, as functions that call others
    made, outer, inner = Made(), Made(), Made()
    inner.node("Conv", "image", "kernel", outputs=["made"])
    outer.node("Conv2d", "x", "w", domain="mine", named="conv", outputs=["y"])
    outer.node("Relu", "y", outputs=["z"])
    made.functions += [function("Stem", ["x", "w"], ["z", "x"], outer.nodes),
                       function("Conv2d", ["image", "kernel"], ["made"], inner.nodes)]
    y = made.node("Stem", "x", made.weight("w", 4, 3, 1, 1), domain="mine", named="stem_1", outputs=["y", "same"],
                  scopes=scopes)
    found = lowered(made, tmp_path, {"x": ["N", 3, 6, 5]}, [y, "same"], every=True)
    assert count(found.graph, "Transpose") == 0 and found.layouts["x"] == "NHWC"
    assert list(found.outputs)[:len(layers)] == layers and [one.parameters for one in found.layers][1] == 12


@pytest.mark.parametrize("condition, op", [(True, "Relu"), (False, "Neg")])
def test_the_branch_of_a_constant_is_taken(condition, op, tmp_path):
    made, one, other = Made(), Made(), Made()
    one.node("Relu", "x", outputs=["y"])
    other.node("Neg", "x", outputs=["y"])
    y = made.node("If", made.constant("c", numpy.array(condition)), then_branch=one.graph({}, ["y"]),
                  else_branch=other.graph({}, ["y"]))
    found = lowered(made, tmp_path, {"x": ["N", 3]}, [y])
    assert count(found.graph, op) == 1 and len(found.graph.nodes) == 3


@pytest.mark.parametrize("other, words", [
    (lambda made: made.node("Flatten", "x", outputs=["y"]), r"one gives \(2, 3, 1\), the other \(2, 3\)"),
    (lambda made: made.node("Reshape", "x", made.constant("s", numpy.array([5])), outputs=["y"]), "cannot be computed"),
    (lambda made: made.node("Swirl", "x", outputs=["y"]), "Swirl of opset 17"),
])
def test_branches_that_the_data_choose_have_to_fit(other, words, tmp_path):
    made, one, two = Made(), Made(), Made()
    one.node("Relu", "x", outputs=["y"])
    other(two)
    condition = made.node("Cast", made.node("ReduceMax", "x", keepdims=0), to=9)
    y = made.node("If", condition, then_branch=one.graph({}, ["y"]), else_branch=two.graph({}, ["y"]))
    with pytest.raises(Fault, match=words):
        lowered(made, tmp_path, {"x": [2, 3, 1]}, [y])


def test_an_input_can_be_given_a_value_that_decides_which_branch_is_taken(tmp_path, capsys):
    made, inputs, outputs = onnx_made.of_rates()
    path = made.save(tmp_path / "m.onnx", inputs, outputs, {"rate": 7})
    with pytest.raises(Fault, match="'choice' is ONNX's If: .* or fix an input: --constant rate=VALUE$"):
        opset.lower(formats.read(path))
    for rate, op in ((16000, "Neg"), (8000, "Slice")):
        found = opset.lower(formats.read(path, constants={"rate": rate})).graph
        assert found.inputs == ["x"]
        assert [other for other in ("Neg", "Slice", "Select") if count(found, other)] == [op]
    for constants, words in (({"rat": 1}, "no input is called 'rat'; there are: x, rate"), (
            {"rate": 1.5}, r"'rate' takes int64 of shape \(\), not 1.5"), ({"rate": [1, 2]}, "not .1, 2."), (
            {"rate": "fast"}, "not 'fast'"), ({"x": [[1, 2]]}, "'x' takes float32 of shape"), (
            {"x": [[1, 2, 3]], "rate": 1}, "no input is left")):
        with pytest.raises(Fault, match="m.onnx: constants: .*" + words):
            formats.read(path, constants=constants)
    preprocess.main([path, str(tmp_path / "js"), "--constant", "rate=16000"])
    with open(str(tmp_path / "js" / "model.json")) as file:
        told = json.load(file)
    assert told["userDefinedMetadata"]["tensorspace"]["constants"] == {"rate": 16000}
    assert list(told["signature"]["inputs"]) == ["x"]
    summary.main([path, "--constant", "rate=16000"])
    assert "rate" not in capsys.readouterr().out
    with pytest.raises(Fault, match="--constant: 'rate=x' is no input's name and a value"):
        preprocess.main([path, str(tmp_path / "js"), "--constant", "rate=x"])
    with pytest.raises(Fault, match="constants: 'x' takes float32 of shape .*, not 1"):  # a graph model takes them, too
        convert(str(tmp_path / "js" / "model.json"), tmp_path / "again", constants={"x": 1})


def loop(made, body, steps, outputs, going="going"):
    """A Loop whose body carries one tensor."""
    body.node("Identity", going, outputs=["goes_on"])
    return made.node("Loop", steps, made.constant("go", numpy.array(True)), "x", outputs=["end", "left"][:len(outputs)],
                     body=body.graph({"step": [], "going": [], "carried": ["N", 3]}, ["goes_on"] + outputs))


@pytest.mark.parametrize("until, steps", [(None, 4), (2, 3)])
def test_a_loop_of_known_steps_is_written_step_by_step(until, steps, tmp_path):
    made, body = Made(), Made()
    y = body.node("Relu", "carried")
    going = "going" if until is None else body.node("Less", "step", body.constant("until", numpy.array(until)))
    loop(made, body, made.constant("steps", numpy.array(4)), [y, "step"], going)
    found = lowered(made, tmp_path, {"x": ["N", 3]}, ["end", "left"])
    assert count(found.graph, "Relu") == steps
    walk = opset.opened(formats.read(str(tmp_path / "m.onnx")), None, None).walk
    assert walk.values["left"].array.tolist() == list(range(steps))


def test_a_loop_whose_steps_the_data_decide_is_refused(tmp_path):
    made, body = Made(), Made()
    going = body.node("Cast", body.node("ReduceMax", "carried", keepdims=0), to=9)
    loop(made, body, made.constant("steps", numpy.array(4)), ["carried", "step"], going)
    with pytest.raises(Fault, match="how many steps it takes depends on the data; export the model for one number"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["end", "left"])
    made, body = Made(), Made()
    loop(made, body, made.node("Cast", made.node("ReduceMax", "x", keepdims=0), to=7), ["carried"])
    with pytest.raises(Fault, match="its input 0 is computed, and has to be a constant"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["end"])


def test_a_row_of_tensors_is_no_output_and_its_places_are_known(tmp_path):
    made = Made()
    made.node("SplitToSequence", "x", axis=1, outputs=["parts"])
    with pytest.raises(Fault, match="output 'parts' is a row of tensors, which TensorSpace cannot show"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["parts"])
    made.node("SequenceAt", "parts", made.node("Cast", made.node("ReduceMax", "x", keepdims=0), to=7), outputs=["one"])
    with pytest.raises(Fault, match="which tensor of a row it takes is computed"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["one"])
    made.node("Relu", "parts", outputs=["wrong"])
    with pytest.raises(Fault, match="is given a row of tensors for a tensor: the file is damaged"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["wrong"])


@pytest.mark.parametrize("steps, words", [(1 << 40, "it takes more than 4096 steps"), (0, "it takes no step")])
def test_a_loop_of_too_many_steps_or_of_none_is_refused(steps, words, tmp_path):
    made, body = Made(), Made()
    loop(made, body, made.constant("steps", numpy.array(steps)), ["carried", "step"])
    with pytest.raises(Fault, match=words):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["end", "left"])


# Refusals --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["Swirl", "RandomNormalLike", "Bernoulli"])
def test_an_operation_that_is_not_known_is_named_with_the_outputs_before_it(name, tmp_path):
    made = Made()
    x = made.node("Relu", "x", named="first")
    y = made.node(name, x, named="second")
    with pytest.raises(Fault) as caught:
        lowered(made, tmp_path, {"x": ["N", 3]}, [y])
    assert str(caught.value) == (f"'second' is ONNX's {name} of opset 17: TensorFlow.js does not have it; outputs "
                                 "that do without it: first")
    assert list(lowered(made, tmp_path, {"x": ["N", 3]}, [y], outputs=["first"]).outputs) == ["first"]
    lines = list(summary.described(str(tmp_path / "m.onnx")).lines())
    assert "TensorFlow.js does not have it" in lines[4]


def test_an_output_that_cannot_be_computed_is_left_out_where_another_remains(tmp_path):
    made = Made()
    x = made.node("Relu", "x", named="first", outputs=["probabilities"])
    made.node("Swirl", x, named="second", outputs=["label"])
    found = lowered(made, tmp_path, {"x": ["N", 3]}, ["label", "probabilities"], every=True)
    assert list(found.outputs) == ["first"]
    assert found.why == ("label: left out, for 'second' is ONNX's Swirl of opset 17: TensorFlow.js does not have it")
    with pytest.raises(Fault, match="Swirl"):
        lowered(made, tmp_path, {"x": ["N", 3]}, ["label", "probabilities"], outputs=["label"])


def test_a_model_without_outputs_is_refused(tmp_path):
    with pytest.raises(Fault, match="no outputs"):
        lowered(Made(), tmp_path, {"x": [2, 3]}, [])


@pytest.mark.parametrize("change, words", [
    (lambda made: made.node("Relu", "nothing", outputs=["y"]), "nothing computes 'nothing'"),
    (lambda made: [made.node("Relu", "y", outputs=["z"]), made.node("Relu", "z", outputs=["y"])], "computed of it"),
    (lambda made: [made.node("Relu", "x", outputs=["y"]), made.node("Neg", "x", outputs=["y"])], "two operations"),
    (lambda made: made.node("Conv", "x", made.weight("w", 4, 3, 3, 3), outputs=["y"]), "dimensions"),
    (lambda made: made.node("Softmax", "x", axis=5, outputs=["y"]), "axis 5"),
    (lambda made: made.node("Softmax", "x", axis="one", outputs=["y"]), "axis='one'"),
    (lambda made: made.node("Reshape", "x", made.constant("s", numpy.array([5, 7])), outputs=["y"]), "cannot become"),
    (lambda made: made.node("Add", "x", made.constant("s", numpy.zeros((5, 7), "float32")), outputs=["y"]),
     "do not go together"),
])
def test_what_does_not_fit_is_one_line(change, words, tmp_path):
    made = Made()
    change(made)
    with pytest.raises(Fault, match=words):
        lowered(made, tmp_path, {"x": [2, 3]}, ["y"])
