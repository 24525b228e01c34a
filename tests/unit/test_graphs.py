"""Graphs of operations without TensorFlow: scripts/operations/; graph_json, write_graph and adapt of scripts/tfjs/."""
import json
import math
import os
import re
import subprocess
import sys
import time

import numpy
import pytest

from scripts import Fault, formats, preprocess
from scripts.operations import graphdef, misfits, shapes, unlike
from scripts.operations.graph import Attribute, Call, Function, Graph, Node, Row, Spec, Tensor, constant
from scripts.operations.outputs import Choice
from scripts.tfjs import adapt, graph_json, operations, rewritten, write_graph
from scripts.viewer import packages, predict
from scripts.wire.protobuf import Damaged, field
from tests import needs
from tests.unit import graphs, handmade

FLOAT, REAL = "DT_FLOAT", Attribute("type", "DT_FLOAT")


def placeholder(name, *shape, dtype=FLOAT):
    return Node(name, "Placeholder", attributes={"dtype": Attribute("type", dtype)}, outputs=[Spec(dtype, shape)])


def small():
    """relu(x w + b), and its sum along the last axis."""
    nodes = [placeholder("x", None, 3), constant("w", numpy.arange(12, dtype="float32").reshape(3, 4) - 5),
             constant("b", numpy.array([1, -2, 3, 0.1], "float32")), constant("axis", -1, "DT_INT32")]
    known = [Spec(FLOAT, (None, 4))]
    no = Attribute("b", False)
    nodes += [Node("product", "MatMul", [Tensor("x"), Tensor("w")], outputs=known, attributes={
        "T": REAL, "transpose_a": no, "transpose_b": no}),
        Node("sum", "Add", [Tensor("product"), Tensor("b")], outputs=known, attributes={"T": REAL}),
        Node("y", "Relu", [Tensor("sum")], outputs=known, attributes={"T": REAL}),
        Node("total", "Sum", [Tensor("y"), Tensor("axis")], outputs=[Spec(FLOAT, (None,))], attributes={
            "T": REAL, "Tidx": Attribute("type", "DT_INT32"), "keep_dims": no})]
    return Graph(nodes, ["x"], ["total", "y"], producer=1, made_by="by hand")


def test_a_graph_made_by_hand_is_written_without_tensorflow_and_runs(tmp_path):
    needs.node()
    names = write_graph.write(small(), str(tmp_path))
    assert names == ["model.json", "group1-shard1of1.bin"] and sorted(os.listdir(str(tmp_path))) == sorted(names)
    x = numpy.random.RandomState(0).uniform(-1, 1, (2, 3)).astype("float32")
    wanted = numpy.maximum(x @ (numpy.arange(12, dtype="float32").reshape(3, 4) - 5) + [1, -2, 3, 0.1], 0)
    found = predict.predict(str(tmp_path / "model.json"), [x])
    assert [name for name, _ in found] == ["total", "y"]
    assert numpy.allclose(found[0][1], wanted.sum(1), atol=1e-5) and numpy.allclose(found[1][1], wanted, atol=1e-5)


def test_what_is_written_is_the_same_every_time_and_names_what_made_it(tmp_path):
    for name in ("a", "b"):
        write_graph.write(small(), str(tmp_path / name))
    written = (tmp_path / "a" / "model.json").read_bytes()
    assert written == (tmp_path / "b" / "model.json").read_bytes()
    document = json.loads(written.decode())
    assert document["generatedBy"] == "by hand" and list(document["signature"]["outputs"]) == ["total", "y"]
    assert document["signature"]["inputs"]["x"] == {"name": "x:0", "dtype": "DT_FLOAT", "tensorShape": {
        "dim": [{"size": "-1"}, {"size": "3"}]}}


def test_every_kind_of_attribute_survives_the_bytes_of_a_graphdef():
    attributes = {
        "s": Attribute("s", b"\xff\x00"), "i": Attribute("i", -(1 << 63)), "large": Attribute("i", (1 << 63) - 1),
        "f": Attribute("f", 0.5), "b": Attribute("b", False), "type": Attribute("type", "DT_INT64_REF"),
        "new": Attribute("type", 999), "shape": Attribute("shape", (None, 0, 3)), "any": Attribute("shape", None),
        "scalar": Attribute("shape", ()), "hole": Attribute("placeholder", "T"), "none": Attribute("list", Row("", [])),
        "func": Attribute("func", Call("f", {"T": REAL})), "i_s": Attribute("list", Row("i", [1, -1])),
        "f_s": Attribute("list", Row("f", [0.5, -2.0])), "b_s": Attribute("list", Row("b", [True, False])),
        "s_s": Attribute("list", Row("s", [b"a", b""])), "t_s": Attribute("list", Row("type", ["DT_FLOAT", "DT_HALF"])),
        "shapes": Attribute("list", Row("shape", [(1,), None])),
        "func_s": Attribute("list", Row("func", [Call("f", {}), Call("g", {})]))}
    node = Node("n", "Op", [Tensor("x"), Tensor("x", 2)], ["before"], attributes, device="/cpu:0")
    inside = Node("inner", "Add", [Tensor("a"), Tensor("b", 1, "out")])
    before = Graph([placeholder("x", 1), node], producer=7, consumer=3, functions=[
        Function("f", [inside], {"r": "inner:z:0"}, field(1, field(1, "f")))])
    found = graphdef.read(graphdef.write(before))
    same = found.nodes["n"]
    assert (same.op, same.inputs, same.controls, same.device) == ("Op", node.inputs, ["before"], "/cpu:0")
    assert same.attributes == attributes
    assert (found.producer, found.consumer) == (7, 3)
    assert found.functions[0].results == {"r": "inner:z:0"} and found.functions[0].nodes[0].inputs == inside.inputs
    assert graphdef.write(found) == graphdef.write(before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32",
                                   "int64", "uint32", "uint64", "bool", "complex64"])
def test_the_values_of_a_constant_survive_the_bytes_of_a_graphdef(dtype):
    values = numpy.arange(6).reshape(2, 3).astype(dtype)
    found = graphdef.read(graphdef.write(Graph([constant("c", values)]))).constant(Tensor("c"))
    assert found.dtype == values.dtype and numpy.array_equal(found, values)


@pytest.mark.parametrize("content", [b"\x0a", b"\x0a\x05hello", b"\x0a" + b"\xff" * 10, b"\x08" * 3,
                                     field(1, field(1, "a") + field(2, "A")) * 2])
def test_what_is_no_graphdef_is_damaged(content):
    with pytest.raises(Damaged):
        graphdef.read(content)


def test_attributes_without_end_are_damaged():
    value = b""
    for _ in range(200):
        value = field(10, field(2, field(1, "a") + field(2, value)))
    with pytest.raises(Damaged, match="too deep"):
        graphdef.attribute(value)


@pytest.mark.parametrize("value, text", [
    (0.1, 0.1), (1.0, 1.0), (1e-3, 0.001), (0.0010000000474974513, 0.001), (16777217.0, 16777216.0),
    (1e-45, 1.4013e-45),
    (3.4028234663852886e38, 3.4028235e38), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")])
def test_a_float_takes_the_digits_that_tell_it_from_others(value, text):
    assert graph_json.shortest(value) == text


def test_the_json_of_a_graph_is_protobuf_s():
    """json_format is the oracle, on a graph that TensorFlow makes: loops, a condition, functions, floats, lists."""
    needs.tensorflow()
    import tensorflow
    from google.protobuf.json_format import MessageToDict

    def run(x):
        y = tensorflow.nn.conv2d(x, tensorflow.ones([3, 3, 2, 2]), [1, 2, 2, 1], [[0, 0], [1, 2], [0, 1], [0, 0]])
        y = tensorflow.nn.leaky_relu(y, 0.3)
        y = tensorflow.cond(tensorflow.reduce_sum(y) > 1e-3, lambda: y * 0.1, lambda: y - float("inf"))
        return tensorflow.while_loop(lambda i, z: i < 3, lambda i, z: (i + 1, z * 1.5), [0, y])[1]

    made = tensorflow.function(run).get_concrete_function(tensorflow.TensorSpec([None, 7, 6, 2])).graph.as_graph_def()
    found = graphdef.read(made.SerializeToString())
    again = type(made).FromString(graphdef.write(found))
    for graph in (made, again):
        inside = [node for function in graph.library.function for node in function.node_def]
        for node in list(graph.node) + inside:
            if node.op == "Const":
                kept = node.attr["value"].tensor
                short = type(kept)(dtype=kept.dtype, tensor_shape=kept.tensor_shape)
                kept.CopyFrom(short)
    wanted = MessageToDict(made)
    assert {"If", "While"} & {node.op.replace("Stateless", "") for node in made.node}
    assert json.dumps(graph_json.topology(found), sort_keys=True) == json.dumps(wanted, sort_keys=True)
    assert MessageToDict(again) == wanted


@pytest.mark.parametrize("version", ["1.0.0", "4.22.0"])
def test_the_table_of_operations_is_that_of_tensorflow_js(version):
    needs.node()
    with open(packages.bundle("@tensorflow/tfjs", version), encoding="utf-8") as file:
        found = set(re.findall(r'tfOpName:"(\w+)",category:', file.read()))
    assert found == {name for name, since in operations.SINCE.items() if since in ("1.0.0", version)}


@pytest.mark.parametrize("op, words", [
    ("Betainc", r"TensorFlow.js has no Betainc \(y\); ask for outputs before it"),
    ("XlaCallModule", "it is JAX's own code, compiled; save the model as an ONNX file"),
    ("QueueDequeueManyV2", "from a queue or a data set, which its program fills; save it with a placeholder"),
    ("StatefulPartitionedCall", r"has no StatefulPartitionedCall \(y\)"),
    ("StatelessRandomUniformV2", "random layers at work: save it without them")])
def test_a_graph_with_an_operation_that_tensorflow_js_lacks_is_not_written(op, words, tmp_path):
    graph = small()
    graph.nodes["y"].op = op
    with pytest.raises(Fault, match=words):
        write_graph.write(graph, str(tmp_path))
    assert os.listdir(str(tmp_path)) == []


def test_the_inputs_of_operations_are_counted_as_tensorflow_defines_them():
    needs.tensorflow()
    from tensorflow.python.framework import op_def_registry
    defined = {name: op_def_registry.get(name) for name in operations.TABLE}
    for name, one in operations.TABLE.items():
        if defined[name] is not None:
            inputs = defined[name].input_arg
            lists = [argument for argument in inputs if argument.number_attr or argument.type_list_attr]
            assert one.more == bool(lists) and 0 <= one.inputs - (len(inputs) - len(lists)) <= len(lists), name
    assert [name for name in defined if defined[name] is None] == [
        "Prelu", "Conv1D", "DepthwiseConv2d", "FusedDepthwiseConv2dNative", "Ones", "Zeros"]  # TensorFlow.js's own


@pytest.mark.parametrize("op, inputs, words", [
    ("Relu", [], "operation y is a Relu with 0 inputs, and takes 1: the graph is damaged"),
    ("AddV2", ["x"] * 3, "a AddV2 with 3 inputs, and takes 2"), ("AddN", [], "with 0 inputs, and takes 1 or more"),
    ("ConcatV2", ["x"] * 3, "a ConcatV2 with 3 inputs, and takes 4"),
    ("MaxPool", ["x"], "MaxPool without its strides")])
def test_a_graph_with_too_few_or_too_many_inputs_is_not_written(op, inputs, words, tmp_path):
    graph = small()
    graph.nodes["y"].op, graph.nodes["y"].inputs = op, list(map(Tensor, inputs))
    if op == "ConcatV2":
        graph.nodes["y"].attributes["N"] = Attribute("i", 3)
    with pytest.raises(Fault, match=words):
        write_graph.write(graph, str(tmp_path))
    assert os.listdir(str(tmp_path)) == []


def test_constants_of_functions_get_names_of_their_own():
    """TensorFlow.js finds the values of all constants by their names alone."""
    graph = Graph([constant("c", 1.0)])
    for name in ("f", "g"):
        reader = Node("y", "Relu", [Tensor("c", 0, "output")], ["c"])
        graph.functions.append(Function(name, [constant("c", 2.0), reader], {"r": "c:output:0"}, b""))
    adapt.name_apart(graph)
    assert [node.name for node in graph.every_node() if node.op == "Const"] == ["c", "f/c", "g/c"]
    assert graph.functions[1].nodes[1].inputs == [Tensor("g/c", 0, "output")]
    assert graph.functions[1].nodes[1].controls == ["g/c"] and graph.functions[1].results == {"r": "g/c:output:0"}


def test_a_rule_sees_the_shapes_of_a_graph_and_none_within_functions():
    kernel = constant("k", numpy.zeros((1, 1, 2, 4), "float32"))
    node = Node("c", "Conv2D", [Tensor("x"), Tensor("k")])
    graph = Graph([placeholder("x", None, 5, 5, 4), kernel, node])
    with pytest.raises(Fault, match=r"operation c is a Conv2D in groups \(4 channels, a kernel for 2\)"):
        unlike.check(graph)
    unlike.check(Graph(functions=[Function("f", [node], {}, b"")]))


def test_an_input_of_a_graph_model_can_be_given_a_value_that_decides_which_branch_is_taken(tmp_path):
    for default in (False, True):
        source = str(tmp_path / f"source{default}")
        write_graph.write(graphs.condition(default), source)
        for given in (False, True):
            found = formats.read(source, constants={"training": given}).freeze()
            ops = {node.op for node in found.nodes.values()}
            assert found.inputs == ["x"] and ("Neg" in ops, "Relu" in ops) == (given, not given) and "Merge" not in ops
    assert "Merge" not in {node.op for node in formats.read(source).freeze().nodes.values()}  # what is so by default
    for constants, words in (({"trainin": 1}, "no input is called 'trainin'; there are: x, training"), (
            {"training": 3}, "'training' takes bool of shape .., not 3"), ({"x": 1}, "'x' takes float32 of shape")):
        with pytest.raises(Fault, match="constants: " + words):
            formats.read(source, constants=constants).freeze()
    handmade.h5(str(tmp_path / "m.h5"))
    with pytest.raises(Fault, match="constants fix inputs of an ONNX model or of a graph of operations: leave"):
        formats.read(str(tmp_path / "m.h5"), constants={"x": 1})


@pytest.mark.not_loaded  # the sources are written by the same writer
@pytest.mark.parametrize("name, values, words", [
    ("kernel", numpy.ones((3, 3, 4, 3), "float32"),
     r"a _FusedConv2D that slides a kernel of shape \(3, 3, 4, 3\) over"),
    ("net/dense/MatMul/ReadVariableOp", numpy.ones((28, 2), "float32"),
     r"a MatMul that multiplies matrices of shapes \(None, 27\) and \(28, 2\), which .* before it: conv, flat"),
    ("net/flat/shape", numpy.array([3, 28], "int32"), "a Reshape that gives a tensor of shape .* before it: conv$"),
    ("net/flat/shape", numpy.array([-1, 28], "int32"), r"of shapes \(None, 28\) and \(27, 2\)")])
def test_a_graph_model_whose_shapes_do_not_fit_is_refused(name, values, words, tmp_path):
    graph = graphs.fused()
    graph.nodes[name] = constant(name, values)
    write_graph.write(graph, str(tmp_path / "source"))
    with pytest.raises(Fault, match=words):
        preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "js"))


@pytest.mark.parametrize("op, shapes, fits", [
    ("Add", [(None, 3), (4, 1)], True), ("Add", [(2, 3), (2, 1, 4)], False), ("Mul", [(2, None), (5,)], True),
    ("Pack", [(2, 3), (2, 3)], True), ("Pack", [(2, 3), (2, 4)], False), ("AddV2", [None, (3,)], True),
    ("MatMul", [(None, None), (4, 5)], True), ("MatMul", [(3,), (4, 5)], True)])
def test_sizes_that_are_known_alone_tell_that_shapes_do_not_fit(op, shapes, fits):
    nodes = [placeholder(f"x{place}", *(shape or ())) for place, shape in enumerate(shapes)]
    for node, shape in zip(nodes, shapes):
        node.outputs = [Spec(FLOAT, shape)]
    nodes.append(Node("y", op, [Tensor(node.name) for node in nodes], attributes={"T": REAL}))
    assert bool(misfits.found(Graph(nodes, ["x0", "x1"], ["y"]))) != fits


@pytest.mark.modern
@pytest.mark.not_loaded  # the source is written by the same writer
def test_the_groups_of_a_graph_model_s_convolution_run(tmp_path):
    """tensorflowjs_converter writes them, and TensorFlow.js has none."""
    needs.node()
    graph, kernel = graphs.fused(), numpy.linspace(-1, 1, 36, dtype="float32").reshape(3, 3, 1, 4)
    bias, image = numpy.array([0.1, 0.2, 0.3, -9], "float32"), numpy.random.RandomState(1).rand(2, 5, 5, 2)
    for name, values in (("kernel", kernel), ("net/conv/BiasAdd/ReadVariableOp", bias)):
        graph.nodes[name] = constant(name, values)
    write_graph.write(graph, str(tmp_path / "source"))
    preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "js"), layers=["conv"])
    windows = [[(image[:, row:row + 3, column:column + 3].repeat(2, 3) * kernel[:, :, 0]).sum((1, 2))
                for column in range(3)] for row in range(3)]
    wanted = numpy.maximum(numpy.array(windows).transpose(2, 0, 1, 3) + bias, 0)
    for version in ("1.0.0", "4.22.0"):
        bundle = packages.bundle("@tensorflow/tfjs", version)
        found = predict.predict(str(tmp_path / "js" / "model.json"), [image], bundle)
        assert numpy.abs(found[0].values - wanted).max() < 1e-5


@pytest.mark.modern
def test_the_slices_of_a_graph_model_have_a_bound_for_every_dimension(tmp_path):
    """TensorFlow.js 1.0.0 runs without an end on x[:, 1] of an image."""
    needs.node()
    whole = Attribute("type", "DT_INT32")
    masks = {name: Attribute("i", int(name in ("begin_mask", "end_mask"))) for name in (
        "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask")}
    nodes = [placeholder("x", None, 3, 4)] + [constant(name, values, "DT_INT32") for name, values in (
        ("begin", [0, 1]), ("end", [0, 2]), ("steps", [1, 1]))]
    nodes.append(Node("y", "StridedSlice", [Tensor(node.name) for node in nodes], attributes=dict(
        masks, T=REAL, Index=whole, shrink_axis_mask=Attribute("i", 2)), outputs=[Spec(FLOAT, (None, 4))]))
    write_graph.write(Graph(nodes, ["x"], ["y"]), str(tmp_path / "source"))
    preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "js"))
    found = formats.read(str(tmp_path / "js")).opened()[0].nodes["y"]
    assert [found.value(name) for name in ("begin_mask", "end_mask", "shrink_axis_mask")] == [5, 5, 2]
    x = numpy.arange(24, dtype="float32").reshape(2, 3, 4)
    for version in ("1.0.0", "4.22.0"):
        bundle = packages.bundle("@tensorflow/tfjs", version)
        assert (predict.predict(str(tmp_path / "js" / "model.json"), [x], bundle)[0].values == x[:, 1]).all()


def test_a_layer_in_a_layer_is_found_in_the_numbered_scopes_of_a_keras_3_export():
    real = {"T": graphs.REAL}
    path = "Call/net_1/block_1/"
    whole = Graph([graphs.placeholder("x", None, 4), Node(path + "conv_1/Neg", "Neg", [Tensor("x")], attributes=real),
                   Node(path + "conv_1/Relu", "Relu", [Tensor(path + "conv_1/Neg")], attributes=real),
                   Node(path + "norm_1/Abs", "Abs", [Tensor(path + "conv_1/Relu")], attributes=real),
                   Node("end", "Identity", [Tensor(path + "norm_1/Abs")], attributes=real)], ["x"], ["end"])
    choice = Choice(whole, {"end": Tensor("end")}, "net")
    assert choice.tensor("block/conv") == Tensor(path + "conv_1/Relu")
    assert choice.tensor("net/block/norm") == choice.tensor("block/norm") == Tensor(path + "norm_1/Abs")
    with pytest.raises(Fault, match="no tensor 'block/dense'"):
        choice.tensor("block/dense")


def test_an_operation_that_is_called_as_a_scope_is_its_result():
    real = {"T": graphs.REAL}
    whole = Graph([graphs.placeholder("x", None, 3), constant("w", numpy.ones((3, 2), "float32")),
                   Node("scale/MatMul", "MatMul", [Tensor("x"), Tensor("w")], attributes=real),
                   Node("scale", "Identity", [Tensor("scale/MatMul")], attributes=real)], ["x"], ["scale"])
    shapes.infer(whole)
    layer, = Choice(whole, {"scale": Tensor("scale")}, "net").layers
    assert (layer.name, layer.kind, layer.result, layer.parameters) == ("scale", "Dense", Tensor("scale"), 6)


def test_a_graph_model_of_20_mb_is_converted_in_little_memory(tmp_path):
    graphs.dense(str(tmp_path / "source"), 20, 512)
    code = ("import sys; from scripts import preprocess; preprocess.main(sys.argv[1:])\n"
            "held, = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
            "print(held)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "source"), str(tmp_path / "out")], cwd=needs.ROOT,
                          check=True, stdout=subprocess.PIPE)
    assert int(done.stdout.decode().split()[-1]) < 90000  # kB


@pytest.mark.parametrize("kind", sorted(rewritten.RULES))
def test_an_operation_without_inputs_or_of_wrong_attributes_is_left_as_it_is(kind):
    """It is refused later, with words about what it lacks."""
    text = Attribute("s", b"NCHW")
    names = ("strides", "ksize", "block_size", "num_bits", "epsilon", "axis", "data_format", "equation", "min")
    for inputs, attributes in (([], {}), ([Tensor("nowhere")], {"T": text}),
                               ([Tensor("x")] * 5, dict.fromkeys(names, text))):
        made = Graph()
        made.add(placeholder("x", 1, 2, 3))
        made.add(Node("odd", kind, list(inputs), attributes=dict(attributes), outputs=[Spec("DT_FLOAT", None)]))
        made.inputs, made.outputs = ["x"], ["odd"]
        rewritten.rewrite(made)
        assert made.nodes["odd"].op in (kind, "Identity")


def test_what_is_made_anew_costs_no_look_at_all_of_the_graph():
    made, last = Graph([placeholder("x", None, 3, 4, 5), constant("b", numpy.ones(3, "float32"))], ["x"]), "x"
    for place in range(4000):
        last = made.add(Node(f"bias{place}", "BiasAdd", [Tensor(last), Tensor("b")], attributes={
            "T": REAL, "data_format": Attribute("s", b"NCHW")}, outputs=[Spec(FLOAT, (None, 3, 4, 5))])).name
    made.outputs = [last]
    begun = time.process_time()
    rewritten.rewrite(made)
    assert time.process_time() - begun < 3 and made.nodes[last].op == "Identity"


def test_a_mistake_in_a_rule_is_no_damage_of_the_graph(monkeypatch):
    def mistaken(make, node):
        raise KeyError("mistake")

    monkeypatch.setitem(rewritten.RULES, "SpaceToDepth", mistaken)
    made = Graph()
    made.add(Node("odd", "SpaceToDepth", []))
    made.outputs = ["odd"]
    with pytest.raises(KeyError):
        rewritten.rewrite(made)
