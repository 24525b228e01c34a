"""The layers of a Keras 2 model that give complex numbers: the functions of tf.signal, and the layers after them."""
import re
from typing import Set

from .kinds.operations import LAMBDAS
from .order import layer_order
from .references import references
from .topology import Graph

MAKING = ("signal.stft", "dtypes.complex") + tuple(f"signal.{name}{axes}" for name in ("fft", "ifft")
                                                   for axes in ("", "2d", "3d"))
TAKING = ("abs", "math.abs", "math.real", "math.imag", "math.angle", "signal.inverse_stft", "cast", "dtypes.cast")


def giving(source: Graph) -> Set[str]:
    """The names of these layers, of which no output of its own is wanted where none is asked for."""
    found: Set[str] = set()
    for name in layer_order(source):
        layer = source.layers[name]
        if layer.class_name not in LAMBDAS:
            continue
        function = str(layer.config.get("function", ""))
        if function in MAKING or function.endswith("cast") and re.search("'complex(64|128)'", str(layer.calls)):
            found.add(name)
        elif function not in TAKING and any(ref.layer in found for call in layer.calls
                                            for ref in references(call, source.layers)):
            found.add(name)
    return found
