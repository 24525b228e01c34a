"""Child processes: a module of this package, run in the environment that makes TensorFlow's results the same.

TensorFlow reads its environment when it is imported and does not survive a fork, so a stage or a reader that
needs it is a module with a command line, and its caller runs it as a child.
"""
import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from typing import Any, Iterator, List, Optional

from . import command
from .fault import Fault
from .place import PACKAGE, ROOT

# TensorFlow reads these when it is imported, Python the first one when it starts.  Thread counts, op determinism
# and the processor's dispatch all change the last bits of the weights; two machines must not differ in them.
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "KERAS_BACKEND": "tensorflow",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_CUDNN_DETERMINISTIC": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OMP_NUM_THREADS": "2",
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    # On a GPU TensorFlow 2.6 else refuses the guide's loss in the name of determinism; for batches of LeNet's size it
    # gave the same bytes every time (on an H100).
    "TF_DISABLE_SPARSE_SOFTMAX_XENT_WITH_LOGITS_OP_DETERMINISM_EXCEPTIONS": "1",
    # There TensorFlow 2.5 to 2.8 else takes the convolution that happens to be the fastest, which another run may not
    # (tensorflow issue 53771): five trainings on an H100 gave five models.
    "TF_CUDNN_USE_FRONTEND": "1",
    "NVIDIA_TF32_OVERRIDE": "0",  # 1e-3 away from what the CPU and TensorFlow.js compute, with it
    "CUDA_MODULE_LOADING": "LAZY",  # a GPU newer than TensorFlow compiles what is used, not everything for minutes
}
# What Keras, TensorFlow, h5py and tensorflowjs raise at files that they do not take.
REFUSALS = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, OSError, ImportError, RuntimeError)


def run(module: str, arguments: List[str], quiet: bool = False, python: Optional[str] = None) -> None:
    """Run `python -m PACKAGE.MODULE ARGUMENTS` in ENVIRONMENT and wait.  The child writes on this process's stdout.

    quiet   True: what the child writes on stdout is thrown away
    python  path of another stack's Python
    Raises Fault with the child's one line where it ends with 1, RuntimeError with its words where it is a bug.
    The child ends when this process does, killed or not.
    """
    with tempfile.TemporaryFile() as complaints:
        process = start(module, arguments, python, stdout=subprocess.DEVNULL if quiet else None, stderr=complaints)
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        complaints.seek(0)
        text = complaints.read().decode("utf-8", "replace").strip()
    if status == command.FAULT and "Traceback (most recent call last)" not in text:
        raise Fault(text.splitlines()[-1] if text else f"{module} failed")
    if status in (command.INTERRUPTED, command.TERMINATED):
        raise SystemExit(status)
    if status == -signal.SIGILL:
        raise Fault("this processor lacks instructions that TensorFlow needs (AVX): build on another machine")
    if status == -signal.SIGKILL:
        raise Fault(f"{module} was killed: too little memory, most likely")
    if status:
        raise RuntimeError(f"{module} ended with {status}\n{text}")


def start(module: str, arguments: List[str], python: Optional[str] = None, **streams: Any) -> subprocess.Popen:
    """Start `python -m PACKAGE.MODULE ARGUMENTS` in ENVIRONMENT; it ends when this process does, killed or not.

    python: path of another stack's Python;  streams: stdout and stderr, as Popen takes them
    """
    path = os.pathsep.join([ROOT] + [part for part in [os.environ.get("PYTHONPATH")] if part])
    return subprocess.Popen([python or sys.executable, "-m", PACKAGE + "." + module] + list(arguments),
                            stdin=subprocess.DEVNULL, env=dict(os.environ, PYTHONPATH=path, **ENVIRONMENT),
                            preexec_fn=die_with_parent, **streams)


def die_with_parent() -> None:
    """In a child: end when the parent is killed (prctl PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform.startswith("linux"):
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def first_line(error: BaseException) -> str:
    """Return what another library's exception says, in one line of a length that can be read."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return command.one_line(lines[0] if lines else type(error).__name__)[:300]


def in_environment(module: str, arguments: List[str]) -> None:
    """Restart a `main` that was started by hand, in ENVIRONMENT, unless the process runs in it already."""
    wanted = dict(os.environ, **ENVIRONMENT)
    if wanted != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", PACKAGE + "." + module] + list(arguments), wanted)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """A block that imports TensorFlow or Keras in two thirds of the usual time.

    No garbage is collected meanwhile, since nothing that is imported becomes garbage.  Keras 3 imports scikit-learn, if
    that is installed, for wrappers that this project does not use.
    """
    hidden, collects = "sklearn" not in sys.modules, gc.isenabled()
    if hidden:
        sys.modules["sklearn"] = None
    gc.disable()
    try:
        yield
    finally:
        if hidden:
            del sys.modules["sklearn"]
        if collects:
            gc.enable()


def hush() -> None:
    """Keep TensorFlow and its libraries from warnings: that h5 is legacy, that a loaded model was not compiled."""
    warnings.simplefilter("ignore")
    for name in ("absl", "tensorflow"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.ERROR))  # a worker keeps it quieter: it waits for the chief's end
