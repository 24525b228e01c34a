"""onnxruntime's values of an ONNX model's layers: the oracle of scripts.verify for ONNX."""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.verification.by_onnxruntime")

import json
import os
import tempfile
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy

from .. import formats, opset
from ..base import child, command
from ..base.fault import Fault
from ..formats.onnx_tensors import numpy_dtype
from ..viewer import predict
from ..wire.protobuf import field
from . import answers

SAMPLES, SEED = 4, 0  # of a batch that is open; the values are the same on every run
WORDS = 2  # whole numbers are drawn below the rows of the smallest table that they pick from, else below this


class Values(NamedTuple):
    """Inputs and outputs, in the order of dimensions that the converted model has.

    inputs  [ndarray], one for each input of the converted model
    names   of the outputs
    wanted  [ndarray], one for each of the outputs
    """

    inputs: List[numpy.ndarray]
    names: List[str]
    wanted: List[numpy.ndarray]


def values(source: str, model_json: str, names: Optional[Sequence[str]], told: Dict[str, Any]) -> Values:
    """Compute the outputs `names` of a model, by default those that the converted one tells of.

    told: what model.json says under "tensorspace".  Raises Fault where onnxruntime is not there or does not run it.
    """
    model, layouts = formats.read(source, constants=told.get("constants")), told.get("layout") or {}
    nodes = told.get("outputs") or {}
    wanted = list(names or nodes)
    described = OrderedDict((entry["name"], entry) for entry in predict.describe(model_json)["inputs"])
    infos = [one for one in model.graph.inputs if one.name not in model.graph.tensors]
    fed, given = [], OrderedDict()
    for place, (info, (node, entry)) in enumerate(zip(infos, described.items())):
        first = info.shape[0] if info.shape and isinstance(info.shape[0], int) else SAMPLES  # else the batch
        shape = [entry["shape"][0] or first] + [size or 32 for size in entry["shape"][1:]]
        shape = [] if entry.get("scalar") else shape
        array = drawn(model, info.name, shape, numpy.dtype(numpy_dtype(info.dtype)), SEED + place)
        fed.append(array.astype(numpy.float32))
        given[info.name] = back(array, layouts.get(node))
    given.update((name, model.graph.tensors[name].weight.read()) for name in model.constants)
    found = computed(source, given, opset.tensors(model, wanted))
    return Values(fed, wanted, [forth(array, layouts.get(nodes.get(name))) for name, array in zip(wanted, found)])


def drawn(model: Any, name: str, shape: List[int], dtype: numpy.dtype, seed: int) -> numpy.ndarray:
    """Samples for an input: floats from 0 to 1, whole numbers that its tables have rows for."""
    random = numpy.random.RandomState(seed)
    if dtype.kind == "f":
        return random.uniform(0, 1, shape).astype(dtype)
    rows = [model.graph.tensors[node.inputs[0]].shape[0] for node in model.graph.nodes if node.op == "Gather"
            and node.inputs[1] == name and node.inputs[0] in model.graph.tensors]
    return random.randint(0, max(1, min(rows or [WORDS])), shape).astype(dtype)


def back(array: numpy.ndarray, layout: Optional[str]) -> numpy.ndarray:
    """An array whose channels stand last, in ONNX's order; layout None: as it is."""
    return numpy.ascontiguousarray(numpy.moveaxis(array, -1, 1)) if layout else array


def forth(array: numpy.ndarray, layout: Optional[str]) -> numpy.ndarray:
    """An array in ONNX's order with its channels last; layout None: as it is."""
    return numpy.moveaxis(array, 1, -1) if layout else array


def computed(source: str, given: Dict[str, numpy.ndarray], tensors: Sequence[str]) -> List[numpy.ndarray]:
    """Return the tensors of a model of these names, computed in a child process."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as private:
        inputs, answer = os.path.join(private, "inputs.npz"), os.path.join(private, "outputs.npz")
        answers.ask(inputs, given.values())
        settings = {"inputs": list(given), "tensors": list(tensors)}
        child.run("verification.by_onnxruntime", [source, inputs, answer, "--settings", json.dumps(settings)], True)
        return answers.answered(answer)


def compute(source: str, given: str, answer: str, inputs: List[str], tensors: List[str]) -> None:
    """Run the model in this process, and write its tensors to the new file `answer`.

    The tensors become outputs of the model: a message of protobuf that is put behind another is merged with it.
    Raises Fault where onnxruntime does not run it.
    """
    try:
        import onnxruntime
    except ImportError:
        raise Fault("no oracle: onnxruntime, which runs ONNX models, is not installed here: `pip install onnxruntime`")
    with open(source, "rb") as stream:
        content = stream.read()
    own = {one.name for one in formats.read(source).graph.outputs}
    more = b"".join(field(12, field(1, name)) for name in OrderedDict.fromkeys(tensors) if name not in own)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Beyond these, quantized numbers are computed in integers that round differently from what the file says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.model_external_initializers_file_folder_path",
                                     os.path.dirname(os.path.abspath(source)))
    fed = dict(zip(inputs, answers.asked(given)))
    try:
        session = onnxruntime.InferenceSession(content + field(7, more), options, providers=["CPUExecutionProvider"])
        found = session.run(list(tensors), fed)
    except Exception as error:  # onnxruntime's own classes have Exception above them alone
        raise Fault(f"{source}: no oracle: onnxruntime does not run it: {child.first_line(error)}")
    answers.answer(answer, found)


def main(arguments: List[str]) -> None:
    """Run the command line: scripts.verify starts it as a child process."""
    parser = command.Parser(module="verification.by_onnxruntime", description=__doc__)
    parser.add_argument("source", help="an ONNX model")
    parser.add_argument("given", help="npz of the inputs: input_0, input_1, …")
    parser.add_argument("answer", help="the npz to write: output_0, output_1, …")
    parser.add_argument("--settings", type=json.loads, help="JSON: names of inputs and tensors")
    options = parser.parse_args(arguments)
    compute(options.source, options.given, options.answer, **options.settings)


if __name__ == "__main__":
    command.run(main)
