"""Which layers of a model TensorFlow.js shows, by converting it: the one answer for `summary` and `preprocess`."""
from typing import Collection, Dict, List, NamedTuple

from ..base.fault import Fault
from ..layers import outputs
from ..layers.encapsulation import Shape, encapsulate, with_input_shape
from ..layers.kinds.operations import is_hidden
from ..layers.model import Model
from ..layers.operators import NoLayers
from ..layers.topology import graph
from . import passes
from .passes.refusal import Outputs, dependents

ROUNDS = 8  # passes refuse layers in several places, each when the places before it refuse none


class Reasons(NamedTuple):
    """Why layers are not shown.

    layers  {name of a layer: Fault}
    whole   whether all other layers are shown, for they were converted, or need one of these
    """

    layers: Dict[str, Fault]
    whole: bool


def reasons(model: Model, input_shape: Shape = None) -> Reasons:
    """Convert all layers of `model`, and those that are left when some are refused; nothing is written.

    input_shape: as encapsulate's.
    """
    found, names = {}, None
    for _ in range(ROUNDS):
        try:
            passes.keras2(encapsulate(model, names, input_shape))
            return Reasons(found, True)
        except (Outputs, NoLayers) as fault:
            found.update((name, why) for name, why in fault.layers.items() if name not in found)
            names = free(model, input_shape, found)
            if not names:
                return Reasons(found, True)
        except Fault:  # about the whole model, which is for the one that converts it to say
            break
    return Reasons(found, False)


def free(model: Model, input_shape: Shape, refused: Collection[str]) -> List[str]:
    """The outputs that need none of the layers `refused`, as encapsulate takes them."""
    source = graph(with_input_shape(model.topology, input_shape), model.keras_major)
    spoilt = dependents(source, refused)
    refs = outputs.every_output(source, lambda record: is_hidden(record, model.keras_major))
    return [outputs.spelling(source, ref) for ref in refs if ref[:2] not in spoilt]
