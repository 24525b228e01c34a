"""Every model of the zoo, saved by each Keras: what is converted of it computes in TensorFlow.js what Keras does."""
import json
import os

import pytest

from scripts import Fault, convert, encapsulate, formats
from scripts.verification import reference
from scripts.viewer import packages, predict
from tests import needs
from tests.models import oracle, zoo

needs.tensorflow()
SMALL = [builder.__name__ for builder in zoo.SMALL]
LARGE = [builder.__name__ for builder in zoo.LARGE]
# What TensorFlow.js 1.0.0, TensorSpace's own, does not have or does not load.
NEWER = {"convolutions": "Conv3D", "shapes": "MaxPooling3D", "conv_lstm": "ConvLSTM2D", "rescaled": "Rescaling",
         "normalized": "LayerNormalization", "cells": "RNN of a cell", "masking": "Masking", "activations": "swish"}
# Mixed precision: Keras itself rounds to float16 on the way, TensorFlow.js does not.
ROUNDED = {"half": 2e-3}


# What the Keras of 2019 does not have or cannot save.
LATER = {"keras2.3": ["kept_dimensions", "operators", "rescaled", "half"], "tf1.15": ["kept_dimensions", "rescaled"]}
# TensorFlow 1.15 imports slowly: each stack asks one of its two flavours everything, the other one what differs most.
WHOLE = "keras2.3" if needs.STACK == "py36" else "tf1.15"
PART = ["lenet", "nested", "frozen", "states", "wrapped", "forgotten"]
CASES = [(flavour, name) for flavour in oracle.FLAVOURS for name in SMALL]
CASES += [(flavour, name) for flavour in oracle.OLD for name in (SMALL + ["forgotten"] if flavour == WHOLE else PART)
          if name not in LATER[flavour]]
CASES += [("keras3", "by_batch")] if "keras3" in oracle.FLAVOURS else []  # it predicts without training=True
# The official converter reads no attributes that Keras has split.  The others come first: a case has one number in
# every parametrisation then, by which pytest keeps it for all tests.
OFFICIAL = [case for case in CASES if case[1] != "long_names"]
CASES = OFFICIAL + [case for case in CASES if case not in OFFICIAL]
REFUSED = {"scaled": "is the operation Mul.* with a constant", "by_batch": "'norm' is called with training=True",
           "masked_by_input": "'lstm' is called with a tensor as mask=",
           "attention": "'heads' is a MultiHeadAttention: TensorFlow.js's own takes tensors by keyword"}
# What the Keras of 2019 cannot make or save itself.
UNMADE = [("keras2.3", name) for name in REFUSED if name != "by_batch"] + [("tf1.15", "attention")]
REFUSALS = [(flavour, name) for flavour in oracle.FLAVOURS + tuple(oracle.OLD) for name in REFUSED
            if (flavour, name) not in CASES + UNMADE]


class Case:
    """One model of the zoo in one flavour: saved, made multi-output and converted."""

    def __init__(self, flavour, name, folder):
        self.flavour, self.name, self.folder = flavour, name, str(folder)
        self.model = oracle.planted(flavour, name)
        self.source = os.path.join(self.folder, "source.keras" if self.archived else "source.h5")
        self.model.save(self.source)
        self.enc = os.path.join(self.folder, "enc_model.h5")
        self.outputs = encapsulate.build(self.source, self.enc)["outputs"]
        self.json = os.path.join(self.folder, "js", "model.json")
        os.mkdir(os.path.dirname(self.json))
        convert.convert(self.enc, os.path.dirname(self.json))
        self.inputs = self.model.inputs
        self.expected = self.model.activations(self.outputs)
        self.multi = os.path.join(self.folder, "multi.h5")
        self.model.save_multi_output(self.multi)
        self.layers, self.found = self.model.load(self.enc)

    @property
    def archived(self):
        """Keras 3 cannot load its own h5 of a LayerNormalization over several axes."""
        return self.flavour == "keras3" and self.name == "normalized"


def identify(pair):
    return "-".join(pair)


@pytest.fixture(scope="module", params=CASES, ids=identify)
def case(request, tmp_path_factory):
    flavour, name = request.param
    return Case(flavour, name, tmp_path_factory.mktemp(name))


def agree(case, found):
    limit = ROUNDED.get(case.name, 1e-5)
    assert len(found) == len(case.expected)
    far = [(name, oracle.distance(expected, value)) for name, expected, value
           in zip(case.outputs, case.expected, found) if not oracle.distance(expected, value) <= limit]
    assert far == []


def test_keras_loads_the_multi_output_h5_and_computes_every_activation(case):
    assert len(case.found) == len(case.expected)
    for name, expected, value in zip(case.outputs, case.expected, case.found):
        assert oracle.distance(expected, value) <= 1e-6, name


def test_the_layers_of_the_h5_stand_in_the_order_in_which_keras_reads_them(case):
    with formats.read(case.enc) as model:
        assert list(model.weights) == case.layers


def test_tensorflow_js_of_today_computes_every_output(case):
    needs.node()
    found = predict.predict(case.json, case.inputs)
    assert [name for name, _ in found] == [name.split("@")[0].split(":")[0] for name in case.outputs]
    agree(case, [value for _, value in found])


def test_tensorflow_js_1_0_0_computes_every_output(case):
    needs.node()
    if case.name in NEWER:
        pytest.xfail(f"TensorFlow.js 1.0.0 has no {NEWER[case.name]}")
    found = predict.predict(case.json, case.inputs, packages.bundle("@tensorflow/tfjs", "1.0.0"))
    agree(case, [value for _, value in found])


@pytest.mark.parametrize("case", OFFICIAL, indirect=True, ids=identify)
def test_shards_and_manifest_are_the_official_converters(case, tmp_path):
    """Keras 3's too: it is their topology and their names that no TensorFlow.js loads."""
    needs.reference()
    official = str(tmp_path / "official")
    theirs = officially(case.multi, official)
    with open(case.json) as file:
        ours = json.load(file)
    assert bytes_of(os.path.dirname(case.json), ours) == bytes_of(official, theirs)
    assert len(ours["weightsManifest"]) == len(theirs["weightsManifest"]) == 1
    for mine, other in zip(ours["weightsManifest"][0]["weights"], theirs["weightsManifest"][0]["weights"]):
        assert (mine["shape"], mine["dtype"]) == (other["shape"], other["dtype"])
        if case.flavour != "keras3" and case.name != "cells":  # whose names there are not TensorFlow.js's
            assert mine["name"] in spellings(other["name"]), "TensorFlow.js would not find it"
    assert ours["weightsManifest"][0]["paths"] == theirs["weightsManifest"][0]["paths"]


def officially(h5, directory):
    """Convert with tensorflowjs, in this process; return its model.json."""
    os.mkdir(directory)
    reference.tensorflowjs().converters.converter.convert(["--input_format=keras", h5, directory])
    with open(os.path.join(directory, "model.json")) as file:
        return json.load(file)


def spellings(name):
    """The names under which TensorFlow.js finds a weight: its own, and without the cell's name in it."""
    parts = name.split("/")
    return {name, "/".join(parts[:-2] + parts[-1:])} | ({"/".join(parts[1:])} if len(parts) > 2 else set())


def bytes_of(directory, document):
    data = b""
    for group in document["weightsManifest"]:
        for name in group["paths"]:
            with open(os.path.join(directory, name), "rb") as file:
                data += file.read()
    return data


def test_a_converted_model_read_and_written_again_has_the_same_bytes(case, tmp_path):
    again = str(tmp_path)
    names = convert.convert(case.json, again)
    assert sorted(os.listdir(again)) == sorted(os.listdir(os.path.dirname(case.json))) == sorted(names)
    for name in names:
        with open(os.path.join(again, name), "rb") as ours, \
                open(os.path.join(os.path.dirname(case.json), name), "rb") as first:
            assert ours.read() == first.read()


@pytest.mark.parametrize("flavour, name", REFUSALS)
def test_a_call_that_tensorflow_js_does_not_repeat_is_refused_by_name(flavour, name, tmp_path):
    source = str(tmp_path / "source.h5")
    oracle.planted(flavour, name).save(source)
    with pytest.raises(Fault, match=REFUSED[name]) as caught:
        convert.convert(source, str(tmp_path), format="layers")
    assert "\n" not in str(caught.value) and os.listdir(str(tmp_path)) == ["source.h5"]


def test_one_flipped_bit_of_a_shard_is_noticed(tmp_path):
    case = Case(oracle.FLAVOURS[-1], "lenet", tmp_path)
    shard = os.path.join(os.path.dirname(case.json), "group1-shard1of1.bin")
    with open(shard, "rb") as file:
        data = bytearray(file.read())
    data[3] ^= 0x40  # the top of the first float's exponent
    with open(shard, "wb") as file:
        file.write(data)
    found = [value for _, value in predict.predict(case.json, case.inputs)]
    with pytest.raises(AssertionError):
        agree(case, found)
