"""One model saved in each way that its Keras knows gives one result; inner layers; graphs made at random."""
import json
import os

import hypothesis
import numpy
import pytest
from hypothesis import strategies

from scripts import Fault, convert, encapsulate, formats, preprocess
from scripts.viewer import predict
from tests import needs
from tests.models import oracle, zoo
from tests.models.test_zoo import bytes_of, officially

needs.tensorflow()


def alike(one, two):
    """Whether two topologies say the same wherever both say something: archives spell out more settings than h5 files,
    and number shared objects otherwise."""
    if isinstance(one, dict) and isinstance(two, dict):
        return all(alike(one[key], two[key]) for key in set(one) & set(two) - {"shared_object_id", "keras_version"})
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(alike(*pair) for pair in zip(one, two))
    return one == two


def result(source, folder, name, weights=None):
    """(model.json, bytes of the shards) of a source converted with every layer as output."""
    out = os.path.join(str(folder), name)
    os.mkdir(out)
    names, _ = preprocess.preprocess(source, out, weights=weights)
    with open(os.path.join(out, names[0])) as file:
        document = json.load(file)
    return document, [open(os.path.join(out, shard), "rb").read() for shard in names[1:]]


@pytest.mark.parametrize("name", [builder.__name__ for builder in zoo.SMALL])
@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_every_way_of_saving_a_model_gives_the_same_result(flavour, name, tmp_path):
    model = oracle.planted(flavour, name)
    h5 = str(tmp_path / "model.h5")
    model.save(h5)
    expected = result(h5, tmp_path, "from_h5")
    ways = []
    if needs.STACK == "modern":
        model.save(str(tmp_path / "model.keras"))
        model.save_parts(str(tmp_path / "topology.json"), str(tmp_path / "model.weights.h5"))
        ways += [("model.keras", None), ("topology.json", "model.weights.h5")]
    if flavour == "keras2":
        model.save_parts(str(tmp_path / "topology.json"), str(tmp_path / "weights.h5"))
        ways.append(("topology.json", "weights.h5"))
    same(ways, expected, tmp_path)


def same(ways, expected, folder):
    """Assert that the saved models `ways` (file, weights file or None) convert to what `expected` is."""
    for index, (source, weights) in enumerate(ways):
        found = result(str(folder / source), folder, f"way_{index}", weights and str(folder / weights))
        assert found[1] == expected[1], (source, weights)
        assert found[0]["weightsManifest"] == expected[0]["weightsManifest"]
        assert alike(found[0]["modelTopology"], expected[0]["modelTopology"]), (source, weights)


@pytest.mark.parametrize("name", ["lenet", "many_inputs", "nested", "timed", "wrapped", "states"])
@pytest.mark.parametrize("flavour", sorted(oracle.OLD))
def test_every_way_of_saving_a_model_in_2019_gives_the_same_result(flavour, name, tmp_path):
    model = oracle.planted(flavour, name)
    model.save(str(tmp_path / "model.h5"))
    model.save_parts(str(tmp_path / "topology.json"), str(tmp_path / "weights.h5"))
    ways = [("topology.json", "weights.h5")]
    if flavour == "tf1.15" and name not in ("wrapped", "states"):  # of an LSTM it takes half a minute
        model.save(str(tmp_path / "saved_model"), save_format="tf")
        ways.append(("saved_model", None))
    same(ways, result(str(tmp_path / "model.h5"), tmp_path, "from_h5"), tmp_path)


def test_a_sequential_whose_input_layer_keras_2_3_forgot_is_given_its_shape(tmp_path):
    """Keras 2.3 itself makes of such an h5 a model without layers."""
    model = oracle.planted("keras2.3", "forgotten_by_sequential")
    source, enc = str(tmp_path / "source.h5"), str(tmp_path / "enc.h5")
    model.save(source)
    with pytest.raises(Fault, match=r"before its input shape was known: give it \(--input-shape, or input_shape in"):
        encapsulate.build(source, enc)
    names = encapsulate.build(source, enc, input_shape=[4])["outputs"]
    assert names == ["one", "two"]
    for expected, found in zip(model.activations(names), model.load(enc)[1]):
        assert oracle.distance(expected, found) <= 1e-6


def test_weights_go_to_their_layers_by_order_whatever_names_a_session_has_given_again(tmp_path):
    keras = oracle.load("keras2")

    def made(*names):
        first = x = keras.Input((4,), name="start")
        for name in names:
            x = keras.layers.Dense(4, name=name)(x)
        return keras.Model(first, x, name="made")

    model, other = made("dense", "dense_1"), made("dense_1", "dense")
    (tmp_path / "topology.json").write_text(model.to_json())
    other.save_weights(str(tmp_path / "weights.h5"))
    model.load_weights(str(tmp_path / "weights.h5"))
    model.save(str(tmp_path / "model.h5"))
    assert result(str(tmp_path / "topology.json"), tmp_path, "apart", str(tmp_path / "weights.h5"))[1] == \
        result(str(tmp_path / "model.h5"), tmp_path, "whole")[1]


def test_a_topology_of_a_sequential_that_did_not_know_its_input_shape_is_given_it(tmp_path):
    keras = oracle.load("keras2")
    model = keras.Sequential([keras.layers.Dense(4, name="one"), keras.layers.Dense(2, name="two")], name="made")
    (tmp_path / "topology.json").write_text(model.to_json())
    model.build((None, 3))
    model.save_weights(str(tmp_path / "weights.h5"))
    os.mkdir(str(tmp_path / "out"))
    _, found = preprocess.preprocess(str(tmp_path / "topology.json"), str(tmp_path / "out"),
                                     str(tmp_path / "weights.h5"), input_shape=[3])
    assert found["outputs"] == ["one", "two"]


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_layers_inside_nested_models_compute_what_they_do_in_keras(flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = zoo.planted(keras, "nested")
    source, enc, js = [str(tmp_path / part) for part in ("source.h5", "enc.h5", "js")]
    model.save(source)
    wanted = ["after", "inner/deep/deep_norm@1", "inner/deep/deep_dense@0", "inner/inner_dense@0", "inner@1"]
    encapsulate.build(source, enc, layers=wanted[:-1])
    inputs = zoo.samples(model, "nested")
    inner = model.get_layer("inner")
    deep = inner.get_layer("deep")
    first = numpy.asarray(inputs[0])
    dense = deep.get_layer("deep_dense")
    once = oracle.predict(inner, [first])[0]
    again = oracle.predict(keras.Model(model.inputs, model.get_layer("before").output), [first])[0]
    expected = [oracle.predict(model, [first])[0], oracle.predict(deep, [again])[0],
                oracle.predict(keras.Model(deep.inputs, dense.output), [first])[0], once]
    loaded = keras.models.load_model(enc, compile=False)
    for value, found in zip(expected, oracle.predict(loaded, inputs)):
        assert oracle.distance(value, found) <= 1e-6
    os.mkdir(js)
    convert.convert(enc, js)
    for value, (_, found) in zip(expected, predict.predict(os.path.join(js, "model.json"), inputs)):
        assert oracle.distance(value, found) <= 1e-5


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_fixed_input_size_lets_an_open_model_run(flavour, tmp_path):
    keras = oracle.load(flavour)
    model = zoo.planted(keras, "open_sizes")
    source, enc = str(tmp_path / "source.h5"), str(tmp_path / "enc.h5")
    model.save(source)
    encapsulate.build(source, enc, input_shape=[9, 8, 3])
    loaded = keras.models.load_model(enc, compile=False)
    assert tuple(loaded.inputs[0].shape) == (None, 9, 8, 3)


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_compiled_multi_output_model_can_be_trained_on(flavour, tmp_path):
    keras = oracle.load(flavour)
    model = zoo.planted(keras, "lenet")
    source, enc = str(tmp_path / "source.h5"), str(tmp_path / "enc.h5")
    model.save(source)
    encapsulate.build(source, enc, layers=["Dense_2", "Softmax"], compile=True)
    loaded = keras.models.load_model(enc)
    random = numpy.random.RandomState(0)
    labels = random.randint(0, 10, 16)
    before = loaded.get_weights()[0]
    loaded.fit(random.rand(16, 28, 28).astype("float32"), [labels, labels], verbose=0)
    assert type(loaded.optimizer).__name__.startswith("Adam")
    assert not numpy.array_equal(before, loaded.get_weights()[0])


@strategies.composite
def plans(draw):
    """A small network as a plan: what each step does, on which of the tensors before it; and outputs, in any order."""
    steps = []
    for index in range(draw(strategies.integers(2, 7))):
        kind = draw(strategies.sampled_from(["dense", "dense", "add", "concatenate", "shared", "norm", "nested"]))
        steps.append((kind, [draw(strategies.integers(0, index)) for _ in range(2)]))
    order = draw(strategies.permutations(range(1, len(steps) + 1)))
    return steps, order[:draw(strategies.integers(1, len(order)))]


def build(keras, plan):
    """Build the planned model; every tensor is (batch, 4)."""
    layers = keras.layers
    start = keras.Input((4,), name="start")
    shared = layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="inner_1"), layers.Dense(4, name="inner_2")],
                             name="inner")
    tensors = [start]
    for index, (kind, (one, two)) in enumerate(plan[0]):
        first, second, name = tensors[one], tensors[two], f"{kind}_{index}"
        made = {"dense": lambda: layers.Dense(4, name=name)(first),
                "add": lambda: layers.Add(name=name)([first, second]),
                "concatenate": lambda: layers.Dense(4, name=name)(
                    layers.Concatenate(name=name + "_joined")([first, second])),
                "shared": lambda: shared(first), "norm": lambda: layers.BatchNormalization(name=name)(first),
                "nested": lambda: inner(first)}[kind]()
        tensors.append(made)
    return keras.Model(start, [tensors[number] for number in plan[1]])


@hypothesis.settings(max_examples=15, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(plan=plans(), data=strategies.data())
def test_any_graph_has_any_outputs_in_any_order_in_its_keras_and_in_tensorflow_js(plan, data, tmp_path_factory):
    needs.node()
    flavour = data.draw(strategies.sampled_from(oracle.FLAVOURS))
    zoo.BUILDERS["random"] = lambda keras: build(keras, plan)
    model = oracle.planted(flavour, "random")
    folder = tmp_path_factory.mktemp("random")
    source, enc, js = str(folder / "source.h5"), str(folder / "enc.h5"), str(folder / "js")
    model.save(source)
    everything = encapsulate.build(source, enc)["outputs"]
    wanted = data.draw(strategies.permutations(everything))[:data.draw(strategies.integers(1, len(everything)))]
    encapsulate.build(source, enc, layers=wanted)
    expected = model.activations(wanted)
    layers, values = model.load(enc)
    assert len(values) == len(wanted)
    for name, value, found in zip(wanted, expected, values):
        assert oracle.distance(value, found) <= 1e-6, name
    with formats.read(enc) as read:
        assert list(read.weights) == layers
    os.mkdir(js)
    convert.convert(enc, js)
    found = predict.predict(os.path.join(js, "model.json"), model.inputs)
    assert [name for name, _ in found] == [name.split("@")[0] for name in wanted]
    for name, value, (_, values) in zip(wanted, expected, found):
        assert oracle.distance(value, values) <= 1e-5, name
    if flavour == "keras2":
        needs.reference()
        multi, official = str(folder / "multi.h5"), str(folder / "official")
        model.save_multi_output(multi)
        theirs = officially(multi, official)
        with open(os.path.join(js, "model.json")) as file:
            ours = json.load(file)
        assert ours["weightsManifest"] == theirs["weightsManifest"]
        assert bytes_of(js, ours) == bytes_of(official, theirs)
