"""Graphs as PyTorch's exporters write them, with random weights: the old one (TorchScript) and the one of torch.export.

    model = onnx_builders.resnet("dynamo")      a ModelProto

Both fold the batch normalizations into the convolutions.  The old one names nodes by their modules
("/layer1/layer1.0/conv1/Conv") and spells shapes out; the new one names them by operations ("node_conv2d_3"), keeps the
modules in metadata, and writes newer operations (ReduceMean, LayerNormalization, Gelu, HardSwish).
"""
import numpy

STYLES = ("old", "dynamo")


class Writer:
    """A graph that grows node by node, as one of the exporters writes it.

    style  one of STYLES     shape  of the input
    """

    def __init__(self, style, shape, kind="FLOAT"):
        from onnx import TensorProto, helper
        self.style, self.helper, self.old = style, helper, style == "old"
        self.nodes, self.tensors, self.counts = [], [], {}
        self.random = numpy.random.RandomState(3)
        self.shape = shape
        batch = "batch" if self.old else "s77"
        self.input = helper.make_tensor_value_info("input", getattr(TensorProto, kind), [batch] + list(shape[1:]))

    def weight(self, name, *shape):
        """A random weight whose products neither fade nor grow."""
        fan = numpy.prod(shape[1:]) if len(shape) > 1 else 9.0
        return self.tensor(name, self.random.normal(0, 1.2 / numpy.sqrt(fan), shape).astype("float32"))

    def tensor(self, name, array):
        """A tensor of the file."""
        from onnx import numpy_helper
        self.tensors.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def constant(self, array):
        """Whole numbers: a Constant node of the old exporter, a tensor of the new one."""
        self.counts["val"] = self.counts.get("val", 0) + 1
        if not self.old:
            return self.tensor(f"val_{self.counts['val']}", numpy.asarray(array))
        from onnx import numpy_helper
        name = f"/Constant_{self.counts['val']}"
        self.nodes.append(self.helper.make_node("Constant", [], [name + "_output_0"], name,
                                                value=numpy_helper.from_array(numpy.asarray(array))))
        return name + "_output_0"

    def op(self, kind, module, *inputs, outputs=1, **settings):
        """A node of a module "layer1.0.conv1"; return the name of its output, or names."""
        parts = module.split(".") if module else []
        scopes = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if self.old:  # a module that holds numbers is a Sequential: its part's whole name is a part of the path
            folded = [scope if scope.split(".")[-1].isdigit() else scope.split(".")[-1] for scope in scopes]
            base = "/" + "/".join(folded + [kind])
        else:
            base = "node_" + kind.lower()
        number = self.counts.get(base, 0)
        self.counts[base] = number + 1
        name = f"{base}_{number}" if number else base
        out = [name + f"_output_{place}" if self.old else f"{name[5:]}" + (f"_{place}" if place else "")
               for place in range(outputs)]
        node = self.helper.make_node(kind, list(inputs), out, name, **settings)
        if not self.old:
            node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=repr([""] + scopes + [name[5:]]))
        self.nodes.append(node)
        return out[0] if outputs == 1 else out

    def conv(self, x, module, channels, filters, size=3, stride=1, groups=1, dilation=1, pad=None):
        """A convolution with the batch normalization folded in."""
        pad = dilation * (size // 2) if pad is None else pad
        name = f"onnx::Conv_{len(self.tensors)}" if self.old else module + ".weight"
        kernel = self.weight(name, filters, channels // groups, size, size)
        bias = self.weight(f"onnx::Conv_{len(self.tensors)}" if self.old else module + ".weight_bias", filters)
        return self.op("Conv", module, x, kernel, bias, dilations=[dilation] * 2, group=groups,
                       kernel_shape=[size] * 2, pads=[pad] * 4, strides=[stride] * 2)

    def linear(self, x, module, inputs, units):
        """A layer of rows: Gemm."""
        return self.op("Gemm", module, x, self.weight(module + ".weight", units, inputs),
                       self.weight(module + ".bias", units), transB=1, alpha=1.0, beta=1.0)

    def rows(self, x, module, inputs, units):
        """A layer of the last dimension of more: MatMul and Add."""
        made = self.op("MatMul", module, x, self.weight(f"onnx::MatMul_{len(self.tensors)}", inputs, units))
        return self.op("Add", module, *([self.weight(module + ".bias", units), made] if self.old else
                                        [made, self.weight(module + ".bias", units)]))

    def relu6(self, x, module):
        """A Clip, whose bounds are constants."""
        low, high = [self.constant(numpy.float32(number)) for number in (0, 6)]
        return self.op("Clip", module, x, low, high)

    def hard_swish(self, x, module):
        """x * hard_sigmoid(x): one operation, or two where the opset has none."""
        return self.op("HardSwish", module, x)

    def swish(self, x, module):
        """x * sigmoid(x)."""
        return self.op("Mul", module, x, self.op("Sigmoid", module, x))

    def mean(self, x, module):
        """AdaptiveAvgPool2d(1)."""
        if self.old:
            return self.op("GlobalAveragePool", module, x)
        return self.op("ReduceMean", module, x, self.constant(numpy.array([-1, -2])), keepdims=1,
                       noop_with_empty_axes=0)

    def flat(self, x, count, module=""):
        """torch.flatten(x, 1)."""
        if self.old:
            return self.op("Flatten", module, x, axis=1)
        return self.op("Reshape", module, x, self.constant(numpy.array([-1, count])), allowzero=1)

    def view(self, x, sizes):
        """x.view(x.shape[0], …): the old exporter asks for the batch."""
        if not self.old:
            return self.op("Reshape", "", x, self.constant(numpy.array([-1] + sizes)), allowzero=1)
        batch = self.op("Gather", "", self.op("Shape", "", x), self.constant(numpy.array(0)), axis=0)
        batch = self.op("Unsqueeze", "", batch, self.constant(numpy.array([0])))
        rest = [self.constant(numpy.array([size])) for size in sizes]
        return self.op("Reshape", "", x, self.op("Concat", "", batch, *rest, axis=0), allowzero=0)

    def norm(self, x, module, size):
        """LayerNorm; before opset 17 in parts."""
        return self.op("LayerNormalization", module, x, self.weight(module + ".weight", size),
                       self.weight(module + ".bias", size), axis=-1, epsilon=1e-5)

    def gelu(self, x, module):
        """By the error function: of the old exporter in parts."""
        if not self.old:
            return self.op("Gelu", module, x, approximate="none")
        part = self.op("Div", module, x, self.constant(numpy.float32(numpy.sqrt(2))))
        part = self.op("Add", module, self.op("Erf", module, part), self.constant(numpy.float32(1)))
        return self.op("Mul", module, self.op("Mul", module, x, part), self.constant(numpy.float32(0.5)))

    def model(self, result):
        """The ModelProto, whose output is `result`."""
        from onnx import TensorProto, helper
        name = "/Identity" if self.old else "node_output"
        self.nodes.append(helper.make_node("Identity", [result], ["output"], name))
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "main_graph", [self.input], [output], self.tensors)
        opset, version = (17, 8) if self.old else (20, 10)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version,
                                 producer_name="pytorch", producer_version="2.9")


def alexnet(style):
    """Large windows, poolings, three layers of rows."""
    net = Writer(style, (2, 3, 47, 35))
    x = net.op("Relu", "features.1", net.conv("input", "features.0", 3, 8, 11, 4, pad=2))
    x = net.op("MaxPool", "features.2", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=0)
    x = net.op("Relu", "features.4", net.conv(x, "features.3", 8, 12, 5))
    x = net.op("AveragePool", "avgpool", x, kernel_shape=[2, 1], strides=[2, 1], ceil_mode=0, count_include_pad=1)
    x = net.flat(x, 12 * 2 * 3)
    x = net.op("Relu", "classifier.2", net.linear(x, "classifier.1", 72, 20))
    return net.model(net.linear(x, "classifier.6", 20, 7))


def vgg(style):
    """Small windows in a row."""
    net = Writer(style, (2, 3, 16, 16))
    x, channels = "input", 3
    for place, filters in enumerate((8, 16)):
        x = net.op("Relu", f"features.{3 * place + 1}", net.conv(x, f"features.{3 * place}", channels, filters))
        x = net.op("MaxPool", f"features.{3 * place + 2}", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=0)
        channels = filters
    x = net.op("Relu", "classifier.1", net.linear(net.flat(x, 16 * 16), "classifier.0", 256, 12))
    return net.model(net.op("Softmax", "", net.linear(x, "classifier.3", 12, 5), axis=1))


def resnet(style):
    """Blocks around which the input goes."""
    net = Writer(style, (2, 3, 32, 24))
    x = net.op("Relu", "relu", net.conv("input", "conv1", 3, 8, 7, 2))
    x = net.op("MaxPool", "maxpool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2], ceil_mode=0)
    channels = 8
    for layer, filters in enumerate((8, 16), 1):
        for block in (0, 1):
            name, stride = f"layer{layer}.{block}", 2 if filters != channels else 1
            y = net.op("Relu", name + ".relu", net.conv(x, name + ".conv1", channels, filters, 3, stride))
            y = net.conv(y, name + ".conv2", filters, filters)
            if stride > 1:
                x = net.conv(x, name + ".downsample.0", channels, filters, 1, stride)
            x = net.op("Relu", name + ".relu", net.op("Add", name, y, x))
            channels = filters
    return net.model(net.linear(net.flat(net.mean(x, "avgpool"), 16), "fc", 16, 7))


def inverted(net, x, name, channels, filters, stride, size=3, activation=None, squeeze=False):
    """The block of MobileNet and EfficientNet: wide, channel by channel, narrow."""
    activation = activation or net.relu6
    wide = channels * 4
    y = activation(net.conv(x, name + ".0.0", channels, wide, 1), name + ".0.2")
    y = activation(net.conv(y, name + ".1.0", wide, wide, size, stride, groups=wide), name + ".1.2")
    if squeeze:
        part = net.op("Relu", name + ".2.relu", net.conv(net.mean(y, name + ".2.avgpool"), name + ".2.fc1", wide, 4, 1))
        part = net.conv(part, name + ".2.fc2", 4, wide, 1)
        part = net.op("HardSigmoid", name + ".2.scale_activation", part, alpha=1 / 6, beta=0.5) \
            if activation == net.hard_swish else net.op("Sigmoid", name + ".2.scale_activation", part)
        y = net.op("Mul", name + ".2", part, y)
    y = net.conv(y, name + ".3", wide, filters, 1)
    return net.op("Add", name, x, y) if stride == 1 and channels == filters else y


def mobilenet2(style):
    """Inverted blocks with ReLU6."""
    net = Writer(style, (2, 3, 24, 32))
    x = net.relu6(net.conv("input", "features.0.0", 3, 8, 3, 2), "features.0.2")
    x = inverted(net, x, "features.1.conv", 8, 8, 1)
    x = inverted(net, x, "features.2.conv", 8, 12, 2)
    return net.model(net.linear(net.flat(net.mean(x, ""), 12), "classifier.1", 12, 7))


def mobilenet3(style):
    """Inverted blocks with HardSwish, whose channels are weighed."""
    net = Writer(style, (2, 3, 24, 32))
    x = net.hard_swish(net.conv("input", "features.0.0", 3, 8, 3, 2), "features.0.2")
    x = inverted(net, x, "features.1.block", 8, 8, 1, 5, net.hard_swish, True)
    x = inverted(net, x, "features.2.block", 8, 12, 2, 5, net.hard_swish, True)
    x = net.hard_swish(net.linear(net.flat(net.mean(x, "avgpool"), 12), "classifier.0", 12, 16), "classifier.1")
    return net.model(net.linear(x, "classifier.3", 16, 7))


def efficientnet(style):
    """Inverted blocks with Swish, whose channels are weighed."""
    net = Writer(style, (2, 3, 24, 32))
    x = net.swish(net.conv("input", "features.0.0", 3, 8, 3, 2), "features.0.2")
    x = inverted(net, x, "features.1.0.block", 8, 8, 1, 3, net.swish, True)
    x = inverted(net, x, "features.2.0.block", 8, 12, 2, 5, net.swish, True)
    return net.model(net.linear(net.flat(net.mean(x, "avgpool"), 12), "classifier.1", 12, 7))


def densenet(style):
    """Each layer sees all before it; normalizations in front of convolutions stay."""
    net = Writer(style, (2, 3, 16, 24))
    x, channels = net.conv("input", "features.conv0", 3, 8), 8
    found = [x]
    for layer in (1, 2, 3):
        name = f"features.denseblock1.denselayer{layer}"
        y = net.op("Concat", name, *found, axis=1) if len(found) > 1 else x
        scales = [net.weight(f"{name}.norm1.{part}", channels) for part in ("weight", "bias", "running_mean")]
        variance = net.tensor(f"{name}.norm1.running_var", net.random.uniform(0.5, 1.5, channels).astype("float32"))
        y = net.op("BatchNormalization", name + ".norm1", y, *scales, variance, epsilon=1e-5, momentum=0.9)
        y = net.conv(net.op("Relu", name + ".relu1", y), name + ".conv1", channels, 4)
        found.append(y)
        channels += 4
    x = net.op("Relu", "", net.op("Concat", "features.denseblock1", *found, axis=1))
    x = net.op("AveragePool", "features.transition1.pool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=0)
    return net.model(net.linear(net.flat(net.mean(x, ""), channels), "classifier", channels, 7))


def unet(style):
    """Down, and up again: by a transposed convolution and by interpolation, beside what was there before."""
    net = Writer(style, (2, 3, 16, 24))
    first = net.op("Relu", "down1.relu", net.conv("input", "down1.conv", 3, 8))
    second = net.op("MaxPool", "pool", first, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=0)
    second = net.op("Relu", "down2.relu", net.conv(second, "down2.conv", 8, 12))
    third = net.op("MaxPool", "pool", second, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=0)
    third = net.op("Relu", "middle.relu", net.conv(third, "middle.conv", 12, 16))
    y = net.op("ConvTranspose", "up2", third, net.weight("up2.weight", 16, 12, 2, 2), net.weight("up2.bias", 12),
               dilations=[1, 1], group=1, kernel_shape=[2, 2], pads=[0] * 4, strides=[2, 2])
    y = net.op("Relu", "up2.relu", net.conv(net.op("Concat", "", second, y, axis=1), "up2.conv", 24, 12))
    scales = net.constant(numpy.array([1, 1, 2, 2], "float32"))
    y = net.op("Resize", "up1", y, "", scales, coordinate_transformation_mode="align_corners" if net.old else
               "pytorch_half_pixel", mode="linear", nearest_mode="floor", cubic_coeff_a=-0.75)
    y = net.op("Relu", "up1.relu", net.conv(net.op("Concat", "", first, y, axis=1), "up1.conv", 20, 8))
    return net.model(net.op("Sigmoid", "", net.conv(y, "outc", 8, 2, 1)))


def tagger(style):
    """Words looked up, an LSTM in both directions, a GRU, a row of classes for each word."""
    net = Writer(style, (2, 6), "INT64")
    x = net.op("Gather", "embedding", net.weight("embedding.weight", 20, 8), "input")
    x = net.op("Transpose", "lstm", x, perm=[1, 0, 2])
    names = [f"onnx::LSTM_{number}" for number in (1, 2, 3)]
    net.weight(names[0], 2, 24, 8), net.weight(names[1], 2, 24, 6), net.weight(names[2], 2, 48)
    x = net.op("LSTM", "lstm", x, *names, outputs=3, hidden_size=6, direction="bidirectional")[0]
    x = net.op("Transpose", "lstm", x, perm=[0, 2, 1, 3])
    x = net.op("Reshape", "lstm", x, net.constant(numpy.array([0, 0, -1])))
    names = [f"onnx::GRU_{number}" for number in (1, 2, 3)]
    net.weight(names[0], 1, 15, 12), net.weight(names[1], 1, 15, 5), net.weight(names[2], 1, 30)
    x = net.op("GRU", "gru", x, *names, outputs=2, hidden_size=5, linear_before_reset=1)[0]
    x = net.op("Transpose", "", net.op("Squeeze", "gru", x, net.constant(numpy.array([1]))), perm=[1, 0, 2])
    return net.model(net.op("LogSoftmax", "", net.rows(x, "fc", 5, 4), axis=-1 if net.old else 2))


def vit(style):
    """Patches as words behind a word of the image's own, which look at each other."""
    net = Writer(style, (2, 3, 16, 16))
    width, heads, words = 12, 3, 17
    x = net.conv("input", "conv_proj", 3, width, 4, 4, pad=0)
    x = net.op("Transpose", "", net.view(x, [width, 16]), perm=[0, 2, 1])
    token = net.weight("class_token", 1, 1, width)
    if net.old:
        batch = net.op("Unsqueeze", "", net.op("Gather", "", net.op("Shape", "", x), net.constant(numpy.array(0)),
                                               axis=0), net.constant(numpy.array([0])))
        sizes = net.op("Concat", "", batch, net.constant(numpy.array([1])), net.constant(numpy.array([width])), axis=0)
    else:
        batch = net.op("Shape", "", "input", start=0, end=1)
        sizes = net.op("Concat", "", batch, net.constant(numpy.array([1, width])), axis=0)
    x = net.op("Concat", "", net.op("Expand", "", token, sizes), x, axis=1)
    x = net.op("Add", "encoder", x, net.weight("encoder.pos_embedding", 1, words, width))
    name = "encoder.layers.encoder_layer_0"
    y = net.norm(x, name + ".ln_1", width)
    parts = net.op("Split", name, net.rows(y, name + ".self_attention", width, 3 * width),
                   net.constant(numpy.array([width] * 3)), outputs=3, axis=-1)
    q, k, v = [net.op("Transpose", name, net.view(part, [words, heads, width // heads]), perm=[0, 2, 3, 1]
                      if place == 1 else [0, 2, 1, 3]) for place, part in enumerate(parts)]
    scale = net.constant(numpy.float32((width // heads) ** -0.25))
    scores = net.op("MatMul", name, net.op("Mul", name, q, scale), net.op("Mul", name, k, scale))
    y = net.op("MatMul", name, net.op("Softmax", name, scores, axis=-1), v)
    y = net.view(net.op("Transpose", name, y, perm=[0, 2, 1, 3]), [words, width])
    x = net.op("Add", name, net.rows(y, name + ".self_attention.out_proj", width, width), x)
    y = net.gelu(net.rows(net.norm(x, name + ".ln_2", width), name + ".mlp.0", width, 20), name + ".mlp.1")
    x = net.op("Add", name, x, net.rows(y, name + ".mlp.3", 20, width))
    x = net.op("Gather", "", net.norm(x, "encoder.ln", width), net.constant(numpy.array(0)), axis=1)
    return net.model(net.linear(x, "heads.head", width, 5))


def quantized(style):
    """Convolutions of eight bits, as QDQ: each tensor is quantized and back; weights have a scale for each filter."""
    net = Writer(style, (2, 3, 12, 10))
    random = net.random

    def both(x, module, scale, zero=128):
        given = net.tensor(f"scale_{len(net.tensors)}", numpy.float32(scale)), net.tensor(
            f"zero_{len(net.tensors)}", numpy.uint8(zero))
        return net.op("DequantizeLinear", module, net.op("QuantizeLinear", module, x, *given), *given)

    def kernel(module, *shape):
        name = module + ".weight"
        values = net.tensor(name + "_quantized", random.randint(-127, 128, shape).astype("int8"))
        scales = net.tensor(name + "_scale", random.uniform(0.005, 0.015, shape[0]).astype("float32"))
        return net.op("DequantizeLinear", module, values, scales, net.tensor(name + "_zero", numpy.zeros(
            shape[0], "int8")), axis=0)

    x = both("input", "", 0.02)
    x = net.op("Conv", "conv1", x, kernel("conv1", 6, 3, 3, 3), pads=[1] * 4)
    x = both(net.op("Relu", "relu", x), "relu", 0.02, 0)
    y = both(net.op("Conv", "conv2", x, kernel("conv2", 6, 1, 3, 3), pads=[1] * 4, group=6), "conv2", 0.02)
    x = both(net.op("Add", "", x, y), "", 0.04)
    x = net.flat(both(net.mean(x, "pool"), "pool", 0.02), 6)
    return net.model(net.op("Gemm", "fc", x, kernel("fc", 5, 6), transB=1))


MODELS = (alexnet, vgg, resnet, mobilenet2, mobilenet3, efficientnet, densenet, unet, tagger, vit, quantized)
