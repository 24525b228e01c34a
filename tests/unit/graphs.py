"""Graphs made by hand: a fused convolution with a dense layer behind it, and a loop of functions over a list."""
import numpy

from scripts.operations.graph import Attribute, Call, Function, Graph, Node, Row, Spec, Tensor, constant
from scripts.tfjs import write_graph
from scripts.wire.protobuf import field

REAL, WHOLE = Attribute("type", "DT_FLOAT"), Attribute("type", "DT_INT32")


def placeholder(name, *shape):
    return Node(name, "Placeholder", attributes={"dtype": REAL, "shape": Attribute("shape", shape)},
                outputs=[Spec("DT_FLOAT", shape)])


def fused():
    """net/conv, Conv2D with its bias and its Relu; net/dense; "Identity" is the graph's own output."""
    nodes = [placeholder("x", None, 5, 5, 2), constant("kernel", numpy.linspace(-1, 1, 54, dtype="float32").reshape(
        3, 3, 2, 3)), constant("net/conv/BiasAdd/ReadVariableOp", numpy.array([0.5, -0.5, 0.1], "float32")),
        constant("net/flat/shape", [-1, 27], "DT_INT32"),
        constant("net/dense/MatMul/ReadVariableOp", numpy.linspace(0, 1, 54, dtype="float32").reshape(27, 2))]
    nodes += [
        Node("net/conv/Relu", "_FusedConv2D", [Tensor("x"), Tensor("kernel"), Tensor(nodes[2].name)], attributes={
            "T": REAL, "strides": Attribute("list", Row("i", [1, 1, 1, 1])), "padding": Attribute("s", b"VALID"),
            "dilations": Attribute("list", Row("i", [1, 1, 1, 1])), "data_format": Attribute("s", b"NHWC"),
            "explicit_paddings": Attribute("list", Row("", [])), "num_args": Attribute("i", 1),
            "fused_ops": Attribute("list", Row("s", [b"BiasAdd", b"Relu"])), "epsilon": Attribute("f", 0.0)}),
        Node("net/flat/Reshape", "Reshape", [Tensor("net/conv/Relu"), Tensor("net/flat/shape")], attributes={
            "T": REAL, "Tshape": WHOLE}),
        Node("net/dense/MatMul", "MatMul", [Tensor("net/flat/Reshape"), Tensor(nodes[4].name)], attributes={
            "T": REAL, "transpose_a": Attribute("b", False), "transpose_b": Attribute("b", False)}),
        Node("Identity", "Identity", [Tensor("net/dense/MatMul")], attributes={"T": REAL},
             outputs=[Spec("DT_FLOAT", (None, 2))])]
    return Graph(nodes, ["x"], ["Identity"], made_by="by hand")


def condition(default=False):
    """x, (batch, 2), negated in training, else its Relu: a condition of TensorFlow 1; default: that is false then."""
    truth = Attribute("type", "DT_BOOL")
    phase = Node("training", "Placeholder", attributes={"dtype": truth, "shape": Attribute("shape", ())},
                 outputs=[Spec("DT_BOOL", ())])
    if default:
        phase.op, phase.inputs = "PlaceholderWithDefault", [Tensor("calm")]
    nodes = [placeholder("x", None, 2), phase] + [constant("calm", False)] * default + [
        Node("switch", "Switch", [Tensor("x"), Tensor("training")], attributes={"T": REAL}),
        Node("relu", "Relu", [Tensor("switch")], attributes={"T": REAL}),
        Node("neg", "Neg", [Tensor("switch", 1)], attributes={"T": REAL}),
        Node("merge", "Merge", [Tensor("relu"), Tensor("neg")], attributes={"T": REAL, "N": Attribute("i", 2)}),
        constant("kernel", numpy.array([[1, 2, 3], [-1, 0, 1]], "float32")),
        Node("y", "MatMul", [Tensor("merge"), Tensor("kernel")], attributes={
            "T": REAL, "transpose_a": Attribute("b", False), "transpose_b": Attribute("b", False)},
            outputs=[Spec("DT_FLOAT", (None, 3))])]
    return Graph(nodes, ["x"] if default else ["x", "training"], ["y"], made_by="by hand")


def function(name, arguments, results, nodes):
    """A Function; arguments: [name]; results: {name: tensor in it}."""
    rest = b"".join(field(2, field(1, one)) for one in arguments) + b"".join(field(3, field(1, one)) for one in results)
    return Function(name, nodes, results, field(1, field(1, name) + rest))


def loop(steps=3):
    """The rows of x, (steps, 2), each twice as much as the sum of those before it and itself."""
    body = [constant("one", 1, "DT_INT32"),
            constant("shape", [2], "DT_INT32"),
            Node("row", "TensorListGetItem", [Tensor("rows"), Tensor("i"), Tensor("shape", 0, "output")], attributes={
                "element_dtype": REAL}),
            Node("sum", "AddV2", [Tensor("s"), Tensor("row", 0, "item")], attributes={"T": REAL}),
            Node("set", "TensorListSetItem", [Tensor("out"), Tensor("i"), Tensor("sum", 0, "z")], attributes={
                "element_dtype": REAL}),
            Node("next", "AddV2", [Tensor("i"), Tensor("one", 0, "output")], attributes={"T": WHOLE})]
    arguments = ["i", "n", "s", "rows", "out"]
    functions = [
        function("going", arguments, {"r": "less:z:0"}, [Node("less", "Less", [Tensor("i"), Tensor("n")], attributes={
            "T": WHOLE})]),
        function("step", arguments, {"i_": "next:z:0", "n_": "n", "s_": "sum:z:0", "rows_": "rows",
                                     "out_": "set:output_handle:0"}, body)]
    nodes = [placeholder("x", steps, 2), constant("zero", 0, "DT_INT32"), constant("count", steps, "DT_INT32"),
             constant("start", numpy.zeros(2, "float32")), constant("sizes", [2], "DT_INT32"),
             Node("rows", "TensorListFromTensor", [Tensor("x"), Tensor("sizes")], attributes={"element_dtype": REAL}),
             Node("list", "TensorListReserve", [Tensor("sizes"), Tensor("count")], attributes={
                 "element_dtype": REAL}),
             Node("rnn/while", "StatelessWhile", [Tensor(one) for one in ("zero", "count", "start", "rows", "list")],
                  attributes={"cond": Attribute("func", Call("going", {})), "body": Attribute("func", Call("step", {})),
                              "T": Attribute("list", Row("type", ["DT_INT32", "DT_INT32", "DT_FLOAT", "DT_VARIANT",
                                                                  "DT_VARIANT"]))}),
             Node("rnn/stack", "TensorListStack", [Tensor("rnn/while", 4), Tensor("sizes")], attributes={
                 "element_dtype": REAL, "num_elements": Attribute("i", steps)}),
             Node("y", "Mul", [Tensor("rnn/stack"), Tensor("two")], attributes={"T": REAL},
                  outputs=[Spec("DT_FLOAT", (steps, 2))]), constant("two", numpy.float32(2))]
    return Graph(nodes, ["x"], ["y"], functions, made_by="by hand")


def dense(directory, layers, units):
    """Write a TensorFlow.js graph model of MatMuls, each of units * units * 4 bytes of weights."""
    nodes, last = [placeholder("x", None, units)], "x"
    for place in range(layers):
        kernel = constant(f"dense_{place}/kernel", numpy.full((units, units), place / 64, "float32"))
        nodes += [kernel, Node(f"dense_{place}/MatMul", "MatMul", [Tensor(last), Tensor(kernel.name)], attributes={
            "T": REAL, "transpose_a": Attribute("b", False), "transpose_b": Attribute("b", False)},
            outputs=[Spec("DT_FLOAT", (None, units))])]
        last = nodes[-1].name
    write_graph.write(Graph(nodes, ["x"], [last]), directory)
