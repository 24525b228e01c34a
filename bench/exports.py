"""ONNX files and graph models that are converted, against what has to be done with their bytes in any case.

    python -m bench.exports PATH WIDTH      write a ResNet-50 as PyTorch exports it; of width 64 it has 102 MB
"""
import os
import shutil
import sys

from bench import measure
from bench.projects import against_cp
from tests.unit.onnx_made import Made

STAGES = ((3, 1), (4, 2), (6, 4), (3, 8))  # blocks, and their channels as multiples of the width


def resnet50(path, width):
    """Write a ResNet-50 whose first stage has `width` channels, its normalizations folded, with random weights."""
    made = Made()

    def conv(x, where, inputs, outputs, size, stride):
        name = where[1:].replace("/", ".")
        return made.node("Conv", x, made.weight(name + ".weight", outputs, inputs, size, size),
                         made.weight(name + ".bias", outputs), named=where + "/Conv", kernel_shape=[size, size],
                         strides=[stride, stride], pads=[size // 2] * 4)

    x = made.node("Relu", conv("input", "/conv1", 3, width, 7, 2), named="/relu/Relu")
    x = made.node("MaxPool", x, named="/maxpool/MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inputs = width
    for stage, (count, wider) in enumerate(STAGES, 1):
        for block in range(count):
            where, stride, inner = f"/layer{stage}/layer{stage}.{block}", 1 + (stage > 1 and not block), width * wider
            y = made.node("Relu", conv(x, where + "/conv1", inputs, inner, 1, 1), named=where + "/relu/Relu")
            y = made.node("Relu", conv(y, where + "/conv2", inner, inner, 3, stride), named=where + "/relu_1/Relu")
            y = conv(y, where + "/conv3", inner, 4 * inner, 1, 1)
            if not block:
                x = conv(x, where + "/downsample/downsample.0", inputs, 4 * inner, 1, stride)
            x = made.node("Relu", made.node("Add", y, x, named=where + "/Add"), named=where + "/relu_2/Relu")
            inputs = 4 * inner
    x = made.node("Flatten", made.node("GlobalAveragePool", x, named="/avgpool/GlobalAveragePool"), named="/Flatten")
    y = made.node("Gemm", x, made.weight("fc.weight", 1000, inputs), made.weight("fc.bias", 1000), named="/fc/Gemm",
                  transB=1)
    made.save(path, {"input": ["batch", 3, 224, 224]}, [y])


def onnx(place, widths=(64, 128)):
    """An ONNX file of ResNet-50 -> artifacts, against cp of the bytes that are written plus sha256 of all.

    The widths are those of the first stage: 64 is ResNet-50.
    """
    rows = []
    for width in widths:
        source = os.path.join(place, "resnet50.onnx")
        # In a process of its own: a child's peak memory begins with what its parent held.
        measure.once([sys.executable, "-m", "bench.exports", source, str(width)])
        rows.append(dict([("width", width)], **against_cp(place, source, 1, commands=True)))
    return rows, "`doit convert` from nothing with every record and hash. The source is hashed, and so are the shards."


def graph(place, layers=(1, 20, 100)):
    """A TensorFlow.js graph model -> one with outputs inside, against `import numpy`, cp and sha256."""
    rows = []
    for count in layers:
        source, out = os.path.join(place, f"source-{count}"), os.path.join(place, f"out-{count}")
        # In a process of its own: a child's peak memory begins with what its parent held.
        measure.once([sys.executable, "-c", "import sys; from tests.unit import graphs; "
                      "graphs.dense(sys.argv[1], int(sys.argv[2]), 512)", source, str(count)])
        size = sum(os.path.getsize(os.path.join(source, name)) for name in os.listdir(source))
        shell = (f"{sys.executable} -c 'import numpy' && mkdir {out} && cp {source}/* {out} && "
                 f"sha256sum {out}/* >/dev/null")
        got = measure.side_by_side({"ours": [[sys.executable, "-m", "scripts.preprocess", source, out]],
                                    "least": [["sh", "-c", shell]]},
                                   prepare=lambda contender: shutil.rmtree(out, ignore_errors=True))
        rows.append({"MB": round(size / 1e6), "ours s": got["ours"]["seconds"], "least s": got["least"]["seconds"],
                     "ratio": round(got["ours"]["seconds"] / got["least"]["seconds"], 2),
                     "ours peak MB": got["ours"]["megabytes"], "spread s": got["ours"]["spread"]})
    return rows, "Cold processes, layers of 512 units, each of them an output, without TensorFlow."


if __name__ == "__main__":
    resnet50(sys.argv[1], int(sys.argv[2]))
