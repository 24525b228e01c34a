"""Parts of networks: activations, softmax, normalizations, attention (keras.ops.nn, tf.nn)."""
import math
from typing import Any, Callable, Optional

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from .. import activation, normalization
from ..rules import Call, function, node, operation
from .given import argument, axes, floats, integer, known, needed, tensor, value
from .norms import of_vectors

PLAIN = {"Relu": "relu", "Relu6": "relu6", "Softplus": "softplus", "Softsign": "softsign", "Silu": "silu",
         "LogSigmoid": "log_sigmoid", "Selu": "selu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu",
         "TanhShrink": "tanh_shrink", "HardTanh": "hard_tanh", "SparseSigmoid": "sparse_sigmoid",
         "SparsePlus": "sparse_plus"}  # activations without settings: their names in `activation`


def plain(kind: str) -> Callable[[Call], Value]:
    """The function of an activation without settings."""
    name = PLAIN[kind]

    def lower(call: Call) -> Value:
        x = tensor(call, "x features")
        return activation.ACTIVATIONS[name](call.b, x if name in activation.WHOLE else call.b.cast(x, "float32"))
    return lower


for _kind in PLAIN:
    operation(_kind)(plain(_kind))
for _kind, _functions, _nodes in (("Relu6", "nn.relu6", "Relu6"), ("Softplus", "math.softplus nn.softplus", "Softplus"),
                                  ("Softsign", "nn.softsign math.softsign", "Softsign"), ("Selu", "nn.selu", "Selu"),
                                  ("LogSigmoid", "math.log_sigmoid", "")):
    function(_functions)(plain(_kind))
    node(_nodes)(plain(_kind))


@function("nn.relu")
@node("Relu")
def relu(call: Call) -> Value:
    """max(x, 0), of whole numbers too."""
    return call.b.relu(tensor(call, "features"))


@function("nn.silu nn.swish")
def silu(call: Call) -> Value:
    """x * sigmoid(beta * x)."""
    b, x = call.b, floats(call, "features")
    return b.mul(x, b.sigmoid(b.mul(x, float(argument(call, "beta", None, 1.0)))))


@operation("LeakyRelu")
@function("nn.leaky_relu")
@node("LeakyRelu")
def leaky_relu(call: Call) -> Value:
    """x, below 0 less steep."""
    slope = float(argument(call, "negative_slope alpha", None, 0.2))
    return activation.leaky_relu(call.b, floats(call, "x features"), slope)


@operation("Elu")
@function("nn.elu")
@node("Elu")
def elu(call: Call) -> Value:
    """x, below 0 alpha * (exp(x) - 1)."""
    alpha = float(argument(call, "alpha", None, 1.0)) if call.major > 2 else 1.0
    return activation.elu(call.b, floats(call, "x features"), alpha)


@operation("Celu")
def celu(call: Call) -> Value:
    """max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)."""
    return activation.celu(call.b, floats(call), float(argument(call, "alpha", None, 1.0)))


@operation("Gelu")
@function("nn.gelu")
def gelu(call: Call) -> Value:
    """x times the normal distribution, or its approximation by tanh."""
    approximate = argument(call, "approximate", None, call.major > 2)
    return activation.gelu(call.b, floats(call, "x features"), bool(approximate))


@operation("Glu")
def glu(call: Call) -> Value:
    """One half along an axis times the sigmoid of the other."""
    return activation.glu(call.b, floats(call), integer(call, argument(call, "axis", None, -1), "axis"))


@operation("Squareplus")
def squareplus(call: Call) -> Value:
    """(x + sqrt(x ** 2 + b)) / 2."""
    return activation.squareplus(call.b, floats(call), float(argument(call, "b", None, 4)))


@operation("SoftShrink")
def soft_shrink(call: Call) -> Value:
    """x nearer to 0 by the threshold, 0 within it."""
    return activation.soft_shrink(call.b, floats(call), float(argument(call, "threshold", None, 0.5)))


@operation("HardShrink")
def hard_shrink(call: Call) -> Value:
    """x, 0 within the threshold."""
    return activation.hard_shrink(call.b, floats(call), float(argument(call, "threshold", None, 0.5)))


@operation("Threshold")
def threshold(call: Call) -> Value:
    """x above the threshold, else a number."""
    b, x, other = call.b, tensor(call), float(call.config["default_value"])
    other = other if x.dtype == "float32" else int(other)
    return b.where(b.compare("Greater", x, float(call.config["threshold"])), x, other)


@function("nn.dropout nn.experimental.stateless_dropout")
def dropout(call: Call) -> Value:
    """Nothing at rate 0: the function drops at every call, not in training alone."""
    if argument(call, "rate", None, needed) != 0:
        call.refuse("it drops numbers by chance at every call", "use keras.layers.Dropout")
    return tensor(call)


# Softmax ---------------------------------------------------------------------------------------------------------


def flattened(call: Call, x: Value, axis: Any, of: Callable[[Builder, Value, int], Value]) -> Value:
    """The result of `of` along one axis; several count as one that holds them all, none as all of them."""
    b = call.b
    if axis is None:
        axis = list(range(x.rank))
    if not isinstance(axis, (list, tuple)):
        return of(b, x, integer(call, axis, "axis"))
    along = b.axes(list(axis), x.rank)
    rest = [place for place in range(x.rank) if place not in along]
    moved = b.transpose(x, rest + along)
    flat = b.reshape(moved, [b.dim(moved, place) for place in range(len(rest))] + [-1])
    if None not in moved.shape[len(rest):]:
        size = 1
        for one in moved.shape[len(rest):]:
            size *= one
        flat = Value(flat.dtype, moved.shape[:len(rest)] + (size,), flat.tensor, flat.weight)
    done = b.restored_as(of(b, flat, -1), moved)
    return b.transpose(done, b.reversal(rest + along))


@operation("Softmax")
@function("nn.softmax")
@node("Softmax")
def softmax(call: Call) -> Value:
    """exp(x) over its sum."""
    axis = argument(call, "axis dim", None, -1 if call.major < 3 or "axis" not in call.config else None)
    x = floats(call, "x logits")
    of_scores = x.rank > 2  # of attention, of which a mask may leave none in a row
    return flattened(call, x, axis, activation.steady_softmax if of_scores else lambda b, x, along: b.softmax(x, along))


def log_softmax_of(b: Builder, x: Value, axis: int) -> Value:
    """The logarithm of softmax; `activation` takes the last axis by -1."""
    return activation.log_softmax(b, x, axis_of(axis, x.rank))


@operation("LogSoftmax")
@function("nn.log_softmax")
@node("LogSoftmax")
def log_softmax(call: Call) -> Value:
    """The logarithm of softmax."""
    axis = argument(call, "axis dim", None, -1 if call.major < 3 or "axis" not in call.config else None)
    return flattened(call, floats(call, "x logits"), axis, log_softmax_of)


@operation("Sparsemax")
def sparsemax(call: Call) -> Value:
    """Keras's sparsemax."""
    x, axis = floats(call), integer(call, argument(call, "axis", None, -1), "axis")
    if x.shape[axis_of(axis, x.rank)] is None:
        call.refuse("it sorts along an axis of open size", "give its size: --input-shape")
    return activation.sparsemax(call.b, x, axis)


# Normalization ---------------------------------------------------------------------------------------------------


@operation("Moments")
@function("nn.moments")
def moments(call: Call) -> Any:
    """The mean and the variance."""
    b, x = call.b, floats(call)
    along, kept = axes(call), bool(argument(call, "keepdims", None, False))
    return [b.mean(x, along, kept), b.variance(x, along, kept)]


@operation("Normalize")
def normalize(call: Call) -> Value:
    """x over its norm along an axis (keras 3 ops/nn.py: _normalize)."""
    b, x = call.b, floats(call)
    along, order = axes(call) or [-1], float(call.config.get("order", 2))
    least = call.config.get("epsilon")
    least = 1e-7 if least is None else float(least)
    if order == 2:
        total = b.sum(b.square(x), along, True)
        return b.mul(x, b.unary("Rsqrt", b.maximum(total, least ** 2)))
    return b.div(x, b.maximum(of_vectors(b, x, order, along, True), least))


@operation("BatchNorm")
def batch_norm(call: Call) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, a number for each place of an axis."""
    b, x = call.b, floats(call)
    axis = axes(call)[0] % x.rank
    given = [argument(call, name, place) for place, name in enumerate(("mean", "variance", "offset", "scale"), 1)]

    def along(one: Any) -> Optional[Value]:
        return None if one is None else b.reshape(b.cast(value(call, one), "float32"), [
            -1 if place == axis else 1 for place in range(x.rank)])

    mean, variance, offset, scale = [along(one) for one in given]
    factor = b.unary("Rsqrt", b.add(variance, float(call.config.get("epsilon", 1e-3))))
    factor = factor if scale is None else b.mul(factor, scale)
    moved = b.mul(b.sub(x, mean), factor)
    return moved if offset is None else b.add(moved, offset)


@operation("LayerNorm")
def layer_norm(call: Call) -> Value:
    """Mean 0 and variance 1 along axes, times gamma plus beta (keras 3 ops/nn.py: _layer_normalization)."""
    return normalization.in_type_of(call, normalized(call), tensor(call))


def normalized(call: Call) -> Value:
    """The same in floats."""
    b, x = call.b, floats(call)
    along = sorted(axes(call) or [-1])
    along = b.axes(along, x.rank)
    least = call.config.get("epsilon")
    least = 1e-7 if least is None else float(least)
    gamma, beta = [argument(call, name, place) for place, name in enumerate(("gamma", "beta"), 1)]
    shape = [x.shape[place] if place in along else 1 for place in range(x.rank)]
    gamma, beta = [None if one is None else b.reshape(b.cast(value(call, one), "float32"), shape)
                   for one in (gamma, beta)]
    if call.config.get("rms_scaling"):
        found = b.mul(x, b.unary("Rsqrt", b.add(b.variance(x, along), least)))
        return found if gamma is None else b.mul(found, gamma)
    mean = b.mean(x, along, True)
    found = b.mul(b.sub(x, mean), b.unary("Rsqrt", b.add(b.variance(x, along), least)))
    found = found if gamma is None else b.mul(found, gamma)
    return found if beta is None else b.add(found, beta)


@operation("RMSNorm")
def rms_norm(call: Call) -> Value:
    """x over the root of its mean square along axes, times a scale."""
    return normalization.in_type_of(call, by_root(call), tensor(call))


def by_root(call: Call) -> Value:
    """The same in floats."""
    b, x = call.b, floats(call)
    least = call.config.get("epsilon")
    least = 1e-7 if least is None else float(least)
    along = b.axes(axes(call) or [-1], x.rank)
    found = b.mul(x, b.unary("Rsqrt", b.add(b.mean(b.square(x), along, True), least)))
    scale = argument(call, "scale", 1)
    if scale is None:
        return found
    scale = b.cast(value(call, scale), "float32")
    return b.mul(found, scale if scale.rank < 2 and along == [x.rank - 1] else
                 b.reshape(scale, [x.shape[place] if place in along else 1 for place in range(x.rank)]))


@function("nn.batch_normalization")
def batch_normalization(call: Call) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, broadcast."""
    b, x = call.b, floats(call)
    mean, variance, offset, scale = [None if one is None else value(call, one, "float32") for one in (
        argument(call, name) for name in ("mean", "variance", "offset", "scale"))]
    factor = b.unary("Rsqrt", b.add(variance, float(argument(call, "variance_epsilon", None, needed))))
    factor = factor if scale is None else b.mul(factor, scale)
    moved = b.mul(b.sub(x, mean), factor)
    return moved if offset is None else b.add(moved, offset)


@operation("DotProductAttention")
def dot_product_attention(call: Call) -> Value:
    """Attention of (batch, steps, heads, size) tensors (keras 3 backend/tensorflow/nn.py: dot_product_attention)."""
    b = call.b
    query, key, inner = [b.cast(value(call, argument(call, name, place, needed)), "float32")
                         for place, name in enumerate(("query", "key", "value"))]
    if query.rank != 4:
        raise Fault(f"operation {call.path!r} is given tensors of {query.rank} dimensions: the file is damaged")
    bias, mask, scale = [argument(call, name, place) for place, name in enumerate(("bias", "mask", "scale"), 3)]
    groups, heads = key.shape[2], query.shape[2]
    if groups != heads:
        key, inner = [b.repeat(one, heads // groups, 2) for one in (key, inner)]
    query, key, inner = [b.transpose(one, [0, 2, 1, 3]) for one in (query, key, inner)]
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else float(known(scale))
    scores = b.mul(b.matmul(query, key, False, True), scale)
    soft_cap = call.config.get("attn_logits_soft_cap")
    if soft_cap:
        scores = b.mul(b.tanh(b.div(scores, float(soft_cap))), float(soft_cap))
    scores = scores if bias is None else b.add(scores, b.cast(value(call, bias), "float32"))
    low = -0.7 * 3.4028234663852886e+38
    if mask is not None:
        mask = value(call, mask)
        scores = b.where(b.compare("NotEqual", mask, 0) if mask.dtype != "bool" else mask, scores, low)
    if call.config.get("is_causal"):
        ones = b.like(b.slice(scores, [(0, 1), (0, 1), (0, None), (0, None)]), 1) if None in scores.shape[2:] else \
            b.constant([[1.0]])
        scores = b.where(causal(b, scores, ones), scores, low)
    return b.transpose(b.matmul(b.softmax(scores), inner), [0, 2, 1, 3])


def causal(b: Builder, scores: Value, ones: Value) -> Value:
    """A mask of the steps that each step may look at: itself and those before it."""
    rows, columns = b.count(b.dim(scores, 2)), b.count(b.dim(scores, 3))
    return b.compare("GreaterEqual", b.expand(rows, 1), b.expand(columns, 0))


@function("nn.crelu")
def crelu(call: Call) -> Value:
    """relu(x) and relu(-x) side by side."""
    x = floats(call, "features")
    return call.b.concat([call.b.relu(x), call.b.relu(call.b.neg(x))], integer(call, argument(call, "axis", 1, -1)))
