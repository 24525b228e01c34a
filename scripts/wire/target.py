"""Settings of every writer of model.json and shards: how a converted model is written.  Imports nothing heavy."""
from collections import OrderedDict
from typing import Dict, List, NamedTuple, Union

SHARD_SIZE = 4 * 1024 * 1024  # bytes: what browsers cache (tfjs-converter's default)
AUTO, LAYERS, GRAPH = FORMATS = ("auto", "layers", "graph")
NATURAL, AS_IS = LAYOUTS = ("auto", "as-is")  # of an ONNX model: images with their channels last, or as it has them
BYTES = OrderedDict([("float16", 2), ("uint8", 1), ("uint16", 2)])  # of a weight: tensorflowjs_converter --quantize_*
QUANTIZED = tuple(BYTES)
# What every object of JavaScript has by that name: TensorFlow.js looks layers and nodes up in one
PROPERTIES = frozenset("""__proto__ constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString
    toString valueOf __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__""".split())
Quantize = Union[None, str, Dict[str, Union[bool, str, List[str]]]]  # as in Target


class Target(NamedTuple):
    """The files of a converted model.

    json_name   name of the file that names the others
    shard_size  bytes of each shard, the last one's excepted
    quantize    None, one of QUANTIZED, or {one of QUANTIZED: a pattern of weight names, a list of patterns, or True}
    format      "layers", "graph", or "auto": a layers model where that computes every output as Keras does, else a
                graph model

    Example: `write(model, directory, **Target(quantize="uint8")._asdict())`.
    """

    json_name: str = "model.json"
    shard_size: int = SHARD_SIZE
    quantize: Quantize = None
    format: str = AUTO
