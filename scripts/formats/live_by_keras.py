"""A live Keras model, an object of this process: what it is, and a file of Keras's own that holds it.

Keras 3, tf_keras and the Keras in TensorFlow 2 are known by the classes that a model inherits from.  Nothing is
imported here: the program that made the model has imported its Keras.
"""
import os
import types
from typing import Any, Iterator, NamedTuple, Optional

from ..base.fault import Fault

ROOTS = ("keras", "tf_keras", "tensorflow")  # the packages that Keras's own classes come from
# Keras's, and hold the code of others
OPEN = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "FlaxNnxLayer")


class Saved(NamedTuple):
    """The files that Keras saved a model in: its path, and that of the weights where they are separate."""

    path: str
    weights: Optional[str]


def keras_class(model: Any, *names: str) -> Optional[type]:
    """Return the first class of Keras's own among those that an object inherits from, by one of `names`, or None."""
    return next((kind for kind in type(model).__mro__ if kind.__name__ in names and root(kind) in ROOTS), None)


def root(kind: Any) -> str:
    """Return the package that a class or a function comes from: "keras" for keras.src.layers.Dense."""
    return str(getattr(kind, "__module__", "")).split(".")[0]


def named(model: Any) -> str:
    """Return the words for a live model in a line: "the model 'resnet50'"."""
    return f"the model {str(getattr(model, 'name', type(model).__name__))!r}"


def check(model: Any) -> None:
    """Raise Fault for what is no Keras model, and for one without weights yet."""
    if keras_class(model, "Model") is None:
        kind = f"{type(model).__module__}.{type(model).__name__}"
        if keras_class(model, "Layer"):
            raise Fault(f"{kind} is one layer of Keras, not a model: put it into keras.Sequential")
        if hasattr(model, "signatures"):
            raise Fault(f"{kind} is a loaded SavedModel: give the path of its directory")
        raise Fault(f"{kind} is neither a path nor a Keras model: give one of the two")
    if not getattr(model, "built", True):
        raise Fault(f"{named(model)} is not built, its layers have no weights yet: call it once on data, as in "
                    "model(x[:1]), or model.build((None, 28, 28, 1)) with the sizes of your input")


def is_graph(model: Any) -> bool:
    """Tell whether a model is a graph of layers: Functional, or a Sequential with an input; of the user's own class
    too where that has no `call` of its own."""
    kind = keras_class(model, "Sequential", "Functional")
    return kind is not None and type(model).call is kind.call and bool(getattr(model, "inputs", None))


def parts(model: Any) -> Iterator[Any]:
    """Yield the layers of a model, those in nested models and in layers too."""
    yield from model._flatten_layers(recursive=True, include_self=False)


def own_code(model: Any) -> bool:
    """Tell whether a model computes by code that is not Keras's: a layer of the user's own class, a Lambda, `call`."""
    return not is_graph(model) or any(root(type(layer)) not in ROOTS or type(layer).__name__ in OPEN
                                      for layer in parts(model))


def own_functions(model: Any) -> bool:
    """Tell whether a layer holds a function that is not Keras's, such as an activation."""
    return any(isinstance(value, types.FunctionType) and root(value) not in ROOTS
               for layer in parts(model) for value in list(vars(layer).values()))


def save(model: Any, directory: str) -> Saved:
    """Let Keras save a graph of layers in a directory: Keras 3 as .keras, Keras 2 as topology and weights.

    What was compiled is left out: an own loss, which no file can hold, does no harm.  The model stays as it is.
    Raises Fault where Keras cannot save it.
    """
    kind = keras_class(model, "Model")
    try:
        plain = uncompiled(model, kind)
        if kind.__module__.startswith(("keras.src.", "keras.models")):  # Keras 3
            path = os.path.join(directory, "model.keras")
            plain.save(path)
            return Saved(path, None)
        topology, weights = os.path.join(directory, "model.json"), os.path.join(directory, "model.weights.h5")
        with open(topology, "w", encoding="utf-8") as stream:
            stream.write(plain.to_json())
        plain.save_weights(weights, save_format="h5")  # save() would warn of each: h5 is legacy, nothing is compiled
        return Saved(topology, weights)
    except (ValueError, TypeError, NotImplementedError, AttributeError, RuntimeError, OSError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise Fault(f"{named(model)}: Keras cannot save it ({(lines or [type(error).__name__])[0][:300]})")


def uncompiled(model: Any, kind: type) -> Any:
    """Return the model, or one of the same layers and weights where it is compiled or of the user's own class."""
    if type(model).__name__ in ("Sequential", "Functional") and root(type(model)) in ROOTS \
            and getattr(model, "optimizer", None) is None and not getattr(model, "compiled", False):
        return model
    if keras_class(model, "Sequential"):
        inputs, outputs = model.inputs[0], model.outputs[0]
    else:
        inputs, outputs = model.input, model.output
    return kind(inputs, outputs, name=model.name)
