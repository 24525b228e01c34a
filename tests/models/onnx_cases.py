"""Cases of ONNX: a model, inputs and the outputs that it shall have.  TensorFlow.js 4.22.0 runs all in one process.

    for found in onnx_cases.judge(onnx_cases.nodes(), folder): ...

The cases are ONNX's own (onnx.backend.test): one per setting of every operation, and models that PyTorch exported.
"""
import collections
import json
import os
import subprocess
import textwrap
import warnings
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy

from scripts import opset
from scripts.base.fault import Fault
from scripts.formats import onnx as reader
from scripts.opset import rules
from scripts.tfjs import write_graph
from scripts.viewer import packages, predict

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx_cases.js")
# The operations that exports of vision, sequence and transformer models are made of.  Outside of these are training,
# texts, sequences, trees, random numbers.
ASKED = frozenset("""
    Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization
    BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad Clip
    Col2Im Compress Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT
    DeformConv DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand
    EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
    GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
    InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop
    LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix
    Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul
    QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign
    RotaryEmbedding Round STFT Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice
    Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum SwiGLU Swish Tan Tanh ThresholdedRelu Tile
    TopK Transpose Trilu Unsqueeze Upsample Where Xor""".split())
NUMBERS = {1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
           11: "double", 12: "uint32", 13: "uint64", 16: "bfloat16"}  # TensorProto.DataType
HALF = {10: 2e-3, 16: 2e-2}  # of the types of 16 bits: how far two ways of computing may be apart


class Case(NamedTuple):
    """A model and what it shall compute.

    name      as ONNX has it      operation  that it is about
    model     ModelProto          bound      relative error that is allowed
    inputs, outputs  ndarrays, or what else ONNX has: lists, None
    """

    name: str
    operation: str
    model: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    bound: float = 1e-3


class Found(NamedTuple):
    """What became of a case: "passed", "refused" (words: why) or "wrong" (words: how)."""

    case: Case
    state: str
    words: str = ""


def nodes() -> List[Case]:
    """Return the cases of single operations, each also with the function that the operation stands for."""
    from onnx.backend.test.loader import load_model_tests
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cases that divide by zero
        loaded = load_model_tests(kind="node")
    cases = [Case(case.name, case.model.graph.node[0].op_type, case.model, *case.data_sets[0], case.rtol)
             for case in loaded]
    about = {case.name: case.operation for case in cases}
    return [case._replace(operation=about.get(case.name.split("_expanded")[0], case.operation)) for case in cases]


def exported(kind: str) -> List[Case]:
    """Return the models that PyTorch exported: kind "pytorch-converted" or "pytorch-operator"."""
    import onnx
    from onnx import numpy_helper
    folder = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", kind)
    cases = []
    for name in sorted(os.listdir(folder)):
        place = os.path.join(folder, name, "test_data_set_0")
        if not os.path.isdir(place):
            continue
        given: Dict[str, List[Any]] = {"input": [], "output": []}
        for side, found in given.items():
            while os.path.exists(os.path.join(place, f"{side}_{len(found)}.pb")):
                tensor = onnx.load_tensor(os.path.join(place, f"{side}_{len(found)}.pb"))
                found.append(numpy_helper.to_array(tensor))
        cases.append(Case(name, kind, onnx.load(os.path.join(folder, name, "model.onnx")), given["input"],
                          given["output"]))
    return cases


def is_of_numbers(case: Case) -> bool:
    """Whether all that goes in and comes out is tensors of numbers of 8 bits or more."""
    sides = list(case.model.graph.input) + list(case.model.graph.output)
    return all(side.type.WhichOneof("value") == "tensor_type" and side.type.tensor_type.elem_type in NUMBERS
               for side in sides)


# What we make of them -------------------------------------------------------------------------------------------

class Converted(NamedTuple):
    """A case that has been converted: the directory of its model.json, what is fed, and the nodes of its outputs."""

    case: Case
    target: str
    fed: List[Any]
    outputs: List[str]


def judge(cases: Iterable[Case], folder: str) -> List[Found]:
    """Convert every case, as it is laid out in ONNX, run those that convert, and compare.

    Where an operation has to know how it shall compute (axes, a shape, a kernel), the case is tried once more with all
    inputs but the first as constants, and then with all, which is how exporters write them: cases have everything as
    inputs.
    """
    found, pending = [], []
    for number, case in enumerate(cases):
        target = os.path.join(folder, str(number))
        os.makedirs(target)
        try:
            try:
                pending.append(convert(case, target, len(case.inputs)))
            except Fault as fault:
                if not is_of_numbers(case):
                    raise
                try:
                    pending.append(convert(case, target, 1, fault))
                except Fault:
                    pending.append(convert(case, target, 0, fault))
        except Fault as fault:
            found.append(Found(case, "refused", str(fault)))
    said = run([(os.path.join(one.target, "model.json"), one.fed) for one in pending])
    return found + [compared(one, words) for one, words in zip(pending, said)]


def convert(case: Case, target: str, fed: int, before: Optional[Fault] = None) -> Converted:
    """Write a case's model as model.json in `target`, its inputs from the number `fed` on as constants.

    Raises Fault where it is refused: the one before, if the constants do not help.
    """
    path = os.path.join(target, "model.onnx")
    with open(path, "wb") as stream:
        stream.write(case.model.SerializeToString() if fed >= len(case.inputs) else
                     with_constants(case.model, case.inputs, fed).SerializeToString())
    try:
        lowered = opset.lower(reader.read(path), layout="as-is")
    except Fault as fault:
        raise before or fault
    write_graph.write(lowered.graph, target)
    return Converted(case, target, list(case.inputs[:fed]), [
        lowered.outputs[side.name] for side in case.model.graph.output])


def with_constants(model: Any, inputs: Sequence[Any], fed: int) -> Any:
    """Return a model whose inputs from the number `fed` on are constants."""
    from onnx import ModelProto, TensorProto, numpy_helper
    made = ModelProto()
    made.CopyFrom(model)
    for side, values in list(zip(made.graph.input, inputs))[fed:]:
        if isinstance(values, TensorProto):
            tensor = TensorProto()
            tensor.CopyFrom(values)
            tensor.name = side.name
        else:
            tensor = numpy_helper.from_array(numpy.asarray(values), side.name)
        made.graph.initializer.append(tensor)
        made.graph.input.remove(side)
    return made


def run(models: Sequence[Tuple[str, Sequence[numpy.ndarray]]]) -> List[Any]:
    """Run each model.json on its inputs, in one process; return None or the error of each.  "answer" lies beside it."""
    lines = []
    for path, inputs in models:
        request = os.path.join(os.path.dirname(path), "request")
        inputs = [as_array(values) for values in inputs]
        header = {"inputs": [{"shape": list(values.shape)} for values in inputs], "outputs": None}
        with open(request, "wb") as stream:
            stream.write(json.dumps(header).encode("ascii") + b"\n")
            for values in inputs:
                stream.write(values.tobytes())
        lines.append(json.dumps([path, request, os.path.join(os.path.dirname(path), "answer")]))
    command = packages.node() + [SCRIPT, predict.SCRIPT, packages.bundle("@tensorflow/tfjs")]
    done = subprocess.run(command, input="\n".join(lines) + "\n", stdout=subprocess.PIPE, universal_newlines=True,
                          check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(models), done.stdout[-500:]
    return said


def as_array(values: Any) -> numpy.ndarray:
    """A tensor as float32, in which predict.js takes all: ONNX has some of its own types as protobuf."""
    from onnx import TensorProto, numpy_helper
    array = numpy_helper.to_array(values) if isinstance(values, TensorProto) else numpy.asarray(values)
    return numpy.ascontiguousarray(array.astype(numpy.float32)).reshape(array.shape)


def answers(target: str) -> Dict[str, numpy.ndarray]:
    """Return {output: values} that TensorFlow.js wrote beside model.json."""
    made = {}
    with open(os.path.join(target, "answer"), "rb") as stream:
        for output in json.loads(stream.readline().decode("utf-8"))["outputs"]:
            values = numpy.frombuffer(stream.read(4 * int(numpy.prod(output["shape"]))), output["dtype"])
            made[output["name"]] = values.reshape(output["shape"])
    return made


def compared(one: Converted, said: Any) -> Found:
    """Hold what TensorFlow.js answered against what the case says."""
    case = one.case
    if said is not None:
        return Found(case, "wrong", f"TensorFlow.js: {said}")
    made = answers(one.target)
    for name, wanted, side in zip(one.outputs, case.outputs, case.model.graph.output):
        words = differs(as_array(wanted), made[name], max(
            case.bound, HALF.get(side.type.tensor_type.elem_type, 0)))
        if words:
            return Found(case, "wrong", f"output {side.name}: {words}")
    return Found(case, "passed")


def differs(wanted: numpy.ndarray, made: numpy.ndarray, bound: float) -> str:
    """Say how far the values are apart, "" where they are not."""
    if tuple(wanted.shape) != tuple(made.shape):
        return f"its shape is {made.shape} and shall be {wanted.shape}"
    wanted, made = wanted.astype("float64"), made.astype("float64")
    if numpy.allclose(made, wanted, bound, 1e-5, equal_nan=True):
        return ""
    with numpy.errstate(all="ignore"):
        return f"{numpy.nanmax(abs(made - wanted)):.3g} apart; {made.reshape(-1)[:6]} for {wanted.reshape(-1)[:6]}"


# The figure -------------------------------------------------------------------------------------------------------

def table(found: Iterable[Found]) -> Dict[str, "collections.Counter[str]"]:
    """Count what became of the cases of each operation: {"Conv": {"passed": 3, "refused": 0}}."""
    counts: Dict[str, collections.Counter[str]] = collections.OrderedDict()
    for one in sorted(found, key=lambda one: one.case.operation):
        counts.setdefault(one.case.operation, collections.Counter())[one.state] += 1
    return counts


def share(found: Sequence[Found]) -> float:
    """The part of the cases that passed, among those of the operations asked for whose tensors are numbers."""
    asked = [one for one in found if one.case.operation in ASKED and is_of_numbers(one.case)]
    return sum(one.state == "passed" for one in asked) / len(asked)


def words(found: Sequence[Found]) -> str:
    """Say the figure, and which operations there are, as docs/onnx-operations.md has it."""
    asked = [one for one in found if one.case.operation in ASKED and is_of_numbers(one.case)]
    passed = sum(one.state == "passed" for one in asked)
    lines = [f"- cases of ONNX: {len(found)}", f"- of the operations of exported models, with numbers: {len(asked)}",
             f"- computed alike in TensorFlow.js 4.22.0: {passed} ({100 * passed // len(asked)} %)",
             f"- refused with a reason: {len(asked) - passed}",
             f"- wrong: {sum(one.state == 'wrong' for one in found)}", "", "Refused are cases of:", ""]
    lines += [f"- {operation}: {counts['refused']} of {sum(counts.values())}"
              for operation, counts in table(asked).items() if counts["refused"]]
    lines += ["", "## Of ONNX", ""] + paragraph("") + ["", "## Of ONNX Runtime (com.microsoft)", ""]
    lines += paragraph("com.microsoft") + ["", "## Of classical models (ai.onnx.ml)", ""]
    return "\n".join(lines + paragraph("ai.onnx.ml")) + "\n"


def paragraph(domain: str) -> List[str]:
    """The names of a domain's operations, in lines of at most 120 columns."""
    names = sorted(name for own, name in rules.TABLE if own == domain)
    return textwrap.wrap(", ".join(names) + ".", 120)


if __name__ == "__main__":
    import tempfile
    with tempfile.TemporaryDirectory() as _place:
        print(words(judge(nodes(), _place)))
