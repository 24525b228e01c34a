"""The whole way for one model in one command: a trained model in, a model that TensorSpace opens out.

    python -m scripts.preprocess lenet.h5 out --layers Conv2D_1,MaxPooling2D_1,Softmax

writes out/model.json and its shards.  The flags of tensorspacejs_converter, which this replaces, work too.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.preprocess")

import os
import tempfile
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from . import formats
from .base import arguments as taken
from .base import command, place, stack
from .base.fault import Fault
from .formats import keras_h5, paths
from .layers import encapsulation, outputs, topology
from .layers.encapsulation import Shape
from .tfjs import write_layers
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
               layout: str = target.NATURAL, trust: Union[None, str, Sequence[str]] = None, **reading: Any) -> Written:
    """Read `source`, give it the outputs `layers`, write the tfjs model into the empty `directory`.

    weights, input_shape   as in formats.read and encapsulation.encapsulate
    shard_size, quantize   as in wire.shards.write
    format                 "auto", "layers" or "graph", as in tfjs.write
    layout                 of an ONNX model: "auto" or "as-is", as in opset.lower
    enc_model              path of a new h5 to write the multi-output Keras model to as well
    trust                  the user's files that may run where the model cannot be converted as data: `trusted`
    reading                saved_model_tags, signature; of an ONNX model or a graph constants: {input: value}
    Raises Fault for a source that cannot be read, for outputs that it lacks, and for layers that TensorFlow.js cannot
    compute.
    """
    paths.check_readable(source)
    of_onnx_file = formats.is_onnx(source)
    if layout != target.NATURAL and not of_onnx_file:
        raise Fault(f"{source}: layout is an ONNX model's: leave it out")
    if reading.get("constants") and trust and not of_onnx_file:
        raise Fault(f"{source}: constants fix inputs of a graph, and trust runs what makes one: leave out one of them")
    if trust and not of_onnx_file:  # an ONNX file has no Python of its own
        return trusted(source, directory, trust, weights, layers, input_shape, json_name, shard_size, quantize,
                       enc_model, format, **reading)
    named = bool(layers or enc_model)
    if of_onnx_file:
        from .tfjs import graph, of_onnx
        graph.check_settings(source, of_onnx.LACKS, enc_model=enc_model, weights=weights,
                             **{"format=layers": format == target.LAYERS})
        return Written(*of_onnx.convert(formats.read(source, **reading), directory, layers, json_name, shard_size,
                                        quantize, input_shape, layout))
    if formats.is_graph(source, reading.get("saved_model_tags"), named):
        from .tfjs import graph  # a model of layers is converted without it
        graph.check_settings(source, enc_model=enc_model, weights=weights,
                             **{"format=layers": format == target.LAYERS})
        return Written(*graph.convert(formats.read(source, **reading), directory, layers, json_name, shard_size,
                                      quantize, every=True, input_shape=input_shape))
    from .tfjs import write  # a graph is converted without it
    with formats.read(source, weights=weights, named=named, **reading) as model, topology.of(source):
        result = None
        try:
            result = encapsulation.encapsulate(model, layers, input_shape)
            written = write.write(result, directory, json_name, shard_size, quantize, format)
        except Fault as fault:  # of an operation's name, too, where a graph is asked for
            if enc_model or format == target.LAYERS or result is None and format != target.GRAPH \
                    or not formats.saved_model.match(source):
                raise
            from .tfjs import graph
            return Written(*graph.by_signature(source, fault, directory, layers, json_name, shard_size, quantize,
                                               input_shape=input_shape, **reading))
        if enc_model:
            keras_h5.write(result, enc_model)
        facts = {"format": written.format, "why": written.why} if written.format == target.GRAPH else {}
        return Written(written.names, dict(encapsulation.facts(result), **facts))


def trusted(source: str, directory: str, trust: Union[str, Sequence[str]], weights: Optional[str],
            layers: Optional[Sequence[str]], input_shape: Shape, json_name: str, shard_size: int,
            quantize: shards.Quantize, enc_model: Optional[str], format: str, **reading: Any) -> Written:
    """Convert as `preprocess` does; where the model needs Python of its own, run the files that `trust` names.

    What can be converted as data is: nothing is run then.  Raises Fault for what neither way converts.
    """
    from .tfjs import graph
    from .tracing import files
    from .tracing import trust as trusting
    trust = [trust] if isinstance(trust, str) else list(trust)
    factory, why = trusting.factory(trusting.read(trust, source)), ""
    if factory is None and not formats.is_graph(source, reading.get("saved_model_tags"), True):
        try:
            with formats.read_layers(source, weights=weights, **reading):
                pass
        except topology.NoLayers as fault:
            why = str(fault)
    if factory is None and not why:
        try:
            return preprocess(source, directory, weights, layers, input_shape, json_name, shard_size, quantize,
                              enc_model, format, **reading)
        except Fault as fault:
            why = str(fault)
            if enc_model or format == target.LAYERS:
                raise
    if enc_model or format == target.LAYERS:
        raise Fault(f"{source}: what Python of its own computes becomes a graph model: leave out "
                    f"{'--enc-model' if enc_model else '--format layers'}")
    done = graph.convert(files.trace(source, trust, layers, input_shape, weights), directory, layers, json_name,
                         shard_size, quantize, every=True)
    reason = why.partition("; ")[0].replace(f"{source}: ", "", 1) if why else f"{factory.factory}() makes the model"
    why = f"{reason}; {', '.join(trust)} ran in TensorFlow" + (f"; {done.facts['why']}" if "why" in done.facts else "")
    return Written(done.names, dict(done.facts, format=target.GRAPH, why=why))


def into(directory: str, source: str, weights: Optional[str] = None, layers: Optional[Sequence[str]] = None,
         input_shape: Shape = None, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
         quantize: shards.Quantize = None, enc_model: Optional[str] = None, format: str = target.AUTO,
         **reading: Any) -> Written:
    """Convert `source` as `preprocess` does into any `directory`, which need not be there.

    reading: trust too.  An earlier result of this project there is replaced; any other file is a Fault, as are the
    source's own.
    """
    found = []

    def write(path: str) -> List[str]:
        found[:] = [preprocess(source, path, weights, layers, input_shape, json_name, shard_size, quantize, enc_model,
                               format, **reading)]
        return found[0].names

    write_layers.deliver(directory, write, json_name, formats.files(source, weights))
    return found[0]


def parser_of() -> command.Parser:
    """Return the parser of the command line, the flags of tensorspacejs_converter among it."""
    parser = command.Parser(module="preprocess", description=__doc__)
    parser.add_argument("source", nargs="?", help="h5, .keras, topology json, tfjs model.json, SavedModel, frozen .pb, "
                        "ONNX; or topology.json,weights.h5")
    parser.add_argument("directory", nargs="?", help="directory for model.json and the shards")
    parser.add_argument("--weights", metavar="H5", help="weights h5 of a topology json")
    parser.add_argument("--layers", "--output_layer_names", type=taken.names, metavar="A,B,C",
                        help=f"outputs in their order: {outputs.SYNTAX} (default: every layer but inputs)")
    taken.add_input_shape(parser)
    taken.add_constants(parser)
    parser.add_argument("--format", choices=target.FORMATS, default=target.AUTO, help="layers, graph, or auto "
                        "(default): a graph model where TensorFlow.js's layers do not suffice")
    parser.add_argument("--layout", choices=target.LAYOUTS, default=target.NATURAL, help="for an ONNX model: auto "
                        "(default) puts the channels of images last, as TensorSpace draws them; as-is keeps inputs and "
                        "outputs in ONNX's order")
    parser.add_argument("--quantize", type=quantization, metavar="DTYPE[=PATTERN]",
                        help="float16, uint8 or uint16; for some weights: uint8=conv*/kernel,uint16=dense*")
    parser.add_argument("--json-name", default="model.json", metavar="NAME", help="another name for model.json")
    parser.add_argument("--shard-size", type=int, default=shards.SHARD_SIZE, metavar="BYTES",
                        help="bytes per weight file (default: 4194304)")
    parser.add_argument("--enc-model", metavar="FILE", help="write the multi-output Keras model to this h5 file too")
    parser.add_argument("--tags", dest="saved_model_tags", metavar="TAGS", help="tags of a SavedModel (default: serve)")
    parser.add_argument("--signature", metavar="NAME", help="signature of a SavedModel (default: serving_default)")
    parser.add_argument("--summary", "-s", action="store_true", help="print the layers and write nothing")
    parser.add_argument("--view", action="store_true", help="show the model in the browser, until Ctrl-C")
    taken.add_trust(parser)
    taken.add_json(parser)
    parser.add_argument("--version", "-v", action="store_true", help="print the version and end")
    parser.add_argument("--input_model_from", choices=("tensorflow", "keras", "tfjs"),
                        help="not needed: the file itself decides")
    parser.add_argument("--input_model_format", choices=FORMS, help="not needed: the file itself decides")
    return parser


def parsed(parser: command.Parser, arguments: Optional[Sequence[str]]) -> Any:
    """Return the options of a command line, whose SOURCE and DIRECTORY may stand apart."""
    options, rest = parser.parse_known_args(arguments)
    for name in ("source", "directory"):  # argparse takes optional ones only where they stand together
        if getattr(options, name) is None and rest and not rest[0].startswith("-"):
            setattr(options, name, rest.pop(0))
    if rest:
        parser.error("unrecognized arguments: " + " ".join(rest))
    return options


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    parser = parser_of()
    options = parsed(parser, arguments)
    if options.version:
        command.say(f"tensorspace-preprocess {version()}")
        return
    if not options.source:
        parser.error("the model is missing: SOURCE and DIRECTORY")
    source, weights = separated(options.source, options.weights)
    reading = {key: getattr(options, key) for key in ("saved_model_tags", "signature", "constants")
               if getattr(options, key)}
    if options.summary:
        from . import summary
        summary.show(source, weights, options.input_shape, options.json, options.trust, **reading)
        return
    if not options.directory:
        parser.error("the directory to write to is missing")
    if options.enc_model and os.path.lexists(options.enc_model):
        raise Fault(f"{options.enc_model} is there already: remove it, or name another place")
    written = {}

    def deliver(enc_model=None):
        written["it"] = into(options.directory, source, weights, options.layers, options.input_shape,
                             options.json_name, options.shard_size, options.quantize, enc_model, options.format,
                             layout=options.layout, trust=options.trust, **reading)

    # The h5 has its place when the directory has: a run that is refused leaves neither.
    if options.enc_model:
        keras_h5.deliver(options.enc_model, deliver)
    else:
        deliver()
    model_json = os.path.join(options.directory, options.json_name)
    if options.json:
        command.say_json(told(options.directory, written["it"], model_json))
    elif not options.quiet:
        for line in said(options.directory, written["it"], model_json):
            command.say(line)
    if options.view:
        view(model_json)


def said(directory: str, written: Written, model_json: str) -> Iterator[str]:
    """Yield what the command says of a converted model: its files, its outputs, why it is a graph, renamed layers."""
    yield f"{directory}: {outputs.shortened(written.names)}"
    yield f"{len(written.facts['outputs'])} outputs: {outputs.shortened(written.facts['outputs'])}"
    if written.facts.get("why"):
        yield f"a graph model: {written.facts['why']}"
    yield from write_layers.said_of_names(model_json)


def told(directory: str, written: Written, model_json: str) -> Dict[str, Any]:
    """Return the object of --json, which docs/json.md describes."""
    found = OrderedDict([
        ("model", model_json), ("directory", directory), ("files", list(written.names)),
        ("format", format_of(model_json)), ("why", written.facts.get("why", "")),
        ("inputs", list(written.facts["inputs"])), ("outputs", list(written.facts["outputs"])),
        ("source_names", write_layers.source_names(model_json))])
    found.update({"layout": written.facts["layout"]} if "layout" in written.facts else {})
    return found


def format_of(model_json: str) -> str:
    """Return "graph" or "layers": the format of a converted model."""
    return target.GRAPH if formats.is_tfjs_graph(model_json) else target.LAYERS


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
