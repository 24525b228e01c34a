"""One TensorFlow process for all that a run of the tests asks of one, in the place of a child for each.

    python -m tests.shared_tensorflow     requests on stdin, answers on stdout, pickled

TensorFlow takes seconds to import.  `run` is what scripts.base.child.run is, for the modules of which it is enough that
each call has graphs and models of its own; a process that ends is one call's error, and the next call gets a new
process.
A request is (directory to stand in, module, arguments), an answer (exit status, what was said).
"""
import importlib
import os
import pickle
import subprocess
import sys
import traceback

from scripts.base import child, command
from scripts.base.fault import Fault
from tests.shared_process import Shared

ALONE = child.run
NAMED = ("_by_tensorflow", ".by_keras")  # how the names of these modules end


class TensorFlow(Shared):
    """The process, started with the first graph."""

    def answer(self, *request):
        """Return (exit status, words)."""
        if self.process is None:
            environment = dict(os.environ, PYTHONPATH=child.ROOT, **child.ENVIRONMENT)
            self.process = subprocess.Popen([sys.executable, "-m", __name__], cwd=child.ROOT, env=environment,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        try:
            pickle.dump(request, self.process.stdin, 4)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (EOFError, OSError):
            status = self.end()
            self.log.seek(0)
            return status or command.BUG, self.log.read().decode("utf-8", "replace")[-2000:]


TENSORFLOW = TensorFlow()


def run(module, arguments, quiet=False, python=None):
    """Run a module as scripts.base.child.run does, in the shared process where it may."""
    if python not in (None, sys.executable) or not quiet or not module.endswith(NAMED):
        return ALONE(module, arguments, quiet, python)
    status, words = TENSORFLOW.ask(os.getcwd(), module, list(arguments))
    if status == command.FAULT:
        raise Fault(words)
    if status:
        raise RuntimeError(f"{module} {' '.join(arguments)} ended with {status}\n{words}")
    return None


def answer(requests, answers):
    """Answer requests until there are none."""
    while True:
        try:
            directory, module, arguments = pickle.load(requests)
        except EOFError:
            return
        try:
            os.chdir(directory)
            result = importlib.import_module(child.PACKAGE + "." + module).main(arguments) or 0, ""
        except Fault as fault:
            result = command.FAULT, command.one_line(fault)
        except (Exception, SystemExit):
            result = command.BUG, traceback.format_exc()
        pickle.dump(result, answers, 4)
        answers.flush()


if __name__ == "__main__":
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what TensorFlow prints is no answer
    answer(sys.stdin.buffer, private)
