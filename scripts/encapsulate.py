"""Make layers the outputs of a model: Model + layer names -> multi-output Model -> enc_model.h5.

The guide's section 2 and 3 without Keras: the topology gets new outputs, layers that no output needs are left out,
and the weights are copied.  The file is in the dialect of its source, and that Keras loads it.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.encapsulate")

import os
from typing import Any, Dict, List, Optional, Sequence

from . import formats
from .base import arguments as taken
from .base import command
from .base.fault import Fault
from .formats import keras_h5
from .layers import encapsulation, outputs, topology
from .layers.encapsulation import Shape


def build(source: str, target: str, weights: Optional[str] = None, layers: Optional[Sequence[str]] = None,
          input_shape: Shape = None, compile: bool = False, **reading: Any) -> Dict[str, List[str]]:
    """Read `source` (and `weights`), write the multi-output model to the new file `target`.

    reading: options of single formats (saved_model_tags).
    Returns {"outputs": [names as asked for], "inputs": […]}: the same for the same source.
    Raises Fault as formats.read and encapsulation.encapsulate do.
    """
    with formats.read_layers(source, weights=weights, **reading) as model, topology.of(source):
        result = encapsulation.encapsulate(model, layers, input_shape)
        if compile:
            result.training_config = encapsulation.training_config()
        keras_h5.write(result, target)
        return encapsulation.facts(result)


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="encapsulate", description=__doc__)
    parser.add_argument("source", help="the trained model: h5, .keras, topology json, tfjs model.json")
    parser.add_argument("target", help="the h5 file to write")
    parser.add_argument("--weights", help="weights h5 of a topology json")
    parser.add_argument("--layers", type=taken.names, help="outputs in their order, separated by commas: "
                        + outputs.SYNTAX + " (default: every layer but inputs)")
    taken.add_input_shape(parser)
    parser.add_argument("--compile", action="store_true", help="save the model compiled for further training")
    parser.add_argument("--force", action="store_true", help="replace an existing target")
    taken.add_no_trust(parser)
    options = parser.parse_args(arguments)
    if options.trust:
        raise taken.no_trust(options.source, "DIRECTORY", options.trust)
    if os.path.isfile(options.target) and not options.force:
        raise Fault(f"{options.target} is there already: --force replaces it; or name another place")
    done = keras_h5.deliver(options.target, lambda path: build(
        options.source, path, options.weights, options.layers, options.input_shape, options.compile),
        formats.files(options.source, options.weights) if options.force else None)
    command.say(f"{options.target}: {len(done['outputs'])} outputs: {outputs.shortened(done['outputs'])}")


if __name__ == "__main__":
    command.run(main)
