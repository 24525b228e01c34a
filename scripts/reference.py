"""The guide's own route: Keras's Model(inputs, outputs) and the official tensorflowjs converter.

    encapsulate  model.h5 (or topology json + weights h5) -> enc_model.h5       sections 1.2, 2 and 3
    convert      enc_model.h5 -> model.json and its shards                      section 4

Runs in a process of its own: `engine = "reference"` in models.toml.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.reference")

import os
from typing import List

from .base import child, command, files
from .base.fault import Fault
from .verification import reference


def _quantization(text):
    """argparse's type of --quantize."""
    value = command.json_value(text)
    if not (isinstance(value, dict) or isinstance(value, str)) \
            or not set([value] if isinstance(value, str) else value) <= {"float16", "uint8", "uint16"}:
        raise ValueError(text)
    return value


_quantization.__name__ = "dtype, or object of dtypes, in JSON"


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="reference", description=__doc__)
    stages = parser.add_subparsers(dest="stage", metavar="encapsulate | convert")
    stages.required = True
    first = stages.add_parser("encapsulate", help="give a model its outputs, by Keras")
    first.add_argument("source", help="h5, or topology json with --weights")
    first.add_argument("target", help="enc_model.h5 to write, where no file is yet")
    first.add_argument("--weights", metavar="H5", help="weights of a topology json")
    first.add_argument("--layers", type=command.json_names, metavar="JSON",
                       help='list of names, \'["Conv2D_1", "Softmax"]\'')
    first.add_argument("--compile", action="store_true", help="compile it, for further training")
    second = stages.add_parser("convert", help="to TensorFlow.js, by tensorflowjs_converter")
    second.add_argument("source", help="enc_model.h5")
    second.add_argument("directory", help="empty directory to write into")
    second.add_argument("--json-name", default="model.json")
    second.add_argument("--shard-size", type=int, metavar="BYTES")
    second.add_argument("--quantize", type=_quantization, metavar="JSON", help='"uint8" or {"uint8": ["*/kernel"]}')
    options = parser.parse_args(arguments)
    child.in_environment("reference", arguments)
    if options.stage == "encapsulate":
        files.vacant(options.target)
        outputs = reference.encapsulate(options.source, options.target, options.weights, options.layers,
                                        options.compile)
        command.say(f"{options.target}: outputs {', '.join(outputs)}")
    else:
        if os.path.isdir(options.directory) and os.listdir(options.directory):
            raise Fault(f"{options.directory} is not empty: name another place")
        names = files.into(options.directory, lambda path: reference.convert(
            options.source, path, options.json_name, options.shard_size, options.quantize))
        command.say(f"{options.directory}: {', '.join(names)}")


if __name__ == "__main__":
    command.run(main, at_once=True)
