"""Attention: dot-product, additive, of several heads; EinsumDense (layers/attention/ of both Kerases).

    scores = query . key, under a mask of (batch, query's steps, key's steps); output = softmax(scores) . value
"""
import math
from typing import Any, List, Optional, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..emit.shaping import Size
from .activation import activate, masked_softmax, number, whole_numbers
from .rules import Call, layer

WIDEST = 1 << 24  # places of a mask that is known at conversion
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@layer("EinsumDense")
def einsum_dense(call: Call) -> Value:
    """A product with the kernel along the equation, and the bias (keras 3 layers/core/einsum_dense.py)."""
    made = call.b.einsum(call.config["equation"], call.x, call.weight("kernel"))
    bias = call.optional("bias")
    return activate(call, call.b.add(made, bias) if bias is not None else made)


def as_mask(call: Call, given: Any) -> Optional[Value]:
    """A mask as a Value of bool; it may be a tensor of any type, or numbers that the file holds."""
    if given is None:
        return None
    return call.b.cast(given if isinstance(given, Value) else call.b.constant(numpy.asarray(given)), "bool")


# Masks of scores ---------------------------------------------------------------------------------------------------

def numbered(call: Call, rows: Size, columns: Size) -> Tuple[Value, Value]:
    """The numbers of the query's steps, as a column, and those of the key's, as a row."""
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns > WIDEST:
        raise Fault(f"layer {call.path!r} ({call.kind}) has a mask of {rows} x {columns} places: refused")
    return call.b.expand(call.b.range(rows), 1), call.b.expand(call.b.range(columns), 0)


def causal(call: Call, rows: Size, columns: Size) -> Value:
    """True for a key that does not come after the query: (rows, columns)."""
    def make() -> Value:
        return call.b.compare("GreaterEqual", *numbered(call, rows, columns))
    known = isinstance(rows, int) and isinstance(columns, int)
    return call.b.once(("causal", rows, columns), make) if known else make()


def window(call: Call, rows: Size, columns: Size, width: int) -> Value:
    """True for a key that is nearer to the query than `width` steps: (rows, columns)."""
    first, second = numbered(call, rows, columns)
    return call.b.compare("Less", call.b.unary("Abs", call.b.sub(first, second)), width)


def both(call: Call, masks: Sequence[Optional[Value]]) -> Optional[Value]:
    """The places that all masks let through; None if there is no mask."""
    known = [mask for mask in masks if mask is not None]
    made = known[0] if known else None
    for mask in known[1:]:
        made = call.b.both(made, mask)
    return made


# One head ----------------------------------------------------------------------------------------------------------

@layer("Attention", masks=True)
def attention(call: Call) -> List[Value]:
    """softmax(query . key) . value, or of the sum of tanh(query + key) (score_mode="concat")."""
    b, (query, value, key) = call.b, operands(call)
    scale = call.optional("scale")
    if call.config.get("score_mode", "dot") == "dot":
        scores = b.matmul(query, key, False, True)
        return attended(call, scores if scale is None else b.mul(scores, scale), value)
    summed = b.add(b.expand(query, -2), b.expand(key, -3))
    scores = b.sum(b.tanh(summed if scale is None else b.mul(summed, scale)), -1)
    return attended(call, b.mul(scores, call.weight("concat_score_weight")), value)


@layer("AdditiveAttention", masks=True)
def additive_attention(call: Call) -> List[Value]:
    """softmax(sum(scale * tanh(query + key))) . value."""
    b, (query, value, key) = call.b, operands(call)
    scale = call.optional("scale")
    summed = b.tanh(b.add(b.expand(query, -2), b.expand(key, -3)))
    return attended(call, b.sum(summed if scale is None else b.mul(summed, scale), -1), value)


def operands(call: Call) -> List[Value]:
    """Query, value and key without their masks; the value is the key too, where none is given."""
    found = [call.b.cast(value, "float32").masked(None) for value in call.inputs]
    if not 2 <= len(found) <= 3 or any(value.rank < 3 for value in found):
        raise Fault(f"layer {call.path!r} ({call.kind}) is called with {len(found)} tensors: the file is damaged")
    return found + found[1:] if len(found) == 2 else found


def attended(call: Call, scores: Value, value: Value) -> List[Value]:
    """The weighted values, and the weights where they are asked for (tf_keras base_dense_attention.py: call)."""
    b = call.b
    given = call.kwargs.get("mask")
    masks = [as_mask(call, mask) for mask in given] if isinstance(given, list) else \
        [tensor.mask for tensor in call.inputs]
    masks = (masks + [None, None])[:2]
    steps = None if masks[1] is None else b.expand(masks[1], -2)
    if call.config.get("causal") or call.kwargs.get("use_causal_mask"):
        steps = both(call, [steps, causal(call, b.dim(scores, -2), b.dim(scores, -1))])
    weights = masked_softmax(b, scores, steps, -1, False, False)
    made = b.matmul(weights, value)
    if masks[0] is not None:
        made = b.mul(made, b.cast(b.expand(masks[0], -1), "float32"))
    made = made.masked(masks[0])
    return [made, weights.masked(None)] if call.kwargs.get("return_attention_scores") else [made]


# Several heads -----------------------------------------------------------------------------------------------------

OF_KERAS2 = "query value key attention_mask return_attention_scores training use_causal_mask".split()
OF_KERAS3 = OF_KERAS2[:3] + "query_mask value_mask key_mask".split() + OF_KERAS2[3:]


class Arguments:
    """The arguments of a call of MultiHeadAttention or GroupedQueryAttention.

    query, value, key    Values; the value is the key too, where none is given
    """

    def __init__(self, call: Call) -> None:
        names = OF_KERAS3 if call.major >= 3 else OF_KERAS2
        self.given = dict(zip(names, call.args), **call.kwargs)
        self.query, self.value = self.given["query"], self.given["value"]
        self.has_key = isinstance(self.given.get("key"), Value)
        self.key = self.given["key"] if self.has_key else self.value
        if not all(isinstance(tensor, Value) and tensor.rank > 2 for tensor in (self.query, self.value, self.key)):
            raise Fault(f"layer {call.path!r} ({call.kind}) is called without a query and a value: the file is damaged")

    def mask(self, call: Call, name: str) -> Optional[Value]:
        """The mask of the query, the value or the key: that which is given, or the one that the tensor carries."""
        tensor = getattr(self, name)
        return as_mask(call, self.given.get(f"{name}_mask")) or tensor.mask


@layer("MultiHeadAttention", masks=True)
def multi_head_attention(call: Call) -> List[Value]:
    """Keras's MultiHeadAttention, along any axes (multi_head_attention.py).

    Since 3.8 Keras takes the query's mask from the tensor alone, and leaves its inputs without their masks.
    """
    given = Arguments(call)
    query_mask = given.query.mask if call.since(3, 8) or call.major < 3 else given.mask(call, "query")
    if call.major < 3 and not call.since(2, 10):
        query_mask, masks = None, []
    else:
        masks = [given.mask(call, "value"), given.mask(call, "key") if given.has_key or call.major < 3 else None]
    mask = mask_of_scores(call, given, query_mask, masks)
    axes = whole_numbers(call, "attention_axes") if call.config.get("attention_axes") is not None else None
    found = attend(call, given, mask, axes, number(call, "key_dim"))
    if call.since(3, 8):
        for tensor in (given.query, given.value, given.key):
            tensor.mask = None
    return outputs(given, found, query_mask)


@layer("GroupQueryAttention GroupedQueryAttention", masks=True)
def grouped_query_attention(call: Call) -> List[Value]:
    """MultiHeadAttention whose query has several heads for one of key and value."""
    given = Arguments(call)
    query_mask = given.mask(call, "query")
    masks = [given.mask(call, "value"), given.mask(call, "key") if given.has_key else None]
    mask = mask_of_scores(call, given, query_mask, masks)
    return outputs(given, attend(call, given, mask, None, number(call, "head_dim")), given.query.mask)


def outputs(given: Arguments, found: List[Value], mask: Optional[Value]) -> List[Value]:
    """The output, and the scores where they are asked for."""
    scores = [found[1].masked(None)] if given.given.get("return_attention_scores") else []
    return [found[0].masked(mask)] + scores


def mask_of_scores(call: Call, given: Arguments, query_mask: Optional[Value], masks: Sequence[Optional[Value]]
                   ) -> Optional[Value]:
    """All masks in one that goes with (batch, query's steps, key's steps): _compute_attention_mask."""
    b = call.b
    steps = b.dim(given.query, 1), b.dim(given.value, 1)
    found = [None if query_mask is None else b.expand(b.cast(query_mask, "bool"), -1)]
    found += [None if mask is None else b.expand(b.cast(mask, "bool"), -2) for mask in masks]
    if given.given.get("use_causal_mask"):
        found.append(b.expand(causal(call, *steps), 0))
    if call.config.get("sliding_window") is not None:
        found.append(b.expand(window(call, steps[0], steps[1], whole_numbers(call, "sliding_window")[0]), 0))
    own = given.given.get("attention_mask")
    made = both(call, found)
    if own is None:
        return made
    if made is None and call.major < 3:  # Keras 2 takes it as it is: it may be numbers between 0 and 1
        return own if isinstance(own, Value) else b.constant(numpy.asarray(own))
    return both(call, [as_mask(call, own), made])


def projected(call: Call, x: Value, name: str, summed: int = 1) -> Value:
    """A tensor's last dimensions times a kernel, and the bias."""
    kernel, bias = call.weight(f"{name}/kernel"), call.optional(f"{name}/bias")
    letters = LETTERS[:kernel.rank]
    made = call.b.einsum(f"...{letters[:summed]},{letters}->...{letters[summed:]}", call.b.cast(x, "float32"), kernel)
    return call.b.add(made, bias) if bias is not None else made


def equations(rank: int, axes: Sequence[int]) -> Tuple[str, str]:
    """The equations of the scores and of the output (keras 3 multi_head_attention.py: _build_attention_equation).

    rank: of the projected query.  axes: those of its dimensions that hold steps.
    """
    target = LETTERS[:rank]
    batch = [place for place in range(rank - 1) if place not in axes]
    fresh = iter(LETTERS[rank:])
    source = "".join(letter if place in batch or place == rank - 1 else next(fresh)
                     for place, letter in enumerate(target))
    product = "".join([target[place] for place in batch] + [target[place] for place in axes]
                      + [source[place] for place in axes])
    return f"{target},{source}->{product}", f"{product},{source}->{target}"


def attend(call: Call, given: Arguments, mask: Optional[Value], axes: Optional[Sequence[int]], size: float
           ) -> List[Value]:
    """The output and the scores of all heads.  size: of a head, the scores are divided by its root."""
    b = call.b
    query = projected(call, given.query, "query")
    key, value = [repeated(call, projected(call, tensor, name), query.shape[-2])
                  for tensor, name in ((given.key, "key"), (given.value, "value"))]
    rank = query.rank
    axes = list(range(1, rank - 2)) if axes is None else [
        axis if axis >= 0 else axis + rank - (1 if call.since(3, 12) else 0) for axis in axes]
    if rank > 9 or len(set(axes)) < len(axes) or not all(0 < axis < rank - 1 for axis in axes):
        raise Fault(f"layer {call.path!r} ({call.kind}) attends to the axes {axes} of {rank - 1}: the file is damaged")
    scoring, combining = equations(rank, axes)
    scores = b.einsum(scoring, b.mul(query, 1 / math.sqrt(size)), key)
    if mask is not None:
        while mask.rank < scores.rank:
            mask = b.expand(mask, max(-len(axes) * 2 - 1, -mask.rank - 1))
    fused = call.since(3, 8) and not call.config.get("dropout") and rank == 4 and not given.given.get(
        "return_attention_scores")  # Keras computes it by dot_product_attention then
    scores = masked_softmax(b, scores, mask, list(range(scores.rank - len(axes), scores.rank)),
                            fused or call.since(3, 13) or bool(call.config.get("softmax_robust_masking")),
                            call.since(3, 13) and not fused)
    made = b.einsum(combining, scores, value)
    if call.config.get("use_gate"):
        made = b.mul(made, b.sigmoid(projected(call, given.query, "gate")))
    return [projected(call, made, "output", 2), scores]


def repeated(call: Call, x: Value, heads: int) -> Value:
    """Key or value with as many heads as the query, each so often."""
    own = x.shape[-2]
    if own == heads:
        return x
    if heads % own:
        raise Fault(f"layer {call.path!r} ({call.kind}) shares {own} heads among {heads}: the file is damaged")
    return call.b.gather(x, numpy.repeat(numpy.arange(own), heads // own), x.rank - 2)
