"""Graphs as PyTorch's exporters write them: all outputs are those of onnxruntime, in both layouts."""
import numpy
import pytest

from scripts import opset
from scripts.formats import onnx as reader
from scripts.tfjs import write_graph
from tests import needs
from tests.models import onnx_builders, onnx_cases

pytestmark = pytest.mark.modern
LAYOUTS = ("auto", "as-is")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{(model, style, layout): (what onnxruntime computes, what TensorFlow.js answers, or why not)}."""
    needs.onnx()
    needs.node()
    import onnxruntime
    folder, pending = tmp_path_factory.mktemp("exports"), []
    for build in onnx_builders.MODELS:
        for style in onnx_builders.STYLES:
            path = str(folder / f"{build.__name__}-{style}.onnx")
            proto = build(style)
            with open(path, "wb") as stream:
                stream.write(proto.SerializeToString())
            shape = [size.dim_value or 2 for size in proto.graph.input[0].type.tensor_type.shape.dim]
            random = numpy.random.RandomState(5)
            words = proto.graph.input[0].type.tensor_type.elem_type == 7
            given = random.randint(0, 20, shape) if words else random.normal(0, 1, shape).astype("float32")
            options = onnxruntime.SessionOptions()
            if build is onnx_builders.quantized:  # else it rounds differently than the file says
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            wanted = session.run(None, {"input": given})[0]
            for layout in LAYOUTS:
                target = folder / f"{build.__name__}-{style}-{layout}"
                lowered = opset.lower(reader.read(path), layout=layout)
                write_graph.write(lowered.graph, str(target))
                moved = [numpy.moveaxis(one, 1, -1) if name in lowered.layouts else one for one, name in (
                    (given, lowered.graph.inputs[0]), (wanted, lowered.outputs["output"]))]
                pending.append(((build.__name__, style, layout), str(target), moved[0], moved[1],
                                lowered.outputs["output"], lowered))
    said = onnx_cases.run([(target + "/model.json", [fed]) for _, target, fed, _, _, _ in pending])
    return {key: (wanted, words or onnx_cases.answers(target)[output], lowered)
            for (key, target, _, wanted, output, lowered), words in zip(pending, said)}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("style", onnx_builders.STYLES)
@pytest.mark.parametrize("name", [build.__name__ for build in onnx_builders.MODELS])
def test_an_export_computes_what_onnxruntime_does(made, name, style, layout):
    wanted, found, _ = made[name, style, layout]
    assert not isinstance(found, str), found
    assert found.shape == wanted.shape
    assert abs(found - wanted).max() <= 1e-4 * max(abs(wanted).max(), 1)


@pytest.mark.parametrize("style", onnx_builders.STYLES)
@pytest.mark.parametrize("name", ["alexnet", "vgg", "resnet", "mobilenet2", "mobilenet3", "efficientnet", "densenet",
                                  "unet", "quantized"])
def test_images_are_moved_nowhere(made, name, style):
    graph = made[name, style, "auto"][2].graph
    assert [node.name for node in graph.nodes.values() if node.op == "Transpose"] == []
