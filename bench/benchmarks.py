"""The benchmarks, each a function: what we do against what one would do otherwise, in one run on one machine.

    python -m bench.benchmarks [NAME …]

Results go to bench/results/NAME.json and, as a table, to bench/README.md.
"""
import hashlib
import os
import shutil
import sys
import tempfile

from bench import images, measure
from scripts import Fault, command, stack

PY36 = os.path.join(measure.ROOT, ".venv-py36", "bin", "python")
LAYERS = ["Conv2D_1", "MaxPooling2D_1", "Conv2D_2", "MaxPooling2D_2", "Dense_1", "Dense_2", "Softmax"]
BUILD_LENET = ("import sys; from scripts import child, lenet; "
               "child.save_h5(lenet.build(child.legacy_keras()), sys.argv[1])")


def lenet(python, path):
    """Write an untrained LeNet of Keras 2 to `path`: the official route reads no other."""
    measure.once([python, "-c", BUILD_LENET, path])


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

        got = measure.side_by_side({
            "ours": [[python, "-m", "scripts.preprocess", source, ours, "--layers", ",".join(LAYERS)]],
            "official": [[python, "-m", "scripts.reference", "encapsulate", source, middle, "--layers",
                          '["%s"]' % '", "'.join(LAYERS)],
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
    from scripts.model import Model, Weight
    width = int((size * 1e6 / 4 / 8) ** 0.5)
    layers = [{"class_name": "InputLayer", "config": {"batch_input_shape": [None, width], "dtype": "float32",
                                                      "sparse": False, "name": "input"}}]
    weights = {"input": []}
    random = numpy.random.RandomState(0)
    for index in range(8):
        name = "dense_%d" % index
        layers.append({"class_name": "Dense", "config": {"name": name, "trainable": True, "dtype": "float32",
                       "units": width, "activation": "relu", "use_bias": False}})
        weights[name] = [Weight.of(name + "/kernel:0", random.rand(width, width).astype("float32"))]
    keras_h5.write(Model({"class_name": "Sequential", "config": {"name": "big", "layers": layers}}, weights,
                         "2.6.0"), path)


def big(place, megabytes=500):
    """A big h5 -> artifacts, against cp of the bytes that are written plus sha256 of the bytes that are hashed."""
    rows = []
    for size in (10, 100, megabytes):
        source = os.path.join(place, "big.h5")
        # In a process of its own: a child's peak memory begins with what its parent held.
        measure.once([sys.executable, "-c", "import sys; from bench import benchmarks; "
                      "benchmarks.write_big(sys.argv[1], int(sys.argv[2]))", source, str(size)])
        written = os.path.getsize(source)
        project = os.path.join(place, "project")
        shutil.rmtree(project, ignore_errors=True)
        make_project(project, {"big": source})

        def hash_and_copy():
            # What the build writes is enc_model.h5 and the shards, what it hashes is the source and both of these.
            for copy in ("one", "two"):
                shutil.copyfile(source, os.path.join(place, copy))
            for path in (source, os.path.join(place, "one"), os.path.join(place, "two")):
                with open(path, "rb") as stream:
                    digest = hashlib.sha256()
                    for chunk in iter(lambda: stream.read(1 << 20), b""):
                        digest.update(chunk)

        def prepare(contender):
            shutil.rmtree(os.path.join(project, "models", ".records"), ignore_errors=True)
            for name in ("big", "json_models"):
                shutil.rmtree(os.path.join(project, "models", name), ignore_errors=True)

        got = measure.side_by_side({"ours": [([sys.executable, "-m", "doit", "convert"], project)],
                                    "cp and sha256": [hash_and_copy]}, runs=3, prepare=prepare)
        rows.append({"MB": round(written / 1e6), "ours s": got["ours"]["seconds"],
                     "cp and sha256 s": got["cp and sha256"]["seconds"],
                     "ratio": round(got["ours"]["seconds"] / got["cp and sha256"]["seconds"], 2),
                     "ours peak MB": got["ours"]["megabytes"], "spread s": got["ours"]["spread"]})
    return rows, "Eight Dense layers, `doit convert` from nothing with every record and hash that this means."


def many(place, counts=(1, 10, 100)):
    """Many small models through `doit convert`, from nothing and with nothing to do, on one process and on two."""
    rows = []
    source = os.path.join(place, "lenet.h5")
    lenet(sys.executable, source)
    for count in counts:
        project = os.path.join(place, "many-%d" % count)
        make_project(project, {"m%04d" % index: source for index in range(count)})

        def prepare(contender):
            if contender != "nothing to do":
                shutil.rmtree(os.path.join(project, "models", ".records"), ignore_errors=True)
                for name in os.listdir(os.path.join(project, "models")):
                    if name != "models.toml":
                        shutil.rmtree(os.path.join(project, "models", name), ignore_errors=True)

        doit = [sys.executable, "-m", "doit"]
        got = measure.side_by_side({"two processes": [(doit + ["-n", "2"], project)], "from nothing": [(doit, project)],
                                    "nothing to do": [(doit, project)]}, runs=3, prepare=prepare)
        rows.append({"models": count, "from nothing s": got["from nothing"]["seconds"],
                     "per model s": round(got["from nothing"]["seconds"] / count, 3),
                     "-n 2 s": got["two processes"]["seconds"], "nothing to do s": got["nothing to do"]["seconds"],
                     "spread s": got["from nothing"]["spread"]})
    return rows, "LeNet under as many names; the last column is the run after."


def uptodate(place, counts=(1, 10, 100)):
    """`doit convert` with nothing to do, against plain doit with the same files and against GNU make."""
    rows = []
    source = os.path.join(place, "lenet.h5")
    lenet(sys.executable, source)
    for count in counts:
        project, plain = os.path.join(place, "ours-%d" % count), os.path.join(place, "plain-%d" % count)
        make_project(project, {"m%04d" % index: source for index in range(count)})
        measure.once([sys.executable, "-m", "doit"], project)
        os.makedirs(plain)
        with open(os.path.join(plain, "dodo.py"), "w") as stream:
            stream.write(PLAIN_DODO % (count, source))
        with open(os.path.join(plain, "Makefile"), "w") as stream:
            names = ["m%04d" % index for index in range(count)]
            stream.write("all:" + "".join(" %s.json" % name for name in names) + "\n" + "".join(
                "%s.h5: %s\n\tcp $< $@\n%s.json: %s.h5\n\tcp $< $@\n" % (name, source, name, name) for name in names))
        measure.once([sys.executable, "-m", "doit"], plain)
        measure.once(["make", "-s"], plain)
        got = measure.side_by_side({"ours": [([sys.executable, "-m", "doit"], project)],
                                    "doit": [([sys.executable, "-m", "doit"], plain)],
                                    "make": [(["make", "-s"], plain)]}, runs=7)
        rows.append({"models": count, "ours s": got["ours"]["seconds"], "plain doit s": got["doit"]["seconds"],
                     "ratio": round(got["ours"]["seconds"] / got["doit"]["seconds"], 2),
                     "make s": got["make"]["seconds"], "spread s": got["ours"]["spread"]})
    return rows, "Plain doit and make have two tasks per model with file dependencies and no other check."


PLAIN_DODO = '''
def task_encapsulate():
    for index in range(%d):
        yield {"name": str(index), "file_dep": ["%s"], "targets": ["m%%04d.h5" %% index],
               "actions": ["cp %%(dependencies)s %%(targets)s"]}


def task_convert():
    for task in list(task_encapsulate()):
        source = task["targets"][0]
        yield {"name": task["name"], "file_dep": [source], "targets": [source[:-3] + ".json"],
               "actions": ["cp %%(dependencies)s %%(targets)s"]}
'''


def make_project(path, sources):
    """Make a project at `path` that converts {name: source}."""
    for name in ("scripts", "docker/locks"):
        shutil.copytree(os.path.join(measure.ROOT, name), os.path.join(path, name),
                        ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(measure.ROOT, "dodo.py"), path)
    os.makedirs(os.path.join(path, "models"))
    with open(os.path.join(path, "models", "models.toml"), "w") as stream:
        for name, source in sources.items():
            stream.write('[%s]\nsource = "%s"\n' % (name, source))


BENCHMARKS = {"uptodate": uptodate, "changed": changed, "many": many, "big": big, "image": images.image}


def table():
    """Write the results into bench/README.md, between its two marks."""
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
        parts.append("### %s\n\n%s\n\n%s\n\n| %s |\n|%s\n%s\n" % (
            name, function.__doc__.strip(), found["notes"], " | ".join(heads), "---|" * len(heads),
            "\n".join("| %s |" % " | ".join(str(row[head]) for head in heads) for row in found["rows"])))
    before, _, rest = text.partition("<!-- results -->\n")
    _, _, after = rest.partition("<!-- end of results -->\n")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(before + "<!-- results -->\n" + "\n".join(parts) + "<!-- end of results -->\n" + after)


def run(*names):
    """Run some benchmarks, or all, and bring bench/README.md up to date."""
    for name in names or BENCHMARKS:
        if name not in BENCHMARKS:
            raise Fault("no benchmark %s: there are %s" % (name, ", ".join(BENCHMARKS)))
        with tempfile.TemporaryDirectory(prefix="bench-") as place:
            rows, notes = BENCHMARKS[name](place)
        measure.save(name, rows, notes)
    table()


def main(arguments):
    parser = command.Parser(prog="python -m bench.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(BENCHMARKS))
    run(*parser.parse_args(arguments).names)


if __name__ == "__main__":
    command.run(main)
