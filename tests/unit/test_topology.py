"""Graphs of layers: read from both dialects, their order, which of their tensors are outputs, nested models."""
import json
from collections import OrderedDict

import hypothesis
import pytest
from hypothesis import strategies

from scripts import Fault
from scripts.layers import outputs, records, topology
from scripts.layers.references import Ref, redirect, references


def layer(name, *calls, **config):
    """A Keras 2 record of a layer that is called on the named layers' outputs."""
    nodes = [[[ref] + [0, 0, {}] if isinstance(ref, str) else list(ref) + [{}] for ref in call] for call in calls]
    return {"class_name": config.pop("class_name", "Dense"), "name": name, "inbound_nodes": nodes,
            "config": dict(config, name=name, units=1)}


def source(name="start"):
    return {"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_input_shape": [None, 4], "dtype": "float32"}}


def model(layers, ends, inputs=("start",), name="m"):
    return {"class_name": "Functional", "config": {
        "name": name, "layers": layers, "input_layers": [[item, 0, 0] for item in inputs],
        "output_layers": [[end, 0, 0] if isinstance(end, str) else list(end) for end in ends]}}


def test_layers_stand_by_depth_then_in_the_order_in_which_the_outputs_reach_them():
    layers = [source(), layer("left", ["start"]), layer("right", ["start"])]
    assert topology.layer_order(topology.graph(model(layers, ["left", "right"]))) == ["start", "left", "right"]
    assert topology.layer_order(topology.graph(model(layers, ["right", "left"]))) == ["start", "right", "left"]


def test_a_layer_on_the_longer_way_stands_before_one_on_the_shorter():
    layers = [source(), layer("short", ["start"]), layer("long_1", ["start"]), layer("long_2", ["long_1"]),
              layer("end", ["short", "long_2"])]
    assert topology.layer_order(topology.graph(model(layers, ["end"]))) == ["start", "long_1", "short", "long_2", "end"]


def test_a_graph_written_again_is_what_was_read():
    layers = [source(), layer("a", ["start"], [("a", 0, 0)]), layer("b", [("a", 1, 0), ("a", 0, 0)])]
    record = model(layers, ["b"])
    again = topology.record_of(topology.graph(record), "Functional")
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(record))


def test_a_sequential_without_an_input_layer_gets_one_of_its_first_layers_shape():
    record = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Dense", "config": {"name": "one", "units": 2, "batch_input_shape": [None, 3]}},
        {"class_name": "Dense", "config": {"name": "two", "units": 2}}]}}
    graph = topology.graph(record)
    assert list(graph.layers) == ["one_input", "one", "two"]
    assert topology.batch_shape(graph.layers["one_input"]) == [None, 3]
    assert graph.references(graph.layers["two"]) == [[Ref("one", 0, 0)]]


def test_a_sequential_that_knows_only_its_build_input_shape_gets_that():
    record = {"class_name": "Sequential", "config": {"name": "s", "build_input_shape": [None, 5], "layers": [
        {"class_name": "Dense", "config": {"name": "one", "units": 2}}]}}
    assert topology.batch_shape(topology.graph(record).layers["one_input"]) == [None, 5]


def test_a_sequential_without_any_shape_asks_for_one():
    record = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Dense", "config": {"name": "one", "units": 2}}]}}
    with pytest.raises(Fault, match="--input-shape"):
        topology.graph(record)


def test_a_sequential_of_keras_before_2_2_3_is_a_plain_list():
    record = {"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"name": "one", "units": 2, "batch_input_shape": [None, 3]}}]}
    assert list(topology.graph(record).layers) == ["one_input", "one"]


def test_the_construction_of_a_nested_model_is_no_call():
    inner = model([source("in"), layer("x", ["in"])], ["x"], ["in"], "inner")
    inner.update(name="inner", inbound_nodes=[[["start", 0, 0, {}]]])
    record = model([source(), inner, layer("end", [("inner", 1, 0)])], ["end", ("inner", 1, 0)])
    graph = topology.graph(record)
    assert graph.references(graph.layers["end"]) == [[Ref("inner", 0, 0)]]
    written = topology.record_of(graph, "Functional")["config"]
    assert written["output_layers"] == [["end", 0, 0], ["inner", 1, 0]]


@pytest.mark.parametrize("record, line", [
    (model([source(), layer("a", ["b"]), layer("b", ["a"])], ["b"]), "cycle"),
    (model([source(), layer("a", ["start"])], ["gone"]), "'gone' that is not there"),
    (model([source(), layer("a", ["start"])], [("a", 3, 0)]), "call 3 of layer 'a'"),
    (model([source(), layer("a", ["start"]), layer("a", ["start"])], ["a"]), "two layers are called 'a'"),
    (model([source(), layer("a", ["start"])], []), "no outputs"),
    ({"class_name": "MyModel", "config": {}}, "MyModel, not a Sequential or Functional model"),
])
def test_a_graph_that_is_none_is_refused(record, line):
    with pytest.raises(Fault, match=line):
        topology.graph(record)


def test_a_reference_to_no_layer_is_no_reference():
    graph = topology.graph(model([source(), layer("a", ["nowhere"])], ["a"]))
    assert graph.references(graph.layers["a"]) == [[]]


def test_references_are_found_in_both_dialects_in_kerass_order():
    names = {"a", "b", "c"}
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": ["b", 0, 1]}}
    assert references([["a", 0, 0, {"y": ["b", 1, 0], "x": ["c", 0, 0]}]], names) == [
        Ref("a", 0, 0), Ref("c", 0, 0), Ref("b", 1, 0)]
    assert references({"args": [[tensor]], "kwargs": {"mask": None}}, names) == [Ref("b", 0, 1)]
    moved = redirect({"args": [tensor]}, names, lambda ref: ref._replace(layer="z"))
    assert references(moved, names) == [Ref("z", 0, 1)]
    assert references([["_CONSTANT_VALUE", -1, 2.0, {}], ["a", 0, 0, {}]], names) == [Ref("a", 0, 0)]


# Outputs ---------------------------------------------------------------------------------------------------

@pytest.fixture
def graph():
    layers = [source(), layer("conv", ["start"]), layer("twice", ["conv"], [("twice", 0, 0)]),
              layer("end", [("twice", 1, 0)]), layer("other", ["conv"])]
    return topology.graph(model(layers, ["end", "other"]))


def test_every_output_is_every_call_of_every_layer_but_inputs(graph):
    assert [outputs.spelling(graph, ref) for ref in outputs.every_output(graph)] == [
        "conv", "twice@0", "twice@1", "end", "other"]


def test_outputs_come_in_the_order_asked_for(graph):
    assert outputs.find(graph, ["other", "twice@1", "conv"]) == [
        Ref("other", 0, 0), Ref("twice", 1, 0), Ref("conv", 0, 0)]


@pytest.mark.parametrize("names, line", [
    (["Conv"], "no layer is called 'Conv', did you mean 'conv'"),
    (["cnov"], "did you mean 'conv'.*there are: conv, twice@0, twice@1, end, other"),
    (["start"], "'start' is an input"),
    (["end", "end"], "'end' is asked for twice"),
    (["twice"], "called 2 times: ask for twice@0 or twice@1"),
    (["twice@2"], "called 2 times, and calls count from 0"),
    (["conv:1"], "'conv:1': layer 'conv' has 1 output, counted from 0"),
    (["twice@1:7"], "layer 'twice' has 1 output,"),
    (["conv:99999999999999999999"], "no layer is called 'conv:99999999999999999999'"),
    ([], "no output layer is asked for"),
])
def test_names_that_mean_nothing_are_refused_with_what_there_is(graph, names, line):
    with pytest.raises(Fault, match=line):
        outputs.find(graph, names)


def test_what_no_output_needs_is_left_out(graph):
    pruned = outputs.prune(graph, outputs.find(graph, ["twice@0"]))
    assert list(pruned.layers) == ["start", "conv", "twice"]
    assert len(pruned.layers["twice"].calls) == 1
    assert pruned.outputs == [Ref("twice", 0, 0)]


def test_calls_are_numbered_again_when_an_earlier_one_is_left_out():
    layers = [source(), source("second"), layer("shared", ["start"], ["second"]), layer("end", [("shared", 1, 0)])]
    graph = topology.graph(model(layers, ["end", ("shared", 0, 0)], ["start", "second"]))
    pruned = outputs.prune(graph, outputs.find(graph, ["end"]))
    assert list(pruned.layers) == ["second", "shared", "end"]
    assert pruned.references(pruned.layers["end"]) == [[Ref("shared", 0, 0)]]
    assert pruned.inputs == [Ref("second", 0, 0)]


def nested_graph():
    inner = model([source("in"), layer("x", ["in"]), layer("y", ["x"])], ["y"], ["in"], "inner")
    inner.update(name="inner", inbound_nodes=[[["start", 0, 0, {}]], [["mid", 0, 0, {}]]])
    return topology.graph(model([source(), inner, layer("mid", [("inner", 1, 0)]), layer("x", [("inner", 2, 0)])],
                                ["x"]))


def test_a_layer_inside_a_nested_model_takes_the_models_place_and_a_free_name():
    opened = []
    graph, known = outputs.open_models(nested_graph(), ["inner/x@1", "inner/y@0"], 2,
                                       lambda record, name, renamed: opened.append((name, renamed)))
    assert opened == [("inner", OrderedDict([("x", "inner_x"), ("y", "y")]))]
    assert list(graph.layers) == ["start", "inner_x", "y", "mid", "x"]
    assert graph.references(graph.layers["inner_x"]) == [[Ref("start", 0, 0)], [Ref("mid", 0, 0)]]
    assert graph.references(graph.layers["x"]) == [[Ref("y", 1, 0)]]
    assert outputs.find(graph, ["inner/x@1", "inner/y@0", "inner@1"], known) == [
        Ref("inner_x", 1, 0), Ref("y", 0, 0), Ref("y", 1, 0)]


@pytest.mark.parametrize("names, line", [
    (["inner/nosuch"], "no layer is called 'inner/nosuch'; there are: inner/x, inner/y$"),
    (["inner/X"], "did you mean 'inner/x'"),
    (["inner/nosuch@1"], "no layer is called 'inner/nosuch@1'; there are: inner/x, inner/y$"),
    (["inner/x@1", "nosuch"], "no layer is called 'nosuch'; there are: inner@0, inner@1, mid, x, inner/x, inner/y$"),
    (["mid/x"], "there are: inner@0, "),
])
def test_a_name_that_is_not_in_a_nested_model_is_answered_with_those_that_can_be_asked_for(names, line):
    with pytest.raises(Fault, match=line):
        outputs.open_models(nested_graph(), names, 2, lambda *opened: None)


def test_an_output_that_a_nested_model_does_not_have_is_refused():
    graph = nested_graph()
    with pytest.raises(Fault, match="'inner@0:1': layer 'inner' has 1 output,"):
        outputs.find(graph, ["inner@0:1"])
    graph, known = outputs.open_models(graph, ["inner/x@0", "inner@1:1"], 2, lambda *opened: None)
    with pytest.raises(Fault, match="'inner@1:1': layer 'inner' has 1 output,"):
        outputs.find(graph, ["inner@1:1"], known)


@pytest.mark.parametrize("count, class_name, config", [
    (1, "Dense", {}), (1, "LSTM", {"return_state": False}), (None, "LSTM", {"return_state": True}),
    (1, "Bidirectional", {"merge_mode": "concat", "layer": {"class_name": "GRU", "config": {"name": "g"}}}),
    (None, "Bidirectional", {"merge_mode": None, "layer": {"class_name": "GRU", "config": {"name": "g"}}}),
    (None, "Bidirectional", {"merge_mode": "sum", "layer": {"class_name": "GRU", "config": {"return_state": True}}}),
    (1, "TimeDistributed", {"layer": {"class_name": "Dense", "config": {"name": "d"}}}),
    (None, "Swirl", {}), (None, "MultiHeadAttention", {}), (None, "TFOpLambda", {}),
    (2, "Functional", {"layers": [], "output_layers": [["a", 0, 0], ["b", 0, 0]]}),
    (1, "Functional", {"layers": [], "output_layers": ["a", 0, 0]}), (1, "Sequential", {"layers": []})])
def test_a_layer_has_as_many_outputs_as_its_class_and_config_say(count, class_name, config):
    assert topology.output_count({"class_name": class_name, "config": dict(config, name="it")}) == count


def wrapped(*kinds):
    """Records in one another, the outermost first; the last is a ReLU."""
    record = {"class_name": "ReLU", "config": {"name": "relu"}}
    for kind in reversed(kinds):
        config = {"name": kind.lower()}
        config.update({"cell": record} if kind == "RNN" else {"cells": [record]} if kind == "StackedRNNCells"
                      else {"layers": [record]} if kind in records.MODELS else {"layer": record})
        record = {"class_name": kind, "config": config}
    return record


@pytest.mark.parametrize("kinds", [("Bidirectional", "Bidirectional"), ("Bidirectional", "TimeDistributed"),
                                   ("TimeDistributed", "Bidirectional", "RNN", "StackedRNNCells", "Bidirectional"),
                                   ("Bidirectional", "Sequential", "Bidirectional"), ("Bidirectional", "Functional")])
def test_a_bidirectional_around_what_no_keras_puts_there_is_refused(kinds):
    with pytest.raises(Fault, match="has a Bidirectional around a"):
        records.check_record(wrapped(*kinds))


@pytest.mark.parametrize("kinds", [("Bidirectional",), ("Bidirectional", "RNN", "StackedRNNCells"),
                                   ("TimeDistributed", "Bidirectional"), ("TimeDistributed", "TimeDistributed"),
                                   ("Sequential", "Bidirectional", "RNN"), ("Bidirectional", "Swirl")])
def test_wrappers_that_keras_makes_are_taken(kinds):
    records.check_record(wrapped(*kinds))


def test_nested_models_are_opened_only_where_their_layers_are_asked_for():
    graph, known = outputs.open_models(nested_graph(), ["inner@0", "mid"], 2, None)
    assert "inner" in graph.layers and known == {}


def test_open_sizes_are_fixed_and_fixed_ones_must_agree():
    record = model([source(), layer("a", ["start"])], ["a"])
    record["config"]["layers"][0]["config"]["batch_input_shape"] = [None, None, 3]
    graph = topology.graph(record)
    outputs.fix_input_shape(graph, [7, 3])
    assert topology.batch_shape(graph.layers["start"]) == [None, 7, 3]
    for shape, line in (([8, 3], "contradicts"), ([7], "contradicts"), ({"nope": [7, 3]}, "no input is called 'nope'")):
        with pytest.raises(Fault, match=line):
            outputs.fix_input_shape(graph, shape)


@hypothesis.given(strategies.lists(strategies.lists(strategies.integers(0, 100), min_size=1, max_size=3),
                                   min_size=1, max_size=12), strategies.randoms(use_true_random=False))
def test_every_layer_stands_behind_those_it_needs_whatever_the_graph(parents, random):
    """parents[i]: which of the earlier layers layer i is called on."""
    layers = [source()]
    for index, chosen in enumerate(parents):
        layers.append(layer(f"n{index}", [layers[number % len(layers)]["name"] for number in chosen]))
    ends = random.sample([item["name"] for item in layers[1:]], random.randint(1, len(layers) - 1))
    graph = outputs.prune(topology.graph(model(layers, ends)), [Ref(end, 0, 0) for end in ends])
    order = topology.layer_order(graph)
    assert sorted(order) == sorted(graph.layers)
    for name in order:
        for refs in graph.references(graph.layers[name]):
            assert all(order.index(ref.layer) < order.index(name) for ref in refs)
    assert [ref.layer for ref in graph.outputs] == ends
