"""The layers of a model that TensorFlow.js shows, found by converting it: one answer for `summary` and `preprocess`."""
from types import MappingProxyType
from typing import Collection, Dict, List, Mapping, NamedTuple, Optional

from ..base.fault import Fault
from ..layers import complex_numbers, outputs
from ..layers.encapsulation import Shape, encapsulate, every_output, with_input_shape
from ..layers.model import Model
from ..layers.topology import graph
from . import passes, write
from .passes.refusal import dependents

ROUNDS = 32  # layers that are refused, each when those before it are left out


class Reasons(NamedTuple):
    """Why layers are not shown.

    layers  {name of a layer: Fault}
    whole   whether all other layers are shown, for they were converted, or need one of these
    why     what decides for a graph model; "" where the layers format does
    shapes  {name as outputs.spelling gives it: shape of the output, batch first}, as far as a graph model tells them
    """

    layers: Dict[str, Fault]
    whole: bool
    why: str = ""
    shapes: Mapping[str, List[Optional[int]]] = MappingProxyType({})


def reasons(model: Model, input_shape: Shape = None) -> Reasons:
    """Convert all layers of `model`, and those that are left when some are refused; nothing is written.

    input_shape: as encapsulate's.
    """
    found, names, why = {}, None, ""
    try:
        passes.keras2(encapsulate(model, None, input_shape))
        return Reasons({}, True)
    except Fault as fault:
        why = write.reason(fault)
    from .. import lower  # a model of layers is told of without it
    for _ in range(ROUNDS):
        try:
            lowered = lower.lower(encapsulate(model, names, input_shape))
            found.update((name, lower.complexes.shown(name)) for name in unshown(model, input_shape))
            return Reasons(found, True, why, {layer.name: layer.shape for layer in lowered.layers})
        except lower.NotLowered as fault:
            found.setdefault(fault.path.split("/")[0], fault)
            names = free(model, input_shape, found)
            if not names:
                return Reasons(found, True)
        except Fault:  # about the whole model, which is for the one that converts it to say
            break
    return Reasons(found, False, why)


def unshown(model: Model, input_shape: Shape) -> Collection[str]:
    """The layers that give complex numbers."""
    return complex_numbers.giving(graph(with_input_shape(model.topology, input_shape), model.keras_major)) \
        if model.keras_major < 3 else ()


def free(model: Model, input_shape: Shape, refused: Collection[str]) -> List[str]:
    """The outputs that need none of the layers `refused`, as encapsulate takes them."""
    source = graph(with_input_shape(model.topology, input_shape), model.keras_major)
    spoilt = dependents(source, refused)
    refs = every_output(source, model.keras_major)
    return [outputs.spelling(source, ref) for ref in refs if ref[:2] not in spoilt]
