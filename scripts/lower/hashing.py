"""Hashes of whole numbers below a limit: a table holds them, since TensorFlow.js does not compute with 64 bits.

Lookups, hashes and Discretization put out such numbers (Call.limited).  The hash of a number is that of its digits
(keras 3 layers/preprocessing/hashing.py), a crossing hashes the numbers themselves (hashed_crossing.py).
"""
from typing import List, Optional, Sequence

import numpy

from ..emit import Value
from ..layers import words
from ..layers.topology import Layer
from .preprocessing import encoded, mode_of
from .rules import Call, layer

Numbers = numpy.ndarray  # of uint64, which wraps around

LARGEST = 1 << 22  # numbers of a table
CROSSING = 0xDECAFCAFFE  # tensorflow/python/ops/sparse_ops.py: _DEFAULT_HASH_KEY
K0, K2, SEED = [numpy.uint64(value) for value in (0xc3a5c85c97cb3127, 0x9ae16a3b2f90404f, 0xc6a4a7935bd1e995)]
START = (0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261, 0x7465646279746573)  # "somepseudorandomly..."


def word(value: int) -> numpy.uint64:
    """A whole number as 64 bits without a sign."""
    return numpy.uint64(value & (1 << 64) - 1)


def mix(value: Numbers) -> Numbers:
    """The upper bits over the lower ones (tensorflow/core/platform/fingerprint.h: ShiftMix; farmhash has the same)."""
    return value ^ value >> word(47)


def rotate(value: Numbers, by: int) -> Numbers:
    """The bits moved to the right, around the end."""
    return value >> word(by) | value << word(64 - by)


def joined(one: Numbers, other: Numbers) -> Numbers:
    """One hash of two, which depends on their order (fingerprint.h: FingerprintCat64)."""
    result = (one ^ SEED ^ mix(other * SEED) * SEED) * SEED
    return mix(mix(result) * SEED)


def fetch(digits: Numbers, at: int, size: int) -> Numbers:
    """So many bytes of each row, the first one lowest.  digits: (rows, bytes)."""
    found = numpy.zeros(len(digits), "uint64")
    for place in range(size):
        found |= digits[:, at + place] << word(8 * place)
    return found


def farm(digits: Numbers) -> Numbers:
    """farmhash of up to 16 bytes a row (farmhash na::HashLen0to16).  digits: (rows, bytes) -> (rows,)."""
    size = digits.shape[1]
    many = word(int(K2) + 2 * size)
    if size >= 8:
        first, last = fetch(digits, 0, 8) + K2, fetch(digits, size - 8, 8)
        one, other = rotate(last, 37) * many + first, (rotate(first, 25) + last) * many
    elif size >= 4:
        one, other = word(size) + (fetch(digits, 0, 4) << word(3)), fetch(digits, size - 4, 4)
    else:
        low = digits[:, 0] + (digits[:, size >> 1] << word(8))
        return mix(low * K2 ^ (word(size) + (digits[:, -1] << word(2))) * K0) * K2
    both = mix((one ^ other) * many)
    return mix((other ^ both) * many) * many


def sip(digits: Numbers, salt: Sequence[int]) -> Numbers:
    """SipHash-2-4 of up to 16 bytes a row, with two numbers as its key (tensorflow/core/lib/hash/strong_hash.h)."""
    a, b, c, d = [numpy.full(len(digits), word(start) ^ word(key)) for start, key in zip(START, list(salt) * 2)]
    size = digits.shape[1]
    whole = size - size % 8
    words = [fetch(digits, at, 8) for at in range(0, whole, 8)] + [
        fetch(digits, whole, size - whole) | word(size << 56)]
    for taken in words + [None]:
        if taken is None:
            c = c ^ word(0xff)
        else:
            d = d ^ taken
        for _ in range(4 if taken is None else 2):
            a, c = a + b, c + d
            b, d = rotate(b, 51) ^ a, rotate(d, 48) ^ c
            a = rotate(a, 32) + d
            c = c + b
            b, d = rotate(b, 47) ^ c, rotate(d, 43) ^ a
            c = rotate(c, 32)
        if taken is not None:
            a = a ^ taken
    return a ^ b ^ c ^ d


def of_digits(count: int, salt: Optional[Sequence[int]]) -> Numbers:
    """The hashes of the numbers from 0 to `count`, written as digits."""
    found: List[Numbers] = []
    for size in range(1, len(str(count - 1)) + 1):
        numbers = numpy.arange(10 ** (size - 1) if size > 1 else 0, min(count, 10 ** size), dtype="uint64")
        digits = numpy.stack([numbers // word(10 ** (size - 1 - place)) % word(10) + word(48)
                              for place in range(size)], 1)
        found.append(farm(digits) if salt is None else sip(digits, salt))
    return numpy.concatenate(found)


def limits_of(call: Call, inputs: Sequence[Value]) -> List[int]:
    """Below what each of the inputs stays.  Refuses numbers without a limit."""
    limits = [call.limit(value) or 0 for value in inputs]
    if not all(limits):
        call.refuse("it hashes words, or numbers without a limit, that are computed, and TensorFlow.js computes no "
                    "words and no hashes", 'let it read inputs themselves: keras.Input((1,), dtype="int64"), or what '
                    "a StringLookup, IntegerLookup, Discretization or Hashing gives")
    return limits


def fit(call: Call, count: int) -> None:
    """Refuse a table that becomes very large."""
    if count > LARGEST:
        call.refuse(f"it hashes {count} numbers", f"take smaller vocabularies, of which at most {LARGEST} are joined")


def crossings(call: Call, limits: Sequence[range], key: int = CROSSING) -> Numbers:
    """The hashes of all combinations of numbers out of ranges, those of the last one next to each other."""
    size = 1
    for limit in limits:
        size *= len(limit)
    fit(call, size)
    hashes = numpy.full(1, word(key))
    for limit in limits:
        hashes = joined(hashes[:, None], numpy.arange(limit.start, limit.stop).astype("uint64")[None]).reshape(-1)
    return hashes


def looked_up(call: Call, places: Value, table: Numbers) -> Value:
    """The bins of the numbers at `places`, as the output mode says."""
    bins = words.count(call.config, "num_bins", 0)
    found = call.b.gather(call.b.constant(table.astype("int32"), "int32", "hashes"), places, 0)
    return encoded(call, call.limited(found, bins), mode_of(call, "int"), bins)


@layer("Hashing")
def hashing(call: Call) -> Value:
    """The bin of each number, 0 for the one that stands for no number."""
    count, = limits_of(call, [call.x])
    fit(call, count)
    bins, mask = words.count(call.config, "num_bins", 0), call.config.get("mask_value")
    apart = int(mask is not None and bins > 1)
    hashes = of_digits(count, words.salt_of(Layer(call.record))) % word(max(1, bins - apart)) + word(apart)
    if apart:
        hashes[numpy.arange(count) == mask] = 0
    return looked_up(call, call.b.cast(call.x, "int32"), hashes)


@layer("HashedCrossing")
def hashed_crossing(call: Call) -> Value:
    """The bin of numbers that stand together."""
    b, places, limits = call.b, call.b.constant(0, "int32"), limits_of(call, call.inputs)
    for value, limit in zip(call.inputs, limits):
        places = b.add(b.mul(places, limit), b.cast(value, "int32"))
    hashes = crossings(call, list(map(range, limits)))
    return looked_up(call, places, hashes % word(max(1, words.count(call.config, "num_bins", 0))))
