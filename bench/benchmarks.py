"""Each benchmark is a function: it times this project against the alternatives, in one run on one machine.

    python -m bench.benchmarks [NAME …]

Results go to bench/results/NAME.json and, as a table, to bench/README.md.
"""
import os
import shutil
import sys
import tempfile

from bench import catalogues, exports, images, lowered, measure, page, plot, training
from bench.projects import LAYERS, against_cp, lenet
from scripts import Fault
from scripts.base import command, stack

PY36 = os.path.join(measure.ROOT, ".venv-py36", "bin", "python")


def changed(place):
    """A model changed: source -> artifacts, cold processes, against Keras and tensorflowjs_converter."""
    rows = []
    for python in [sys.executable] + ([PY36] if os.access(PY36, os.X_OK) and stack.NAME == "modern" else []):
        name = "py36" if python == PY36 else stack.NAME
        source = os.path.join(place, name + ".h5")
        lenet(python, source)
        ours, theirs, middle = (os.path.join(place, name + suffix) for suffix in ("-ours", "-theirs", "-enc.h5"))

        def prepare(contender):
            for path in (ours, theirs):
                shutil.rmtree(path, ignore_errors=True)
            os.makedirs(theirs)
            if os.path.exists(middle):
                os.remove(middle)

        got = measure.side_by_side({
            "ours": [[python, "-m", "scripts.preprocess", source, ours, "--layers", ",".join(LAYERS)]],
            "official": [[python, "-m", "scripts.reference", "encapsulate", source, middle, "--layers",
                          '["{}"]'.format('", "'.join(LAYERS))],
                         [python, "-m", "scripts.reference", "convert", middle, theirs]],
        }, prepare=prepare)
        rows.append({"stack": name, "ours s": got["ours"]["seconds"], "official s": got["official"]["seconds"],
                     "times faster": round(got["official"]["seconds"] / got["ours"]["seconds"], 1),
                     "ours MB": got["ours"]["megabytes"], "official MB": got["official"]["megabytes"],
                     "of the memory": round(got["ours"]["megabytes"] / got["official"]["megabytes"], 3),
                     "spread s": max(got["ours"]["spread"], got["official"]["spread"])})
    return rows, "LeNet, seven outputs; each side starts its processes anew. The official side is scripts.reference."


def write_big(path, size):
    """Write an h5 of about `size` MB: eight Dense layers."""
    import numpy

    from scripts.formats import keras_h5
    from scripts.layers.model import Model, Weight
    width = int((size * 1e6 / 4 / 8) ** 0.5)
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, width], "dtype": "float32",
                                                      "sparse": False, "name": "input"}}]
    weights = {"input": []}
    random = numpy.random.RandomState(0)
    for index in range(8):
        name = f"dense_{index}"
        layers.append({"class_name": "Dense", "config": {"name": name, "trainable": True, "dtype": "float32",
                       "units": width, "activation": "relu", "use_bias": False}})
        weights[name] = [Weight.of(name + "/kernel:0", random.rand(width, width).astype("float32"))]
    keras_h5.write(Model({"class_name": "Sequential", "config": {"name": "big", "layers": layers}}, weights,
                         "2.6.0"), path)


def big(place, sizes=(10, 100, 500, 2000)):
    """A big h5 -> artifacts, against cp of the bytes that are written plus sha256 of the bytes that are hashed."""
    rows = []
    for size in sizes:
        source = os.path.join(place, "big.h5")
        # In a process of its own: a child's peak memory begins with what its parent held.
        measure.once([sys.executable, "-c", "import sys; from bench import benchmarks; "
                      "benchmarks.write_big(sys.argv[1], int(sys.argv[2]))", source, str(size)])
        rows.append(against_cp(place, source, 2))  # enc_model.h5 and the shards
    return rows, "Eight Dense layers, `doit convert` from nothing with every record and hash that this means."


BENCHMARKS = {"uptodate": catalogues.uptodate, "changed": changed, "many": catalogues.many, "big": big,
              "onnx": exports.onnx, "graph": exports.graph, "lowered": lowered.lowered, "page": page.page,
              "image": images.image, "train": training.train}


def table():
    """Write the results into bench/README.md, between its two marks."""
    import inspect
    import json
    path = os.path.join(measure.HERE, "README.md")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    parts = []
    for name, function in BENCHMARKS.items():
        result = os.path.join(measure.RESULTS, name + ".json")
        if not os.path.exists(result):
            continue
        with open(result, encoding="utf-8") as stream:
            found = json.load(stream)
        heads = list(found["columns"])
        parts.append("### {}\n\n{}\n\n{}\n\n| {} |\n|{}\n{}\n".format(
            name, inspect.getdoc(function), found["notes"], " | ".join(heads), "---|" * len(heads),
            "\n".join("| {} |".format(" | ".join(str(row[head]) for head in heads)) for row in found["rows"])))
    before, _, rest = text.partition("<!-- results -->\n")
    _, _, after = rest.partition("<!-- end of results -->\n")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(before + "<!-- results -->\n" + "\n".join(parts) + "<!-- end of results -->\n" + after)


def run(*names):
    """Run some benchmarks, or all, and bring bench/README.md up to date."""
    for name in names or BENCHMARKS:
        if name not in BENCHMARKS:
            raise Fault("no benchmark {}: there are {}".format(name, ", ".join(BENCHMARKS)))
        measure.progress(name)
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            rows, notes = BENCHMARKS[name](place)
        measure.save(name, rows, notes)
        table()
    plot.update()


def main(arguments):
    parser = command.Parser(prog="python -m bench.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(BENCHMARKS))
    run(*parser.parse_args(arguments).names)


if __name__ == "__main__":
    command.run(main)
