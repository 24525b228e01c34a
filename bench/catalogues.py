"""Catalogues of one model to a thousand: with nothing to do, and from nothing."""
import hashlib
import os
import shutil
import subprocess
import sys

from bench import measure
from bench.projects import forget, lenet, make_project, names
from scripts import bootstrap

COUNTS = (1, 10, 100, 1000)
LOOP = 3  # models that the shell loop converts: a thousand would take it an hour
DOIT = [sys.executable, "-m", "doit"]

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


def uptodate(place, counts=COUNTS):
    """`doit convert` with nothing to do, against plain doit with the same files, GNU make and `dvc repro`."""
    source, rows = os.path.join(place, "lenet.h5"), []
    lenet(sys.executable, source)
    programs = install("dvc", place)
    dvc = os.path.join(programs, "dvc") if programs else None
    for count in counts:
        measure.progress(f"{count} models")
        project, plain = os.path.join(place, f"ours-{count}"), os.path.join(place, f"plain-{count}")
        make_project(project, {name: source for name in names(count)})
        measure.once(DOIT, project)
        make_plain(plain, source, count)
        measure.once(DOIT, plain)
        measure.once(["make", "-s"], plain)
        contenders = {"ours": [(DOIT, project)], "one": [(DOIT + ["convert:m0000"], project)],
                      "doit": [(DOIT, plain)], "make": [(["make", "-s"], plain)]}
        if dvc:
            pipeline = os.path.join(place, f"dvc-{count}")
            make_dvc(dvc, pipeline, source, count)
            contenders["dvc"] = [([dvc, "repro", "-q"], pipeline)]
        for commands in contenders.values():
            measure.once(*commands[0])  # files younger than two seconds are hashed at every look
        got = measure.side_by_side(contenders, runs=9 if count < 1000 else 5, fewer={"dvc": 3 if count < 1000 else 1})
        rows.append({"models": count, "ours s": got["ours"]["seconds"], "plain doit s": got["doit"]["seconds"],
                     "of plain doit": ratio(got, "ours", "doit"), "make s": got["make"]["seconds"],
                     "dvc s": got["dvc"]["seconds"] if dvc else "none here",
                     "of dvc": ratio(got, "ours", "dvc") if dvc else "none here",
                     "one model of them s": got["one"]["seconds"], "spread s": got["ours"]["spread"]})
    version = subprocess.check_output([dvc, "--version"]).decode().strip() if dvc else "could not be installed here"
    return rows, ("Every contender has two tasks or stages per model, with file dependencies. Those of this project "
                  "depend on code, settings and the stack too. `one model of them` is `doit convert:NAME`. "
                  f"dvc: {version}.")


def ratio(got, one, other):
    return round(got[one]["seconds"] / got[other]["seconds"], 2)


def install(name, place):
    """Install a Python package from its lock (docker/locks/modern-NAME.txt) into an environment of its own below
    `place`; return the directory of its programs, None without a registry."""
    directory = os.path.join(place, "environment-" + name)
    programs = os.path.join(directory, "bin")
    measure.progress(f"installing {name}")
    lock = os.path.join(bootstrap.LOCKS, f"modern-{name}.txt")
    for command in ([sys.executable, "-m", "venv", directory],
                    [os.path.join(programs, "python"), "-m", "pip", "install", "-q", "--require-hashes",
                     "--no-deps", "-r", lock]):
        if subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            return None
    return programs


def make_plain(path, source, count):
    """Make a directory with the same graph for plain doit and for make."""
    os.makedirs(path)
    with open(os.path.join(path, "dodo.py"), "w") as stream:
        stream.write(PLAIN_DODO % (count, source))
    with open(os.path.join(path, "Makefile"), "w") as stream:
        stream.write("all:" + "".join(f" {name}.json" for name in names(count)) + "\n" + "".join(
            f"{name}.h5: {source}\n\tcp $< $@\n{name}.json: {name}.h5\n\tcp $< $@\n"
            for name in names(count)))


def make_dvc(dvc, path, source, count):
    """Make a directory with the same graph for dvc, up to date.

    The files and dvc.lock are written here: dvc writes that file anew after every stage, and would take an hour.
    """
    os.makedirs(path)
    for words in (["init", "-q", "--no-scm"], ["config", "core.analytics", "false"],
                  ["config", "core.check_update", "false"]):
        measure.once([dvc] + words, path)
    shutil.copy(source, os.path.join(path, "source.h5"))
    with open(source, "rb") as stream:
        digest = hashlib.md5(stream.read()).hexdigest()
    pipeline, lock = ["stages:"], ["schema: '2.0'", "stages:"]
    for name in names(count):
        for stage, dependency, output in (("encapsulate", "source.h5", name + ".h5"),
                                          ("convert", name + ".h5", name + ".json")):
            shutil.copy(source, os.path.join(path, output))
            begin = [f"  {stage}-{name}:", f"    cmd: cp {dependency} {output}"]
            pipeline += begin + [f"    deps: [{dependency}]", f"    outs: [{{{output}: {{cache: false}}}}]"]
            lock += begin
            for key, file in (("deps", dependency), ("outs", output)):
                lock += [f"    {key}:", "    - path: " + file, "      hash: md5", "      md5: " + digest,
                         f"      size: {os.path.getsize(source)}"]
    for file, lines in (("dvc.yaml", pipeline), ("dvc.lock", lock)):
        with open(os.path.join(path, file), "w") as stream:
            stream.write("\n".join(lines) + "\n")
    measured = os.stat(os.path.join(path, "m0000.h5")).st_mtime_ns
    measure.once([dvc, "repro", "-q"], path)
    if os.stat(os.path.join(path, "m0000.h5")).st_mtime_ns != measured:
        raise RuntimeError("dvc does not take the lock that was written for it: this would measure something else")


def many(place, counts=COUNTS):
    """Many small models through `doit convert` from nothing, against a shell loop over tensorflowjs_converter."""
    rows, loop = [], None
    source = os.path.join(place, "lenet.h5")
    lenet(sys.executable, source)
    script = "for i in {}; do {} -m scripts.reference convert {} out-$i || exit 1; done".format(
        " ".join(str(index) for index in range(LOOP)), sys.executable, source)
    outside = os.path.join(place, "loop")
    os.makedirs(outside)
    for count in counts:
        measure.progress(f"{count} models")
        project = os.path.join(place, f"many-{count}")
        make_project(project, {name: source for name in names(count)})

        def prepare(contender):
            forget(project)
            for index in range(LOOP):
                shutil.rmtree(os.path.join(outside, f"out-{index}"), ignore_errors=True)
                os.makedirs(os.path.join(outside, f"out-{index}"))

        contenders = {"one": [(DOIT, project)], "two": [(DOIT + ["-n", "2"], project)],
                      "loop": [(["sh", "-c", script], outside, {"PYTHONPATH": measure.ROOT})]}
        runs = 5 if count < 100 else 3 if count < 1000 else 1
        got = measure.side_by_side(contenders, runs=runs, prepare=prepare, fewer={"loop": 1})
        loop = round(got["loop"]["seconds"] / LOOP, 2)
        rows.append({"models": count, "from nothing s": got["one"]["seconds"],
                     "per model s": round(got["one"]["seconds"] / count, 3), "-n 2 s": got["two"]["seconds"],
                     "-n 2 per model s": round(got["two"]["seconds"] / count, 3), "shell loop per model s": loop,
                     "times faster than the loop": round(loop * count / got["one"]["seconds"], 1),
                     "spread s": got["one"]["spread"]})
    return rows, ("LeNet under as many names, outputs chosen and converted. The loop only converts, and was measured "
                  f"on {LOOP} models in the same rounds: it starts TensorFlow for each, whatever their number.")
