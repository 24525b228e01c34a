"""The way from a trained Keras or TensorFlow model to one that TensorSpace opens.

The rooms, the lowest first; each module imports from its own room and from those before it:

    base/          faults, commands, files, child processes, the two stacks: knows nothing of models
    wire/          bytes: protobuf, the table of a checkpoint, TensorFlow.js's shards
    layers/        a Keras model as data: topology, references, outputs, variables, shapes
    operations/    a graph of operations as data, GraphDef's bytes, what TensorFlow.js computes otherwise of it
    formats/       one reader per source format; decides what a file is
    tfjs/          the target: what TensorFlow.js computes otherwise, the passes, the writers
    training/      the guide's LeNet: recipes, checkpoints, several machines
    verification/  Keras and TensorFlow as oracles
    viewer/        the page, its server, its browser
    release/       the image, by docker, podman or buildah; what is in it
    builds/        doit's side: the catalogue, records, stages, tasks

The modules beside the rooms are the commands: ``python -m scripts.STAGE --help``.
Nothing here imports TensorFlow, Keras or h5py when it is itself imported.
"""
import sys

from .base.fault import Fault, say_what_is_lacking

__all__ = ["Fault"]

if sys.argv[:1] == ["-m"]:  # `python -m scripts.STAGE`, whose own imports come before anything that could catch this
    sys.excepthook = say_what_is_lacking
