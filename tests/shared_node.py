"""One Node process for all models that a run of the tests converts, in the place of one process for each.

`run_node` is what scripts.viewer.predict.run_node is, and each model gets a TensorFlow.js of its own (shared_node.js).
A process that ends is one model's error, which names the model, and the next model gets a new process.
What TensorFlow.js leaves behind, some 1.5 MB a model, is given back by a new process after ENOUGH models, before Node
ends with "heap out of memory".
"""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile

from scripts.tfjs import write_graph, write_layers
from scripts.viewer import packages, predict
from tests.shared_process import Shared

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shared_node.js")
ENOUGH = 100


class Node(Shared):
    """The process, started with the first model.  asked: the number of its requests so far."""

    def start(self):
        self.process = subprocess.Popen(packages.node() + [SCRIPT, predict.SCRIPT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log)
        self.asked = 0

    def answer(self, *request):
        """Return (exit status, words) as a process of its own would have ended."""
        if self.process is not None and self.asked == ENOUGH:
            self.end()
        if self.process is None:
            self.start()
        self.asked += 1
        try:
            self.process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = b""
        if not line:
            return self.crashed()
        said = json.loads(line.decode("utf-8"))
        return (0, "") if said is None else (1, said)

    def crashed(self):
        """Return the exit status of the process and its last words; the next request starts another."""
        status = self.end()
        self.log.seek(0)
        words = [line for line in self.log.read().decode("utf-8", "replace").splitlines() if line.strip()]
        self.log.seek(0)
        self.log.truncate()
        return status or 1, f"Node ended with {status}: " + " | ".join(words[-3:])


NODE = Node()


# That write a model into a directory
COMMANDS = {"scripts.preprocess", "scripts.convert", "tensorspace-preprocess", "tensorspacejs_converter"}
LOADED = set()  # digests of the model.jsons of which TensorFlow.js was asked something in this run


def run_node(bundle, model_json, request, answer):
    """Run predict.js on one model; return (exit status, what it says where it fails)."""
    LOADED.add(digest(model_json))
    return NODE.ask(os.path.abspath(bundle), os.path.abspath(model_json), request, answer)


def digest(path):
    """Return the digest of a file, None where there is none."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def promised(path):
    """Have TensorFlow.js load a model.json that a child of the test has written, where the test promises that."""
    if Loads.running and Loads.running.active and digest(path) not in LOADED:
        Loads.running.load(path)


def written(arguments):
    """Have TensorFlow.js load the models in the directories that a command has been given."""
    for place in filter(os.path.isdir, map(str, arguments)):
        for name in os.listdir(place):
            if name.endswith(".json") and write_layers.own(place, name):
                promised(os.path.join(place, name))


class Loads:
    """Exit 0 is a promise: what write_layers.write has written here, TensorFlow.js loads.

    active: whether the test that runs promises it.
    `refused` collects "PATH: what TensorFlow.js says" of each result that it does not load, at once: a test may spoil
    the files later.  A graph model is copied instead, and loaded at the end of the test where nothing has asked
    TensorFlow.js for it: most tests of graphs run what they convert.
    """

    running = None  # the one of this run

    def __init__(self):
        Loads.running = self
        self.refused, self.write, self.active = [], write_layers.write, False
        self.write_graph, self.kept = write_graph.write, {}
        self.alone = subprocess.run
        self.bundle = packages.bundle("@tensorflow/tfjs")

    def __call__(self, model, directory, json_name="model.json", *options, **more):
        names = self.write(model, directory, json_name, *options, **more)
        if not self.active:  # the test makes no such promise
            return names
        self.load(os.path.join(directory, json_name))
        return names

    def graph(self, graph, directory, json_name="model.json", *options, **more):
        """In the place of write_graph.write."""
        names = self.write_graph(graph, directory, json_name, *options, **more)
        if self.active:
            private = tempfile.TemporaryDirectory(prefix="kept-")
            for name in names:
                shutil.copy(os.path.join(directory, name), private.name)  # a link would change the file's own times
            self.kept[digest(os.path.join(directory, json_name))] = private, json_name
        return names

    def run(self, command, *rest, **options):
        """In the place of subprocess.run: what a command of the project has written is loaded when it has ended."""
        ended = self.alone(command, *rest, **options)
        names = set(map(os.path.basename, map(str, command))) if isinstance(command, (list, tuple)) else set()
        if COMMANDS & names and ended.returncode == 0:
            written(command)
        return ended

    def load(self, path):
        """Load a model, and note what TensorFlow.js says where it does not."""
        with tempfile.TemporaryDirectory() as private:
            request = os.path.join(private, "request")
            with open(request, "w") as file:
                file.write('{"describe": true}\n')
            status, said = run_node(self.bundle, path, request, os.path.join(private, "answer"))
        if status:
            self.refused.append(f"{path}: {said}")

    def taken(self):
        """Return what was refused since this was last asked."""
        for key, (private, json_name) in self.kept.items():
            with private:
                if key not in LOADED:
                    self.load(os.path.join(private.name, json_name))
        self.kept = {}
        refused, self.refused = self.refused, []
        return refused
