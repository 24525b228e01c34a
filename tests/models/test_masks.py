"""Masks: what is converted computes in TensorFlow.js what Keras computes; what would not is refused, for its reason."""
import os
import re

import hypothesis
import numpy
import pytest
from hypothesis import strategies

from scripts import Fault, convert, formats
from scripts.layers import encapsulation
from scripts.tfjs.passes import execution, masks
from scripts.viewer import predict
from tests import needs
from tests.models import advice, masked, oracle

needs.tensorflow()


def saved(flavour, plan, folder, seed=0):
    """Build and save the planned model; return (its path, [what Keras gives for each output])."""
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = masked.build(keras, plan)
    masked.plant(model, seed)
    path = os.path.join(str(folder), "source.keras" if flavour == "keras3" else "source.h5")
    model.save(path)
    return path, oracle.predict(model, masked.samples())


def converted(path, folder):
    """What TensorFlow.js gives for each output of the model at `path`."""
    target = os.path.join(str(folder), "js")
    os.mkdir(target)
    convert.convert(path, target, format="layers")
    return [value for _, value in predict.predict(os.path.join(target, "model.json"), masked.samples())]


def agree(expected, found):
    return all(oracle.distance(one, other) <= 1e-5 for one, other in zip(expected, found))


@strategies.composite
def plans(draw):
    numbers = strategies.integers(0, 7)
    steps = draw(strategies.lists(strategies.tuples(strategies.sampled_from(masked.KINDS), numbers, numbers),
                                  min_size=1, max_size=5))
    wanted = draw(strategies.permutations(range(len(steps))))
    return steps, wanted[:draw(strategies.integers(1, len(wanted)))]


@hypothesis.settings(max_examples=10 if needs.STACK == "modern" else 5, deadline=None,
                     suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(plan=plans(), flavour=strategies.sampled_from(oracle.FLAVOURS))
def test_any_graph_with_masks_is_right_or_refused(plan, flavour, tmp_path_factory):
    needs.node()
    folder = tmp_path_factory.mktemp("masked")
    try:
        path, expected = saved(flavour, plan, folder)
    except Exception:  # Keras's own refusal of the plan: masks that do not fit together
        hypothesis.reject()
    try:
        found = converted(path, folder)
    except Fault as fault:
        assert re.search("mask|thrown it away", str(fault))
    else:
        assert agree(expected, found)


RIGHT = {
    "last": [("last", 0, 0)], "average_without": [("average", 2, 0)], "stack": [("lstm", 0, 0), ("last", 4, 0)],
    "along": [("dense", 0, 0), ("norm", 4, 0), ("distributed", 5, 0), ("last", 6, 0)],
    "leaky": [("leaky", 0, 0), ("last", 4, 0)], "nested": [("nested", 0, 0), ("last", 4, 0)],
    "encoder": [("encoder", 0, 0)],
    "masking": [("masking", 2, 0), ("backwards", 4, 0)], "add": [("add", 0, 1), ("maximum", 4, 0)],
    "times": [("times", 0, 1)], "plus": [("plus", 2, 0), ("last", 4, 0)],
    "without": [("last", 2, 0), ("repeat", 0, 0), ("last", 4, 0)]}


JOINED = {"concatenate": [("concatenate", 0, 1), ("last", 4, 0)], "joined_in_time": [("joined_in_time", 0, 3)]}


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("name", sorted(RIGHT))
def test_what_both_mask_alike_is_converted(name, flavour, tmp_path):
    needs.node()
    path, expected = saved(flavour, (RIGHT[name], list(range(len(RIGHT[name])))), tmp_path)
    assert agree(expected, converted(path, tmp_path))


RIGHT_IN = [("keras3", "rescaled", "last"), ("keras3", "identity", "last"), ("keras2", "rescaled", "average"),
            ("keras2", "identity", "average")]


@pytest.mark.parametrize("flavour, between, behind", [case for case in RIGHT_IN if needs.STACK == "modern"
                                                      or case[1] == "rescaled" and case[0] == "keras2"])
def test_a_layer_that_hands_masks_on_in_keras_3_alone(flavour, between, behind, tmp_path):
    """Keras 2.6 has no Identity."""
    needs.node()
    path, expected = saved(flavour, ([(between, 0, 0), (behind, 4, 0)], [0, 1]), tmp_path)
    assert agree(expected, converted(path, tmp_path))
    for behind in ("last", "average"):
        folder = tmp_path / behind
        folder.mkdir()
        path, expected = saved(flavour, ([(between, 0, 0), (behind, 4, 0)], [0, 1]), folder)
        convert.convert(path, str(folder / "js"), format="graph")
        found = predict.predict(str(folder / "js" / "model.json"), masked.samples())
        assert agree(expected, [value for _, value in found])


@pytest.mark.parametrize("name", sorted(JOINED))
def test_masks_that_are_joined_are_converted_from_keras_2_and_refused_from_keras_3(name, tmp_path):
    """Keras 3 writes such a mask as tensors, which no model.json can say."""
    needs.node()
    path, expected = saved("keras2", (JOINED[name], list(range(len(JOINED[name])))), tmp_path)
    assert agree(expected, converted(path, tmp_path))
    if "keras3" in oracle.FLAVOURS:
        path, _ = saved("keras3", (JOINED[name], list(range(len(JOINED[name])))), tmp_path)
        with pytest.raises(Fault, match="is called with a tensor as mask="):
            convert.convert(path, str(tmp_path), format="layers")


def test_masked_steps_that_differ_may_lie_between_others(tmp_path):
    """Keras's Bidirectional gives 0 for masked steps, TensorFlow.js's does not; a masked layer behind sees neither."""
    needs.node()
    plan = [("both", 0, 0), ("dense", 4, 0), ("last", 5, 0)], [2]
    path, expected = saved(oracle.FLAVOURS[-1], plan, tmp_path)
    assert agree(expected, converted(path, tmp_path))


ALL, KERAS2, KERAS3 = ("keras2", "keras3"), ("keras2",), ("keras3",)
OTHERS = "'last_%d' is a LSTM of which TensorFlow.js hides steps by the mask of another layer.*do without it: "
REFUSED = [  # flavours, steps, outputs, line
    (ALL, [("average", 0, 0)], [0], "'average_0' is a GlobalAveragePooling1D after a mask: .* every output needs it"),
    (ALL, [("last", 0, 0), ("repeat", 0, 0), ("last", 4, 0)], [0, 1, 2], OTHERS % 2 + "last_0, repeat_1"),
    (ALL, [("conv", 0, 0), ("last", 4, 0)], [0, 1], OTHERS % 1 + "conv_0"),
    (ALL, [("last", 0, 0), ("last", 2, 0)], [0, 1], OTHERS % 1 + "last_0"),
    (KERAS2, [("rescaled", 0, 0), ("last", 4, 0)], [0, 1], OTHERS % 1 + "rescaled_0"),
    (KERAS3, [("rescaled", 0, 0), ("average", 4, 0)], [0, 1], "'average_1' is a GlobalAveragePooling1D after a mask"),
    (ALL, [("both", 0, 0), ("dense", 4, 0), ("last", 5, 0)], [0, 1, 2],
     "'both_0' is a Bidirectional after a mask: Keras gives 0 for masked steps .* do without it: last_2"),
    (ALL, [("both", 0, 0), ("conv", 4, 0)], [1], "'both_0' is a Bidirectional after a mask.* every output needs it"),
    (ALL, [("encoder", 0, 0), ("last", 4, 0)], [0, 1], "'last_1' is a LSTM of which Keras hides steps"),
    (ALL, [("last", 0, 0), ("words", 2, 0)], [0, 1], "'words_1' is a TimeDistributed after a mask, around"),
    (KERAS2, [("add", 0, 1), ("last", 4, 0)], [0, 1], "'last_1' is a LSTM of which TensorFlow.js hides other steps"),
    (KERAS3, [("add", 0, 1), ("last", 4, 0)], [0, 1], "'last_1' is called with a tensor as mask="),
    (KERAS2, [("states", 0, 0), ("decoder", 0, 1)], [0, 1], "'decoder_1' is a LSTM after a mask: .* it: states_0"),
    (KERAS3, [("states", 0, 0), ("decoder", 0, 1)], [0, 1],
     "'decoder_1' is .* TensorFlow.js hides steps after a mask"),
    (KERAS2, [("states", 0, 0), ("decoder", 0, 1), ("last", 0, 0)], [0, 1, 2],
     "'last_2' is a LSTM after a mask and another with an initial state"),
    (KERAS3, [("multiply", 0, 2)], [0], "'multiply_0' is a Multiply after a mask: Keras 3 leaves masked steps out"),
    (KERAS3, [("largest", 0, 2)], [0], "'largest_0' is a Maximum after a mask: Keras 3 leaves masked steps out"),
    (ALL, [("add", 2, 2), ("maximum", 2, 0)], [0, 1], "'maximum_1' gets the output of 'open' when TensorFlow.js has"),
] + [(KERAS2, [("identity", 0, 0), ("last", 4, 0)], [0, 1],
      "'last_1' is a LSTM of which TensorFlow.js hides steps after a mask and Keras does not.*it: identity_0")] * (
          needs.STACK == "modern")  # Keras 2.6 has none


@pytest.mark.not_loaded  # converted with the refusals taken away: TensorFlow.js may refuse it then
@pytest.mark.parametrize("flavour,steps,outputs,line", [
    (flavour,) + case[1:] for case in REFUSED for flavour in case[0] if flavour in oracle.FLAVOURS])
def test_what_would_differ_is_refused_and_does_differ(flavour, steps, outputs, line, tmp_path, monkeypatch):
    needs.node()
    path, expected = saved(flavour, (steps, outputs), tmp_path)
    with pytest.raises(Fault, match=line) as caught:
        convert.convert(path, str(tmp_path), format="layers")
    with formats.read_layers(path) as model:
        names = encapsulation.facts(model)["outputs"]
    inputs = dict(zip(("start", "second"), masked.samples()))
    advice.follow(str(caught.value), path, tmp_path, inputs, dict(zip(names, expected)))
    monkeypatch.setattr(masks, "refused", lambda record, major: ({}, {}))
    monkeypatch.setattr(execution, "lost", lambda source: {})
    try:
        found = converted(path, tmp_path)
    except Fault as fault:
        # A mask that is a tensor is not a matter of numbers: no model.json can say it.
        assert "TensorFlow.js in Node" in str(fault) or "as mask=" in line and re.search(line, str(fault))
    else:
        assert not agree(expected, found)


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_sequential_text_classifier_that_averages_is_refused_and_one_with_a_maximum_is_right(flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    layers = keras.layers
    ids = numpy.array([[0, 2, 3, 0, 1], [4, 4, 0, 0, 0]], "float32")
    for pooling, works in ((layers.GlobalAveragePooling1D(name="average"), False),
                           (layers.GlobalMaxPooling1D(name="maximum"), True)):
        keras.backend.clear_session()
        model = keras.Sequential([keras.Input((5,)), layers.Embedding(6, 4, mask_zero=True), pooling, layers.Dense(2)])
        masked.plant(model, 1)
        path, target = str(tmp_path / "model.h5"), tmp_path / pooling.name
        model.save(path)
        target.mkdir()
        if not works:
            with pytest.raises(Fault, match="'average' is a GlobalAveragePooling1D after a mask"):
                convert.convert(path, str(target), format="layers")
            continue
        convert.convert(path, str(target), format="layers")
        found = predict.predict(str(target / "model.json"), [ids])
        assert oracle.distance(oracle.predict(model, [ids])[0], found[0][1]) <= 1e-5
