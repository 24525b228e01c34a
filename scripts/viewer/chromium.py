"""A headless Chromium: opens pages, runs models in it, takes the README's picture.

    python -m scripts.viewer.chromium PAGE OUT.png         a picture of a page that scripts.viewer.page wrote

Drives Chromium through drive.js (Node and playwright-core); servers and browsers end with their `with` block.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.viewer.chromium")

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from typing import Any, List, Optional, Sequence

import numpy

from ..base import command, files
from ..base.fault import Fault
from . import packages, serve
from .predict import Output

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BACKENDS = ("webgl", "cpu")
RUN = """(async () => {
    await tf.setBackend(%s);
    await tf.ready();
    const json = await (await fetch('model.json')).json(), \
graph = json.format === 'graph-model' || Boolean(json.modelTopology.node);
    const model = await (graph ? tf.loadGraphModel('model.json') : tf.loadLayersModel('model.json'));
    const inputs = await Promise.all(%s.map(async (shape, i) => \
tf.tensor(new Float32Array(await (await fetch('input-' + i)).arrayBuffer()), shape,
        model.inputs[i].dtype === 'int32' ? 'int32' : 'float32')));
    const fed = {};
    model.inputs.forEach((input, i) => { fed[input.name] = inputs[i]; });
    const outputs = [].concat(graph ? model.execute(fed, model.outputs.map(output => output.name)) : \
model.predict(inputs, {batchSize: inputs[0].shape[0]}));
    const names = model.outputs.map(output => graph ? output.name : output.sourceLayer.name);
    const text = bytes => { let all = ''; for (let i = 0; i < bytes.length; i += 32768) \
all += String.fromCharCode(...bytes.subarray(i, i + 32768)); return btoa(all); };
    return [tf.getBackend(), outputs.map((output, i) => [names[i], output.shape, \
text(new Uint8Array(Float32Array.from(output.dataSync()).buffer))])];
})()"""


class Problem(Exception):
    """The browser's words about a thing that it could not do."""


def find() -> str:
    """Return the path of a Chromium or Chrome: $CHROMIUM, or the first one on the PATH.  Raises Fault without one."""
    named = os.environ.get("CHROMIUM")
    found = [path for path in map(shutil.which, [named] if named else NAMES) if path]
    if not found:
        raise Fault(f"{named or 'chromium'}: no Chromium is here; install one (apt install chromium), or set CHROMIUM "
                    "to its path")
    return found[0]


class Browser:
    """One headless Chromium.  `open` begins anew: an empty cache, no problems noted."""

    def __init__(self, chromium: Optional[str] = None, flags: Sequence[str] = ()) -> None:
        line = packages.node() + [os.path.join(HERE, "drive.js"), packages.fetch("playwright-core"), chromium or find()]
        self.process = subprocess.Popen(line + list(flags), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> 'Browser':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, name: str, **options: Any) -> Any:
        """Have drive.js do one of its commands; return its value or raise Problem."""
        self.process.stdin.write((json.dumps(dict(options, name=name)) + "\n").encode("ascii"))
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line.decode("utf-8")) if line else {"error": "the browser's driver ended"}
        if "error" in answer:
            raise Problem(answer["error"])
        return answer["value"]

    def open(self, url: str, width: int = 1000, height: int = 600, before: Optional[str] = None,
             reduced: bool = True) -> None:
        """Load a page in a window of `width` x `height` pixels and wait until it is ready.

        before   JavaScript that runs first
        reduced  True: no animations, as users may ask for

        The window is small because software WebGL takes its time by the pixel.
        """
        self.ask("open", url=url, width=width, height=height, before=before, reduced=reduced)

    def evaluate(self, code: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        return self.ask("evaluate", code=code)

    def problems(self) -> List[str]:
        """Return the console's lines at the levels warning and error, and the uncaught errors."""
        return self.ask("problems")

    def failure(self) -> Optional[str]:
        """Return the words in which the page says that something did not work, or None."""
        return self.evaluate("document.getElementById('failure').hidden ? null : "
                             "document.getElementById('words').textContent")


class Serving:
    """`scripts.viewer.serve` of a directory, in a thread."""

    def __init__(self, directory: str) -> None:
        self.server = serve.listen(str(directory), 0)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        return self.server.address

    def __exit__(self, *exception: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def predict(model_json: str, inputs: Sequence[numpy.ndarray], backend: str = "webgl") -> List[Output]:
    """Run a model in TensorFlow.js in Chromium, on the backend "webgl" or "cpu", as predict.predict does in Node.

    Raises Fault where there is no Chromium, no such backend in it, or TensorFlow.js does not take the model.
    """
    private = tempfile.mkdtemp(prefix="predict-")
    try:
        folder = os.path.dirname(os.path.abspath(model_json))
        with open(model_json, encoding="utf-8") as stream:
            names = [name for group in json.load(stream)["weightsManifest"] for name in group["paths"]]
        for name in names:
            shutil.copyfile(os.path.join(folder, name), os.path.join(private, os.path.basename(name)))
        shutil.copyfile(model_json, os.path.join(private, "model.json"))
        shutil.copyfile(packages.bundle("@tensorflow/tfjs"), os.path.join(private, "tf.min.js"))
        for index, values in enumerate(inputs):
            numpy.ascontiguousarray(values, "<f4").tofile(os.path.join(private, f"input-{index}"))
        with open(os.path.join(private, "index.html"), "w") as stream:
            stream.write('<!DOCTYPE html><script src="tf.min.js"></script>')
        with Serving(private) as address, Browser() as browser:
            browser.open(address)
            used, outputs = browser.evaluate(RUN % (json.dumps(backend),
                                                    json.dumps([list(values.shape) for values in inputs])))
    except Problem as problem:
        raise Fault(f"{model_json}: TensorFlow.js in Chromium: {command.one_line(str(problem).splitlines()[0])}")
    finally:
        shutil.rmtree(private, ignore_errors=True)
    if used != backend:
        raise Fault(f"{model_json}: this Chromium has no {backend}, it fell back to {used}")
    return [Output(name, numpy.frombuffer(base64.b64decode(values), "<f4").reshape(shape))
            for name, shape, values in outputs]


def picture(page: str, target: str, query: str = "theme=dark&sample=7") -> None:
    """Write a PNG of a page, 1400 x 860, to `target`.  Raises Fault where the page fails."""
    try:
        with files.whole(target, os.path.isfile) as part, Serving(page) as address, Browser() as browser:
            browser.open(address + "?" + query, width=1400, height=860)
            if browser.failure():
                raise Fault(f"{page}: {command.one_line(browser.failure())}")
            browser.ask("screenshot", path=os.path.abspath(part))
    except Problem as problem:
        raise Fault(f"{page}: {command.one_line(str(problem).splitlines()[0])}")


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="viewer.chromium",
                            description="Take a picture of a page, with Chromium.")
    parser.add_argument("page", help="directory that scripts.viewer.page wrote")
    parser.add_argument("target", help="PNG to write, where no file is yet")
    options = parser.parse_args(arguments)
    files.vacant(options.target)
    picture(options.page, options.target)
    command.say(options.target)


if __name__ == "__main__":
    command.run(main)
