"""TensorFlow.js on a converted model, in Node: model.json and inputs in, every output's values out.

Reads model.json and its shards; leaves no file.  predict.js does the work.
"""
import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy

from ..base import command
from ..base.fault import Fault
from . import packages

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "predict.js")


class Output(NamedTuple):
    """One output of a model, and its values: float32, or int32 where the output is int32 or bool."""

    name: str
    values: numpy.ndarray


class Asked(NamedTuple):
    """A tensor of a layers model: output number `tensor` of call number `call` of the layer at the end of `path`.

    path  the names of the models around a layer, the outermost first, and its own
    """

    path: List[str]
    call: int = 0
    tensor: int = 0


def predict(model_json: str, inputs: Sequence[numpy.ndarray], bundle: Optional[str] = None,
            outputs: Optional[Sequence[str]] = None, layers: Optional[Sequence[Asked]] = None,
            sync: bool = False, at: Optional[Sequence[Dict[str, str]]] = None) -> List[Output]:
    """Run a layers model or graph model in TensorFlow.js on its cpu backend, in Node.

    model_json  path of model.json; its shards lie beside it
    inputs      one per input of the model, batch first; they are read as float32
    bundle      path of a tf.min.js, by default that of the page's own @tensorflow/tfjs
    outputs     output names, in the order wanted; by default every output, in the model's order
    layers      in place of the outputs of a layers model: tensors of any of its layers
    sync        whether a graph model runs by `execute` alone, as TensorSpace does; else executeAsync helps out
    at          {"name", "dtype"} of the tensors inside a graph model that `inputs` are, in place of its inputs
    Raises Fault with TensorFlow.js's own words where it does not load or run the model, or without Node.
    """
    bundle = bundle or packages.bundle("@tensorflow/tfjs")
    inputs = [numpy.ascontiguousarray(values, dtype=numpy.float32).reshape(numpy.shape(values)) for values in inputs]
    header = {"inputs": [{"shape": list(values.shape)} for values in inputs], "outputs": outputs,
              "layers": [asked._asdict() for asked in layers] if layers is not None else None, "sync": sync, "at": at}
    answer, stream = _run(model_json, bundle, header, inputs)
    with stream:
        return [Output(output["name"], _array(stream, output)) for output in answer["outputs"]]


def describe(model_json: str, bundle: Optional[str] = None) -> Dict[str, Any]:
    """Load a model in TensorFlow.js, in Node, and return its description.

    Returns {"format": "layers" or "graph", "inputs": [{"name", "shape", "dtype"}], "outputs": [the same],
    "parameters": {name of a layer: how many}}; shapes are lists with the batch's None first.  "scalar" is true in what
    tells of one number without dimensions, and not there else.
    Raises Fault as `predict` does.
    """
    answer, stream = _run(model_json, bundle or packages.bundle("@tensorflow/tfjs"), {"describe": True}, [])
    stream.close()
    return answer


def _run(model_json, bundle, header, inputs):
    """Run predict.js; return the answer's header, and its open file behind the header."""
    private = tempfile.mkdtemp(prefix="predict-")
    try:
        request, answer = os.path.join(private, "request"), os.path.join(private, "answer")
        with open(request, "wb") as stream:
            stream.write(json.dumps(header).encode("utf-8") + b"\n")
            for values in inputs:
                stream.write(values.tobytes())
        status, words = run_node(bundle, model_json, request, answer)
        if status != 0:
            said = words.strip().splitlines() or [f"exit status {status}"]
            raise Fault(f"{model_json}: TensorFlow.js in Node: {command.one_line(said[0])}")
        stream = open(answer, "rb")
        return json.loads(stream.readline().decode("utf-8")), stream
    finally:
        shutil.rmtree(private, ignore_errors=True)  # open files stay readable


def run_node(bundle: str, model_json: str, request: str, answer: str) -> Tuple[int, str]:
    """Run predict.js in a Node process of its own; return its exit status and what it printed on stderr."""
    ended = subprocess.run(packages.node() + [SCRIPT, bundle, model_json, request, answer],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return ended.returncode, ended.stderr.decode("utf-8", "replace")


def _array(stream, output):
    """Read one output's values, little-endian, from where `stream` stands."""
    count = 1
    for size in output["shape"]:
        count *= size
    return numpy.frombuffer(stream.read(4 * count), dtype=output["dtype"]).reshape(output["shape"])
