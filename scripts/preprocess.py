"""The whole way for one model in one command: a trained model in, a model that TensorSpace opens out.

    python -m scripts.preprocess lenet.h5 out --layers Conv2D_1,MaxPooling2D_1,Softmax

writes out/model.json and its shards.  The flags of tensorspacejs_converter, which this replaces, work too.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.preprocess")

import os
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from . import formats
from .base import arguments as taken
from .base import command, place, stack
from .base.fault import Fault
from .formats import keras_h5, paths
from .layers import encapsulation, outputs, topology
from .layers.encapsulation import Shape
from .tfjs import write, write_layers
from .wire import shards, target

FORMS = ("topology_weights_combined", "topology_weights_separated", "tf_saved", "tf_frozen", "tf_keras",
         "tf_keras_separated")


class Written(NamedTuple):
    """A converted model.

    names  of its files, the json first
    facts  {"inputs": [names], "outputs": [names]}, as encapsulation.facts returns them; of a model of layers that
           became a graph model also {"format": "graph", "why": what decided for it, "" where the user did}
    """

    names: List[str]
    facts: Dict[str, Any]


class Source(NamedTuple):
    """A model's file, and the file of its weights where these are separate."""

    source: str
    weights: Optional[str]


def preprocess(source: str, directory: str, weights: Optional[str] = None, layers: Optional[Sequence[str]] = None,
               input_shape: Shape = None, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
               quantize: shards.Quantize = None, enc_model: Optional[str] = None, format: str = target.AUTO,
               layout: str = target.NATURAL, **reading: Any) -> Written:
    """Read `source`, give it the outputs `layers`, write the tfjs model into the empty `directory`.

    weights, input_shape   as in formats.read and encapsulation.encapsulate
    shard_size, quantize   as in wire.shards.write
    format                 "auto", "layers" or "graph", as in tfjs.write
    layout                 of an ONNX model: "auto" or "as-is", as in opset.lower
    enc_model              path of a new h5 to write the multi-output Keras model to as well
    reading                saved_model_tags, signature
    Raises Fault for a source that cannot be read, for outputs that it lacks, and for layers that TensorFlow.js cannot
    compute.
    """
    paths.check_readable(source)
    named = bool(layers or enc_model)
    if formats.is_onnx(source):
        from .tfjs import of_onnx
        of_onnx.check_settings(source, enc_model=enc_model, weights=weights,
                               **{"format=layers": format == target.LAYERS})
        return Written(*of_onnx.convert(formats.read(source, **reading), directory, layers, json_name, shard_size,
                                        quantize, input_shape, layout))
    if layout != target.NATURAL:
        raise Fault(f"{source}: layout is an ONNX model's: leave it out")
    if formats.is_graph(source, reading.get("saved_model_tags"), named):
        from .tfjs import graph  # a model of layers is converted without it
        graph.check_settings(source, enc_model=enc_model, weights=weights,
                             **{"format=layers": format == target.LAYERS})
        return Written(*graph.convert(formats.read(source, **reading), directory, layers, json_name, shard_size,
                                      quantize, every=True, input_shape=input_shape))
    with formats.read(source, weights=weights, named=named, **reading) as model, topology.of(source):
        result = encapsulation.encapsulate(model, layers, input_shape)
        try:
            written = write.write(result, directory, json_name, shard_size, quantize, format)
        except Fault as fault:
            if enc_model or format == target.LAYERS or not formats.saved_model.match(source):
                raise
            from .tfjs import graph
            return Written(*graph.by_signature(source, fault, directory, layers, json_name, shard_size, quantize,
                                               **reading))
        if enc_model:
            keras_h5.write(result, enc_model)
        facts = {"format": written.format, "why": written.why} if written.format == target.GRAPH else {}
        return Written(written.names, dict(encapsulation.facts(result), **facts))


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    parser = command.Parser(module="preprocess", description=__doc__)
    parser.add_argument("source", nargs="?", help="h5, .keras, topology json, tfjs model.json, SavedModel, frozen .pb, "
                        "ONNX; "
                        "or topology.json,weights.h5")
    parser.add_argument("directory", nargs="?", help="where model.json and the shards go")
    parser.add_argument("--weights", help="weights h5 of a topology json")
    parser.add_argument("--layers", "--output_layer_names", type=taken.names, metavar="A,B,C",
                        help=f"outputs in their order: {outputs.SYNTAX} (default: every layer but inputs)")
    taken.add_input_shape(parser)
    parser.add_argument("--format", choices=target.FORMATS, default=target.AUTO, help="layers, graph, or auto "
                        "(default): a graph model where TensorFlow.js's layers do not suffice")
    parser.add_argument("--layout", choices=target.LAYOUTS, default=target.NATURAL, help="of an ONNX model: images "
                        "with their channels last, as TensorSpace draws them (auto), or inputs and outputs in its own "
                        "order")
    parser.add_argument("--quantize", type=quantization, metavar="DTYPE[=PATTERN]",
                        help="float16, uint8 or uint16; for some weights: uint8=conv*/kernel,uint16=dense*")
    parser.add_argument("--json-name", default="model.json")
    parser.add_argument("--shard-size", type=int, default=shards.SHARD_SIZE, metavar="BYTES")
    parser.add_argument("--enc-model", metavar="FILE", help="write the multi-output Keras model (h5) there as well")
    parser.add_argument("--tags", dest="saved_model_tags", help="of a SavedModel (default: serve)")
    parser.add_argument("--signature", help="of a SavedModel (default: serving_default)")
    parser.add_argument("--summary", "-s", action="store_true", help="print the layers and write nothing")
    parser.add_argument("--view", action="store_true", help="then show it in the browser, until Ctrl-C")
    parser.add_argument("--version", "-v", action="store_true")
    parser.add_argument("--input_model_from", choices=("tensorflow", "keras", "tfjs"), help="told by the file itself")
    parser.add_argument("--input_model_format", choices=FORMS, help="told by the file itself")
    options, rest = parser.parse_known_args(arguments)
    for name in ("source", "directory"):  # argparse takes optional ones only where they stand together
        if getattr(options, name) is None and rest and not rest[0].startswith("-"):
            setattr(options, name, rest.pop(0))
    if rest:
        parser.error("unrecognized arguments: " + " ".join(rest))
    if options.version:
        command.say(f"tensorspace-preprocess {version()}")
        return
    if not options.source:
        parser.error("the model is missing: SOURCE and DIRECTORY")
    source, weights = separated(options.source, options.weights)
    reading = {key: getattr(options, key) for key in ("saved_model_tags", "signature") if getattr(options, key)}
    if options.summary:
        from . import summary
        for line in summary.described(source, weights, options.input_shape, **reading):
            command.say(line)
        return
    if not options.directory:
        parser.error("the directory to write to is missing")
    if options.enc_model and os.path.lexists(options.enc_model):
        raise Fault(f"{options.enc_model} is there already: remove it, or name another place")
    done = {}

    def write(path):
        done["written"] = preprocess(
            source, path, weights, options.layers, options.input_shape, options.json_name, options.shard_size,
            options.quantize, done.get("enc_model"), options.format, options.layout, **reading)
        return done["written"].names

    def deliver(enc_model=None):
        done["enc_model"] = enc_model
        return write_layers.deliver(options.directory, write, options.json_name, formats.files(source, weights))

    # The h5 has its place when the directory has: a run that is refused leaves neither.
    names = keras_h5.deliver(options.enc_model, deliver) if options.enc_model else deliver()
    command.say(f"{options.directory}: {', '.join(names)}")
    facts = done["written"].facts
    command.say(f"{len(facts['outputs'])} outputs: {', '.join(facts['outputs'])}")
    if facts.get("why"):
        command.say(f"a graph model: {facts['why']}")
    for line in write_layers.said_of_names(os.path.join(options.directory, options.json_name)):
        command.say(line)
    if options.view:
        view(os.path.join(options.directory, options.json_name))


def view(model_json: str) -> None:
    """Draw a converted model as a page, and serve it until Ctrl-C; the page's files are removed then."""
    from .viewer import page, serve
    with tempfile.TemporaryDirectory(prefix="view-") as private:
        page.build(model_json, private)
        serve.serve(private)


def separated(source: str, weights: Optional[str]) -> Source:
    """Return the two paths of ("topology.json,weights.h5", None); a file whose name has a comma stays one path."""
    if weights is None and "," in source and not os.path.exists(source):
        first, second = source.split(",", 1)
        return Source(first, second)
    return Source(source, weights)


def quantization(value: str) -> shards.Quantize:
    """Return the setting of --quantize as wire.shards.write takes it.  Raises Fault for another dtype.

    "uint8" -> "uint8"; "uint8=conv*,uint16=dense*" -> {"uint8": ["conv*"], "uint16": ["dense*"]}.
    """
    rules = {}
    for part in value.split(","):
        dtype, equals, pattern = part.partition("=")
        if dtype not in shards.QUANTIZED:
            raise Fault(f"--quantize: {dtype!r} is not one of {', '.join(shards.QUANTIZED)}")
        if not equals:
            rules[dtype] = True
        elif rules.get(dtype) is not True:
            rules.setdefault(dtype, []).append(pattern)
    return value if rules == {value: True} else rules


def version() -> str:
    """Return this project's version, from the checkout's setup.cfg or the installed package."""
    if place.CHECKOUT:
        import configparser
        checkout = configparser.ConfigParser()
        checkout.read(os.path.join(place.ROOT, "setup.cfg"))
        return checkout.get("metadata", "version")
    return stack.installed()[place.DISTRIBUTION]


def entry() -> None:
    """Run as the installed command."""
    command.run(main)


if __name__ == "__main__":
    command.run(main)
