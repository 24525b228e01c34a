"""One model saved in each way that its Keras knows gives one result; inner layers; graphs made at random."""
import json
import os

import hypothesis
import numpy
import pytest
from hypothesis import strategies

from scripts import convert, encapsulate, formats, preprocess
from scripts.viewer import predict
from tests import needs
from tests.models import oracle, zoo

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
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = zoo.planted(keras, name)
    h5, topology = str(tmp_path / "model.h5"), str(tmp_path / "topology.json")
    model.save(h5)
    expected = result(h5, tmp_path, "from_h5")
    with open(topology, "w") as file:
        file.write(model.to_json())
    ways = []
    if needs.STACK == "modern":
        model.save(str(tmp_path / "model.keras"))
        model.save_weights(str(tmp_path / "model.weights.h5"))
        ways += [("model.keras", None), ("topology.json", "model.weights.h5")]
    if flavour == "keras2":
        model.save_weights(str(tmp_path / "weights.h5"))
        ways.append(("topology.json", "weights.h5"))
    for index, (source, weights) in enumerate(ways):
        found = result(str(tmp_path / source), tmp_path, "way_%d" % index, weights and str(tmp_path / weights))
        assert found[1] == expected[1], (source, weights)
        assert found[0]["weightsManifest"] == expected[0]["weightsManifest"]
        assert alike(found[0]["modelTopology"], expected[0]["modelTopology"]), (source, weights)


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
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="inner_1"), layers.Dense(4, name="inner_2")], name="inner")
    tensors = [start]
    for index, (kind, (one, two)) in enumerate(plan[0]):
        first, second, name = tensors[one], tensors[two], "%s_%d" % (kind, index)
        made = {"dense": lambda: layers.Dense(4, name=name)(first),
                "add": lambda: layers.Add(name=name)([first, second]),
                "concatenate": lambda: layers.Dense(4, name=name)(layers.Concatenate(name=name + "_joined")([first, second])),
                "shared": lambda: shared(first), "norm": lambda: layers.BatchNormalization(name=name)(first),
                "nested": lambda: inner(first)}[kind]()
        tensors.append(made)
    return keras.Model(start, [tensors[number] for number in plan[1]])


@hypothesis.settings(max_examples=25, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(plan=plans(), data=strategies.data())
def test_any_graph_loads_in_its_keras_with_any_outputs_in_any_order(plan, data, tmp_path_factory):
    flavour = data.draw(strategies.sampled_from(oracle.FLAVOURS))
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    zoo.BUILDERS["random"] = lambda keras: build(keras, plan)
    model = zoo.planted(keras, "random")
    folder = tmp_path_factory.mktemp("random")
    source, enc = str(folder / "source.h5"), str(folder / "enc.h5")
    model.save(source)
    everything = encapsulate.build(source, enc)["outputs"]
    wanted = data.draw(strategies.permutations(everything))[:data.draw(strategies.integers(1, len(everything)))]
    encapsulate.build(source, enc, layers=wanted)
    inputs = [numpy.random.RandomState(0).normal(0, 1, (3, 4)).astype("float32")]
    expected = oracle.predict(oracle.multi_output(keras, model, wanted), inputs)
    loaded = keras.models.load_model(enc, compile=False)
    for name, value, found in zip(wanted, expected, oracle.predict(loaded, inputs)):
        assert oracle.distance(value, found) <= 1e-6, name
    with formats.read(enc) as read:
        assert list(read.weights) == [layer.name for layer in loaded.layers]
