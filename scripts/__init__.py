"""The way from a trained Keras or TensorFlow model to one that TensorSpace opens.

The rooms, the lowest first; each module imports from its own room and from those before it:

    base/          faults, commands, files, child processes, the two stacks, the place where the code runs
    wire/          bytes: protobuf, tables, TensorFlow.js's shards
    layers/        a Keras model as data: topology, references, outputs, variables, shapes; kinds/: each layer class
    operations/    a graph of operations as data, and what TensorFlow.js computes differently
    formats/       one reader per source format; decides what a file is
    emit/          the builder of a graph of operations
    lower/         a Keras model to a graph of operations: one function per layer class and operation
    opset/         an ONNX model to a graph of operations: one function per operation and version
    tfjs/          the target: what TensorFlow.js computes differently, the passes, the writers
    tracing/       a model with Python of its own to a graph of operations, by running it, on request only
    training/      the guide's LeNet: images, recipes, checkpoints, several machines
    release/       the image and what is in it; the locks, the advisories, this machine
    viewer/        the page, its server, its browser; renderers/: what draws the model
    verification/  Keras, TensorFlow and the official converter as oracles
    builds/        doit's side: the catalogue, records, stages, tasks

The modules beside the rooms are the commands: ``python -m scripts.STAGE --help``; api.py is what a program calls:

    from scripts import convert, show, summary, Snapshots, Fault

docs/house.md says which files a change touches.  pip installs the same tree as ``tensorspace_keras``.
Nothing here imports TensorFlow, Keras or h5py when it is itself imported.
"""
import os
import sys

from .base.called import Package, makes
from .base.fault import Fault, say_what_is_lacking
from .base.place import CONSOLE

__all__ = ["Fault"]

makes(__name__, Package)

# `python -m scripts.STAGE` and the installed commands, whose own imports come before anything that could catch this
if sys.argv[:1] == ["-m"] or os.path.splitext(os.path.basename((sys.argv or [""])[0]))[0] in sum(CONSOLE.values(), ()):
    sys.excepthook = say_what_is_lacking
