"""Training LeNet to a test accuracy: the guide's recipe as a new user writes it, against `recipe = "fast"`."""
import json
import os
import sys

from bench import measure
from scripts import Fault
from scripts.base import stack

PY36 = os.path.join(measure.ROOT, ".venv-py36", "bin", "python")
WANTED = 0.985  # of MNIST's test images
# What the guide shows, in the user's own environment: epochs of model.fit until the accuracy is there.
GUIDE = """
import sys
import keras, numpy
from scripts.training import lenet
data = numpy.load(sys.argv[1])
model = lenet.build(keras)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
for epoch in range(1, 31):
    model.fit(data["x_train"] / 255.0, data["y_train"], batch_size=32, epochs=1, verbose=0)
    accuracy = model.evaluate(data["x_test"] / 255.0, data["y_test"], verbose=0)[1]
    if accuracy >= float(sys.argv[2]):
        break
model.save(sys.argv[3])
open(sys.argv[4], "w").write('{"accuracy": %f, "settings": {"epochs": %d}}' % (accuracy, epoch))
"""


def train(place, runs=3):
    """Time to 0.985 of MNIST's test images, whole processes on one processor, TensorFlow's import and all."""
    rows, data = [], os.path.join(place, "data.npz")
    measure.once([sys.executable, "-m", "scripts.dataset", "--data", "mnist", "--out", data])
    for python in [sys.executable] + ([PY36] if os.access(PY36, os.X_OK) and stack.NAME == "modern" else []):
        name = "py36" if python == PY36 else stack.NAME
        reports = {recipe: os.path.join(place, f"{name}-{recipe}.json") for recipe in ("guide", "fast")}
        model = os.path.join(place, "model.h5")

        def prepare(contender):
            for path in (model, reports[contender]):
                if os.path.exists(path):
                    os.remove(path)

        got = measure.side_by_side({
            "guide": [[python, "-c", GUIDE, data, str(WANTED), model, reports["guide"]]],
            "fast": [[python, "-m", "scripts.train", "--recipe", "fast", "--data", data, "--out", model,
                      "--report", reports["fast"]]]}, runs=runs, prepare=prepare)
        row = {"stack": name}
        for recipe, path in reports.items():
            with open(path) as stream:
                found = json.load(stream)
            if found["accuracy"] < WANTED:
                raise Fault("{}: recipe {} came to {} only".format(name, recipe, found["accuracy"]))
            row.update({recipe + " s": got[recipe]["seconds"], recipe + " epochs": found["settings"]["epochs"],
                        recipe + " accuracy": found["accuracy"], recipe + " MB": got[recipe]["megabytes"]})
        row.update({"times faster": round(got["guide"]["seconds"] / got["fast"]["seconds"], 1),
                    "spread s": max(result["spread"] for result in got.values())})
        rows.append(row)
    return rows, ("The guide's side has no seed and stops at the first epoch that reaches 0.985: its epochs vary "
                  "(here: those of the last run).")
