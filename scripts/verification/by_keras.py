"""Keras's own computation: a source model and inputs -> every output asked for.  verify compares with it.

Runs in a process of its own; `--keras` says which Keras of the stack's loads the model.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.verification.by_keras")

import importlib
import json
import os
import sys
from types import ModuleType
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy

from ..base import child, command, files
from ..base.fault import Fault
from ..layers.encapsulation import Shape
from ..layers.outputs import SUFFIX
from ..tracing import process
from ..tracing.trust import Trusted
from ..training import saved_by_keras
from . import answers


class Inside(NamedTuple):
    """The graph in a Keras model, and its layers by name."""

    graph: Any
    layers: Dict[str, Any]


def predict(flavour: str, source: str, names: List[str], inputs: List[numpy.ndarray],
            weights: Optional[str] = None) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` of the model in `source`, batch first.

    flavour  "keras" or "tf_keras"
    names    as layers.outputs spells them
    inputs   in the order of the model's inputs, batch first
    weights  h5 of the weights where `source` is a topology json
    Raises Fault where this Keras does not load the model, or does not have such an output.
    """
    if flavour == "tf_keras":
        keras = saved_by_keras.legacy_keras()
    else:
        with child.importing():
            keras = importlib.import_module("keras")
    child.hush()
    try:
        if weights is None:
            model = keras.models.load_model(source, compile=False)
        else:
            with open(source, encoding="utf-8") as file:
                model = keras.models.model_from_json(file.read())
            model.load_weights(weights)
        found = values(keras, model, names, inputs)
    except child.REFUSALS + (importlib.import_module("tensorflow").errors.OpError,) as error:  # which it cannot compute
        raise Fault(f"Keras {keras.__version__}: {child.first_line(error)}")
    return found


def values(keras: ModuleType, model: Any, names: List[str], inputs: List[numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` of a live model, batch first; inputs: as `predict`'s.

    keras: the module that the model is of.
    """
    tensors = [tensor(keras, model, name) for name in names]
    whole = keras.models.Model(model.inputs, tensors, name="compared")
    found = whole.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0]), verbose=0)
    found = [numpy.asarray(values) for values in (found if isinstance(found, list) else [found])]
    # No npz can hold bfloat16, which is a type of TensorFlow's and not of numpy's.
    return [values.astype(numpy.float32) if values.dtype.name == "bfloat16" else values for values in found]


def predict_trusted(trusted: List[Trusted], source: str, names: List[str], inputs: List[numpy.ndarray],
                    weights: Optional[str] = None) -> List[numpy.ndarray]:
    """Return the values as `predict` does of a model that needs Python of its own.

    trusted: the user's files that run.  Raises Fault as load_by_keras.load does.
    """
    from ..tracing import load_by_keras
    sizes = [list(values.shape[1:]) for values in inputs]
    model = load_by_keras.load(trusted, source, weights, sizes if len(sizes) > 1 else sizes[0])
    return called(model, names, inputs, source)


def called(model: Any, names: List[str], inputs: List[numpy.ndarray], path: str,
           input_shape: Shape = None) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` of a live model with Python of its own, batch first: Keras computes
    them at once, and each layer's are noted when it is called.

    names        as tracing.by_keras has them
    path         what the model is called in messages
    input_shape  as tracing.inputs.of's
    Raises Fault for inputs and names that the model does not have.
    """
    import tensorflow

    from ..tracing import by_keras, calls
    from ..tracing import inputs as taken
    specs = taken.of(model, input_shape)
    if len(specs.flat) != len(inputs):
        raise Fault(f"{path}: the model has {len(specs.flat)} inputs, and {len(inputs)} are given")
    fed = specs.packed([tensorflow.constant(values.astype(one.dtype)) for values, one in zip(inputs, specs.flat)])

    def once() -> Dict[str, Any]:
        with calls.Recorder(by_keras.class_of(model, "Layer"), tensorflow.is_tensor) as recorder:
            returned = model(fed, **by_keras.inference(model))
        return by_keras.layers_of(model, recorder, calls.flat(returned), returned).found

    found = once()
    if not set(names) <= set(found):
        with by_keras.eager_functions(tensorflow):  # its call is a tf.function: its layers are in a graph of their own
            found = once()
    lacking = [name for name in names if name not in found]
    if lacking:
        raise Fault(f"{path}: no layer is called {lacking[0]!r}; there are: {', '.join(found)}")
    return [found[name][1].numpy().astype(numpy.float32) for name in names]


def tensor(keras: ModuleType, model: Any, name: str) -> Any:
    """Return the symbolic tensor that NAME, NAME@CALL, NAME:OUTPUT or OUTER/INNER stands for in a Keras model."""
    graph, layers = inside(model)
    own, call, index = (name, None, None) if name in layers else SUFFIX.match(name).groups()
    if own in layers:
        return flat(outputs_of(calls(graph, layers[own])[int(call or 0)]))[int(index or 0)]
    outer, rest = parted(layers, name)
    path, call, index = (rest, None, None) if rest in inside(outer)[1] else SUFFIX.match(rest).groups()
    # layers.outputs counts so: each call of the outer model calls the inner layer as often as the model does inside.
    number, below = divmod(int(call or 0), count(outer, path))
    inner = tensor(keras, outer, f"{path}@{below}" + (f":{index}" if index else ""))
    fed = flat(calls(graph, outer)[number].input_tensors)
    return keras.models.Model(outer.inputs, inner)(fed if len(fed) > 1 else fed[0])


def inside(model: Any) -> Inside:
    """Return the graph and layers of a model: a Sequential of Keras 3 has its graph inside."""
    graph = getattr(model, "_functional", None) or model
    return Inside(graph, {layer.name: layer for layer in getattr(graph, "operations", None) or model.layers})


def count(model: Any, path: str) -> int:
    """Return the number of calls of the layer NAME or OUTER/INNER in a model."""
    graph, layers = inside(model)
    if path in layers:
        return len(calls(graph, layers[path]))
    outer, rest = parted(layers, path)
    return len(calls(graph, outer)) * count(outer, rest)


def parted(layers: Dict[str, Any], name: str) -> Tuple[Any, str]:
    """Return (the nested model OUTER, "INNER") for a name OUTER/INNER; OUTER may have "/" in it too.

    Raises ValueError where no layer is called OUTER.
    """
    outer = max((key for key in layers if name.startswith(key + "/")), key=len, default=None)
    if outer is None:
        raise ValueError(f"no layer {name!r}")
    return layers[outer], name[len(outer) + 1:]


def calls(graph: Any, layer: Any) -> List[Any]:
    """Return the calls of a layer that belong to this graph: a nested model has one more, its own construction."""
    keys, prefix = (graph._nodes, str(id(layer))) if hasattr(graph, "_nodes") and hasattr(graph, "operations") \
        else (graph._network_nodes, layer.name)
    nodes = layer._inbound_nodes
    return [node for index, node in enumerate(nodes) if f"{prefix}_ib-{index}" in keys] or nodes[-1:]


def outputs_of(node: Any) -> Any:
    """Return the output tensors of a call, in Keras 2 and 3."""
    return node.output_tensors if hasattr(node, "output_tensors") else node.outputs


def flat(value: Any) -> List[Any]:
    """Return the items of nested lists and tuples as one list."""
    return [item for part in value for item in flat(part)] if isinstance(value, (list, tuple)) else [value]


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="verification.by_keras", description=__doc__)
    parser.add_argument("source", help="h5, .keras, SavedModel, or topology json with --weights")
    parser.add_argument("inputs", help="npz with input_0, input_1, …")
    parser.add_argument("target", help="npz to write, where no file is yet: output_0, output_1, …")
    parser.add_argument("--names", type=json.loads, required=True, metavar="JSON", help="list of output names")
    parser.add_argument("--weights", metavar="H5")
    parser.add_argument("--trust", type=json.loads, metavar="JSON", help="list of [file, function] that may run")
    parser.add_argument("--keras", choices=("keras", "tf_keras"), default="keras")
    options = parser.parse_args(arguments)
    child.in_environment("verification.by_keras", arguments)
    files.vacant(options.target)
    inputs = answers.asked(options.inputs)
    if options.trust:
        sys.dont_write_bytecode = True  # beside the user's files
        with process.answering(os.path.dirname(options.target)):
            found = predict_trusted([Trusted(*one) for one in options.trust], options.source, options.names, inputs,
                                    options.weights)
    else:
        found = predict(options.keras, options.source, options.names, inputs, options.weights)
    answers.answer(options.target, found)


if __name__ == "__main__":
    command.run(main, at_once=True)
