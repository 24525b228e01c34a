"""A live Keras model -> the graph that computes its layers' outputs, traced by TensorFlow in this process.

    traced = trace_live(model, layers=["block/conv", "dense"])
    tfjs.graph.convert(traced, "out", every=True)

The model is called once on symbolic tensors (tf.function), which runs the Python of its own layers, of Lambdas, of
subclassed models.  What each layer returns becomes an output by the layer's name (calls.py).  Variables become
constants, as formats/freeze_by_tensorflow.py makes them.
"""
import contextlib
import logging
import math
import re
import sys
import warnings
from collections import OrderedDict
from types import ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..base.fault import Fault
from ..formats import freeze_by_tensorflow as freeze
from ..formats import load_by_tensorflow as load
from ..layers import outputs
from ..layers.encapsulation import Shape
from ..layers.kinds.sizes import product
from ..operations import told
from . import inputs, traced
from .calls import LOCK, Called, Recorder, flat

BACKENDS = "tracing needs the TensorFlow backend: save the model, and load it where KERAS_BACKEND=tensorflow is set"
WHOLE = {"int64": "int32", "uint8": "int32", "int16": "int32", "int8": "int32", "uint16": "int32", "uint32": "int32",
         "uint64": "int32", "float64": "float32", "float16": "float32", "bfloat16": "float32"}  # fed in TensorFlow.js


class Layers(NamedTuple):
    """The layers that a call of a model gave.

    found    {name: (the layer's call, tensor)} of every layer, and of the model's own outputs that no layer returns
    default  names of what is shown where nothing is asked for: the outermost layers, and the model's own outputs
    """

    found: Dict[str, Tuple[Optional[Called], Any]]
    default: List[str]


def trace_live(model: Any, layers: Optional[Sequence[str]] = None, input_shape: Shape = None,
               path: str = "") -> traced.Traced:
    """Return the graph that computes the outputs `layers` of a live model (default: every outermost layer, and what
    the model returns), by their names: NAME, NAME@CALL, NAME:OUTPUT, OUTER/INNER.

    model        of Keras 3 on TensorFlow, tf_keras or tf.keras 2.x; of layers, Sequential, or of a class of its own
    input_shape  sizes that the model leaves open, and of a model that was never called all of them
    path         what the model is called in messages (default: its name)
    Raises Fault for another backend, for a model that is not built, for names that are not there, and for a model that
    TensorFlow cannot trace.
    """
    path = path or f"model {getattr(model, 'name', '')!r}"
    return traced.of(*frozen(model, layers, input_shape, path), path=path)


def frozen(model: Any, layers: Optional[Sequence[str]], input_shape: Shape, path: str) -> Tuple[bytes, Dict[str, Any]]:
    """Trace a model as trace_live does; return (bytes of a GraphDef, facts about it).

    facts: those of freeze_by_tensorflow.frozen_graph, and {"fed": {node: name of the input}, "layers": {name of an
    output: operations.told.Shown}, "every": [names of all outputs], "made_by": the Keras}, JSON-able.
    """
    layer_class = class_of(model, "Layer")
    check_backend(layer_class)
    import tensorflow
    with quiet():
        specs = inputs.of(model, input_shape)
        function, found = concrete(tensorflow, model, layer_class, specs)
        wanted = chosen(found, layers, path)
        graph, fed, tensors = load.constant(tensorflow, function)
        known = OrderedDict(zip(found.found, tensors))
        content, about = freeze.chosen(tensorflow, load.Frozen(graph, fed, known), path, wanted)
    layers = {name: shown(name, found.found[name][0]) for name in wanted if found.found[name][0] is not None}
    return content, dict(about, fed=dict(zip(fed, [one.name for one in specs.flat])), layers=layers,
                         every=list(found.found), made_by=f"keras v{version(layer_class)}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow from warnings, and leave the caller's settings as they were.

    They are the process's: of two threads one would put back what the other had set, so one traces at a time.
    """
    with LOCK, warnings.catch_warnings():
        loggers = [(logger, logger.level) for logger in map(logging.getLogger, ("absl", "tensorflow"))]
        warnings.simplefilter("ignore")
        for logger, level in loggers:
            logger.setLevel(max(level, logging.ERROR))
        try:
            yield
        finally:
            for logger, level in loggers:
                logger.setLevel(level)


def class_of(model: Any, name: str) -> Any:
    """Return Keras's own class `name` ("Layer") that a model is of.  Raises Fault for what is no Keras model."""
    for one in type(model).__mro__:
        if one.__name__ == name and one.__module__.split(".")[0] in ("keras", "tf_keras", "tensorflow") \
                and "__call__" in vars(one):
            return one
    raise Fault(f"a {type(model).__name__} is no Keras model: give one of Keras 3, tf_keras or tf.keras, or the path "
                "of its file")


def check_backend(layer_class: Any) -> None:
    """Raise a Fault where Keras 3 runs on another library than TensorFlow."""
    config = sys.modules.get("keras.src.backend.config") if layer_class.__module__.startswith("keras.src.layers") \
        else None
    backend = config.backend() if config is not None and hasattr(config, "backend") else "tensorflow"
    if backend != "tensorflow":
        raise Fault(f"Keras runs on {backend} here: {BACKENDS}")


def version(layer_class: Any) -> str:
    """Return the version of the Keras that a class is of."""
    package = layer_class.__module__.split(".")[0]
    return getattr(sys.modules[package], "__version__", "2")


# The call ----------------------------------------------------------------------------------------------------

def concrete(tensorflow: ModuleType, model: Any, layer_class: Any, specs: inputs.Inputs) -> Tuple[Any, Layers]:
    """Trace a call of a model: (concrete function that returns every tensor of Layers.found, Layers)."""
    function, found = attempt(tensorflow, model, layer_class, specs)
    if not any(one for one, _ in found.found.values()):
        with eager_functions(tensorflow):  # its call is a tf.function: its layers are in a graph of their own
            with contextlib.suppress(Exception):
                return attempt(tensorflow, model, layer_class, specs)
    return function, found


def attempt(tensorflow: ModuleType, model: Any, layer_class: Any, specs: inputs.Inputs) -> Tuple[Any, Layers]:
    """Trace a call of a model once, as it computes at inference."""
    done: List[Layers] = []

    def call(*tensors: Any) -> List[Any]:
        graph = tensorflow.compat.v1.get_default_graph()

        def kept(value: Any) -> bool:
            return isinstance(value, tensorflow.Tensor) and getattr(value, "graph", None) is graph \
                and value.dtype not in (tensorflow.string, tensorflow.resource, tensorflow.variant)

        cast = [tensor if tensor.dtype.name == one.dtype else tensorflow.cast(tensor, one.dtype)
                for tensor, one in zip(tensors, specs.flat)]
        with Recorder(layer_class, kept) as recorder:
            found = model(specs.packed(cast), **inference(model))
        done[:] = [layers_of(model, recorder, [one for one in flat(found) if kept(one)], found)]
        return [tensor for _, tensor in done[0].found.values()]

    declared = [tensorflow.TensorSpec(one.shape, WHOLE.get(one.dtype, one.dtype),
                                      name=re.sub("[^A-Za-z0-9]", "_", one.name)) for one in specs.flat]
    with autograph(layer_class):
        function = tensorflow.function(call, autograph=False).get_concrete_function(*declared)
    return function, done[0]


def inference(model: Any) -> Dict[str, bool]:
    """Return training=False where a model's call takes it."""
    from inspect import Parameter, signature
    try:
        taken = signature(model.call).parameters
    except (TypeError, ValueError):
        return {}
    return {"training": False} if "training" in taken or any(
        one.kind == Parameter.VAR_KEYWORD for one in taken.values()) else {}


@contextlib.contextmanager
def autograph(layer_class: Any) -> Iterator[None]:
    """Let Keras 2 convert the Python conditions of own layers, as it does in predict; Keras 3 does not."""
    if layer_class.__module__.startswith("keras.src.layers.layer"):
        yield
        return
    from tensorflow.python.autograph.core import ag_ctx
    with ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED):
        yield


@contextlib.contextmanager
def eager_functions(tensorflow: ModuleType) -> Iterator[None]:
    """Run the Python of a tf.function in the graph around it."""
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(before)


def layers_of(model: Any, recorder: Recorder, own: List[Any], returned: Any) -> Layers:
    """Return the layers that a model called, and what it returned; own: the tensors in `returned`."""
    found: Dict[str, Tuple[Optional[Called], Any]] = OrderedDict(recorder.outputs())
    ends = {id(tensor) for tensor in own}
    default = [name for name, (one, tensor) in found.items() if len(one.path) == 1 and (
        tensor is one.outputs[0] or id(tensor) in ends)]
    there = {id(tensor) for name, (_, tensor) in found.items() if name in default}
    for name, tensor in zip(names_of_outputs(model, returned, len(own)), own):
        if id(tensor) not in there:
            while name in found:
                name += "_"
            found[name] = None, tensor
            default.append(name)
    return Layers(found, default)


def names_of_outputs(model: Any, returned: Any, count: int) -> List[str]:
    """Return the names of what a model returns: those of its own, the keys of a dict, or output_0, output_1, …."""
    graph = getattr(model, "_functional", None) or model
    own = getattr(graph, "output_names", None) if inputs.tensors_of(model) is not None else None
    if own and len(own) == count:
        return list(own)
    keys = sorted(returned) if isinstance(returned, dict) else []
    return [str(key) for key in keys] if len(keys) == count else [f"output_{place}" for place in range(count)]


# The graph ---------------------------------------------------------------------------------------------------

def chosen(found: Layers, layers: Optional[Sequence[str]], path: str) -> List[str]:
    """Return the names of the outputs.  Raises Fault for a name that is not there, or stands twice."""
    if layers is None:
        if not found.default:
            raise Fault(f"{path}: the model returns no tensor")
        return found.default
    for place, name in enumerate(layers):
        if name in layers[:place]:
            raise Fault(f"{path}: layer {name!r} is asked for twice")
        if name not in found.found:
            times = [one for one in found.found if one.startswith(name + "@") and ":" not in one]
            if times:
                raise Fault(f"{path}: layer {name!r} is called {len(times)} times: ask for "
                            f"{outputs.listing(times, ' or ')}")
            raise Fault(f"{path}: no layer is called {name!r}; there are: {outputs.listing(list(found.found))}")
    return list(layers)


def shown(name: str, called: Called) -> told.Shown:
    """Return what is told of a layer: its class, its parameters at its first call, its settings."""
    first = ":" not in name and ("@" not in name or name.endswith("@0"))
    try:
        config = called.layer.get_config()
    except Exception:  # the user's code: what it tells is a courtesy
        config = {}
    config = {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()} \
        if isinstance(config, dict) else {}
    settings = {key: value for key, value in config.items() if told.is_plain(value) and is_finite(value)}
    count = sum(product(inputs.sizes(weight.shape)) for weight in called.layer.weights) if first else 0
    return told.Shown(name, type(called.layer).__name__, None, count, [], settings)


def is_finite(value: Any) -> bool:
    """Return whether the numbers of a setting are such that JSON has."""
    return all(not isinstance(one, float) or math.isfinite(one) for one in flat(value))
