"""Preprocessing of numbers and categories: Rescaling, Discretization, CategoryEncoding, lookups, hashing."""
from typing import List, Optional

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..layers import words
from ..layers.topology import Layer
from . import types
from .rules import Call, layer

MOST = 65536  # categories, and words of a vocabulary


@layer("Rescaling")
def rescaling(call: Call) -> Value:
    """x * scale + offset, each a number or a row along the last axis (keras 3 layers/preprocessing/rescaling.py)."""
    b = call.b
    scale, offset = [numpy.asarray(call.get(key, default), "float32") for key, default in (("scale", 1), ("offset", 0))]
    if types.is_whole(call):
        scale, offset = scale.astype("int32"), offset.astype("int32")
    return b.add(b.mul(types.settled(call, call.x), scale), offset)


# Categories ----------------------------------------------------------------------------------------------------------

def encoded(call: Call, x: Value, mode: str, depth: int, weights: Optional[Value] = None) -> Value:
    """Whole numbers below `depth` as the output mode says: "int", "one_hot", "multi_hot" or "count".

    Numbers beyond are left out.  keras 3 utils/numerical_utils.py: encode_categorical_inputs.
    """
    b = call.b
    if mode == "int":
        return x
    if not 0 < depth <= MOST:
        call.refuse(f"of {depth} categories", f"take fewer than {MOST}")
    if mode == "one_hot" and x.rank > 1 and x.shape[-1] == 1:
        x = b.squeeze(x, [-1])
    hot = b.cast(b.compare("Equal", b.expand(x, -1), b.constant(numpy.arange(depth), "int32")), "float32")
    if mode == "one_hot":
        return hot
    if x.rank < 2:
        call.refuse(f"output_mode={mode!r} of one number per example, which Keras counts over the whole batch",
                    "give it (batch, 1), or take output_mode=one_hot")
    if mode == "multi_hot":
        return b.max(hot, 1)
    if mode != "count":
        raise Fault(f"layer {call.path!r} ({call.kind}) has output_mode={mode!r:.40}: the file is damaged")
    return b.sum(hot if weights is None else b.mul(hot, b.expand(b.cast(weights, "float32"), -1)), 1)


def mode_of(call: Call, default: str) -> str:
    """The setting output_mode: Keras before 2.6 calls multi_hot "binary"."""
    mode = str(call.get("output_mode", default))
    return {"binary": "multi_hot"}.get(mode, mode)


@layer("CategoryEncoding")
def category_encoding(call: Call) -> Value:
    """One, several or counted categories of so many (keras 3 layers/preprocessing/category_encoding.py)."""
    depth = call.get("num_tokens", call.get("max_tokens"))
    if depth is None:
        call.refuse("without a number of categories", "build it with num_tokens")
    weights = call.kwargs.get("count_weights")
    return types.settled(call, encoded(call, call.b.cast(call.x, "int32"), mode_of(call, "multi_hot"), int(depth),
                                       weights if isinstance(weights, Value) else None))


@layer("Discretization")
def discretization(call: Call) -> Value:
    """The count of boundaries that a number is not below (keras 3 layers/preprocessing/discretization.py)."""
    boundaries = call.get("bin_boundaries", call.get("bins"))
    if boundaries is None and call.held.all():
        boundaries = adapted(call)
    if not isinstance(boundaries, list):
        call.refuse("that has not been adapted", "adapt it, or give it bin_boundaries, before it is saved")
    limits = numpy.asarray(boundaries, "float32").reshape(-1)
    each = call.b.compare("GreaterEqual", call.b.expand(call.b.cast(call.x, "float32"), -1), limits)
    places = call.b.sum(call.b.cast(each, "int32"), -1) if limits.size else call.b.cast(call.b.like(call.x, 0), "int32")
    return encoded(call, call.limited(places, limits.size + 1), mode_of(call, "int"), limits.size + 1)


def adapted(call: Call) -> Optional[List[float]]:
    """The boundaries that Keras 2 makes of what adapt() has counted, its variable: numbers, and how often each stood.

    None where it has counted nothing.  tf_keras layers/preprocessing/discretization.py: _compress_summary_numpy.
    """
    counted, bins = call.held.all()[0].read(), call.get("num_bins")
    if counted.ndim != 2 or len(counted) != 2 or not counted.size or type(bins) is not int or not 0 < bins <= MOST:
        return None
    share = 1.0 / bins
    if counted.shape[1] * share < 1:
        return counted[0, :-1].tolist()
    until = counted[1].cumsum()
    return numpy.interp(share + numpy.arange(0.0, 1.0, share), until / until[-1], counted[0])[:-1].tolist()


@layer("IntegerLookup")
def integer_lookup(call: Call) -> Value:
    """The place of a whole number in the vocabulary, after the mask's and those of numbers that are not in it.

    keras 3 layers/preprocessing/index_lookup.py: _lookup_dense, _oov_start_index, set_vocabulary.
    """
    b, mode, mask = call.b, mode_of(call, "int"), call.config.get("mask_token")
    given = call.config.get("vocabulary")
    if not isinstance(given, list):
        call.refuse("whose vocabulary the file does not hold", words.REMEDY)
    unknown = int(call.get("num_oov_indices", 1))
    first = int(mask is not None and mode == "int")
    special = [mask] * first + [call.get("oov_token", -1)] * unknown
    known = [int(word) for word in (given[len(special):] if special and given[:len(special)] == special else given)]
    if len(known) > MOST:
        call.refuse(f"of {len(known)} numbers", f"take fewer than {MOST}")
    places = numpy.arange(len(known)) + first + unknown
    x = b.cast(call.x, "int32")
    if call.config.get("invert"):
        table = numpy.array(special + known, "int64")
        inside = b.both(b.compare("GreaterEqual", x, 0), b.compare("Less", x, len(table)))
        found = b.gather(b.constant(table, "int32"), b.clip(x, 0, len(table) - 1))
        return b.where(inside, found, b.constant(int(call.get("oov_token", -1)), "int32"))
    same = b.cast(b.compare("Equal", b.expand(x, -1), b.constant(known, "int32")), "int32")
    place = b.sum(b.mul(same, b.constant(places, "int32")), -1)
    beyond = b.binary("FloorMod", x, unknown) if unknown > 1 else b.constant(0 if unknown else -1 - first, "int32")
    found = b.where(b.compare("Greater", b.sum(same, -1), 0), place, b.add(beyond, first))
    if mask is not None:  # it stands at 0, or is left out of what is counted
        found = b.where(b.compare("Equal", x, int(mask)), b.constant(0 if mode == "int" else -1, "int32"), found)
    found = call.limited(found, len(known) + unknown + first) if unknown else found
    depth = max(int(call.get("max_tokens", 0)) if call.config.get("pad_to_max_tokens") else 0, len(known) + unknown)
    if mode != "tf_idf":
        return encoded(call, found, mode, depth)
    weights = words.weights_of(Layer(call.record))
    if weights is None:
        raise Fault(f"layer {call.path!r} (IntegerLookup) has numbers without their weights: the file is damaged")
    return b.mul(encoded(call, found, "count", depth), numpy.asarray(weights, "float32"))
