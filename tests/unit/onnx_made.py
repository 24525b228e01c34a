"""ONNX models, made of protobuf's bytes alone: no onnx package is needed to write them.

    made = Made()
    y = made.node("Conv", "x", made.weight("w", 4, 3, 3, 3), pads=[1, 1, 1, 1])
    made.save(path, inputs={"x": ["N", 3, 8, 6]}, outputs=[y])
"""
import struct

import numpy

from scripts.formats.onnx_tensors import NAMES, NUMPY
from scripts.wire.protobuf import field, written_varint

TYPES = {dtype: NAMES.index(name) for name, dtype in NUMPY.items()}
FIELDS = {"float32": 4, "int32": 5, "int64": 7, "float64": 10, "uint64": 11}  # of a TensorProto


def join(*parts):
    return b"".join(parts)


def packed(values):
    return join(*[written_varint(int(value)) for value in values])


def tensor(name, array, **more):
    """A TensorProto with its values as raw_data; more: dtype, dims, fields of its own ({number: value})."""
    array = numpy.asarray(array)
    dtype = more["dtype"] if "dtype" in more else TYPES[array.dtype.name]
    body = more.get("fields")
    if body is None:
        body = field(9, array.astype(array.dtype.newbyteorder("<")).tobytes())
    return join(*[field(1, int(size)) for size in more.get("dims", array.shape)], field(2, dtype), field(8, name), body)


def info(name, shape, dtype=1):
    """A ValueInfoProto; shape None: of any rank; dtype "row": a row of floats' tensors, which ONNX calls a sequence."""
    if dtype == "row":
        return field(1, name) + field(2, field(4, field(1, field(1, field(1, 1)))))
    dims = b"" if shape is None else field(2, join(*[
        field(1, field(2, size) if isinstance(size, str) else b"" if size is None else field(1, size))
        for size in shape]))
    return field(1, name) + field(2, field(1, field(1, dtype) + dims))


def attribute(name, value):
    """An AttributeProto of a plain value, an array, or a GraphProto's bytes."""
    head = field(1, name)
    if isinstance(value, bytes):
        return head + field(6, value) + field(20, 5)
    if isinstance(value, numpy.ndarray):
        return head + field(5, tensor("", value)) + field(20, 4)
    if isinstance(value, str):
        return head + field(4, value) + field(20, 3)
    if isinstance(value, float):
        return head + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return head + field(3, value) + field(20, 2)
    if value and isinstance(value[0], float):
        return head + field(7, struct.pack(f"<{len(value)}f", *value)) + field(20, 6)
    return head + field(8, packed(value)) + field(20, 7)


class Made:
    """A graph that grows; its weights are random, seeded."""

    def __init__(self, opset=17):
        self.nodes, self.tensors, self.functions = [], [], []
        self.random, self.count, self.domains = numpy.random.RandomState(3), 0, {"": opset, "mine": 1}

    def weight(self, name, *shape, **more):
        """A random weight whose products neither fade nor grow; positive=True: a variance or a scale."""
        values = self.random.normal(0, 1 / numpy.sqrt(max(1, numpy.prod(shape[1:]))), shape)
        if more.get("positive"):
            values = numpy.abs(values) + 0.5
        return self.constant(name, values.astype(numpy.float32))

    def constant(self, name, array, **more):
        self.tensors.append(tensor(name, array, **more))
        return name

    def node(self, op, *inputs, **attributes):
        """Add a node; `named`: its name, `outputs`: the names of its outputs, `scopes`: PyTorch's property."""
        self.count += 1
        named, outputs = attributes.pop("named", ""), attributes.pop("outputs", [f"{op.lower()}_{self.count}"])
        domain, scopes = attributes.pop("domain", ""), attributes.pop("scopes", None)
        self.domains.setdefault(domain, 3)
        body = join(*[field(1, name) for name in inputs], *[field(2, name) for name in outputs],
                    field(3, named), field(4, op), field(7, domain))
        body += join(*[field(5, attribute(name, value)) for name, value in attributes.items()])
        if scopes:
            body += field(9, field(1, "pkg.torch.onnx.name_scopes") + field(2, scopes))
        self.nodes.append(body)
        return outputs[0]

    def graph(self, inputs, outputs, dtypes=None):
        """The bytes of the GraphProto."""
        dtypes = dtypes or {}
        return join(*[field(1, node) for node in self.nodes], field(2, "graph"),
                    *[field(5, one) for one in self.tensors],
                    *[field(11, info(name, shape, dtypes.get(name, 1))) for name, shape in inputs.items()],
                    *[field(12, info(name, None, dtypes.get(name, 1))) for name in outputs])

    def model(self, inputs, outputs, dtypes=None):
        """The bytes of the ModelProto."""
        return join(field(1, 8), field(2, "pytorch"), field(3, "2.9.1"), field(7, self.graph(inputs, outputs, dtypes)),
                    *[field(8, field(1, domain) + field(2, version)) for domain, version in self.domains.items()],
                    *[field(25, one) for one in self.functions])

    def save(self, path, inputs, outputs, dtypes=None):
        with open(str(path), "wb") as file:
            file.write(self.model(inputs, outputs, dtypes))
        return str(path)


def function(name, inputs, outputs, nodes):
    """A FunctionProto of the domain "mine"."""
    return join(field(1, name), *[field(4, one) for one in inputs], *[field(5, one) for one in outputs],
                *[field(7, one) for one in nodes], field(10, "mine"), field(9, field(1, "") + field(2, 17)))


def of_rates():
    """A model whose input `rate` decides whether it negates x, or keeps its first column: (made, inputs, outputs)."""
    made, one, other = Made(), Made(), Made()
    one.node("Neg", "x", outputs=["y"])
    other.node("Slice", "x", *[other.constant(name, numpy.array([value])) for name, value in (
        ("begin", 0), ("end", 1), ("axis", 1))], outputs=["y"])
    fast = made.node("Equal", "rate", made.constant("fast", numpy.array(16000)))
    made.node("If", fast, then_branch=one.graph({}, ["y"]), else_branch=other.graph({}, ["y"]), outputs=["y"],
              named="choice")
    return made, {"x": ["N", 3], "rate": []}, ["y"]


# Models ----------------------------------------------------------------------------------------------------------

def resnet18(width=8):
    """The graph of torchvision's ResNet-18, with the names that PyTorch's exporter gives, and thinner layers."""
    made = Made()

    def conv(x, path, inputs, outputs, size, stride):
        return made.node("Conv", x, made.weight(path[1:].replace("/", ".") + ".weight", outputs, inputs, size, size),
                         named=path + "/Conv", kernel_shape=[size, size], strides=[stride, stride],
                         pads=[size // 2] * 4)

    def norm(x, path, channels):
        names = [path + "." + name for name in ("weight", "bias", "mean", "var")]
        return made.node("BatchNormalization", x, *[made.weight(name, channels, positive=name.endswith("t")
                                                                or name.endswith("r")) for name in names],
                         named=path + "/BatchNormalization", epsilon=1e-5)

    x = norm(conv("input", "/conv1", 3, width, 7, 2), "/bn1", width)
    x = made.node("Relu", x, named="/relu/Relu")
    x = made.node("MaxPool", x, named="/maxpool/MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inputs = width
    for stage in range(1, 5):
        for block in range(2):
            outputs, path = width * stage, f"/layer{stage}/layer{stage}.{block}"
            stride = 2 if stage > 1 and not block else 1
            y = norm(conv(x, path + "/conv1", inputs, outputs, 3, stride), path + "/bn1", outputs)
            y = made.node("Relu", y, named=path + "/relu/Relu")
            y = norm(conv(y, path + "/conv2", outputs, outputs, 3, 1), path + "/bn2", outputs)
            if stride > 1 or inputs != outputs:
                x = norm(conv(x, path + "/downsample/downsample.0", inputs, outputs, 1, stride),
                         path + "/downsample/downsample.1", outputs)
            x = made.node("Relu", made.node("Add", y, x, named=path + "/Add"), named=path + "/relu_1/Relu")
            inputs = outputs
    x = made.node("GlobalAveragePool", x, named="/avgpool/GlobalAveragePool")
    x = made.node("Flatten", x, named="/Flatten", axis=1)
    y = made.node("Gemm", x, made.weight("fc.weight", 10, inputs), made.weight("fc.bias", 10), named="/fc/Gemm",
                  transB=1, outputs=["output"])
    return made, {"input": ["batch", 3, 32, 48]}, [y]
