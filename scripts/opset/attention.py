"""Attention and rotary positions of the new opsets (onnx/defs/nn/defs.cc: Attention-23, RotaryEmbedding-23)."""
from typing import List, Optional

import numpy

from ..emit import Value
from .given import floats
from .layout import Held
from .rules import Call, operation

NOTHING = numpy.float32("-inf")  # what hides a key
WIDEST = 1 << 24  # of a query's places times a key's


def in_heads(call: Call, x: Value, heads: int) -> Value:
    """(batch, places, heads * size) as (batch, heads, places, size); four dimensions stay as they are."""
    b = call.b
    if x.rank == 4:
        return x
    if x.rank != 3 or heads < 1 or x.shape[2] is None or x.shape[2] % heads:
        call.damaged(f"has {heads} heads for a tensor of shape {x.shape}")
    size = x.shape[2] // heads
    split = b.shaped(x, [(x.shape[place], lambda place=place: b.dim(x, place)) for place in (0, 1)] + [
        (heads, lambda: heads), (size, lambda: size)])
    return b.transpose(split, [0, 2, 1, 3])


def out_of_heads(call: Call, x: Value) -> Value:
    """(batch, heads, places, size) as (batch, places, heads * size)."""
    b = call.b
    return b.grouped(b.transpose(x, [0, 2, 1, 3]), [[0], [1], [2, 3]])


@operation("Attention", since=23)
def attention(call: Call) -> List[Optional[Held]]:
    """softmax(q k / sqrt(size) + bias) v, with the keys and values that a cache has before them."""
    b, flat = call.b, call.x.rank == 3
    query = in_heads(call, floats(call, 0), call.int("q_num_heads"))
    key, value = [in_heads(call, floats(call, place), call.int("kv_num_heads")) for place in (1, 2)]
    past = call.has(4) and floats(call, 4).shape[2] != 0
    if past:
        key, value = b.concat([floats(call, 4), key], 2), b.concat([floats(call, 5), value], 2)
    present, heads = (key, value), query.shape[1]
    if heads is None or key.shape[1] is None or heads % key.shape[1] or query.shape[3] is None:
        call.damaged(f"has queries of shape {query.shape} and keys of shape {key.shape}")
    if heads != key.shape[1]:
        places = numpy.repeat(numpy.arange(key.shape[1]), heads // key.shape[1]).astype("int32")
        key, value = b.gather(key, places, 1), b.gather(value, places, 1)
    scale = float(numpy.sqrt(call.float("scale") if call.has_attribute("scale") else query.shape[3] ** -0.5))
    scores = b.matmul(b.mul(query, scale), b.mul(key, scale), False, True)
    cap = call.float("softcap")
    if cap > 0:
        scores = b.mul(b.tanh(b.div(scores, cap)), cap)
    bias = bias_of(call, scores, floats(call, 4).shape[2] if past else 0)
    biased = scores if bias is None else b.add(scores, bias)
    weights = b.softmax(biased, -1)
    if bias is not None and not is_open(bias):  # a query that no key is for
        weights = b.where(b.compare("Equal", b.max(bias, -1, True), NOTHING), 0.0, weights)
    made = b.matmul(weights, value)
    mode = call.int("qk_matmul_output_mode")
    shown = {2: biased, 3: weights}.get(mode, scores)
    results = [out_of_heads(call, made) if flat else made, present[0], present[1], shown]
    return [call.as_it_is(one) if call.wants(place) else None for place, one in enumerate(results)]


def is_open(bias: Value) -> bool:
    """Whether every query certainly has a key: the bias is known, and hides no row as a whole."""
    return bias.is_constant and not numpy.isneginf(bias.array.max(-1)).any()


def bias_of(call: Call, scores: Value, before: Optional[int]) -> Optional[Value]:
    """The numbers added to the scores (batch, heads, queries, keys): the given mask, and the masks of settings.

    before: how many keys the cache has.
    """
    b, found = call.b, given_mask(call, scores)
    causal, left, right = call.int("is_causal"), call.int("left_window_size", -1), call.int("right_window_size", -1)
    lengths = b.cast(call.value(6), "int32") if call.has(6) else None
    if causal or left >= 0 or right >= 0:
        queries, keys = scores.shape[2:]
        if queries is None or keys is None or before is None or queries * keys > WIDEST:
            call.refuse("which keys a query is shown depends on open sizes", "give the input's shape: --input-shape")
        apart = numpy.arange(keys)[None] - numpy.arange(queries)[:, None]  # of a key and a query
        if lengths is None or call.has(4):
            hidden = ((apart > before) if causal else False) | ((apart - before > right) if right >= 0 else False) | (
                (before - apart > left) if left >= 0 else False)
            own = b.constant(numpy.where(hidden, NOTHING, numpy.float32(0)))
        else:  # each example has its own number of keys before the queries
            offset = b.reshape(b.sub(lengths, queries), [-1, 1, 1, 1])
            away = b.sub(b.constant(apart.astype("int32")), offset)
            parts = ([b.compare("Greater", away, 0)] if causal else []) + (
                [b.compare("Greater", away, right)] if right >= 0 else []) + (
                [b.compare("Less", away, -left)] if left >= 0 else [])
            hidden = parts[0]
            for part in parts[1:]:
                hidden = b.either(hidden, part)
            own = b.where(hidden, NOTHING, 0.0)
        found = own if found is None else b.add(found, own)
    if lengths is not None:
        count = scores.shape[3]
        if count is None:
            call.refuse("the number of its keys is open", "give the input's shape: --input-shape")
        there = b.compare("Less", b.constant(numpy.arange(count, dtype="int32")), b.reshape(lengths, [-1, 1, 1, 1]))
        own = b.where(there, 0.0, NOTHING)
        found = own if found is None else b.add(found, own)
    return found


def given_mask(call: Call, scores: Value) -> Optional[Value]:
    """The mask as a bias; keys that it has no place for are hidden."""
    b = call.b
    if not call.has(3):
        return None
    mask = call.value(3)
    bias = b.where(mask, 0.0, NOTHING) if mask.dtype == "bool" else b.cast(mask, "float32")
    keys, own = scores.shape[3], bias.shape[-1]
    if keys is None or own is None or own >= keys:
        return bias
    more = b.constant(numpy.full([1] * (bias.rank - 1) + [keys - own], NOTHING))
    return b.concat([bias, b.spread_to(more, list(bias.shape[:-1]) + [None])], -1)


@operation("RotaryEmbedding", since=23)
def rotary(call: Call) -> Held:
    """Each pair of features turned by an angle that its place has: halves, or neighbours (interleaved)."""
    b, given = call.b, floats(call, 0)
    x = b.transpose(given, [0, 2, 1, 3]) if given.rank == 4 else b.transpose(
        in_heads(call, given, call.int("num_heads")), [0, 2, 1, 3])  # (batch, places, heads, size)
    size = x.shape[3]
    turned = call.int("rotary_embedding_dim") or size
    if size is None or not 0 < turned <= size or turned % 2:
        call.damaged(f"turns {turned} of {size} features")
    cos, sin = floats(call, 1), floats(call, 2)
    if call.has(3):
        cos, sin = [b.gather(one, b.cast(call.value(3), "int32"), 0) for one in (cos, sin)]
    cos, sin = b.expand(cos, 2), b.expand(sin, 2)
    part, rest = b.cut(x, 3, 0, turned), b.cut(x, 3, turned, size - turned) if turned < size else None
    places = numpy.arange(turned)
    places = places.reshape(-1, 2).T if call.int("interleaved") else places.reshape(2, -1)
    first, second = [b.gather(part, row.astype("int32"), 3) for row in places]
    real, imaginary = b.sub(b.mul(cos, first), b.mul(sin, second)), b.add(b.mul(sin, first), b.mul(cos, second))
    made = b.gather(b.concat([real, imaginary], 3), numpy.argsort(places.reshape(-1)).astype("int32"), 3)
    made = made if rest is None else b.concat([made, rest], 3)
    if given.rank == 4:
        return call.as_it_is(b.transpose(made, [0, 2, 1, 3]))
    return call.as_it_is(b.grouped(made, [[0], [1], [2, 3]]))
