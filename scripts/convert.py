"""enc_model.h5 -> model.json and its shards, as every TensorFlow.js loads them.

The guide's section 4 without TensorFlow; shards and manifest are the official converter's, byte for byte.
"""
from . import formats
from .base import command, files
from .formats import tfjs
from .layers import topology
from .tfjs import dialect
from .wire import shards


def convert(source, directory, json_name="model.json", shard_size=shards.SHARD_SIZE, quantize=None):
    """Read the model file `source` and write the tfjs model into the empty `directory`.

    Returns the names of the files written, the json first.  quantize: as in shards.write.
    """
    with formats.read_layers(source) as model, topology.of(source):
        return write(model, directory, json_name, shard_size, quantize)


def write(model, directory, json_name="model.json", shard_size=shards.SHARD_SIZE, quantize=None):
    """The same for a Model in memory."""
    command.check_json_name(json_name)
    return tfjs.write(dialect.keras2(model), directory, json_name, shard_size, quantize)


def main(arguments):
    parser = command.Parser(prog="python -m scripts.convert", description=__doc__)
    parser.add_argument("source", help="enc_model.h5, or any other model file")
    parser.add_argument("directory", help="where model.json and the shards go")
    parser.add_argument("--json-name", default="model.json")
    parser.add_argument("--shard-size", type=int, default=shards.SHARD_SIZE, help="bytes (default 4194304)")
    parser.add_argument("--quantize", choices=shards.QUANTIZED)
    options = parser.parse_args(arguments)
    names = deliver(options.directory, lambda path: convert(
        options.source, path, options.json_name, options.shard_size, options.quantize), options.json_name,
                    formats.files(options.source))
    command.say("{}: {}".format(options.directory, ", ".join(names)))


def deliver(directory, write, json_name, read):
    """Put the files that `write(path)` names, the json first, into `directory`: files.into.  An earlier result of
    this project there is replaced, its shards too; anything else is left, as the files `read` are: a Fault."""
    return files.into(directory, write, tfjs.own(directory, json_name), read)


if __name__ == "__main__":
    command.run(main)
