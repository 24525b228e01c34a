"""Keras 2.3.1 and tf.keras of TensorFlow 1.15, asked from another environment: models of the zoo as they were in 2019.

    python -m tests.models.keras231     in .venv-keras231: requests on stdin, answers on stdout, pickled

One process answers for all models, since TensorFlow 1.15 takes seconds to import.  A request is a method of
oracle.Planted with its arguments, or "new" with a flavour and a name; an answer (None, value) or (traceback, None).
"""
import atexit
import functools
import os
import pickle
import subprocess
import sys
import tempfile
import traceback

from tests.models import oracle


class Remote:
    """What oracle.Planted is, in the process of the old Keras; it has one model, the last one asked for."""

    def __init__(self, flavour, name):
        self.inputs = ask("new", flavour, name)

    def save(self, path, **options):
        ask("save", path, **options)

    def save_parts(self, topology, weights):
        ask("save_parts", topology, weights)

    def activations(self, names):
        return ask("activations", names)

    def save_multi_output(self, path):
        ask("save_multi_output", path)

    def load(self, path, inputs=None):
        return ask("load", path, inputs)


def ask(method, *arguments, **options):
    """Return what the old Keras's process answers; AssertionError with its traceback where it raised."""
    process, log = started()
    try:
        pickle.dump((method, arguments, options), process.stdin, 4)
        process.stdin.flush()
        error, value = pickle.load(process.stdout)
    except (EOFError, OSError):
        log.seek(0)
        error = "it ended ({}): {}".format(process.wait(), log.read().decode("utf-8", "replace")[-2000:])
    assert error is None, "Keras 2.3.1's process: " + error
    return value


@functools.lru_cache(None)
def started():
    """Start the process, once in a run of the tests; return it and the file that has its stderr."""
    from tests import needs
    log = tempfile.TemporaryFile()
    # TensorFlow 2 leaves a TF2_BEHAVIOR behind that makes TensorFlow 1 eager.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TF")}
    environ.update(PYTHONPATH=needs.ROOT, TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    process = subprocess.Popen([needs.keras231(), "-W", "ignore", "-m", "tests.models.keras231"], cwd=needs.ROOT,
                               env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    atexit.register(ended, process)
    return process, log


def ended(process):
    process.stdin.close()
    process.wait()


def answer(requests, answers):
    """Answer requests until there are none."""
    model = None
    while True:
        try:
            method, arguments, options = pickle.load(requests)
        except EOFError:
            return
        try:
            if method == "new":
                model = None
                model = oracle.Planted(*arguments)
                result = None, model.inputs
            else:
                result = None, getattr(model, method)(*arguments, **options)
        except Exception:
            result = traceback.format_exc(), None
        pickle.dump(result, answers, 4)
        answers.flush()


if __name__ == "__main__":
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what TensorFlow prints is no answer
    answer(sys.stdin.buffer, private)
