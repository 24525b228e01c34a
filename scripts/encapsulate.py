"""Give a model the outputs that are to be seen: Model + layer names -> multi-output Model -> enc_model.h5.

The guide's section 2 and 3 without Keras: the topology gets other outputs, what none of them needs is left
out, and the weights are copied.  The file is written in the dialect of its source and loads in that Keras.
"""
import argparse
import os
from collections import OrderedDict

from . import formats
from .base import command, files
from .base.fault import Fault
from .formats import keras_h5
from .layers import outputs, references, shapes, topology, variables
from .tfjs import dialect, supported

ADAM = {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999,
                                         "epsilon": 1e-07, "amsgrad": False}}


def encapsulate(model, layers=None, input_shape=None):
    """Return a Model whose outputs are `layers`, in that order (default: every layer but inputs).

    model: model.Model.  layers: list of str as in layers.outputs.  input_shape: as in outputs.fix_input_shape.
    Raises Fault for names that are not there, for weights that contradict the topology, and where it has none.
    """
    major = model.keras_major
    if major not in (2, 3):
        raise Fault(f"the model was saved by Keras {model.keras_version}; Keras 2 and 3 are known: load and save it "
                    "with Keras 2 first")
    graph = topology.graph(with_input_shape(model.topology, input_shape), major)
    if major >= 3:
        dialect.without_masks(graph)
    weights = OrderedDict(model.weights)
    stray = [name for name, own in weights.items() if own and name not in graph.layers]
    if stray:
        raise Fault(f"there are weights for a layer {stray[0]!r} that the topology does not have")
    if input_shape is not None:
        outputs.fix_input_shape(graph, input_shape)

    def opened(record, name, renamed):
        for inner, own in variables.shared_out(record, weights.pop(name, [])).items():
            if inner in renamed:
                weights[renamed[inner]] = own

    if layers is None:
        refs = outputs.every_output(graph, supported.is_hidden)
    else:
        graph, known = outputs.open_models(graph, layers, major, opened)
        refs = outputs.find(graph, layers, known)
    graph = outputs.prune(graph, refs)
    for layer in graph.layers.values():
        if major >= 3 and layer.class_name in supported.OPERATIONS and supported.is_operation(layer.record) \
                and "module" not in layer.record:
            as_layer(layer, graph)
    order = topology.layer_order(graph)
    for name in order:
        if variables.is_known(graph.layers[name].record):
            variables.named(graph.layers[name].record, weights.get(name, []))
    record = topology.record_of(graph, model_class(model), major)
    kept = [name for name in order if not supported.is_operation(graph.layers[name].record) or major < 3]
    result = model.replaced(record, OrderedDict((name, weights.get(name, [])) for name in kept))
    result.training_config = None
    return result


def as_layer(layer, graph):
    """Make a layer of `a + b` in a Keras 3 h5: the file does not say that it is none, so Keras cannot load it."""
    shapes.check(layer, graph, 3, {})
    tensors = [dialect.keras2_call(layer, call, graph.layers) for call in layer.calls]
    layer.record = dialect.operation(layer, tensors)
    layer.calls = [{"args": [references.keras3_tensors(call)], "kwargs": {}} for call in layer.calls]


def with_input_shape(record, shape):
    """A Sequential saved before it knew its input shape gets it from `shape`."""
    config = record.get("config")
    if shape is None or record.get("class_name") != "Sequential" or not topology.is_model(record):
        return record
    shapes = outputs.per_input(shape)
    if len(shapes) != 1:
        return record
    try:
        first = topology.inner_records(record)[0]
        if first["class_name"] != "InputLayer":
            topology.sequential_input(record)
        return record
    except Fault:
        config = dict(config) if isinstance(config, dict) else {"layers": config, "name": "sequential"}
        return dict(record, config=dict(config, build_input_shape=[None] + list(shapes[0])))


def model_class(model):
    """The class name of a graph of layers in the Keras that wrote `model`: Functional from 2.4 on."""
    numbers = [int(part) for part in str(model.keras_version).split(".")[:2] if part.isdecimal()]
    return "Functional" if numbers >= [2, 4] else "Model"


def build(source, target, weights=None, layers=None, input_shape=None, compile=False, **reading):
    """Read `source` (and `weights`), write the multi-output model to the new file `target`.

    reading: what single formats take (saved_model_tags).
    Returns {"outputs": [names as asked for], "inputs": […]}: the same for the same source.
    """
    with formats.read_layers(source, weights=weights, **reading) as model, topology.of(source):
        result = encapsulate(model, layers, input_shape)
        if compile:
            result.training_config = training_config(result)
        keras_h5.write(result, target)
        return facts(result)


def facts(model):
    """What a multi-output Model exposes: {"inputs": [names], "outputs": [names]}."""
    graph = topology.graph(model.topology, model.keras_major)
    return {"inputs": [ref.layer for ref in graph.inputs],
            "outputs": [outputs.spelling(graph, ref) for ref in graph.outputs]}


def training_config(model):
    """The guide's compile(optimizer="adam", loss="sparse_categorical_crossentropy"), for every output."""
    return {"loss": "sparse_categorical_crossentropy", "metrics": None, "weighted_metrics": None,
            "loss_weights": None, "optimizer_config": ADAM}


def main(arguments):
    parser = command.Parser(prog="python -m scripts.encapsulate", description=__doc__)
    parser.add_argument("source", help="the trained model: h5, .keras, topology json, tfjs model.json")
    parser.add_argument("target", help="the h5 file to write")
    parser.add_argument("--weights", help="weights h5 of a topology json")
    parser.add_argument("--layers", type=names, help="outputs in their order, separated by commas: "
                        + outputs.SYNTAX + " (default: every layer but inputs)")
    add_input_shape(parser)
    parser.add_argument("--compile", action="store_true", help="save it compiled for further training")
    parser.add_argument("--force", action="store_true", help="replace the target if it is there")
    options = parser.parse_args(arguments)
    if os.path.isfile(options.target) and not options.force:
        raise Fault(f"{options.target} is there already: --force replaces it; or name another place")
    done = deliver(options.target, lambda path: build(
        options.source, path, options.weights, options.layers, options.input_shape, options.compile),
        formats.files(options.source, options.weights) if options.force else None)
    command.say("%s: %d outputs: %s" % (options.target, len(done["outputs"]), ", ".join(done["outputs"])))


def deliver(target, write, read=None):
    """Call `write(path)` and put the h5 that it writes at `target`, whole; returns what it returned.

    read: None: what is there is left, a Fault; else it is replaced, unless it is one of these files.
    """
    folder, name = os.path.split(target)
    if not name.lower().endswith((".h5", ".hdf5")):
        raise Fault(f"{target}: what is written is HDF5, which Keras opens by its name: let it end in .h5")
    done = []

    def written(directory):
        done.append(write(os.path.join(directory, name)))
        return [name]

    files.into(folder or ".", written, [] if read is None else [name], read or ())
    return done[0]


def names(value):
    return [name.strip() for name in value.split(",") if name.strip()]


def add_input_shape(parser):
    """Declare --input-shape: [224, 224, 3], or {input: sizes} where each is given by name."""
    parser.add_argument("--input-shape", type=shape, action=Shapes, metavar="[INPUT=]224,224,3", help="sizes that are "
                        "open; of several inputs each by its name: --input-shape a=8 --input-shape b=8,8")


class Shapes(argparse.Action):
    """Puts the values of a flag that stands once for each input together."""

    def __call__(self, parser, namespace, value, option_string=None):
        before = getattr(namespace, self.dest)
        if before is not None and not (isinstance(before, dict) and isinstance(value, dict)):
            raise Fault("--input-shape stands twice: once is enough, or name the input of each: --input-shape a=8")
        if isinstance(value, dict) and set(value) & set(before or ()):
            raise Fault("--input-shape: {} is given twice".format(", ".join(value)))
        setattr(namespace, self.dest, dict(before or {}, **value) if isinstance(value, dict) else value)


def shape(value):
    """"224,224,3" -> [224, 224, 3]; "a=8" -> {"a": [8]}."""
    name, equals, rest = value.partition("=")
    return {name.strip(): sizes(rest)} if equals else sizes(value)


def sizes(value):
    """"224,224,3", "224x224x3", "(None, 224, 3)" -> list of int or None."""
    parts = [part.strip() for part in value.strip("()[] ").replace("x", ",").split(",") if part.strip()]
    if not all(part in ("None", "?") or part.isdecimal() for part in parts):
        raise Fault(f"--input-shape: {value!r} is not sizes separated by commas, as 224,224,3; for one of several "
                    "inputs with "
                    "its name, as a=224,224,3, in a flag of its own")
    return [None if part in ("None", "?") else int(part) for part in parts]


if __name__ == "__main__":
    command.run(main)
