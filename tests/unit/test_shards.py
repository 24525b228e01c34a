"""tfjs's binary weights: dtypes, shards, quantization; byte for byte what the official converter writes."""
import os

import numpy
import pytest

from scripts import Fault
from scripts.formats import weights_manifest
from scripts.layers.model import Weight
from scripts.verification import reference
from scripts.wire import shards
from tests import needs


def written(weights, folder, **options):
    """Write and return (manifest, all bytes)."""
    manifest = shards.write([Weight.of(name, values) for name, values in weights], str(folder), **options)
    data = b""
    for name in manifest[0]["paths"]:
        data += (folder / name).read_bytes()
    return manifest, data


def some(dtype, *shape):
    random = numpy.random.RandomState(0)
    if dtype == "bool":
        return random.rand(*shape) > 0.5
    return (random.normal(0, 3, shape) * (10 if "int" in dtype else 1)).astype(dtype)


def test_shards_are_cut_at_their_size_and_counted(tmp_path):
    manifest, data = written([("a", some("float32", 3, 5)), ("b", some("float32", 7))], tmp_path, shard_size=16)
    assert manifest[0]["paths"] == [f"group1-shard{number}of6.bin" for number in range(1, 7)]
    assert [os.path.getsize(str(tmp_path / name)) for name in manifest[0]["paths"]] == [16] * 5 + [8]
    assert data == some("float32", 3, 5).tobytes() + some("float32", 7).tobytes()


def test_a_large_model_is_written_by_a_thread_in_the_same_order_and_its_fault_is_the_caller_s(tmp_path, monkeypatch):
    weights = [(str(number), some("float32", number + 1, 5)) for number in range(9)]
    small, alone = written(weights, tmp_path, shard_size=100)
    monkeypatch.setattr(shards, "AHEAD", 0)
    assert written(weights, tmp_path, shard_size=100) == (small, alone)
    monkeypatch.setattr(shards.Cutter, "write", lambda cutter, array: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        written(weights, tmp_path, shard_size=100)


def test_a_weight_of_many_pieces_gives_the_bytes_of_the_whole(tmp_path):
    values = some("float32", 1000, 37)
    rows = []

    def read_rows(start, stop):
        rows.append(stop - start)
        return values[start:stop]

    weight = Weight("w", values.shape, values.dtype, None, read_rows)
    weight.pieces = lambda limit=4096, pieces=weight.pieces: pieces(4096)
    manifest = shards.write([weight], str(tmp_path), shard_size=10000, quantize="uint8")
    whole, data = written([("w", values)], tmp_path / ".." / tmp_path.name, shard_size=10000, quantize="uint8")
    assert manifest == whole and len(rows) > 10


@pytest.mark.parametrize("dtype, stored", [
    ("float32", "float32"), ("float16", "float32"), ("float64", "float32"), ("int32", "int32"), ("int64", "int32"),
    ("uint8", "uint8"), ("uint16", "uint16"), ("bool", "bool")])
def test_every_dtype_is_stored_as_tensorflow_js_has_it(dtype, stored, tmp_path):
    values = some(dtype, 4, 3)
    manifest, data = written([("w", values)], tmp_path)
    assert manifest[0]["weights"] == [{"name": "w", "shape": [4, 3], "dtype": stored}]
    assert data == values.astype(stored).tobytes()


def test_big_endian_weights_are_written_little_endian(tmp_path):
    assert written([("w", some(">f4", 5))], tmp_path)[1] == some("float32", 5).tobytes()


@pytest.mark.parametrize("values, line", [
    (numpy.array(["a"]), "cannot store"), (numpy.array([2 ** 40]), "integers beyond int32"),
    (some("int8", 2), "cannot store")])
def test_what_tensorflow_js_cannot_store_is_refused(values, line, tmp_path):
    with pytest.raises(Fault, match=line):
        written([("w", values)], tmp_path)


def test_two_weights_of_one_name_are_refused(tmp_path):
    with pytest.raises(Fault, match="two weights are called 'w'"):
        written([("w", some("float32", 2)), ("w", some("float32", 2))], tmp_path)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_shard_size_that_is_none_is_refused(size, tmp_path):
    with pytest.raises(Fault, match="shard_size"):
        written([("w", some("float32", 2))], tmp_path, shard_size=size)


CASES = [
    [("a/kernel", some("float32", 40, 30)), ("a/bias", some("float32", 30)), ("b/kernel", numpy.zeros(9, "float32"))],
    [("a/kernel", numpy.abs(some("float32", 50)) + 1), ("a/bias", -numpy.abs(some("float32", 7)) - 2),
     ("c", some("int32", 5)), ("d", some("float64", 6, 2)), ("e", numpy.array(3.5, "float32"))],
]
RULES = ["float16", "uint8", "uint16", {"uint8": "*/kernel"}, {"uint16": ["a/*"], "float16": True},
         {"float16": ["*/bias"], "uint8": ["a/kernel", "[bd]*"]}]


@pytest.mark.parametrize("weights", CASES, ids=["around zero", "beside zero"])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_quantized_bytes_and_manifest_are_the_official_converters(weights, rule, tmp_path):
    needs.reference()
    reference.tensorflowjs()
    from tensorflowjs import write_weights
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    manifest, data = written(weights, ours, shard_size=512, quantize=rule)
    official = write_weights.write_weights(
        [[{"name": name, "data": values} for name, values in weights]], str(theirs), 512, False,
        {rule: True} if isinstance(rule, str) else rule)
    assert manifest == official
    assert data == b"".join((theirs / name).read_bytes() for name in official[0]["paths"])


@pytest.mark.parametrize("rule, line", [
    ({"uint8": "nosuch*"}, r"no weight's name matches 'nosuch\*'; there are: a/kernel, a/bias$"),
    ({"uint8": ["a/*", "b"], "float16": True}, "matches 'b'"), ({"uint16": ["A/*"]}, "matches 'A/")])
def test_a_pattern_that_no_weight_matches_is_refused_with_names_that_can_be_copied(rule, line, tmp_path):
    weights = [("a/kernel", some("float32", 4, 3)), ("a/bias", some("float32", 3))]
    with pytest.raises(Fault, match=line):
        written(weights, tmp_path, quantize=rule)


def test_of_many_weights_twenty_are_named(tmp_path):
    with pytest.raises(Fault, match=r"w0, w1, .*w19, … \(50 in all\)$"):
        written([(f"w{index}", some("float32", 1)) for index in range(50)], tmp_path, quantize={"uint8": "x"})
    with pytest.raises(Fault, match="there are: none"):
        written([], tmp_path, quantize={"uint8": "x"})


@pytest.mark.parametrize("rule, far", [("float16", 0.004), ("uint8", 0.05), ("uint16", 2e-4)])
def test_quantized_weights_are_read_back_within_a_step(rule, far, tmp_path):
    values = some("float32", 60, 20)
    manifest, _ = written([("w", values)], tmp_path, quantize=rule, shard_size=100)
    weight, = weights_manifest.manifest_weights(manifest, str(tmp_path), "model.json")
    assert weight.dtype == "float32" and weight.shape == (60, 20)
    assert numpy.abs(weight.read() - values).max() < far
    pieces = numpy.concatenate(list(weight.pieces(500)))
    assert numpy.array_equal(pieces.reshape(60, 20), weight.read())


def test_whole_numbers_that_are_quantized_are_rounded_as_in_javascript(tmp_path):
    """io_utils.ts: Math.round, up at a half."""
    (tmp_path / "a").write_bytes(bytes([0, 1, 2, 3, 255]))
    entry = {"name": "w", "shape": [5], "dtype": "int32", "quantization": {"dtype": "uint8", "min": -3.5, "scale": 0.9}}
    weight, = weights_manifest.manifest_weights([{"paths": ["a"], "weights": [entry]}], str(tmp_path), "model.json")
    assert weight.read().tolist() == [-3, -3, -2, -1, 226] and weight.dtype == "int32"


@pytest.mark.parametrize("rule, line", [
    ("int4", "not one of float16, uint8, uint16"), ({"uint8": True, "uint16": True}, "both for all weights"),
    ({"uint8": "w*", "uint16": "*1"}, "matches a pattern of")])
def test_quantization_rules_that_contradict_each_other_are_refused(rule, line, tmp_path):
    with pytest.raises(Fault, match=line):
        written([("w1", some("float32", 2))], tmp_path, quantize=rule)


@pytest.mark.parametrize("values, rule, line", [
    (numpy.array([1, numpy.nan], "float32"), "uint8", "NaN or infinities"),
    (numpy.array([1, numpy.inf], "float32"), "uint16", "NaN or infinities"),
    (numpy.array([1, 1e6], "float32"), "float16", "beyond 65504")])
def test_values_that_cannot_be_quantized_are_refused(values, rule, line, tmp_path):
    with pytest.raises(Fault, match=line):
        written([("w", values)], tmp_path, quantize=rule)
