"""Layers and operations of several tensors, of which random models are made."""
import functools
import operator

import numpy

from tests.models.random_layers import ACTIVATIONS, ONLY_3, UNITS, call, settled


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


# Settings and operations that are seldom -------------------------------------------------------------------------

@call("scores", 3)
def scores(m, x, y):
    config = {"score_mode": m.pick("dot", "concat")} if m.pick(True, False) else {}
    made = m.layer("Attention", use_scale=m.pick(True, False), dropout=m.pick(0.0, 0.3), **config)
    return made([x, y], use_causal_mask=m.pick(False, True), return_attention_scores=m.pick(True, False))


@call("many_heads", 3, 4)
def many_heads(m, x, y):
    axes = m.pick(None, (1,), (1, 2)) if len(x.shape) == 4 else None
    made = m.layer("MultiHeadAttention", num_heads=m.pick(1, 2), key_dim=m.pick(2, 3), value_dim=m.pick(None, 3),
                   use_bias=m.pick(True, False), output_shape=m.pick(None, 5), attention_axes=axes)
    return made(x, y, use_causal_mask=m.pick(False, True), return_attention_scores=m.pick(False, True))


@call("grouped_heads", 3)
def grouped_heads(m, x, y):
    return m.layer("GroupQueryAttention", head_dim=3, num_query_heads=4, num_key_value_heads=m.pick(2, 1, 4),
                   use_bias=m.pick(True, False))(x, y, use_causal_mask=m.pick(False, True))


@call("told_mask", 3)
def told_mask(m, x, y):
    """A tensor as mask=."""
    mask = m.ops.reduce_any(y > 0.2, -1) if not m.is3 else m.ops.any(y > 0.2, -1)
    return settled(m, m.name, return_sequences=m.pick(True, False))(x, mask=mask)


@call("both_states", 3)
def both_states(m, x, y):
    """Bidirectional with its states, which begin another."""
    found = m.layer("Bidirectional", m.layers.LSTM(3, return_state=True, return_sequences=True))(x)
    again = m.layers.Bidirectional(m.layers.LSTM(3), name=m.name + "_then")(y, initial_state=list(found[1:]))
    return list(found) + [again]


@call("shared", 2, 3, 4)
def shared(m, x, y):
    """A model of two inputs and two outputs, called twice."""
    first, second = [m.keras.Input(tuple(one.shape[1:])) for one in (x, y)]
    dense = m.layers.Dense(3, "tanh")
    left, right = dense(first), dense(second)
    both = m.keras.Model([first, second], [left, m.layers.Add()([left, right])] if m.pick(True, False) else
                         m.layers.Subtract()([left, right]), name=m.name)
    found, again = both([x, y]), both([y, x])
    return [item for one in (found, again) for item in (one if isinstance(one, (list, tuple)) else [one])]


@call("operands", 2, 3, 4, 5)
def operands(m, x, y):
    """Constants on either side, and tensors of fewer dimensions."""
    ops, number = m.ops, m.pick(2, 0.5, -1.5, 3)
    row = numpy.linspace(0.5, 1.5, x.shape[-1]).astype("float32")
    return m.pick(lambda: number + x, lambda: x - number, lambda: number - x, lambda: number * x, lambda: x / number,
                  lambda: number / (ops.square(x) + 1), lambda: ops.maximum(number, x), lambda: ops.minimum(x, number),
                  lambda: ops.tanh(x) ** 3, lambda: 2 ** ops.tanh(x), lambda: x + ops.expand_dims(y[:, 0], 1),
                  lambda: ops.where(x > 0, number, x), lambda: ops.where(x > 0, x, -float("inf")),
                  lambda: x * row, lambda: ops.subtract(row, x), lambda: ops.add(x, row),
                  lambda: ops.divide(row, ops.square(y) + 1), lambda: abs(x) // 0.7 * 0 + x)()


@call("function", 2, 3, 4)
def function(m, x, y):
    ops = m.ops
    small = ops.tanh(x)
    if m.is3:
        named = m.pick(*ACTIVATIONS[:8], *ONLY_3, "softmax", "exp", "square", "sin", "cos", "log1p", "cbrt", "erf",
                       "arcsinh", "arctan", "expm1", "sinc", "hypot", "logaddexp", "arctan2", "normalize")
        if named in ("log1p",):
            x = ops.square(x)
        if named in ("hypot", "logaddexp", "arctan2"):
            return getattr(ops, named)(x, ops.square(y) + 0.5)
        return getattr(ops, named)(small if named in ("exp", "expm1", "threshold") else x, *(
            (0.1, 0.2) if named == "threshold" else ()))
    return m.pick(lambda: ops.nn.relu6(x), lambda: ops.nn.leaky_relu(x, 0.3), lambda: ops.nn.softmax(x, m.pick(-1, 1)),
                  lambda: ops.nn.log_softmax(x), lambda: ops.math.softplus(x), lambda: ops.nn.elu(x),
                  lambda: ops.nn.gelu(x, m.pick(True, False)), lambda: ops.exp(small), lambda: ops.math.log1p(abs(x)),
                  lambda: ops.math.erf(x), lambda: ops.math.l2_normalize(x, -1), lambda: ops.clip_by_value(x, -1, 0.5),
                  lambda: ops.math.squared_difference(x, y), lambda: ops.norm(x, axis=-1, keepdims=True),
                  lambda: ops.math.divide_no_nan(x, abs(y) + 0.3), lambda: ops.cast(x * 0, "int32"),
                  lambda: ops.nn.swish(x), lambda: ops.atan2(x, abs(y) + 0.5), lambda: ops.math.rsqrt(abs(x) + 1))()


@call("indexed", 2, 3, 4, 5)
def indexed(m, x, y):
    ops, size = m.ops, x.shape[-1]
    take = ops.take if m.is3 else ops.gather
    return m.pick(lambda: x[:, ::2], lambda: x[..., 1:], lambda: x[..., :1], lambda: x[:, None], lambda: x[:, 0:1, ...],
                  lambda: x[..., -1:], lambda: x[:, ::-1], lambda: take(x, [0, size - 1], axis=-1),
                  lambda: take(x, 0, axis=1), lambda: ops.split(x, size, axis=-1),
                  lambda: ops.unstack(x, axis=1), lambda: ops.squeeze(x[..., :1], -1),
                  lambda: ops.stack([x, y], axis=m.pick(-1, 1)),
                  lambda: ops.pad(x, [[0, 0]] + [[1, 2]] * (len(x.shape) - 1)),
                  lambda: (ops.flip if m.is3 else ops.reverse)(x, axis=[1]),
                  lambda: ops.cumsum(x, m.pick(1, -1)), lambda: ops.sort(x, -1),
                  lambda: list(ops.top_k(x, 1) if m.is3 else ops.math.top_k(x, 1)),
                  lambda: ops.repeat(x, 2, m.pick(1, -1)))()


@call("whole_numbers", 2, 3)
def whole_numbers(m, x, y):
    """Of a tensor of places: one hot, embedded, gathered."""
    ops = m.ops
    places = ops.cast(ops.cast(x * 0, "int32") + m.pick(0, 1, 2), "int32")
    return m.pick(lambda: ops.one_hot(places, 4), lambda: m.layer("Embedding", 4, 3)(places), lambda: places + 1,
                  lambda: places * 2, lambda: places // 2, lambda: places % 2, lambda: ops.equal(places, 1),
                  lambda: ops.cast(places, "float32") * 0.5)()


@call("image", 4)
def image(m, x, y):
    if m.is3:
        image_ops = m.keras.ops.image
        return m.pick(lambda: image_ops.resize(x, (4, 7), interpolation=m.pick("bilinear", "nearest", "bicubic")),
                      lambda: image_ops.pad_images(x, 1, 2, target_height=x.shape[1] + 2, target_width=x.shape[2] + 3),
                      lambda: m.ops.average_pool(x, 2, 1, m.pick("same", "valid")),
                      lambda: m.ops.max_pool(x, 2, m.pick(1, 2), m.pick("same", "valid")),
                      lambda: image_ops.extract_patches(x, (2, 2), m.pick(1, 2), padding=m.pick("same", "valid")))()
    ops = m.ops
    return m.pick(lambda: ops.image.resize(x, (4, 7), method=m.pick("bilinear", "nearest", "bicubic")),
                  lambda: ops.nn.avg_pool2d(x, 2, 1, m.pick("SAME", "VALID")),
                  lambda: ops.nn.max_pool2d(x, 2, m.pick(1, 2), m.pick("SAME", "VALID")),
                  lambda: ops.image.flip_left_right(x))()
