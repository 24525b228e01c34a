"""Pure functions: the output shapes of Keras layers, from the model's topology alone.

A shape is a list of int or None, batch size first; None stands for a shape that cannot be told (a class that is
not known here).  The rules are those of compute_output_shape in keras 2.6 and Keras 3.
"""
from collections import OrderedDict

from ..base.fault import Fault
from ..tfjs.supported import FUNCTIONS, IDLE, OPERATIONS, function_of, is_operation, several
from .references import Ref, references
from .topology import MAX_DIMENSIONS, MAX_SIZE, batch_shape, graph, inner_records, is_model, layer_order

MOST_DIMENSIONS = {"BatchNormalization": 4, "BatchNormalizationV1": 4, "LayerNormalization": 4, "Dot": 3}  # batch too
PADDED = ("Conv3D", "MaxPooling3D", "AveragePooling3D")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
SAME = frozenset("""Activation ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax Dropout SpatialDropout1D
    SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout BatchNormalization
    BatchNormalizationV1 LayerNormalization GroupNormalization UnitNormalization Normalization Rescaling Masking
    ActivityRegularization""".split())
PER_DIMENSION = """kernel_size strides dilation_rate pool_size padding cropping size output_padding target_shape dims
    axes""".split()  # settings that are read again at every call


class Nested:
    """The graphs of nested models, each made once: a model that is called twice in one that is called twice, and so
    on, is called very often."""

    def __init__(self, major):
        self.major, self.known = major, {}

    def meets(self, record, inputs):
        """Called with each layer and the shapes of its inputs, where these are known."""

    def steps(self, record):
        """Return (Graph, its `steps`) of a Functional record."""
        if id(record) not in self.known:  # the record is kept beside it, so that its id stays its own
            source = graph(record, self.major)
            self.known[id(record)] = record, source, steps(source)
        return self.known[id(record)][1:]


def of_graph(source, major, inputs=None):
    """Return {Ref: shape or None} for the first output of every call of every layer, and all that is known besides.

    inputs: shapes to take for the graph's inputs (of a nested model), by default what its InputLayers declare.
    """
    return walk(source, steps(source), inputs, Nested(major))


def steps(source):
    """Return [(name, call, its Refs)] of all calls of a Graph's layers, each behind those that it needs."""
    refs = OrderedDict(((name, node), [] if source.layers[name].is_input else
                        references(source.layers[name].calls[node], source.layers))
                       for name in layer_order(source) for node in range(source.node_count(name)))
    needed = {call: {ref[:2] for ref in found if ref[:2] in refs} for call, found in refs.items()}
    users = {}
    for call, behind in needed.items():
        for other in behind:
            users.setdefault(other, []).append(call)
    ready, result = [call for call in refs if not needed[call]], []
    for call in ready:  # grows meanwhile; calls that need one another are left out
        result.append(call + (refs[call],))
        for user in users.get(call, ()):
            needed[user].discard(call)
            if not needed[user]:
                ready.append(user)
    return result


def walk(source, order, inputs, nested):
    known = {}
    given = dict(zip([ref.layer for ref in source.inputs], inputs or []))
    for name, node, refs in order:
        layer = source.layers[name]
        found = [given.get(name) or batch_shape(layer)] if layer.is_input else \
            of_layer(layer.record, [known.get(ref) for ref in refs], nested)
        known.update((Ref(name, node, tensor), shape) for tensor, shape in enumerate(found))
    return known


def of_layer(record, inputs, nested):
    """Return the shapes of the outputs of one call of the layer `record`; [None] where they cannot be told."""
    if not inputs or any(shape is None for shape in inputs):
        return [None]
    nested.meets(record, inputs)
    try:
        if not is_model(record):
            if any(isinstance(record["config"].get(key), list) and len(record["config"][key]) > MAX_DIMENSIONS
                   for key in PER_DIMENSION):
                return [None]
            found = RULES[record["class_name"]](record["config"], inputs, nested)
            return [shape if is_shape(shape) else None for shape in found]
        if record["class_name"] == "Sequential":
            return [of_sequential(record, inputs[0], nested)]
        source, order = nested.steps(record)
        known = walk(source, order, inputs, nested)
        return [known.get(ref) for ref in source.outputs]
    except (Fault, KeyError, IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError):
        return [None]


def of_sequential(record, shape, nested):
    for layer in inner_records(record):
        if layer["class_name"] != "InputLayer":
            shape = of_layer(layer, [shape], nested)[0]
    return shape


def is_shape(shape):
    """Whether `shape` is one that a tensor can have.  Sizes come of what stands in a config, and of multiplying it:
    they may be texts, and get longer with each layer."""
    return shape is None or len(shape) <= MAX_DIMENSIONS and all(
        size is None or isinstance(size, (int, float)) and abs(size) < MAX_SIZE for size in shape)


def times(size, factor):
    """size * factor, for a factor that is a number: a text is repeated."""
    if not isinstance(factor, (int, float)):
        raise Fault("%.40r is no number" % (factor,))
    return size * factor


def spatial(config, shape):
    """Return (list of spatial sizes, function that puts new ones and a channel count in their places)."""
    if config.get("data_format") == "channels_first":
        return list(shape[2:]), lambda sizes, channels: [shape[0], channels] + sizes
    return list(shape[1:-1]), lambda sizes, channels: [shape[0]] + sizes + [channels]


def channels(config, shape):
    return shape[1] if config.get("data_format") == "channels_first" else shape[-1]


def slide(size, window, stride, padding, dilation=1):
    """The length that a window leaves of `size` (keras conv_utils.conv_output_length)."""
    if size is None:
        return None
    if padding != "valid":
        return -(-size // stride)
    return (size - (window - 1) * dilation - 1) // stride + 1


def convolution(filters):
    """filters(config, channels): how many there are."""
    def rule(config, inputs, nested):
        sizes, put = spatial(config, inputs[0])
        settings = zip(sizes, several(config["kernel_size"], len(sizes)), several(config["strides"], len(sizes)),
                       several(config.get("dilation_rate", 1), len(sizes)))
        return [put([slide(size, window, stride, config["padding"], dilation)
                     for size, window, stride, dilation in settings], filters(config, channels(config, inputs[0])))]
    return rule


def transposed(config, inputs, nested):
    sizes, put = spatial(config, inputs[0])
    extra = config.get("output_padding")
    result = []
    for index, size in enumerate(sizes):
        window = several(config["kernel_size"], len(sizes))[index]
        stride = several(config["strides"], len(sizes))[index]
        if size is None:
            result.append(None)
        elif extra is None:
            result.append(times(size, stride) + (max(window - stride, 0) if config["padding"] == "valid" else 0))
        else:
            cut = window // 2 if config["padding"] == "same" else 0
            result.append(times(size - 1, stride) + window - 2 * cut + several(extra, len(sizes))[index])
    return [put(result, config["filters"])]


def pooling(config, inputs, nested):
    sizes, put = spatial(config, inputs[0])
    windows = several(config["pool_size"], len(sizes))
    strides = several(config.get("strides") or windows, len(sizes))
    return [put([slide(*item) for item in zip(sizes, windows, strides, [config["padding"]] * len(sizes))],
                channels(config, inputs[0]))]


def global_pooling(config, inputs, nested):
    sizes, put = spatial(config, inputs[0])
    if config.get("keepdims"):
        return [put([1] * len(sizes), channels(config, inputs[0]))]
    return [[inputs[0][0], channels(config, inputs[0])]]


def resize(change):
    """change(size, config, index, count): what becomes of each spatial size."""
    def rule(config, inputs, nested):
        sizes, put = spatial(config, inputs[0])
        return [put([None if size is None else change(size, config, index, len(sizes))
                     for index, size in enumerate(sizes)], channels(config, inputs[0]))]
    return rule


def border(config, key, index, count):
    """The sum of both sides of a ZeroPadding's or Cropping's setting: 1, [1, 2] or [[1, 2], [3, 4]]."""
    value = config[key]
    if count == 1:
        return sum((value if isinstance(value[0], int) else value[0])[:2]) if isinstance(value, list) else 2 * value
    side = several(value, count)[index]
    return sum(side[:2]) if isinstance(side, list) else 2 * side


def reshape(config, inputs, nested):
    target, rest = list(config["target_shape"]), product(inputs[0][1:])
    if -1 in target:
        known = -product(target)
        target[target.index(-1)] = None if rest is None else rest // known
    return [[inputs[0][0]] + target]


def product(sizes):
    result = 1
    for size in sizes:
        if size is None:
            return None
        result *= size
    return result


def recurrent(config, inputs, nested):
    cells = cells_of(config["cell"]) if "cell" in config else [("", config)]
    batch, steps = inputs[0][:2]
    units = cells[-1][1]["units"]
    states = [[batch, cell["units"]] for kind, cell in cells for _ in range(2 if kind == "LSTMCell" else 1)]
    return [[batch, steps, units] if config.get("return_sequences") else [batch, units]] + \
        (states if config.get("return_state") else [])


def cells_of(record):
    """Return [(class, config)] of the cells of an RNN."""
    cells = record["config"]["cells"] if record["class_name"] == "StackedRNNCells" else [record]
    return [(cell["class_name"], cell["config"]) for cell in cells]


def lstm(config, inputs, nested):
    found = recurrent(config, inputs, nested)
    return found + found[1:]  # two states


def convolutional_lstm(config, inputs, nested):
    """A convolution of each step; its states are images too."""
    batch, steps = inputs[0][:2]
    image = RULES["Conv2D"](config, [[batch] + list(inputs[0][2:])], nested)[0]
    return [image[:1] + [steps] + image[1:] if config.get("return_sequences") else image] + \
        [image] * (2 if config.get("return_state") else 0)


def bidirectional(config, inputs, nested):
    found = of_layer(config["layer"], inputs[:1], nested)
    first, states = found[0], found[1:]
    if config["merge_mode"] is None:
        return [first, first] + states * 2
    doubled = first[:-1] + [2 * first[-1]] if config["merge_mode"] == "concat" else first
    return [doubled] + states * 2


def time_distributed(config, inputs, nested):
    batch, steps = inputs[0][:2]
    found = of_layer(config["layer"], [[batch] + list(inputs[0][2:])], nested)[0]
    return [None if found is None else [batch, steps] + found[1:]]


def merge(config, inputs, nested):
    """Broadcasting, dimension by dimension from the last."""
    result = list(max(inputs, key=len))
    for shape in inputs:
        for place in range(-1, -len(shape) - 1, -1):
            if result[place] in (1, None) and (shape[place] != 1 or result[place] is None):
                result[place] = shape[place] if shape[place] != 1 else result[place]
    return [result]


def operation(config, inputs, nested):
    """`a + b` in Keras 2, as far as it is what a layer does."""
    kind = "TFOpLambda" if "function" in config else "TensorFlowOpLayer"
    known = function_of({"class_name": kind, "config": config}) in OPERATIONS
    return merge(config, inputs, nested) if known and len(inputs) > 1 else [None]


def concatenate(config, inputs, nested):
    result = list(inputs[0])
    sizes = [shape[config["axis"]] for shape in inputs]
    result[config["axis"]] = None if None in sizes else sum(sizes)
    return [result]


def dot(config, inputs, nested):
    first, second = [list(shape) for shape in inputs]
    axes = several(config["axes"], 2)
    del first[axes[0]], second[axes[1]]
    result = first + second[1:]
    return [result if len(result) > 1 else result + [1]]


RULES = {name: lambda config, inputs, nested: [list(inputs[0])] for name in SAME | IDLE}
RULES.update({name: merge for name in MERGES})
for dimensions in ("1D", "2D", "3D"):
    for name in ("Conv", "SeparableConv"):
        RULES[name + dimensions] = convolution(lambda config, count: config["filters"])
    RULES["DepthwiseConv" + dimensions] = convolution(
        lambda config, count: times(count, config.get("depth_multiplier", 1)))
    RULES[f"Conv{dimensions}Transpose"] = transposed
    for kind in ("Max", "Average"):
        RULES[kind + "Pooling" + dimensions] = pooling
        RULES[f"Global{kind}Pooling{dimensions}"] = global_pooling
    RULES["ZeroPadding" + dimensions] = resize(lambda size, *place: size + border(place[0], "padding", *place[1:]))
    RULES["Cropping" + dimensions] = resize(lambda size, *place: size - border(place[0], "cropping", *place[1:]))
    RULES["UpSampling" + dimensions] = resize(
        lambda size, config, index, count: times(size, several(config["size"], count)[index]))
RULES.update({
    "Dense": lambda config, inputs, nested: [list(inputs[0][:-1]) + [config["units"]]],
    "Flatten": lambda config, inputs, nested: [[inputs[0][0], product(inputs[0][1:])]],
    "Reshape": reshape,
    "Permute": lambda config, inputs, nested: [[inputs[0][0]] + [inputs[0][axis] for axis in config["dims"]]],
    "RepeatVector": lambda config, inputs, nested: [[inputs[0][0], config["n"], inputs[0][1]]],
    "Embedding": lambda config, inputs, nested: [list(inputs[0]) + [config["output_dim"]]],
    "SimpleRNN": recurrent, "GRU": recurrent, "RNN": recurrent, "LSTM": lstm, "ConvLSTM2D": convolutional_lstm,
    "Bidirectional": bidirectional, "TimeDistributed": time_distributed,
    "Concatenate": concatenate, "Dot": dot,
})
RULES.update({name: operation for name in FUNCTIONS})


# What TensorFlow.js has for some shapes alone -------------------------------------------------------------------------

def asked_of(record):
    """Whether it takes the shape of a layer's input to say that TensorFlow.js computes it as Keras does."""
    while record["class_name"] == "TimeDistributed":
        record = record["config"]["layer"]
    kind = record["class_name"]
    return is_operation(record) or kind in MOST_DIMENSIONS or kind in PADDED or kind == "Softmax"


def check(layer, source, major, known):
    """Raise a Fault for what TensorFlow.js computes otherwise for some shapes, or not at all: a BatchNormalization
    along another axis than the last (its cpu backend takes the statistics for those of the last axis, batchNorm4d,
    whatever their shape), a Softmax along one, more dimensions than it has a layer for, and an operation on tensors of
    unlike rank, which the layer that stands for it broadcasts otherwise.  known: dict, filled when needed."""
    if not asked_of(layer.record):
        return
    if not known:
        known.update(of_graph(source, major))
    record, steps = layer.record, 0
    while record["class_name"] == "TimeDistributed":
        record, steps = record["config"]["layer"], steps + 1
    kind, axis = record["class_name"], record["config"].get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    for refs in source.references(layer):
        ranks = [len(known[ref]) - steps for ref in refs if known.get(ref) is not None]
        if not ranks:
            continue
        if kind.startswith(("BatchNormalization", "Softmax")) and axis not in (ranks[0] - 1, -1):
            raise Fault("layer %r is a %s along axis %s of %d: TensorFlow.js %s along the last"
                        % (layer.name, kind, axis, ranks[0], "computes it" if kind == "Softmax" else "normalizes"))
        if max(ranks) > MOST_DIMENSIONS.get(kind, MAX_DIMENSIONS):
            raise Fault("layer %r is a %s of %d dimensions: TensorFlow.js has it for up to %d"
                        % (layer.name, kind, max(ranks), MOST_DIMENSIONS[kind]))
        if kind in PADDED and any(map(overhangs, known[refs[0]][steps + 1:-1], *windows(record["config"]))):
            raise Fault(f"layer {layer.name!r} is a {kind} whose strides leave out the end of its input, and "
                        "padding=same: "
                        "TensorFlow.js then begins elsewhere")
        if is_operation(record) and OPERATIONS.get(function_of(record)) and len(set(ranks)) > 1:
            raise Fault("{!r} is the operation {} on tensors of {} dimensions: the layer that TensorFlow.js has for it "
                        "broadcasts otherwise".format(layer.name, function_of(record), " and ".join(map(str, ranks))))


def windows(config):
    """(sizes of the window, strides) of a layer of PADDED; all 1 where it does not pad."""
    size = several(config.get("kernel_size", config.get("pool_size", 1)), 3)
    return (size, several(config.get("strides") or size, 3)) if config.get("padding") == "same" else ([1] * 3, [1] * 3)


def overhangs(length, window, stride):
    """Whether the last window ends before the input does (tfjs-core conv_util.get3DPadAndOutInfo: padding below 0)."""
    return window < stride and (length is None or (-(-length // stride) - 1) * stride + window < length)
