"""The stages of verify.json, pages and pictures: they show a converted model, and how far it is from Keras."""
import importlib.util
import json
import os
from typing import Dict, List, Tuple

from ...base import stack
from ...base.fault import Fault
from .. import catalog
from ..catalog import Entry
from ..records import Stage
from ..run import Run
from . import module

PAGE, VERIFY = "viewer.page", "verify"  # the modules that do the work


def shown(entry: Entry) -> list:
    """Return the tasks that make what a page shows: the converted model, and images for it where some are named."""
    return ["convert:" + entry.name] + (["data:" + entry.name] if entry.data else [])


def verified(entry: Entry) -> Tuple[dict, Dict]:
    """Run verify on a converted model: (report, the values that Keras computed)."""
    return module(VERIFY).verify(
        entry.source, entry.directory + "/" + entry.json_name, layers=entry.layers, weights=entry.weights,
        data=entry.data_file if entry.data else None, tags=entry.saved_model_tags, signature=entry.signature,
        trust=entry.trust)


def verify(run: Run, entry: Entry) -> dict:
    """Keras against TensorFlow.js, output by output: a table, and verify.json; a fault where they differ."""
    target = os.path.dirname(entry.enc_model) + "/verify.json"

    def produce(directory):
        report, _ = verified(entry)
        with open(os.path.join(directory, "verify.json"), "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=1)
            stream.write("\n")
        return {}, {target: "verify.json"}

    def report(record):
        with open(target, encoding="utf-8") as stream:
            found = json.load(stream)
        yield from module(VERIFY).table(found)
        if not found["agree"]:
            why = "; quantize rounds its weights" if entry.quantize else ""
            raise Fault(f"{entry.directory}: TensorFlow.js computes something else than Keras: see the table{why}")

    stage = Stage("verify:" + entry.name, [], [target], {}, "", stack.identity("train"))
    return dict(run.task(stage, produce, report, after=shown(entry)), uptodate=[False])


def has_tensorflow() -> bool:
    """Tell whether TensorFlow is installed, without importing it."""
    return importlib.util.find_spec("tensorflow") is not None


def page(run: Run, entry: Entry) -> dict:
    """model.json and its shards -> a page that draws the model with TensorSpace and runs it in the browser.

    Where TensorFlow is installed and a Keras here loads the source, the page holds what Keras computed for its
    samples, and shows how far the browser is from that.
    """
    compared = run.once(has_tensorflow)

    def converted(record):
        outputs = run.house.record("convert:" + entry.name).get("outputs", {})
        named = [entry.data_file if entry.data else None, _file_of_labels(entry), entry.samples]
        converted = sorted(path for path in outputs if not path.endswith("/manifest.json"))
        return converted + [path for path in named if path]

    def produce(directory):
        reference, facts = _reference(entry, directory) if compared else (None, {"compared": False})
        try:
            names = module(PAGE).build(
                entry.directory + "/" + entry.json_name, directory, data=entry.data_file if entry.data else None,
                title=entry.title or _title(run, entry), labels=_labels(entry), pixels=entry.pixels,
                mean=entry.mean, std=entry.std, given=entry.samples, reference=reference)
        finally:
            if reference:
                os.remove(reference)
        return facts, {entry.page + "/" + name: name for name in names}

    def report(record):
        facts = record["facts"]
        reason = f": {facts['reason']}" if "reason" in facts else ""
        yield f"{entry.page}/index.html" + ("" if facts["compared"] else ", not compared with Keras" + reason)

    stage = Stage("page:" + entry.name, converted, [entry.page + "/index.html"],
                  dict(entry.settings(catalog.SHOWING), compared=compared),
                  lambda: run.house.code.of(PAGE, VERIFY), stack.identity("view"))
    return run.task(stage, produce, report, after=shown(entry))


def _file_of_labels(entry):
    """Return the path of the file of the classes' names, or None where the catalogue has them itself, or none."""
    return entry.labels if isinstance(entry.labels, str) else None


def _labels(entry):
    path = _file_of_labels(entry)
    return module("viewer.choices").read_labels(path) if path else entry.labels


def _reference(entry, directory):
    """Return (path of an npz of what Keras computed, or None; the facts for the page's record)."""
    try:
        _, values = verified(entry)
    except Fault as fault:
        return None, {"compared": False, "reason": str(fault)}
    import numpy
    path = os.path.join(directory, "..", entry.name + ".npz")
    numpy.savez(path, **values)
    return path, {"compared": True}


def _title(run, entry):
    """Return the title of a page whose table names none."""
    origin = run.house.record("data:" + entry.name).get("facts", {}).get("origin")
    trained = run.house.record("train:" + entry.name)
    return {"mnist": "LeNet on MNIST", "digits": "LeNet on the embedded digits"}.get(
        origin if trained else None, entry.name)


def view(run: Run, entry: Entry) -> dict:
    """Serve a model's page until Ctrl-C."""
    return run.always(serve, entry.page, basename="view", name=entry.name,
                      after=["page:" + entry.name], doc="-> http://127.0.0.1:…/")


def view_all(run: Run, entries: List[Entry]) -> dict:
    """Serve a list of all models until Ctrl-C; each page is built when it is opened first."""
    models = [(entry.name, entry.title or entry.name) for entry in entries]
    return run.always(serve_all, os.path.dirname(entries[0].page), models, basename="view",
                      doc="Open a list of all models in the browser, until Ctrl-C")


def serve_all(root: str, models: List[Tuple[str, str]]) -> None:
    """Serve the list of models; Ctrl-C ends the whole run of doit, as the wanted end that it is."""
    index = module("viewer.index")
    index.run(root, [index.Shown(*model) for model in models])
    raise SystemExit(0)


def serve(directory: str) -> None:
    """Serve a page; Ctrl-C ends the whole run of doit, as the wanted end that it is."""
    module("viewer.serve").serve(directory)
    raise SystemExit(0)


def screenshot(run: Run, entry: Entry) -> dict:
    """Take the picture of a model's page that README shows, in headless Chromium."""
    return run.always(".viewer.chromium:picture", entry.page, "docs/lenet.png", basename="screenshot",
                      name=entry.name, after=["page:" + entry.name],
                      doc="Take the picture at the top of README from the page")
