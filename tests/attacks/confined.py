"""The commands, confined to 300 MB of data and some seconds of processor time, each in a process of its own.

    python -m tests.attacks.confined     requests on stdin, answers on stdout, pickled

Python, numpy and h5py take a third of a second to start.  So one process imports them and what the commands import, and
forks for each command.  The fork is confined, runs the command as `python -m scripts.MODULE` does, and ends as Python
does.  The seconds that the imports took count as its own, and tell how slow the processor is: the fork may take TIMES
as many, where these are more than CPU.
A request is (module with its package, arguments, environment, path for stdout, path for stderr), an answer the exit
status, minus the signal's number where one ended it.
"""
import functools
import importlib
import math
import os
import pickle
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time

from tests.needs import ROOT
from tests.shared_process import Shared

MEMORY = 300 * 1024 * 1024
CPU = 5  # seconds; a limit on the process, no measurement
TIMES = 16  # as many as the imports took, on a slow processor: a third of a second of them are CPU
WAIT = 60  # seconds after which what waits for something is ended
# What a fork has of the process that it is of: the commands, and what they import when they need it.
NEEDED = ["h5py", "subprocess", "zipfile"] + ["scripts." + name for name in (
    "convert", "encapsulate", "preprocess", "summary", "formats.keras_archive", "formats.saved_model", "layers.cudnn",
    "layers.lora", "wire.protobuf")]


def confine(seconds=CPU):
    seconds = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))


def environment():
    return dict(os.environ, OPENBLAS_NUM_THREADS="1", PYTHONIOENCODING="utf-8", PYTHONPATH=ROOT)


def alone(module, *arguments):
    """Run a command confined, in a process that begins with Python's start; return (exit status, stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "scripts." + module] + list(arguments), cwd=ROOT, env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=confine,
                          timeout=WAIT)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


class Forks(Shared):
    """The process that forks, started with the first command."""

    def answer(self, *request):
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, "-m", __name__], cwd=ROOT, env=environment(),
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pickle.dump(request, self.process.stdin, 4)
        self.process.stdin.flush()
        return pickle.load(self.process.stdout)


FORKS = Forks()


def run(module, *arguments):
    """Run a command confined; return (exit status, stdout, stderr)."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        status = FORKS.ask("scripts." + module, list(arguments), environment(), out.name, err.name)
        said = [stream.read().decode("utf-8") for stream in (out, err)]
    if status == -signal.SIGALRM:
        raise subprocess.TimeoutExpired(module, WAIT)
    return (status, *said)


def serve(requests, answers):
    """Fork for each request and answer with how the fork ended; in a fork, return its request, at the end None."""
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return None
        pid = os.fork()
        if not pid:
            requests.close()
            answers.close()
            return request
        signal.signal(signal.SIGALRM, functools.partial(end, pid))
        signal.alarm(WAIT)
        status = os.waitpid(pid, 0)[1]
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        pickle.dump(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), answers, 4)
        answers.flush()


def end(pid, *_):
    """Signal handler: end a fork by the same signal."""
    os.kill(pid, signal.SIGALRM)


def become(module, arguments, environ, out, err):
    """Run a command in this process, which has been forked for it."""
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    seconds = max(CPU, TIMES * IMPORTED)
    confine(seconds)
    signal.setitimer(signal.ITIMER_PROF, seconds - IMPORTED)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = arguments
    sys.modules.pop(module, None)  # else Python warns that it runs a module which is there already
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in NEEDED:
        importlib.import_module(name)
    streams = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    IMPORTED = time.process_time()
    asked = serve(*streams)
    if asked:
        become(*asked)
