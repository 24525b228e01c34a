"""What this project builds, from a model file to a model that TensorSpace opens.

    models/model.h5 -> models/enc_model.h5 -> models/json_models/keras/model.json + shards

models/models.toml says which models; `doit list` shows these tasks, `doit` builds what is out of date.
Declarations only: scripts/build.py says how a stage runs, scripts/artifacts.py when it is out of date.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scripts import build  # noqa: E402  (the path comes first)

DOIT_CONFIG = build.configure(default=["convert"])
MODELS = build.catalogue()


def task_data():
    """Get the images to train on: MNIST, or the embedded digits"""
    return (build.data(entry) for entry in MODELS if entry.trained)


def task_train():
    """Train the guide's LeNet for each model without a source"""
    return (build.train(entry) for entry in MODELS if entry.trained)


def task_encapsulate():
    """Make every wanted layer of each model an output: enc_model.h5"""
    return (build.encapsulate(entry) for entry in MODELS)


def task_convert():
    """Convert each model for TensorFlow.js: model.json and its shards"""
    return (build.convert(entry) for entry in MODELS)
