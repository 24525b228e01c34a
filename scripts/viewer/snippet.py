"""The HTML that draws a model on a page of one's own, in TensorSpace's API: what --snippet prints.

TensorSpace binds a model's outputs to its layers itself: by order in a Sequential, by name in a Model.  So each output
must be a layer of the drawing.  Shapes come from the loaded model.
"""
import json
from typing import Any, Dict, List, Optional

from ..base import command
from ..base.fault import Fault

SCRIPTS = ("three.min.js", "TrackballControls.js", "tween.umd.js", "tf.min.js", "tensorspace.min.js")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Concatenate")
PAGE = """<div id="model" style="width: 100%; height: 600px"></div>
{scripts}
<script>
{made}
model.load({load});
model.init(() => model.predict({zeros}));
</script>
"""
MODEL = "const model = new TSP.models.{}(document.getElementById('model'){});"


def html(drawn: Dict[str, Any], labels: Optional[List[str]] = None, url: str = "model.json", name: str = "") -> str:
    """Return the HTML for a drawing (drawing.drawing's), its scripts as they lie in a page's directory.

    labels  words for the output that has as many units
    url     of model.json, as the page will fetch it
    name    of the model, for errors
    Raises Fault where the model has outputs that the drawing does not show.
    """
    for entry in drawn["inputs"] + drawn["layers"]:
        if "montage" in entry or "strip" in entry:
            sizes = ", ".join(map(str, entry.get("full", entry["shape"])))
            raise Fault(f"{name}: {command.one_line(entry['name'])} of shape ({sizes}) has no layer in TensorSpace's "
                        "API; only this project's page draws it")
    if len(drawn["layers"]) != drawn["outputs"]:
        shown = ", ".join(f'"{layer["name"]}"' for layer in drawn["layers"])
        raise Fault(f"{name}: {drawn['outputs'] - len(drawn['layers'])} of its outputs are drawn as no layer of "
                    f"their own, but TensorSpace wants one layer per output; convert it with layers = [{shown}]")
    inputs = [entry for entry in drawn["inputs"] if entry["drawn"]]
    linear = drawn["kind"] == "Sequential"
    made = (_sequential if linear else _model)(inputs, drawn["layers"], labels)
    load = {"type": "tensorflow" if drawn["format"] == "graph" else "keras", "url": url}
    if drawn["format"] == "graph":
        load["outputsName"] = [layer["name"] for layer in sorted(drawn["layers"], key=lambda layer: layer["output"])]
    zeros = [f"new Float32Array({_size(entry['shape'])})" for entry in drawn["inputs"]]
    return PAGE.format(scripts="\n".join(f'<script src="{script}"></script>' for script in SCRIPTS),
                       made="\n".join(made), load=_js(load), zeros=zeros[0] if linear else f"[{', '.join(zeros)}]")


def _sequential(inputs, layers, labels):
    return [MODEL.format("Sequential", "")] + [f"model.add({_new(entry, labels)});" for entry in inputs + layers]


def _model(inputs, layers, labels):
    variables = {entry["name"]: f"layer{number}" for number, entry in enumerate(inputs + layers)}
    lines = [f"const {variables[entry['name']]} = {_new(entry, labels)};" for entry in inputs]
    for layer in layers:
        parents = [variables[name] for name in layer["parents"]]
        if layer["class"] in MERGES:
            made = f"TSP.layers.{layer['class']}([{', '.join(parents)}], {_js({'name': layer['name']})})"
        else:
            made = _new(layer, labels)
        lines.append(f"const {variables[layer['name']]} = {made};")
        if layer["class"] not in MERGES:
            lines.append(f"{variables[layer['name']]}.apply({parents[0]});")
    ends = [variables[layer["name"]] for layer in layers if layer["terminal"]]
    starts = [variables[entry["name"]] for entry in inputs]
    settings = f", {{inputs: [{', '.join(starts)}], outputs: [{', '.join(ends)}]}}"
    return lines + [MODEL.format("Model", settings)]


def _new(entry, labels):
    config = dict(entry.get("config", {}), name=entry["name"])
    if entry["class"] == "Output1d":
        units = entry["shape"][0]
        config["outputs"] = labels if labels and len(labels) == units else [str(unit) for unit in range(units)]
    if entry["class"] == "Reshape":
        config["targetShape"] = entry["shape"]
    return f"new TSP.layers.{entry['class']}({_js(config)})"


def _js(value):
    return json.dumps(value, sort_keys=True).replace("</", "<\\/")


def _size(shape):
    size = 1
    for length in shape:
        size *= length
    return size
