"""The stages of the build: what each reads, which settings change it, how it runs and what it writes.

training.py makes data.npz and model.h5, conversion.py enc_model.h5 and model.json, showing.py verify.json and pages.
Each stage is a function from a Run and an Entry to a task of doit's.  Native stages (h5py, numpy) run in doit's own
process.  A stage that needs TensorFlow runs in a child, in an environment that makes it repeatable: TensorFlow reads
the environment at import and does not survive a fork.  Nothing heavy is imported here: an up-to-date `doit` needs no
numpy.
"""
import importlib
import os
import types


def module(name: str) -> types.ModuleType:
    """Import and return a module of this package by its name, as records name it too: "viewer.page"."""
    return importlib.import_module("..." + name, __package__)


def size(path: str) -> str:
    """Return the size of a file in words, "177 kB"."""
    count = os.path.getsize(path)
    for unit in ("bytes", "kB", "MB"):
        if count < 1000 or unit == "MB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1000.0
