"""What those who run TensorFlow share: a process of its own, its environment, imports, and an h5 without timestamps.

TensorFlow reads its environment when it is imported and does not survive a fork, so a stage or a reader that
needs it is a module with a command line, run as a child of whoever wants it.
"""
import logging
import os
import signal
import subprocess
import sys
import tempfile
import types
import warnings

from . import command, files
from .fault import Fault

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
PACKAGE = __name__.split(".")[0]  # "scripts" in the checkout, another where pip installed it
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(module, arguments, quiet=False, python=None):
    """Run `python -m PACKAGE.MODULE ARGUMENTS` in ENVIRONMENT and wait; its stdout is ours, or nobody's where `quiet`.

    python: path of another stack's Python.
    Raises Fault with the child's one line where it ends with 1, RuntimeError with its words where it is a bug.
    The child ends when this process does, killed or not.
    """
    path = os.pathsep.join([ROOT] + [part for part in [os.environ.get("PYTHONPATH")] if part])
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen([python or sys.executable, "-m", PACKAGE + "." + module] + list(arguments),
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL if quiet else None, stderr=complaints,
                                   env=dict(os.environ, PYTHONPATH=path, **ENVIRONMENT), preexec_fn=die_with_parent)
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
        raise RuntimeError("%s ended with %d\n%s" % (module, status, text))


def die_with_parent():
    """In a child: end when the parent is killed (prctl PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform.startswith("linux"):
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def first_line(error):
    """What an exception of theirs says, in one line of a length that can be read."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return command.one_line(lines[0] if lines else type(error).__name__)[:300]


def in_environment(module, arguments):
    """For a `main` that may have been started by hand: start it again in ENVIRONMENT, unless it is in it."""
    wanted = dict(os.environ, **ENVIRONMENT)
    if wanted != dict(os.environ):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", PACKAGE + "." + module] + list(arguments), wanted)


def hush():
    """Keep Keras and TensorFlow from saying that h5 is legacy and that a loaded model was not compiled."""
    warnings.simplefilter("ignore")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def legacy_keras():
    """Import and return the Keras 2 of this stack: keras 2.6 on py36, tf_keras on modern.  Fault where it lacks."""
    hush()
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        if sys.version_info < (3, 7):
            import keras
            return keras
        import tf_keras
        return tf_keras
    except ImportError as error:
        raise Fault(f"Keras 2 is not installed here ({command.one_line(error)}): make reference")


def tensorflowjs():
    """Import and return the official converter, tensorflowjs.  Fault where it is not installed.

    What it imports for formats that nobody converts here is kept out: 4.22 crashes on its ydf, pulls in jax and
    flax, and tensorflow_hub needs a pkg_resources that current setuptools no longer bring.
    """
    legacy_keras()
    kept_out = ("tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental", "jax.experimental.jax2tf")
    before = {name: sys.modules[name] for name in kept_out if name in sys.modules}
    for name in kept_out:
        module = sys.modules[name] = types.ModuleType(name)
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], leaf, module)
    sys.modules["jax.experimental.jax2tf"].PolyShape = object  # stands in a signature
    try:
        import tensorflowjs
        import tensorflowjs.converters.converter
    except ImportError as error:
        raise Fault(f"the official converter is not installed here ({command.one_line(error)}): make reference")
    finally:
        for name in kept_out:  # Keras 3 looks for jax too
            del sys.modules[name]
        sys.modules.update(before)
    return tensorflowjs


def save_h5(model, path):
    """Write a Keras model as h5 at `path`, whole or not at all, the same bytes for the same model.

    TensorFlow 2.6's h5py stamps the time on each dataset; everything is copied into a file without stamps.
    """
    import h5py
    hush()
    stamped = "%s.%d.h5" % (path, os.getpid())
    try:
        model.save(stamped)
        with files.whole(path) as part, h5py.File(stamped, "r") as source, h5py.File(part, "w") as target:
            _copy(source, target)
    finally:
        if os.path.exists(stamped):
            os.remove(stamped)


def _copy(source, target):
    """Copy attributes, datasets and groups of an h5py group, in the order of their names, without timestamps."""
    import h5py
    for name in sorted(source.attrs):
        kind = source.attrs.get_id(name)
        target.attrs.create(name, source.attrs[name], shape=kind.shape, dtype=kind.dtype)
    for name in sorted(source):
        if isinstance(source[name], h5py.Group):
            _copy(source[name], target.create_group(name))
        else:
            target.create_dataset(name, data=source[name][()], dtype=source[name].dtype, track_times=False)
