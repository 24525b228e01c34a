"""The stages of data.npz, the images that LeNet learns, and of model.h5, the trained LeNet."""
import contextlib
import hashlib
import json
import os

from ...base import child, command, files, stack
from .. import catalog
from ..catalog import Entry
from ..records import Stage
from ..run import Run
from . import module, size

TRAIN = "train"  # the module that trains


def data(run: Run, entry: Entry) -> dict:
    """Images to train on -> models/data.npz.  The choice is made once and stays until another is asked for."""
    given = os.environ.get("MNIST_NPZ")
    own_file = entry.data not in ("auto", "mnist", "digits")

    def also(record):
        return "MNIST_NPZ changed" if given and _digest(run, given) != record["facts"].get("sha256") else None

    def produce(directory):
        dataset = module("training.dataset")
        setting = entry.data
        before = run.house.record(stage.name)
        if before and not stage.changed(before["settings"]) and setting == "auto" and not given:
            origin = before["facts"]["origin"]
            setting = origin if origin in ("mnist", "digits") else setting
        arrays, origin = dataset.resolve(setting, os.environ)
        dataset.save(os.path.join(directory, "data.npz"), arrays, origin)
        facts = {"origin": origin, "train": len(arrays["x_train"]), "test": len(arrays["x_test"])}
        if given:
            facts["sha256"] = _digest(run, given)
        return facts, {entry.data_file: "data.npz"}

    def report(record):
        facts = record["facts"]
        origin = {"mnist": "MNIST", "digits": "the embedded digits, NOT from MNIST",
                  "file": given or entry.data}[facts["origin"]]
        yield f"{entry.data_file}: {facts['train']} training and {facts['test']} test images, from {origin}"

    stage = Stage("data:" + entry.name, catalog.data_files(entry.data) if own_file and not given else [],
                  [entry.data_file], {"data": entry.data}, "", {}, also=also)
    return run.task(stage, produce, report, after=entry.after)


def _digest(run, path):
    """Return one sha256 for a data set of one file or of a directory of files."""
    names = [name for place in catalog.data_files(path) for name in files.files_of(place)]
    return hashlib.sha256("".join(run.house.digests.of(name) or "-" for name in names).encode("ascii")).hexdigest()


def train(run: Run, entry: Entry) -> dict:
    """data.npz -> model.h5, the guide's LeNet.  A model.h5 that the user put there is the user's.

    A machine that TF_CONFIG makes a worker takes part in the chief's training and builds nothing.
    """
    def produce(directory):
        child.run(TRAIN, arguments(entry, directory))
        with open(os.path.join(directory, "report.json"), encoding="utf-8") as stream:
            facts = json.load(stream)
        return facts, {entry.source: "model.h5"}

    def report(record):
        remove_checkpoint(entry)  # now that the model has its place
        digits = " (on the embedded digits, NOT MNIST)" if record["facts"].get("origin") == "digits" else ""
        yield f"{entry.source}: {size(entry.source)}, test accuracy {record['facts']['accuracy']:.4f}{digits}"

    if "TF_CONFIG" in os.environ and module("training.workers").helps(os.environ):
        return run.always(take_part, entry, basename="train", name=entry.name,
                          after=["data:" + entry.name], doc="Take part in the training that TF_CONFIG names")
    stage = Stage("train:" + entry.name, [entry.data_file], [entry.source], entry.settings(catalog.TRAINING),
                  lambda: run.house.code.of(TRAIN), stack.identity("train"), keep=True)
    declared = run.task(stage, produce, report, after=["data:" + entry.name])
    declared["clean"].append((forget_checkpoint, [entry]))
    return declared


def arguments(entry: Entry, directory: str) -> list:
    """Return the arguments with which scripts.train trains an entry's model into `directory`."""
    words = ["--data", entry.data_file, "--out", os.path.join(directory, "model.h5"),
             "--report", os.path.join(directory, "report.json")]
    settings = dict(entry.settings(catalog.TRAINING), checkpoint=entry.checkpoint_file if entry.checkpoint else None)
    for key, value in sorted(settings.items()):
        if value is not None:
            words += ["--" + key.replace("_", "-"), str(value)]
    return words


def take_part(entry: Entry) -> None:
    """Train as a worker: the chief writes the model."""
    child.run(TRAIN, arguments(entry, os.path.dirname(entry.source)))


def forget_checkpoint(entry: Entry, dryrun: bool) -> None:
    """Clean action: remove what an unfinished training left."""
    if os.path.exists(entry.checkpoint_file):
        command.say(f"{'would remove' if dryrun else 'removed'} {entry.checkpoint_file}")
    if not dryrun:
        remove_checkpoint(entry)


def remove_checkpoint(entry: Entry) -> None:
    """Remove a model's checkpoint, and the directory of checkpoints with the last one."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(entry.checkpoint_file)
    with contextlib.suppress(OSError):  # not there, or another model's are in it
        os.rmdir(os.path.dirname(entry.checkpoint_file))
