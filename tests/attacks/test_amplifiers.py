"""The attacks of amplifiers.py through the real command line, confined as in test_attacks.py."""
import os
import re
import zipfile

import h5py
import numpy
import pytest

from scripts import Fault, formats
from scripts.formats import keras_archive, keras_h5, topology_and_weights, weights_manifest
from tests.attacks import amplifiers, builders, growth
from tests.attacks.test_attacks import harmless, refused, run

REFUSED = {
    "a type with commas": (amplifiers.type_that_is_python, ["(,)f4"], "which no Keras layer has"),
    "a type of brackets": (amplifiers.type_that_is_python, ["f4,("], "which no Keras layer has"),
    "a type of commas, quantized": (amplifiers.type_that_is_python, [",,", True], "which no Keras layer has"),
    "values beyond float32": (amplifiers.values_beyond_float32, [], "manifest is damaged"),
    "60 000 dimensions": (growth.weight_of_many_dimensions, [], "60000 dimensions"),
    "a shard many times": (amplifiers.shard_many_times, [], "lists shard s twice"),
    "damaged deflate": (amplifiers.damaged_member, [zipfile.ZIP_DEFLATED], "the archive is damaged"),
    "damaged lzma": (amplifiers.damaged_member, [zipfile.ZIP_LZMA], "packed by method 14"),
    "weights that are not there": (amplifiers.weights_that_are_not_there, [], "claims to be .* but the archive holds"),
    "a layer many times": (amplifiers.layer_listed_again, [lambda index: "conv"], "read already"),
    "a layer in many spellings": (amplifiers.layer_listed_again, [lambda index: "/" * (index % 50) + "conv"],
                                  "read already"),
    "a dataset with many names": (amplifiers.dataset_with_many_names, [], "read already"),
    "datasets over one another": (amplifiers.datasets_over_one_another, [], "weights claim .* in all"),
    "packed zeros": (amplifiers.packed_zeros, [], "weights claim .* in all"),
    "a link through a link": (amplifiers.link_through_a_link, [], "a link to somewhere else"),
    "a link through a link, archive": (amplifiers.link_through_a_link_in_archive, [], "a link to somewhere else"),
    "a version that is no text": (amplifiers.version_that_is_no_text, [], "is no text"),
    "a pipe for a SavedModel": (amplifiers.a_fifo, ["saved_model.pb"], "no model in this directory"),
    "a pipe for an index": (amplifiers.a_fifo, ["variables/variables.index"], "not a file"),
    "a pipe for the values": (amplifiers.a_fifo, ["variables/variables.data-00000-of-00001"], "not a file"),
    "metadata that is a list": (amplifiers.metadata_that_is_a_list, [], "keras_metadata.pb is damaged"),
    "a layer of a long number": (amplifiers.layer_of_a_long_number, [], "saved"),
    "fields of two bytes": (amplifiers.fields_of_two_bytes, [], "fields in one message"),
    "a layer by many names": (amplifiers.layer_by_many_names, [], "more variables than it can hold"),
    "a variable of many layers": (amplifiers.variable_of_many_layers, [], "times what it holds"),
    "a block named again": (amplifiers.block_named_again, [], "do not follow one another"),
    "keys that share": (amplifiers.keys_that_share, [], "share more than any table has"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_would_break_or_multiply_a_reader_s_work_is_refused(name, tmp_path):
    build, arguments, line = REFUSED[name]
    said = refused(tmp_path, build(tmp_path, *arguments))
    assert re.search(line, said), said


def test_the_saved_model_that_these_bend_is_one(tmp_path):
    harmless(tmp_path, amplifiers.saved(tmp_path))


@pytest.mark.parametrize("name", [".", "/"])
def test_a_name_that_is_no_place_in_an_h5_file_is_one_line_of_encapsulate(name, tmp_path):
    path = builders.without_weights(tmp_path, name)
    status, out, err = run("encapsulate", path, str(tmp_path / "enc.h5"))
    assert (status, out, err.count("\n")) == (1, "", 1) and "cannot be stored in an h5 file" in err, err
    assert os.listdir(str(tmp_path)) == ["model.h5"]


def test_a_layer_whose_name_is_another_s_weight_is_one_line_of_encapsulate(tmp_path):
    relu = {"class_name": "ReLU", "config": {"name": "a/a/kernel:0", "trainable": True}}
    record = builders.functional([builders.start(), builders.call(builders.dense("a", 2), [("start", 0)]),
                                  builders.call(relu, [("a", 0)])], [("a/a/kernel:0", 0)])
    path = builders.plain_h5(tmp_path, record, {"a": {"kernel": numpy.ones((4, 2), "f4")}})
    status, _, err = run("encapsulate", path, str(tmp_path / "enc.h5"))
    assert (status, err.count("\n")) == (1, 1) and "cannot be stored in an h5 file" in err, err


def test_values_too_large_for_float32_become_infinities_without_a_word(tmp_path):
    path = builders.plain_h5(tmp_path, builders.sequential(builders.dense("d", 2)),
                             {"d": {"kernel": numpy.full((4, 2), 1e300)}})
    harmless(tmp_path, path)
    assert numpy.isinf(numpy.frombuffer((tmp_path / "out" / "group1-shard1of1.bin").read_bytes(), "<f4")).all()
    status, _, err = run("preprocess", path, str(tmp_path / "small"), "--quantize", "uint8")
    assert (status, err.count("\n")) == (1, 1)


def test_the_table_of_many_layers_and_many_weights_ends(tmp_path):
    status, out, err = run("summary", amplifiers.many_layers_of_no_variables(tmp_path))
    assert (status, err) == (0, "") and "r7999" in out


def test_a_piece_of_many_shards_is_found_at_once(tmp_path, monkeypatch):
    """Each walk along 200 000 shards takes 10 ms and more: 1000 of them would meet the limit."""
    from time import process_time
    (tmp_path / "s").write_bytes(b"12345678")
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "getsize", lambda path: 8 if path.endswith("s") else 0)
        stream = weights_manifest.Stream([str(tmp_path / "empty")] * 200000 + [str(tmp_path / "s")])
    begun = process_time()
    assert {stream.read(4, 4) for _ in range(1000)} == {b"5678"}
    assert process_time() - begun < 5


def test_a_stream_reads_over_the_ends_of_files_and_over_files_of_no_bytes(tmp_path):
    names = []
    for index, content in enumerate([b"", b"abc", b"", b"", b"d", b"efgh", b""]):
        names.append(str(tmp_path / str(index)))
        (tmp_path / str(index)).write_bytes(content)
    stream = weights_manifest.Stream(names)
    for first in range(9):
        for count in range(9 - first):
            assert stream.read(first, count) == b"abcdefgh"[first:first + count]
    os.truncate(names[5], 2)
    with pytest.raises(Fault, match="became shorter"):
        stream.read(0, 8)


def test_a_reader_that_runs_out_of_memory_before_it_knows_the_format_is_one_line(tmp_path, monkeypatch):
    def match(path):
        raise MemoryError
    monkeypatch.setattr(topology_and_weights, "match", match)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(Fault, match="model.json: needs more memory than there is"):
        formats.read(str(tmp_path / "model.json"))


def test_a_member_that_ends_too_early_is_no_weight(tmp_path):
    """What HDF5 does not get it would take from memory."""
    path = str(tmp_path / "weights.h5")
    with h5py.File(path, "w") as file:
        file["w"] = numpy.ones((1000, 1000), "f4")
    size = os.path.getsize(path)
    with h5py.File(keras_archive.Window(open(path, "rb"), 0, size), "r") as file:
        weight = keras_h5.weight(file["w"], "w", path)
        os.truncate(path, size // 2)
        with pytest.raises(Fault, match="ends too early"):
            weight.read()
