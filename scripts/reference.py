"""The guide's own route: Keras's Model(inputs, outputs) and the official tensorflowjs converter.

    encapsulate  model.h5 (or topology json + weights h5) -> enc_model.h5       sections 1.2, 2 and 3
    convert      enc_model.h5 -> model.json and its shards                      section 4

It is the oracle of the tests, and `engine = "reference"` in models.toml.  Runs in a process of its own.
"""
import json
import os

from .base import child, command, files
from .base.fault import Fault


def encapsulate(source, target, weights=None, layers=None, compile=False):
    """Write `target`, the h5 of the model in `source` with `layers` (default: all but inputs) as its outputs.

    weights: h5 of the weights where `source` is a topology json.  compile: as the guide does for further training.
    Returns the names of the outputs.  Raises Fault for what this stack's Keras 2 does not load, and for bad names.
    """
    topology = check(source, separated=weights is not None)
    keras = child.legacy_keras()
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
            raise Fault("{}: no layer {!r}, or it is an input; there are {}".format(source, name, ", ".join(shown)))
        if name in layers[:index]:
            raise Fault(f"{source}: layer {name!r} stands twice in the list")
    try:
        outputs = [model.get_layer(name).output for name in layers]
    except AttributeError as error:
        raise Fault(f"{source}: {command.one_line(error)}; engine = \"native\" tells the calls of a shared layer apart")
    enclosed = keras.models.Model(inputs=model.inputs, outputs=outputs, name=model.name)
    if compile:
        enclosed.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    child.save_h5(enclosed, target)
    return layers


def check(path, separated=False):
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
        raise Fault("{}: not a Keras {}, or damaged: "
                    "{}".format(path, "topology" if separated else "h5", child.first_line(error)))
    if topology is None:
        raise Fault(f"{path}: no topology in it; give the topology json as source and this as weights")
    if str(version or "2").split(".")[0] not in ("1", "2"):
        raise Fault(f"{path} was saved by Keras {version}: the official converter writes files of it that no "
                    "TensorFlow.js loads; "
                    "take engine = \"native\"")
    if '"class_name": "Lambda"' in topology or '"class_name":"Lambda"' in topology:
        raise Fault(f"{path} holds a Lambda layer, code that Keras would run; engine = \"native\" never does")
    return topology


def convert(source, directory, json_name="model.json", shard_size=None, quantize=None):
    """Convert the h5 `source` into the empty `directory` as `tensorflowjs_converter --input_format=keras` does.

    quantize: None, "float16" | "uint8" | "uint16", or a dict of those to True or a list of weight name patterns.
    Returns the names of the files, the json first.
    """
    command.check_json_name(json_name)
    check(source)
    converter = child.tensorflowjs().converters.converter
    arguments = ["--input_format=keras", source, directory]
    if shard_size is not None:
        arguments.append("--weight_shard_size_bytes=%d" % shard_size)
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


def _quantization(text):
    value = command.json_value(text)
    if not (isinstance(value, dict) or isinstance(value, str)) \
            or not set([value] if isinstance(value, str) else value) <= {"float16", "uint8", "uint16"}:
        raise ValueError(text)
    return value


_quantization.__name__ = "dtype, or object of dtypes, in JSON"


def main(arguments):
    parser = command.Parser(prog="python -m scripts.reference", description=__doc__)
    stages = parser.add_subparsers(dest="stage", metavar="encapsulate | convert")
    stages.required = True
    first = stages.add_parser("encapsulate", help="give a model its outputs, by Keras")
    first.add_argument("source", help="h5, or topology json with --weights")
    first.add_argument("target", help="enc_model.h5 to write, where no file is yet")
    first.add_argument("--weights", metavar="H5", help="weights of a topology json")
    first.add_argument("--layers", type=command.json_names, metavar="JSON",
                       help='list of names, \'["Conv2D_1", "Softmax"]\'')
    first.add_argument("--compile", action="store_true", help="compile it, for further training")
    second = stages.add_parser("convert", help="to TensorFlow.js, by tensorflowjs_converter")
    second.add_argument("source", help="enc_model.h5")
    second.add_argument("directory", help="empty directory to write into")
    second.add_argument("--json-name", default="model.json")
    second.add_argument("--shard-size", type=int, metavar="BYTES")
    second.add_argument("--quantize", type=_quantization, metavar="JSON", help='"uint8" or {"uint8": ["*/kernel"]}')
    options = parser.parse_args(arguments)
    child.in_environment("reference", arguments)
    if options.stage == "encapsulate":
        files.vacant(options.target)
        outputs = encapsulate(options.source, options.target, options.weights, options.layers, options.compile)
        command.say("{}: outputs {}".format(options.target, ", ".join(outputs)))
    else:
        if os.path.isdir(options.directory) and os.listdir(options.directory):
            raise Fault(f"{options.directory} is not empty: name another place")
        names = files.into(options.directory, lambda path: convert(
            options.source, path, options.json_name, options.shard_size, options.quantize))
        command.say("{}: {}".format(options.directory, ", ".join(names)))


if __name__ == "__main__":
    command.run(main)
