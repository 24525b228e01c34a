"""What fuzzing has found, each with the smallest input that showed it.

Two findings are attacks and stand in tests/attacks: heap_without_end and group_in_itself.
"""
import json

import pytest

from scripts import Fault, formats, preprocess, summary
from scripts.formats import frozen, saved_model
from scripts.wire.protobuf import Damaged, message, string, text
from tests.fuzz import mutate, seeds
from tests.unit import handmade

HUGE = 1 << 40


def saved(folder, *fields):
    """A SavedModel whose only graph has these fields."""
    (folder / "saved_model.pb").write_bytes(mutate.message((1, 1), (2, mutate.message(*fields))))
    return str(folder)


TAGGED = (1, mutate.message((4, "serve")))


def test_a_number_where_a_text_is_meant_is_damage_and_not_as_many_zeros():
    """bytes(1 << 40) would be a terabyte of them."""
    for value in (HUGE, 1, 1 << 63):
        with pytest.raises(Damaged):
            string(value)
        with pytest.raises(Damaged):
            text({1: [value]}, 1)
        with pytest.raises(Damaged):
            message(value)


@pytest.mark.parametrize("fields, words", [
    ([(1, mutate.message((4, HUGE)))], "saved_model.pb is damaged"),
    ([(1, HUGE)], "saved_model.pb is damaged"),
    ([TAGGED, (7, HUGE)], "is damaged"),
    ([TAGGED, (7, mutate.message((1, mutate.message((1, mutate.message((2, HUGE)))))))], "without Keras layers"),
    ([TAGGED, (7, mutate.message((1, mutate.message((4, mutate.message((1, HUGE)))))))], "is damaged"),
])
def test_a_number_in_the_place_of_a_message_or_a_text_is_one_line(fields, words, tmp_path):
    with pytest.raises(Fault, match=words):
        formats.read_layers(saved(tmp_path, *fields))


@pytest.mark.parametrize("entry", [HUGE, mutate.message((1, HUGE)), b"\xff", mutate.message((1, b"\xff")),
                                   mutate.message((2, mutate.message((1, mutate.message((1, "x"), (2, HUGE))))))])
def test_a_damaged_signature_is_one_line(entry, tmp_path):
    path = saved(tmp_path, TAGGED, (5, entry))
    with pytest.raises(Fault, match="signatures"):
        saved_model.signatures(path, saved_model.meta_graph(path))


@pytest.mark.parametrize("node", [mutate.message((1, HUGE), (2, "Add")), mutate.message((1, "x"), (2, HUGE))])
def test_a_graph_whose_names_are_numbers_is_none(node, tmp_path):
    (tmp_path / "graph.pb").write_bytes(mutate.message((1, node)))
    assert not frozen.match(str(tmp_path / "graph.pb"))
    with pytest.raises(Fault):
        formats.read(str(tmp_path / "graph.pb"))


@pytest.mark.parametrize("size", [1 << 40, (1 << 64) - 1])
def test_a_graph_s_first_node_may_claim_any_size(size, tmp_path):
    """It is looked into where it is known by its name and operation, and is TensorFlow's to refuse."""
    for content, known in ((b"\x0a\x01x\x12\x03Add", True), (b"\x0a\x01x", False), (b"", False)):
        (tmp_path / "graph.pb").write_bytes(b"\x0a" + mutate.varint(size) + content)
        assert frozen.match(str(tmp_path / "graph.pb")) == known
        with pytest.raises(Fault):
            formats.read_layers(str(tmp_path / "graph.pb"))


@pytest.mark.parametrize("paths", [None, 1, "x", {"x": 1}])
def test_a_manifest_whose_paths_are_no_list_names_no_files(paths, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"modelTopology": {}, "weightsManifest": [{"paths": paths}]}))
    assert formats.files(str(tmp_path / "model.json")) == [str(tmp_path / "model.json")]


def dense_with(**changes):
    record = handmade.topology()
    record["config"]["layers"][4]["config"].update(changes)
    return record


SUMMARIES = {
    "activation that is a list": dense_with(activation=["relu"]),
    "gates of no size, in a model in the model": {"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "Sequential", "config": {"name": "inner", "layers": [
            {"class_name": "LSTM", "config": {"name": "lstm", "batch_input_shape": [None, 3, 2]}}]}}]}},
    "calls that are a number": {"class_name": "Functional", "config": {"name": "m", "layers": [
        {"class_name": "Dense", "name": "d", "config": {"name": "d"}, "inbound_nodes": 1}]}},
    "layers of a graph without names": {"class_name": "Functional", "config": [
        {"class_name": "Dense", "config": {"name": "d"}}]},
    "a Sequential that is a list, in one": {"class_name": "Sequential", "config": [
        {"class_name": "Sequential", "config": []}]},
}


@pytest.mark.parametrize("record", list(SUMMARIES.values()), ids=list(SUMMARIES))
@pytest.mark.parametrize("command, more", [(summary.main, []), (preprocess.main, ["--summary"])], ids=["summary", "-s"])
def test_the_table_of_a_damaged_topology_is_one_line(record, command, more, tmp_path):
    path = handmade.h5(tmp_path / "model.h5", record, weights={})
    with pytest.raises(Fault, match="model.h5"):
        command([path] + more)


def test_a_checkpoint_s_index_made_here_is_one():
    """seeds.table is what these tests stand on: the reader finds every key in it."""
    from scripts.wire import sstable
    pairs = [(b"", b"x"), (b"a", b"y" * 200), (b"ab", b"")]
    assert list(sstable.entries(seeds.table(pairs))) == pairs


def test_what_a_graph_keeps_unread_may_be_damaged_too(tmp_path):
    """A node's debug info, of which only writing tells that it is none."""
    kept = mutate.message((1, "y"), (2, "Relu"), (3, "x"), (6, mutate.message((1, b"\xff"))))
    nodes = [mutate.message((1, "x"), (2, "Placeholder")), kept]
    (tmp_path / "tensorflowjs_model.pb").write_bytes(mutate.message(*[(1, one) for one in nodes]))
    (tmp_path / "weights_manifest.json").write_text("[]")
    with pytest.raises(Fault, match="model.pb: damaged: no text where text should be"):
        preprocess.preprocess(str(tmp_path), str(tmp_path / "out"))
