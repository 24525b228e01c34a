"""The models of keras.applications, whole, on every Keras that this stack has: the slower part of the suite."""
import json
import os

import pytest

from scripts import Fault, convert, encapsulate
from scripts.viewer import predict
from tests import needs
from tests.models import oracle, zoo
from tests.models.test_open_sizes import declared, inputs_of, opened, topology
from tests.models.test_reported import bent, converted
from tests.models.test_zoo import bytes_of, officially

needs.tensorflow()
# Keras 2.6 and tf_keras build these of one code: the modern stack tries the larger ones, held against its tensorflowjs,
# and Python 3.6 the others.
LARGEST = ("inception_v3", "densenet121", "xception", "nasnet_mobile", "vgg16", "mobilenet_v2")
NAMES = [builder.__name__ for builder in zoo.LARGE if (needs.STACK == "modern") == (builder.__name__ in LARGEST)]
# Keras 3 writes the layers of the others as it does those of these two.
OF_KERAS_3 = ("inception_v3", "nasnet_mobile")


def planted(flavour, name):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    return keras, zoo.planted(keras, name)


@pytest.mark.parametrize("flavour, name", [(flavour, name) for flavour in oracle.FLAVOURS for name in NAMES
                                           if flavour == "keras2" or name in OF_KERAS_3])
def test_every_layer_of_an_application_computes_in_tensorflow_js_what_it_does_in_keras(flavour, name, tmp_path):
    needs.node()
    keras, model = planted(flavour, name)
    source, enc, js = [str(tmp_path / part) for part in ("source.h5", "enc_model.h5", "js")]
    model.save(source)
    names = encapsulate.build(source, enc)["outputs"]
    os.mkdir(js)
    convert.convert(enc, js)
    multi = oracle.multi_output(keras, model, names)
    inputs = zoo.samples(model, name)
    expected = oracle.predict(multi, inputs)
    found = predict.predict(os.path.join(js, "model.json"), inputs)
    assert [output for output, _ in found] == names
    far = [(output, oracle.distance(value, ours)) for output, value, (_, ours) in zip(names, expected, found)
           if not oracle.distance(value, ours) <= 1e-4]
    assert far == []
    loaded = keras.models.load_model(enc, compile=False)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in multi.layers]
    if flavour == "keras2":
        needs.reference()
        saved, official = str(tmp_path / "keras.h5"), str(tmp_path / "official")
        multi.save(saved, save_format="h5")
        theirs = officially(saved, official)
        with open(os.path.join(js, "model.json")) as file:
            ours = json.load(file)
        assert ours["weightsManifest"] == theirs["weightsManifest"]
        assert bytes_of(js, ours) == bytes_of(official, theirs)
    else:
        sizes_left_open(source, tmp_path, names[-1:])


def sizes_left_open(source, tmp_path, names):
    """One size of the image, and all three: what is written loads (tests/conftest.py), or is asked for."""
    whole = topology(source)
    shape = declared(inputs_of(whole)[0]["config"])
    for index, axes in enumerate([[1], [1, 2, 3]]):
        bent(source, lambda _, axes=axes: opened([(0, axis) for axis in axes])(json.loads(json.dumps(whole))))
        try:
            converted(source, tmp_path, f"open{index}", layers=names)
        except Fault as fault:
            assert "--input-shape" in str(fault), (axes, str(fault))
            converted(source, tmp_path, f"asked{index}", layers=names, input_shape=shape[1:])


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_efficientnet_computes_what_it_does_in_keras_its_normalization_layer_too(flavour, tmp_path):
    needs.node()
    zoo.BUILDERS["efficientnet"] = lambda keras: zoo.application(keras, "efficientnet", "EfficientNetB0")(
        input_shape=(32, 32, 3), weights=None, classes=5)
    keras, model = planted(flavour, "efficientnet")
    source, js = str(tmp_path / "source.h5"), str(tmp_path / "js")
    norm = next(layer for layer in model.layers if layer.name.startswith("normalization"))
    norm.finalize_state()  # Keras computes with what its weights were when this was last called
    model.save(source)
    names = [norm.name, "block2a_expand_activation", "top_activation", "predictions"]
    encapsulate.build(source, str(tmp_path / "enc_model.h5"), layers=names)
    os.mkdir(js)
    convert.convert(str(tmp_path / "enc_model.h5"), js)
    inputs = zoo.samples(model, "efficientnet")
    expected = oracle.predict(oracle.multi_output(keras, model, names), inputs)
    found = predict.predict(os.path.join(js, "model.json"), inputs)
    assert [name for name, _ in found] == names
    assert [name for name, value, (_, ours) in zip(names, expected, found)
            if not oracle.distance(value, ours) <= 1e-4] == []
