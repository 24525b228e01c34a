"""enc_model.h5 -> model.json and its shards, as every TensorFlow.js loads them.

The guide's section 4 without TensorFlow; shards and manifest are the official converter's, byte for byte.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.convert")

import os
from typing import List

from . import formats
from .base import arguments as taken
from .base import called, command
from .layers import topology
from .tfjs import write, write_layers
from .wire import shards, target


def convert(source: str, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
            quantize: shards.Quantize = None, format: str = target.AUTO) -> List[str]:
    """Write the tfjs model as `build` does, and return the names of its files, the json first."""
    return build(source, directory, json_name, shard_size, quantize, format).names


def build(source: str, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
          quantize: shards.Quantize = None, format: str = target.AUTO) -> write.Written:
    """Read the model file `source` and write the tfjs model into the empty `directory`.

    quantize, format: as in tfjs.write.  shard_size: bytes.
    Raises Fault for a source that is no model or damaged, and for what TensorFlow.js cannot compute.
    """
    with formats.read_layers(source) as model, topology.of(source):
        return write.write(model, directory, json_name, shard_size, quantize, format)


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="convert", description=__doc__)
    parser.add_argument("source", help="enc_model.h5, or any other model file")
    parser.add_argument("directory", help="directory for model.json and the shards")
    parser.add_argument("--json-name", default="model.json", metavar="NAME", help="another name for model.json")
    parser.add_argument("--shard-size", type=int, default=shards.SHARD_SIZE, metavar="BYTES",
                        help="bytes per weight file (default: 4194304)")
    parser.add_argument("--quantize", choices=shards.QUANTIZED, help="type of the stored weights")
    parser.add_argument("--format", choices=target.FORMATS, default=target.AUTO, help="layers, graph, or auto "
                        "(default): a graph model where TensorFlow.js's layers do not suffice")
    taken.add_no_trust(parser)
    options = parser.parse_args(arguments)
    if options.trust:
        raise taken.no_trust(options.source, options.directory, options.trust)
    done = {}

    def build_in(path: str) -> List[str]:
        done["written"] = build(options.source, path, options.json_name, options.shard_size, options.quantize,
                                options.format)
        return done["written"].names

    names = write_layers.deliver(options.directory, build_in, options.json_name, formats.files(options.source))
    command.say(f"{options.directory}: {', '.join(names)}")
    if done["written"].why:
        command.say(f"a graph model: {done['written'].why}")
    for line in write_layers.said_of_names(os.path.join(options.directory, options.json_name)):
        command.say(line)


called.makes(__name__, called.Called)

if __name__ == "__main__":
    command.run(main)
