"""A Chromium that a test drives, and a server of the page under test; both end with their `with` block."""
import json
import os
import subprocess
import threading

from scripts.viewer import packages, serve

HERE = os.path.dirname(os.path.abspath(__file__))


class Problem(Exception):
    """What the browser could not do, in its words."""


class Browser(object):
    """One headless Chromium.  `open` begins anew: a fresh profile, no problems noted."""

    def __init__(self, chromium, flags=()):
        command = packages.node() + [os.path.join(HERE, "drive.js"), packages.fetch("playwright-core"), chromium] + list(flags)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, name, **options):
        self.process.stdin.write(json.dumps(dict(options, name=name)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the browser's driver ended"}
        if "error" in answer:
            raise Problem(answer["error"])
        return answer["value"]

    def open(self, url, width=1000, height=600, before=None, reduced=True):
        """Load a page and wait until it is ready.  `before` runs first; `reduced`: no animations, as users may ask for.

        The window is small because software WebGL takes its time by the pixel."""
        self.ask("open", url=url, width=width, height=height, before=before, reduced=reduced)

    def evaluate(self, code):
        """Return the value of a JavaScript expression, awaited."""
        return self.ask("evaluate", code=code)

    def problems(self):
        """Return what the console said at the levels warning and error, and what nobody caught."""
        return self.ask("problems")

    def failure(self):
        """Return the words in which the page says what did not work, or None."""
        return self.evaluate("document.getElementById('failure').hidden ? null : document.getElementById('words').textContent")


class Serving(object):
    """`scripts.viewer.serve` of a directory, in a thread."""

    def __init__(self, directory):
        self.server = serve.listen(str(directory), 0)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self.server.address

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
