"""The guide's own route: Keras's Model(inputs, outputs) and the official tensorflowjs converter.

    encapsulate  model.h5 (or topology json + weights h5) -> enc_model.h5       sections 1.2, 2 and 3
    convert      enc_model.h5 -> model.json and its shards                      section 4

It is the oracle of the tests, and `engine = "reference"` in models.toml.
"""
import json
import os
import sys
import types
from typing import List, Optional, Sequence, Union

from ..base import child, command, place
from ..base.fault import Fault
from ..training import saved_by_keras


def encapsulate(source: str, target: str, weights: Optional[str] = None, layers: Optional[Sequence[str]] = None,
                compile: bool = False) -> List[str]:
    """Write `target`, the h5 of the model in `source` with `layers` (default: all but inputs) as its outputs.

    weights: h5 of the weights where `source` is a topology json.  compile: as the guide does for further training.
    Returns the names of the outputs.  Raises Fault for what this stack's Keras 2 does not load, and for bad names.
    """
    topology = check(source, separated=weights is not None)
    keras = saved_by_keras.legacy_keras()
    try:
        if weights is None:
            model = keras.models.load_model(source, compile=False)
        else:
            model = keras.models.model_from_json(topology)
            model.load_weights(weights)
    except child.REFUSALS as error:
        raise Fault(f"{source}: Keras {keras.__version__} does not load it: {child.first_line(error)}")
    shown = [layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    layers = shown if layers is None else list(layers)
    for index, name in enumerate(layers):
        if name not in shown:
            raise Fault(f"{source}: no layer {name!r}, or it is an input; there are {', '.join(shown)}")
        if name in layers[:index]:
            raise Fault(f"{source}: layer {name!r} stands twice in the list")
    try:
        outputs = [model.get_layer(name).output for name in layers]
    except AttributeError as error:
        raise Fault(f"{source}: {command.one_line(error)}; engine = \"native\" tells the calls of a shared layer apart")
    enclosed = keras.models.Model(inputs=model.inputs, outputs=outputs, name=model.name)
    if compile:
        enclosed.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    saved_by_keras.save_h5(enclosed, target)
    return layers


def check(path: str, separated: bool = False) -> str:
    """Return the topology, JSON as text, of an h5, or of a json file where it is `separated` from its weights.

    Raises Fault for what is no model, for what the official route cannot do though it says that it did, and for
    what would run code of the file's.
    """
    try:
        if separated:
            with open(path, encoding="utf-8") as file:
                topology = file.read()
            version = json.loads(topology).get("keras_version")
        else:
            import h5py
            with h5py.File(path, "r") as file:
                version, topology = [value.decode("utf-8") if isinstance(value, bytes) else value for value in
                                     (file.attrs.get("keras_version"), file.attrs.get("model_config"))]
    except child.REFUSALS as error:
        kind = "topology" if separated else "h5"
        raise Fault(f"{path}: not a Keras {kind}, or damaged: {child.first_line(error)}")
    if topology is None:
        raise Fault(f"{path}: no topology in it; give the topology json as source and this as weights")
    if str(version or "2").split(".")[0] not in ("1", "2"):
        raise Fault(f"{path} was saved by Keras {version}: the official converter writes files of it that no "
                    "TensorFlow.js loads; take engine = \"native\"")
    if '"class_name": "Lambda"' in topology or '"class_name":"Lambda"' in topology:
        raise Fault(f"{path} holds a Lambda layer, code that Keras would run; engine = \"native\" never does")
    return topology


def convert(source: str, directory: str, json_name: str = "model.json", shard_size: Optional[int] = None,
            quantize: Union[None, str, dict] = None) -> List[str]:
    """Convert the h5 `source` into the empty `directory` as `tensorflowjs_converter --input_format=keras` does.

    quantize: None, "float16" | "uint8" | "uint16", or a dict of those to True or a list of weight name patterns.
    Returns the names of the files, the json first.
    """
    command.check_json_name(json_name)
    check(source)
    converter = tensorflowjs().converters.converter
    arguments = ["--input_format=keras", source, directory]
    if shard_size is not None:
        arguments.append(f"--weight_shard_size_bytes={shard_size}")
    for dtype, patterns in ({quantize: True} if isinstance(quantize, str) else quantize or {}).items():
        patterns = [patterns] if isinstance(patterns, str) else patterns
        arguments.append("--quantize_" + dtype + ("" if patterns is True else "=" + ",".join(patterns)))
    try:
        converter.convert(arguments)
    except child.REFUSALS as error:
        raise Fault(f"{source}: the official converter refuses it: {child.first_line(error)}")
    if json_name != "model.json":
        os.replace(os.path.join(directory, "model.json"), os.path.join(directory, json_name))
    return [json_name] + sorted(name for name in os.listdir(directory) if name != json_name)


def tensorflowjs() -> types.ModuleType:
    """Import and return the official converter, tensorflowjs.  Raises Fault where it is not installed.

    What it imports for formats that are not converted here is kept out: 4.22 crashes on its ydf, pulls in jax and
    flax, and tensorflow_hub needs a pkg_resources that current setuptools no longer bring.
    """
    saved_by_keras.legacy_keras()
    kept_out = ("tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental", "jax.experimental.jax2tf")
    before = {name: sys.modules[name] for name in kept_out if name in sys.modules}
    for name in kept_out:
        module = sys.modules[name] = types.ModuleType(name)
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], leaf, module)
    sys.modules["jax.experimental.jax2tf"].PolyShape = object  # stands in a signature
    try:
        import tensorflowjs
        import tensorflowjs.converters.converter
    except ImportError as error:
        raise Fault(f"the official converter is not installed here ({command.one_line(error)}): "
                    f"{place.installs_reference()} installs it")
    finally:
        for name in kept_out:  # Keras 3 looks for jax too
            del sys.modules[name]
        sys.modules.update(before)
    return tensorflowjs
