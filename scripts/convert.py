"""enc_model.h5 -> model.json and its shards, as every TensorFlow.js loads them.

The guide's section 4 without TensorFlow; shards and manifest are the official converter's, byte for byte.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.convert")

import os
from typing import List

from . import formats
from .base import command
from .layers import topology
from .tfjs import write_layers
from .wire import shards


def convert(source: str, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
            quantize: shards.Quantize = None) -> List[str]:
    """Read the model file `source` and write the tfjs model into the empty `directory`.

    Returns the names of the files written, the json first.  quantize: as in shards.write.  shard_size: bytes.
    Raises Fault for a source that is no model or damaged, and for what TensorFlow.js cannot compute.
    """
    with formats.read_layers(source) as model, topology.of(source):
        return write_layers.write(model, directory, json_name, shard_size, quantize)


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="convert", description=__doc__)
    parser.add_argument("source", help="enc_model.h5, or any other model file")
    parser.add_argument("directory", help="where model.json and the shards go")
    parser.add_argument("--json-name", default="model.json")
    parser.add_argument("--shard-size", type=int, default=shards.SHARD_SIZE, help="bytes (default 4194304)")
    parser.add_argument("--quantize", choices=shards.QUANTIZED)
    options = parser.parse_args(arguments)
    names = write_layers.deliver(options.directory, lambda path: convert(
        options.source, path, options.json_name, options.shard_size, options.quantize), options.json_name,
        formats.files(options.source))
    command.say(f"{options.directory}: {', '.join(names)}")
    for line in write_layers.said_of_names(os.path.join(options.directory, options.json_name)):
        command.say(line)


if __name__ == "__main__":
    command.run(main)
