"""Layers of one tensor, of which random models are made: a function of a Maker and a tensor gives the layer."""
import functools

UNITS, STEPS = 4, 5
ACTIVATIONS = ("relu", "elu", "selu", "tanh", "sigmoid", "softplus", "softsign", "swish", "gelu", "linear",
               "exponential", "hard_sigmoid")
ONLY_3 = ("celu", "glu", "hard_shrink", "hard_tanh", "hard_silu", "log_sigmoid", "log_softmax", "relu6", "silu",
          "soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink", "threshold")


class Maker:
    """What a step's function is given.  pick(options) is the one that the setting chooses."""

    def __init__(self, keras, step, index):
        self.keras, self.layers, self.kind = keras, keras.layers, step[0]
        self.setting, self.name, self.is3 = step[3], f"{step[0]}_{index}", keras.__version__.startswith("3")

    def pick(self, *options):
        self.setting, place = divmod(self.setting, len(options))
        return options[place]

    def layer(self, kind, *args, **config):
        return getattr(self.layers, kind)(*args, name=self.name, **config)

    @property
    def ops(self):
        if self.is3:
            return self.keras.ops
        import tensorflow
        return tensorflow


LAYERS, FUNCTIONS = {}, {}  # kind: (ranks, function(maker, tensor) -> layer), … (maker, x, y) -> tensor or tensors


def one_layer(kind, *ranks):
    def register(function):
        LAYERS[kind] = ranks, function
        return function
    return register


def call(kind, *ranks):
    def register(function):
        FUNCTIONS[kind] = ranks, function
        return function
    return register


@one_layer("dense", 2, 3, 4)
def dense(m, x):
    return m.layer("Dense", m.pick(3, UNITS), use_bias=m.pick(True, False), activation=m.pick(*ACTIVATIONS[:8]))


@one_layer("activation", 2, 3, 4)
def activation(m, x):
    return m.layer("Activation", m.pick("softmax", *ACTIVATIONS[:8]))


@one_layer("leaky", 2, 3, 4)
def leaky(m, x):
    return m.pick(*[functools.partial(m.layer, kind) for kind in ("LeakyReLU", "ReLU", "ELU", "PReLU")])()


@one_layer("conv1", 3)
def conv1(m, x):
    kind = m.pick("Conv1D", "SeparableConv1D", "Conv1DTranspose")
    padding = m.pick("valid", "same", "causal") if kind == "Conv1D" else m.pick("valid", "same")
    strides, dilation = m.pick((1, 1), (2, 1), (1, 1 if "Transpose" in kind else 2))
    return m.layer(kind, 3, m.pick(2, 3), padding=padding, strides=strides, dilation_rate=dilation)


@one_layer("conv2", 4)
def conv2(m, x):
    kind = m.pick("Conv2D", "SeparableConv2D", "Conv2DTranspose")
    strides, dilation = m.pick((1, 1), (2, 1), (1, 1 if "Transpose" in kind else 2))
    return m.layer(kind, 3, m.pick((2, 3), 3, 1), padding=m.pick("same", "valid"), strides=strides,
                   dilation_rate=dilation)


@one_layer("depthwise", 4)
def depthwise(m, x):
    return m.layer("DepthwiseConv2D", m.pick(2, 3), padding=m.pick("same", "valid"), depth_multiplier=m.pick(1, 2),
                   strides=m.pick(1, 2))


@one_layer("pool", 3, 4)
def pool(m, x):
    kind = m.pick("Max", "Average") + ("Pooling1D" if len(x.shape) == 3 else "Pooling2D")
    return m.layer(kind, m.pick(2, 3), strides=m.pick(None, 1, 2), padding=m.pick("same", "valid"))


@one_layer("global", 3, 4)
def global_pool(m, x):
    kind = m.pick("GlobalMax", "GlobalAverage") + ("Pooling1D" if len(x.shape) == 3 else "Pooling2D")
    return m.layer(kind)


@one_layer("norm", 2, 3, 4)
def norm(m, x):
    kind = m.pick("BatchNormalization", "LayerNormalization")
    if kind == "BatchNormalization":
        return m.layer(kind, axis=m.pick(-1, 1), scale=m.pick(True, False))
    return m.layer(kind, axis=m.pick(-1, 1, *([(-2, -1)] if len(x.shape) > 3 else [])), center=m.pick(True, False))


@one_layer("pad", 3, 4)
def pad(m, x):
    if len(x.shape) == 3:
        return m.pick(lambda: m.layer("ZeroPadding1D", (1, 2)), lambda: m.layer("Cropping1D", (1, 0)),
                      lambda: m.layer("UpSampling1D", 2))()
    return m.pick(lambda: m.layer("ZeroPadding2D", ((1, 0), (2, 1))), lambda: m.layer("Cropping2D", ((0, 1), (1, 0))),
                  lambda: m.layer("UpSampling2D", (1, 2), interpolation=m.pick("nearest", "bilinear")))()


@one_layer("flatten", 2, 3, 4)
def flatten(m, x):
    return m.layer("Flatten")


@one_layer("reshape", 2, 3, 4)
def reshape(m, x):
    return m.layer("Reshape", m.pick((-1,), (1, -1), (-1, x.shape[-1]), (-1, 1, x.shape[-1])))


@one_layer("permute", 3, 4)
def permute(m, x):
    return m.layer("Permute", (2, 1) if len(x.shape) == 3 else m.pick((2, 1, 3), (3, 1, 2), (2, 3, 1)))


@one_layer("repeat", 2)
def repeat(m, x):
    return m.layer("RepeatVector", m.pick(STEPS, 3))


@one_layer("masking", 3)
def masking(m, x):
    return m.layer("Masking", 0.0)


def cell(m, name, **config):
    kind = m.pick("LSTM", "GRU", "SimpleRNN")
    config = dict(config, **{"reset_after": m.pick(True, False)} if kind == "GRU" else {})
    return getattr(m.layers, kind)(m.pick(UNITS, 3), name=name, activation=m.pick("tanh", "relu"), **config)


@one_layer("recurrent", 3)
def recurrent(m, x):
    return cell(m, m.name, return_sequences=m.pick(True, False), go_backwards=m.pick(False, True),
                unroll=m.pick(False, True))


@one_layer("bidirectional", 3)
def bidirectional(m, x):
    merge = m.pick("concat", "sum", "mul", "ave")
    return m.layer("Bidirectional", cell(m, m.name + "_in", return_sequences=m.pick(True, False)), merge_mode=merge)


@one_layer("stacked", 3)
def stacked(m, x):
    cells = [getattr(m.layers, kind)(units) for kind, units in (("LSTMCell", 3), ("GRUCell", UNITS))]
    return m.layer("RNN", cells if m.pick(True, False) else cells[0], return_sequences=m.pick(True, False))


@one_layer("distributed", 3, 4)
def distributed(m, x):
    inner = m.layers.Dense(3, "tanh") if len(x.shape) == 3 or m.pick(True, False) else m.layers.GRU(3)
    return m.layer("TimeDistributed", inner)


@one_layer("convolstm", 4)
def distributed_convolution(m, x):
    return m.layer("TimeDistributed", m.layers.Conv1D(2, 2, padding=m.pick("same", "causal", "valid")))


@one_layer("nothing", 2, 3, 4)
def nothing(m, x):
    return m.layer(m.pick("Dropout", "GaussianNoise"), 0.3)


@one_layer("nested", 2, 3, 4)
def nested(m, x):
    start = m.keras.Input(tuple(x.shape[1:]))
    inside = m.layers.Dense(UNITS, "tanh")(start)
    if len(x.shape) == 3:
        inside = m.pick(lambda: m.layers.LSTM(3, return_sequences=True), lambda: m.layers.Masking(0.0),
                        lambda: m.layers.Conv1D(3, 2, padding="same"))()(inside)
    if m.pick(False, True):
        again = m.keras.Model(start, inside, name=m.name + "_innermost")
        outer = m.keras.Input(tuple(x.shape[1:]))
        return m.keras.Model(outer, m.layers.Dense(3)(again(outer)), name=m.name)
    return m.keras.Model(start, inside, name=m.name)


@one_layer("row", 2, 3, 4)
def row(m, x):
    return m.keras.Sequential([m.keras.Input(tuple(x.shape[1:])), m.layers.Dense(3, "relu"),
                               m.layers.BatchNormalization(), m.layers.Dense(UNITS)], name=m.name)


# Settings and classes that are seldom ----------------------------------------------------------------------------

def sizes(m, rank, *options):
    """A size for each dimension between the batch and the channels, which may differ, or one for all."""
    first = m.pick(*options)
    return first if m.pick(True, False) else tuple(m.pick(*options) if place else first for place in range(rank - 2))


@one_layer("convolution", 3, 4, 5)
def convolution(m, x):
    rank, filters = len(x.shape), m.pick(2, 4)
    groups = m.pick(1, 1, *[count for count in (2, 3) if x.shape[-1] % count == 0 and filters % count == 0])
    strides, dilation = m.pick((1, 1), (2, 1), (1, 2))
    return m.layer(f"Conv{rank - 2}D", filters, sizes(m, rank, 2, 3, 1), groups=groups, strides=strides,
                   dilation_rate=dilation, padding=m.pick("valid", "same"), use_bias=m.pick(True, False),
                   activation=m.pick(None, *ACTIVATIONS))


@one_layer("transposed", 3, 4, 5)
def transposed(m, x):
    strides, rank = m.pick(2, 3, 1), len(x.shape)
    return m.layer(f"Conv{rank - 2}DTranspose", 2, sizes(m, rank, 2, 3, 1), strides=strides,
                   padding=m.pick("valid", "same"), output_padding=m.pick(None, None, strides - 1),
                   use_bias=m.pick(True, False))


@one_layer("channelwise", 3, 4)
def channelwise(m, x):
    rank = len(x.shape)
    kind = m.pick("Depthwise", "Separable")
    first = () if kind == "Depthwise" else (3,)
    strides, dilation = m.pick((1, 1), (2, 1), (1, 2))
    padding = m.pick("valid", "same", *(["causal"] if rank == 3 and kind == "Separable" else []))
    return m.layer(f"{kind}Conv{rank - 2}D", *first, m.pick(2, 3), padding=padding, strides=strides,
                   dilation_rate=dilation, depth_multiplier=m.pick(1, 2))


@one_layer("pooling", 3, 4, 5)
def pooling(m, x):
    rank = len(x.shape)
    options = [lambda: m.layer(m.pick("Max", "Average") + f"Pooling{rank - 2}D", sizes(m, rank, 2, 3),
                               strides=m.pick(None, 1, 2, 3), padding=m.pick("same", "valid")),
               lambda: m.layer(m.pick("GlobalMax", "GlobalAverage") + f"Pooling{rank - 2}D",
                               keepdims=m.pick(False, True))]
    if m.is3:
        options.append(lambda: m.layer(m.pick("AdaptiveMax", "AdaptiveAverage") + f"Pooling{rank - 2}D", m.pick(2, 3)))
    return m.pick(*options)()


@one_layer("channels_first", 3, 4, 5)
def channels_first(m, x):
    """What Keras computes on a processor in that order."""
    rank, data_format = len(x.shape), "channels_first"
    options = [lambda: m.layer(m.pick("GlobalMax", "GlobalAverage") + f"Pooling{rank - 2}D", data_format=data_format),
               lambda: m.layer("Flatten", data_format=data_format)]
    if rank > 3:
        options += [lambda: m.layer(f"ZeroPadding{rank - 2}D", 1, data_format=data_format),
                    lambda: m.layer(f"UpSampling{rank - 2}D", 2, data_format=data_format),
                    lambda: m.layer(f"Cropping{rank - 2}D", ((0, 1),) * (rank - 2), data_format=data_format)]
    if m.is3:
        options += [lambda: m.layer(m.pick("Max", "Average") + f"Pooling{rank - 2}D", 2, data_format=data_format,
                                    padding=m.pick("same", "valid"), strides=m.pick(None, 1)),
                    lambda: m.layer(f"Conv{rank - 2}D", 2, m.pick(2, 1), data_format=data_format,
                                    padding=m.pick("same", "valid"))]
    return m.pick(*options)()


@one_layer("normalized", 2, 3, 4, 5)
def normalized(m, x):
    rank, axis = len(x.shape), m.pick(-1, 1)
    options = [lambda: m.layer("UnitNormalization", axis=axis),
               lambda: m.layer("LayerNormalization", axis=list(range(1, rank)), scale=m.pick(True, False)),
               lambda: m.layer("BatchNormalization", axis=m.pick(*range(1, rank)), center=m.pick(True, False)),
               lambda: m.layer("GroupNormalization", groups=m.pick(1, -1, 2), axis=axis),
               lambda: m.layer("Normalization", axis=m.pick(-1, None), mean=0.3, variance=m.pick(2.0, 0.5))]
    if m.is3:
        options += [lambda: m.layer("RMSNormalization", axis=axis),
                    lambda: m.layer("SpectralNormalization", m.layers.Dense(3))]
    return m.pick(*options)()


@one_layer("bent", 2, 3, 4, 5)
def bent(m, x):
    slope = "negative_slope" if m.is3 else "alpha"
    return m.pick(lambda: m.layer("ReLU", max_value=m.pick(None, 1.0, 6.0), negative_slope=m.pick(0.0, 0.3),
                                  threshold=m.pick(0.0, 0.2)),
                  lambda: m.layer("LeakyReLU", **{slope: m.pick(0.1, 0.5, 1.5)}),
                  lambda: m.layer("ELU", alpha=m.pick(0.5, 2.0)), lambda: m.layer("Softmax", axis=m.pick(-1, 1)),
                  lambda: m.layer("PReLU", shared_axes=m.pick(None, list(range(1, len(x.shape) - 1)) or None)),
                  lambda: m.layer("Activation", m.pick(*ACTIVATIONS, *(ONLY_3 if m.is3 else ()))))()


@one_layer("resized", 3, 4, 5)
def resized(m, x):
    rank = len(x.shape)
    if rank != 4:
        return m.layer(m.pick("ZeroPadding", "Cropping", "UpSampling") + f"{rank - 2}D", 1)
    kind = m.pick("UpSampling2D", "Resizing", "CenterCrop", "ZeroPadding2D")
    if kind == "UpSampling2D":
        return m.layer(kind, m.pick(2, (1, 3)), interpolation=m.pick("bilinear", "nearest", *(
            ["bicubic", "lanczos3", "lanczos5"] if m.is3 else ["bicubic", "area"])))
    if kind == "Resizing":
        return m.layer(kind, m.pick(4, 7), m.pick(3, 8), interpolation=m.pick("bilinear", "nearest", "bicubic"),
                       crop_to_aspect_ratio=m.pick(False, True))
    return m.layer(kind, 3, m.pick(2, 3)) if kind == "CenterCrop" else m.layer(kind, ((2, 0), (0, 1)))


@one_layer("scaled", 2, 3, 4, 5)
def scaled(m, x):
    return m.pick(lambda: m.layer("Rescaling", m.pick(2.0, 0.5), offset=m.pick(0.0, -1.0)),
                  lambda: m.layer("Dropout", 0.5), lambda: m.layer("ActivityRegularization", 0.1),
                  lambda: m.layer("Identity") if hasattr(m.layers, "Identity") else m.layer("Activation", "linear"),
                  lambda: m.layer("AlphaDropout", 0.2),
                  lambda: m.layer(f"SpatialDropout{max(len(x.shape) - 2, 1)}D", 0.2))()


@one_layer("deepened", 3, 4)
def deepened(m, x):
    """One dimension more, so that others have clips, and sequences of images."""
    shape = list(x.shape[1:])
    return m.layer("Reshape", m.pick(shape[:1] + [1] + shape[1:], shape + [1], [1] + shape))


@one_layer("recurrence", 3)
def recurrence(m, x):
    return settled(m, m.name, return_sequences=m.pick(True, False))


def settled(m, name, **config):
    """A recurrent layer of any settings."""
    kind = m.pick("LSTM", "GRU", "SimpleRNN")
    config.update(use_bias=m.pick(True, False), activation=m.pick("tanh", "softsign", "linear"), dropout=m.pick(0, 0.3),
                  recurrent_dropout=m.pick(0, 0.2), unroll=m.pick(False, True))
    if kind != "SimpleRNN":
        config["recurrent_activation"] = m.pick("sigmoid", "hard_sigmoid")
    if kind == "GRU":
        config["reset_after"] = m.pick(True, False)
    if kind == "LSTM":
        config["unit_forget_bias"] = m.pick(True, False)
    return getattr(m.layers, kind)(m.pick(UNITS, 3), name=name, **config)


@one_layer("both_ways", 3)
def both_ways(m, x):
    again = m.pick(True, False)
    first = settled(m, m.name + "_in", return_sequences=again)
    backward = None
    if m.pick(False, True):
        backward = m.layers.GRU(first.units, return_sequences=again, go_backwards=True, name=m.name + "_back")
    return m.layer("Bidirectional", first, merge_mode=m.pick("concat", "sum", "mul", "ave", None),
                   backward_layer=backward)


@one_layer("cells", 3)
def cells(m, x):
    made = [getattr(m.layers, m.pick("LSTMCell", "GRUCell", "SimpleRNNCell"))(m.pick(3, UNITS)) for _ in
            range(m.pick(1, 2, 3))]
    cell_ = m.layers.StackedRNNCells(made) if m.pick(True, False) else made if len(made) > 1 else made[0]
    return m.layer("RNN", cell_, return_sequences=m.pick(True, False), return_state=m.pick(False, True),
                   go_backwards=m.pick(False, True), unroll=m.pick(False, True))


@one_layer("convolved_steps", 4, 5)
def convolved_steps(m, x):
    return m.layer(f"ConvLSTM{len(x.shape) - 3}D", 2, m.pick(2, 3, 1), padding=m.pick("same", "valid"),
                   strides=m.pick(1, 2), return_sequences=m.pick(True, False), go_backwards=m.pick(False, True),
                   return_state=m.pick(False, True))


@one_layer("step_by_step", 4, 5)
def step_by_step(m, x):
    rank = len(x.shape)
    options = [lambda: m.layers.Dense(3, "tanh"), lambda: m.layers.BatchNormalization(), lambda: m.layers.Flatten(),
               lambda: m.layers.LayerNormalization()]
    if rank == 4:
        options += [lambda: m.layers.LSTM(3, return_sequences=m.pick(True, False)), lambda: m.layers.MaxPooling1D(2),
                    lambda: m.layers.Bidirectional(m.layers.GRU(2)), lambda: m.layers.GlobalAveragePooling1D(),
                    lambda: m.layers.TimeDistributed(m.layers.Dense(2)), lambda: inner_model(m, x.shape[2:])]
    else:
        options += [lambda: m.layers.Conv2D(2, 2, padding="same"), lambda: m.layers.GlobalMaxPooling2D(),
                    lambda: m.layers.TimeDistributed(m.layers.SimpleRNN(2)), lambda: m.layers.MaxPooling2D(2)]
    return m.layer("TimeDistributed", m.pick(*options)())


def inner_model(m, shape):
    start = m.keras.Input(tuple(shape))
    return m.keras.Model(start, m.layers.Dense(2)(m.layers.Masking(0.0)(start)))


@one_layer("nest", 3)
def nest(m, x):
    """A model of a sequence with masks, a recurrent layer and two outputs."""
    start = m.keras.Input((m.pick(None, x.shape[1]), x.shape[-1]))
    inside = m.layers.Masking(0.0)(start) if m.pick(True, False) else start
    sequence = settled(m, m.name + "_steps", return_sequences=True)(inside)
    last = m.layers.GRU(3)(m.layers.Dropout(0.5)(sequence))
    pooled = m.layers.GlobalAveragePooling1D()(sequence)
    return m.keras.Model(start, m.pick([sequence, last], [last, pooled], last), name=m.name)


@one_layer("equation", 3, 4)
def equation(m, x):
    config = {"bias_axes": "d"} if m.pick(True, False) else {}
    return m.layer("EinsumDense", "...c,cd->...d", output_shape=(3,), activation=m.pick(None, "relu"),
                   **config)


@one_layer("bins", 2, 3)
def bins(m, x):
    return m.layer("Discretization", bin_boundaries=[-0.7, 0.1, 0.9])
