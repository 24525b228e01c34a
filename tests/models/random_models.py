"""Random functional models over the layers and operations that lower/ has: a plan is data, which hypothesis shrinks.

A plan is [(kind, number, other number, setting)].  A step takes one of the tensors made so far of a rank that its kind
takes, the number chooses which; what Keras refuses of a plan is left out of the model.
"""
import functools
import operator

STEPS, UNITS, WORDS, LARGEST, DEEPEST = 5, 4, 6, 600, 5
ACTIVATIONS = ("relu", "elu", "selu", "tanh", "sigmoid", "softplus", "softsign", "swish", "gelu", "linear")


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


# Layers of one tensor ----------------------------------------------------------------------------------------

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


# Several tensors, and operations -----------------------------------------------------------------------------

@call("merge", 2, 3, 4)
def merge(m, x, y):
    return m.layer(m.pick("Add", "Multiply", "Maximum", "Minimum", "Average", "Subtract"))([x, y])


@call("concatenate", 2, 3, 4)
def concatenate(m, x, y):
    return m.layer("Concatenate", axis=m.pick(-1, 1))([x, y])


@call("dot", 2, 3)
def dot(m, x, y):
    return m.layer("Dot", axes=m.pick(-1, 1), normalize=m.pick(False, True))([x, y])


@call("attention", 3)
def attention(m, x, y):
    kind = m.pick("Attention", "AdditiveAttention")
    return m.layer(kind, use_scale=m.pick(True, False))([x, y] if m.pick(True, False) else [x, y, y])


@call("heads", 3)
def heads(m, x, y):
    return m.layer("MultiHeadAttention", num_heads=2, key_dim=3)(x, y)


@call("states", 3)
def states(m, x, y):
    kind = m.pick("LSTM", "GRU")
    out = getattr(m.layers, kind)(UNITS, return_state=True, return_sequences=True, name=m.name)(x)
    then = getattr(m.layers, kind)(UNITS, name=m.name + "_then")(y, initial_state=list(out[1:]))
    return list(out) + [then]


@call("arithmetic", 2, 3, 4)
def arithmetic(m, x, y):
    ops = m.ops
    return m.pick(lambda: x + y, lambda: x * y, lambda: x - y, lambda: 1 - x, lambda: x / (ops.abs(y) + 1),
                  lambda: ops.tanh(x) ** 2, lambda: ops.maximum(x, y), lambda: -x + 2.5, lambda: 3 / (ops.exp(x) + 1),
                  lambda: ops.sqrt(ops.abs(x) + 1), lambda: ops.where(ops.greater(x, y), x, y) if m.is3
                  else ops.where(x > y, x, y))()


@call("reduction", 2, 3, 4)
def reduction(m, x, y):
    axis, keep = m.pick(-1, 1, (1, -1)) if len(x.shape) > 2 else -1, m.pick(True, False)
    if not keep and len(x.shape) == 2 + (len(axis) - 1 if isinstance(axis, tuple) else 0):
        keep = True
    ops = m.ops
    if m.is3:
        return m.pick(ops.mean, ops.sum, ops.max, ops.min, ops.var, ops.logsumexp)(x, axis=axis, keepdims=keep)
    return m.pick(ops.reduce_mean, ops.reduce_sum, ops.reduce_max, ops.reduce_min, ops.math.reduce_variance,
                  ops.reduce_logsumexp)(x, axis=axis, keepdims=keep)


@call("moved", 2, 3, 4)
def moved(m, x, y):
    ops, rank = m.ops, len(x.shape)
    order = [0] + list(range(rank - 1, 0, -1))
    return m.pick(lambda: ops.transpose(x, order), lambda: ops.expand_dims(x, m.pick(1, -1)),
                  lambda: ops.concatenate([x, y], -1) if m.is3 else ops.concat([x, y], -1),
                  lambda: ops.stack([x, x + 1], 1), lambda: x[:, 1:], lambda: x[..., ::-1],
                  lambda: x[:, -1], lambda: ops.reshape(x, [-1, functools.reduce(operator.mul, x.shape[1:], 1)]),
                  lambda: ops.roll(x, 1, 1), lambda: ops.split(x, [1], axis=-1) if m.is3 else ops.split(
                      x, [1, x.shape[-1] - 1], axis=-1), lambda: ops.tile(x, [1] * (rank - 1) + [2]))()


@call("product", 3)
def product(m, x, y):
    if m.is3 and m.pick(True, False):
        return m.ops.einsum("bij,bkj->bik", x, y)
    return m.ops.matmul(x, m.ops.transpose(y, [0, 2, 1]))


KINDS = sorted(LAYERS) + sorted(FUNCTIONS) + ["again"]


def build(keras, plan):
    """The planned model, of three inputs: words, a sequence and an image.  All that it makes is an output."""
    layers = keras.layers
    words, sequence = keras.Input((STEPS,), name="words", dtype="int32"), keras.Input((STEPS, UNITS), name="sequence")
    image = keras.Input((6, 5, 3), name="image")
    made = [layers.Embedding(WORDS, UNITS, mask_zero=True, name="masked")(words),
            layers.Embedding(WORDS, UNITS, name="open")(words), layers.Masking(0.0, name="masks")(sequence),
            sequence, image, layers.Dense(UNITS, name="vector")(layers.Flatten(name="flat")(image))]
    depth = [1] * len(made)
    outputs, called = [made[0], made[2], made[5]], []  # every input is needed
    for index, (kind, one, two, setting) in enumerate(plan):
        maker = Maker(keras, (kind, one, two, setting), index)
        try:
            found, level = taken(maker, made, depth, called, one, two)
        except Exception as refused:  # by Keras, which has the last word on what goes together
            LEFT_OUT.append((kind, repr(refused)[:200]))
            continue
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        for tensor in found:
            size = functools.reduce(lambda a, b: a * (b or 1), tensor.shape[1:], 1)
            if 1 <= size <= LARGEST:
                outputs.append(tensor)
                if level < DEEPEST and 2 <= len(tensor.shape) <= 4:
                    made.append(tensor)
                    depth.append(level)
    return keras.Model([words, sequence, image], outputs)


LEFT_OUT = []  # what Keras refused: (kind, why)


def taken(maker, made, depth, called, one, two):
    """Make the tensors of a step; return them and how many steps lie below them."""
    if maker.kind == "again":
        layer, shape = called[one % len(called)]
        fitting = [place for place, tensor in enumerate(made) if tuple(tensor.shape) == shape]
        place = fitting[two % len(fitting)]
        return layer(made[place]), depth[place] + 1
    ranks, function = LAYERS.get(maker.kind) or FUNCTIONS[maker.kind]
    fitting = [place for place, tensor in enumerate(made) if len(tensor.shape) in ranks]
    place = fitting[one % len(fitting)]
    x = made[place]
    if maker.kind in LAYERS:
        layer = function(maker, x)
        found = layer(x)
        called.append((layer, tuple(x.shape)))
        return found, depth[place] + 1
    same = [other for other, tensor in enumerate(made) if tuple(tensor.shape) == tuple(x.shape)]
    if maker.kind in ("attention", "heads", "concatenate", "product", "dot", "states"):  # sizes may differ
        same = [other for other in fitting if made[other].shape[-1] == x.shape[-1]]
    other = same[two % len(same)]
    return function(maker, x, made[other]), max(depth[place], depth[other]) + 1
