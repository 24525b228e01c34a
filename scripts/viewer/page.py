"""The page of a converted model: static files that draw it with TensorSpace and run it with TensorFlow.js.

Reads a directory with model.json and its shards (what scripts.convert writes), optionally a data set, labels and
reference values; writes index.html and all that it needs, or one self-contained HTML file.  The same input gives
the same bytes.  The page works from any web server; its Content-Security-Policy allows no eval and no other host.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.viewer.page")

import base64
import html
import json
import os
import shutil
import tempfile
from typing import Any, Dict, List, Optional, Sequence

from ..base import command, files, place
from ..base.fault import Fault
from ..formats import json_text
from ..layers import records, topology
from ..tfjs import write_layers
from ..wire.target import QUANTIZED
from . import building, carried, predict, samples, smaller, snippet
from .choices import PIXELS, labels_of, numbers_of, pixels_of
from .renderers import drawing
from .source import model_file, read_model, shards


def build(model_dir: str, target_dir: str, data: Optional[str] = None, title: Optional[str] = None,
          labels: Optional[List[str]] = None, reference: Optional[str] = None, pixels: str = "0..1",
          mean: Optional[Sequence[float]] = None, std: Optional[Sequence[float]] = None,
          given: Optional[str] = None, epochs: bool = False) -> List[str]:
    """Write a page into `target_dir`, an empty private directory, and return its files' names, index.html last.

    model_dir  directory with model.json (or the path of that file, however it is called) and its shards
    data       path of an npz (scripts.dataset): its test images become the page's samples where they fit the input
    title      by default the model's own name
    labels     one per class
    reference  path of an npz with the source model's answers to some inputs: input_0, …, output_0, … float32
               (samples, …), in the order of model.json; the page shows how far the browser is from them
    pixels     one of PIXELS: what the model was trained on; "caffe" is blue, green, red minus ImageNet's mean
    mean, std  in place of that: of pixels 0..1, one number or one per channel, as PyTorch's models have them
    given      path of an npz of samples for any model: see `samples.given`
    epochs     whether a training's weights, epoch by epoch, stand beside the page: epochs/epochs.json (snapshots.py)
    Raises Fault where the model cannot be drawn, or a file is missing or not what it should be.
    """
    source = model_file(model_dir)
    before = files.stamp(source)
    model = read_model(source)
    weights = [os.path.join(os.path.dirname(source), name) for name in shards(model, source)]
    described = predict.describe(source)
    with topology.of(source):
        drawn = drawing.drawing(model, described, source)
    _check_labels(labels, drawn, source)
    copied = []
    for name in [source] + weights:
        copied.append(carried.copy(name, target_dir, "model/" + os.path.basename(name)))
    if files.stamp(source) != before:  # it goes first and comes last where a model is replaced
        raise Fault(f"{source} was replaced while its page was made: run again when it is whole")
    page = {"title": title or _own_title(model, source), "drawing": drawn, "files": copied, "labels": labels,
            "pixels": pixels_of(pixels, mean, std), "hidden": len(described["parameters"]) - len(drawn["inputs"]),
            "left_out": left_out(drawn, described, write_layers.renamed(model)), "made-by": MADE_BY}
    if epochs:
        page["epochs"] = True
    if given is not None:
        page["samples"] = samples.given(given, drawn)
    elif data is not None:
        page["samples"] = samples.of_data(data, drawn)
        if page["samples"] and labels is None:
            page["labels"] = [str(label) for label in range(1 + max(page["samples"]["labels"]))]
    try:
        page["snippet"] = snippet.html(drawn, page["labels"], os.path.basename(source), source)
    except Fault as fault:
        page["snippet"] = f"<!-- {str(fault).replace('--', '- -')} -->"
    written = [entry["name"] for entry in copied]
    if reference is not None:
        page["reference"] = samples.write_reference(reference, drawn, target_dir)
        written.append("reference.bin")
    carried.scripts_into(target_dir)
    carried.write(target_dir, "page.json", json.dumps(page, sort_keys=True, indent=1) + "\n")
    carried.write(target_dir, "index.html", carried.index_of_files(page["title"]))
    return written + carried.ALWAYS


MADE_BY = "scripts.viewer.page"
LARGE = 40e6  # bytes of a page in one file that are worth a word
INSIDE = '<script type="text/plain" id="file:%s">'


def standalone(model_dir: str, target: str, quantize: Optional[str] = None, epochs: Optional[str] = None,
               **options: Any) -> None:
    """Write the page as one HTML file that works from disk: every script, the model and page.json stand inside.

    target    path of the file, where none is or an earlier page
    quantize  the weights inside: None, as they are, or one of wire.target.QUANTIZED
    epochs    the directory of a training's epochs, as snapshots.py writes it
    options   `build`'s.  What they leave open is as in the page that doit built of the same model, where there is one:
              title, labels, pixels, samples, reference
    """
    files.vacant(target, is_standalone)
    private, small = tempfile.mkdtemp(prefix="page-"), tempfile.mkdtemp(prefix="model-")
    try:
        with files.writable(private):
            source = model_file(model_dir)
            title = options.get("title") or _own_title(read_model(source), source)
            build(smaller.quantized(source, small, quantize) if quantize else model_dir, private,
                  epochs=epochs is not None, **dict(options, title=title))
            with open(os.path.join(private, "page.json"), encoding="utf-8") as stream:
                page = _like(json.load(stream), twin(model_dir), options, private)
            carried.write(private, "page.json", json.dumps(page, sort_keys=True, indent=1) + "\n")
            sources = [carried.in_script(carried.read(private, name)) for name in carried.SCRIPTS]
            style = carried.read(private, "style.css")
            blocks = ["<!-- The licenses of the scripts "
                      "below\n\n{}-->".format(carried.read(private, "licenses.txt").replace("--", "- -"))]
            names = (["page.json"] + [entry["name"] for entry in page["files"]]
                     + (["reference.bin"] if page.get("reference") else []))
            if epochs is not None:
                names += ["epochs/" + name for name in sorted(os.listdir(epochs))]
            for name in names:
                beside = os.path.join(os.path.dirname(epochs), name) if name.startswith("epochs/") else None
                with open(beside or os.path.join(private, *name.split("/")), "rb") as stream:
                    content = base64.b64encode(stream.read()).decode("ascii")
                blocks.append(INSIDE % html.escape(name) + content + "</script>")
            blocks += [f"<script>{source}</script>" for source in sources]
            policy = carried.policy(sources, style)
            text = carried.index(page["title"], policy, f"<style>{style}</style>", "\n".join(blocks))
            fresh = os.path.join(private, "standalone.html")
            with open(fresh, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        with files.writable(target), files.whole(target, is_standalone) as part:
            shutil.copyfile(fresh, part)
    finally:
        shutil.rmtree(private, ignore_errors=True)
        shutil.rmtree(small, ignore_errors=True)


def _built(model_dir):
    """Return the directory of the page that doit builds of models/json_models/NAME: models/pages/NAME."""
    home, name = os.path.split(os.path.abspath(model_dir if os.path.isdir(model_dir) else os.path.dirname(model_dir)))
    return os.path.join(os.path.dirname(home), "pages", name) if os.path.basename(home) == "json_models" else None


def twin(model_dir: str) -> Optional[str]:
    """Return the directory of the page that doit built of the very model, or None."""
    built, source = _built(model_dir), model_file(model_dir)
    if built is None or not own(built):
        return None
    with open(os.path.join(built, "page.json"), encoding="utf-8") as stream:
        there = [(entry["name"], entry["sha256"]) for entry in json.load(stream)["files"]]
    names = [source] + [os.path.join(os.path.dirname(source), name) for name in shards(read_model(source), source)]
    return built if there == [("model/" + os.path.basename(name), files.sha256(name)) for name in names] else None


def bare(model_dir: str) -> Optional[str]:
    """Return a line where a page of a model of the catalogue lacks what doit knows of it, as doit built no page yet."""
    built = _built(model_dir)
    if built is None or twin(model_dir):
        return None
    name = command.one_line(os.path.basename(built))
    return f"without the catalogue's samples, labels and comparison: `{place.doit('page:' + name)}` first brings them"


def bring(model_dir: str) -> None:
    """Have doit build the page of a model of the catalogue where it is not built yet; say so where doit cannot."""
    if bare(model_dir) is None:
        return
    built = _built(model_dir)
    home = os.path.dirname(os.path.dirname(built))  # of models.toml
    project = os.path.dirname(home)
    known = [os.path.join(home, "models.toml")] + ([os.path.join(project, "dodo.py")] if place.CHECKOUT else [])
    if all(map(os.path.isfile, known)):
        building.by_doit(os.path.basename(built), command.say, project)
    left = bare(model_dir)
    if left:
        command.say(left)


def _like(page, built, options, target_dir):
    """Return page.json's content with what the page in `built` has and `options` do not say; copy its reference."""
    if built is None:
        return page
    with open(os.path.join(built, "page.json"), encoding="utf-8") as stream:
        other = json.load(stream)
    asked = {"title": "title", "labels": "labels", "samples": "data", "reference": "reference"}
    for key, option in asked.items():
        if key in other and not options.get(option) and not (key == "samples" and options.get("given")):
            page[key] = other[key]
    if page.get("reference") and not options.get("reference"):
        shutil.copyfile(os.path.join(built, "reference.bin"), os.path.join(target_dir, "reference.bin"))
    if options.get("pixels", PIXELS[0]) == PIXELS[0] and not options.get("mean") and not options.get("std"):
        page["pixels"] = other["pixels"]
    return page


def snippet_of(model_dir: str, labels: Optional[List[str]] = None) -> str:
    """Return the HTML that draws the model on a page of one's own: see `snippet.html`."""
    source = model_file(model_dir)
    with topology.of(source):
        drawn = drawing.drawing(read_model(source), predict.describe(source), source)
    _check_labels(labels, drawn, source)
    return snippet.html(drawn, labels, os.path.basename(source), source)


def heavy(model_dir: str, quantize: Optional[str] = None) -> Optional[str]:
    """Return a line on a model whose page as one file will be large, or None.  quantize: as in `standalone`."""
    size = weight(model_dir) * smaller.PARTS[quantize]
    if size < LARGE:
        return None
    advice = "" if quantize else ("; --quantize float16, as quantize = \"float16\" in models.toml, halves them, "
                                  "uint8 leaves a quarter")
    return f"one file of about {size / 1e6:.0f} MB, most of it weights{advice}"


def weight(model_dir: str) -> float:
    """Return the bytes that a model's weights take in a page as one file, where they are base64."""
    source = model_file(model_dir)
    names = shards(read_model(source), source)
    return sum(os.path.getsize(os.path.join(os.path.dirname(source), name)) for name in names) * 4 / 3


def is_standalone(path: str) -> bool:
    """Tell whether a file is a page that `standalone` wrote."""
    with open(path, "rb") as stream:
        start = stream.read(1 << 20)  # the licenses of the scripts, 60 kB, stand before page.json
    return start.startswith(b"<!DOCTYPE html>") and (INSIDE % "page.json").encode() in start


# The model --------------------------------------------------------------------------------------------------

def _own_title(model, source):
    record = model["modelTopology"].get("model_config")
    name = record.get("config", {}).get("name") \
        if isinstance(record, dict) and isinstance(record.get("config"), dict) else None
    if not isinstance(name, str) or not name or not records.is_text(name):
        name = os.path.basename(os.path.dirname(os.path.abspath(source)))  # of bytes that are no text, perhaps
    return command.one_line(name)


def left_out(drawn: Dict[str, Any], described: Dict[str, Any], renamed: Dict[str, str]) -> List[str]:
    """Return the names of the model's layers that the drawing neither shows nor draws with another one.

    renamed: {name: name in the source, which is returned}
    """
    shown = {name for layer in drawn["layers"] for name in layer["chain"]}
    shown.update(entry["name"] for entry in drawn["inputs"])
    return [renamed.get(name, name) for name in described["parameters"] if name not in shown]


# What the page shows besides --------------------------------------------------------------------------------

def _check_labels(labels, drawn, source):
    ends = [layer for layer in drawn["layers"] if layer["class"] == "Output1d"]
    if labels and ends and len(labels) not in [layer["shape"][0] for layer in ends]:
        raise Fault(f"{source}: labels are {len(labels)} words, but output {command.one_line(ends[-1]['name'])} has "
                    f"{ends[-1]['shape'][0]} classes: give one word for each")


# The command ------------------------------------------------------------------------------------------------

def publish(model_dir: str, target_dir: str, **options: Any) -> None:
    """Build a page where the user says: into a new directory, or in place of an earlier page."""
    def write(path):
        names = build(model_dir, path, **options)
        return names[-1:] + names[:-1]

    files.into(target_dir, write, own(target_dir))


def own(directory: str) -> List[str]:
    """Return the names of those files in `directory` that make up an earlier page; [] where there is none."""
    try:
        with open(os.path.join(directory, "page.json"), "rb") as stream:
            page = json.loads(stream.read(json_text.MAX_JSON_BYTES).decode("utf-8"))
        if page["made-by"] != MADE_BY:
            return []
        listed = [entry["name"] for entry in page["files"]]
        names = [name for name in listed if name == "model/" + os.path.basename(name)]  # nothing further away
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []  # no page.json, or another program's
    names += ["reference.bin"] + carried.ALWAYS + carried.EARLIER
    return [name for name in names if os.path.isfile(os.path.join(directory, name))]


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="viewer.page",
                            description="Make the page that draws a converted model with TensorSpace.")
    parser.add_argument("model", help="directory with model.json and its shards")
    parser.add_argument("target", nargs="?", help="directory to write the page into")
    parser.add_argument("--standalone", metavar="FILE", help="write one HTML file that works from disk instead, "
                        "where no file is yet, or an earlier page")
    parser.add_argument("--quantize", choices=QUANTIZED, help="with --standalone: its weights, for a smaller file")
    parser.add_argument("--data", help="npz of images and labels: its test images become samples")
    parser.add_argument("--title")
    parser.add_argument("--labels", help="names of the classes: a file with one a line, or a,b,c")
    parser.add_argument("--reference", help="npz of inputs and of what the source model makes of them")
    parser.add_argument("--pixels", choices=PIXELS, default="0..1", help="what the model was trained on (default 0..1)")
    parser.add_argument("--mean", help="instead: mean of pixels 0..1, a number, or three: 0.485,0.456,0.406")
    parser.add_argument("--std", help="and their deviation: 0.229,0.224,0.225")
    parser.add_argument("--samples", help="npz of samples for any model: input_0, input_1, … (or x), and y, "
                        "their labels")
    parser.add_argument("--snippet", action="store_true", help="print the HTML that draws the model on a page of "
                        "your own, in TensorSpace's API, and write nothing")
    options = parser.parse_args(arguments)
    if options.snippet:
        for line in snippet_of(options.model, labels_of(options.labels)).splitlines():
            command.say(line)
        return
    if bool(options.target) == bool(options.standalone):
        parser.error("give a directory to write into, or --standalone FILE")
    if options.quantize and not options.standalone:
        parser.error("--quantize is for --standalone FILE; a page in a directory has the model's own files")
    settings = {"data": options.data, "title": options.title, "labels": labels_of(options.labels),
                "reference": options.reference, "pixels": options.pixels, "mean": numbers_of(options.mean, "--mean"),
                "std": numbers_of(options.std, "--std"), "given": options.samples}
    if options.standalone:
        size = heavy(options.model, options.quantize)
        if size:
            command.say(size)
        bring(options.model)
        standalone(options.model, options.standalone, options.quantize, **settings)
        command.say(f"{options.standalone} ({os.path.getsize(options.standalone) / 1e6:.1f} MB): open it in a browser")
    else:
        publish(options.model, options.target, **settings)
        command.say(f"{options.target}: {place.spelled('viewer.serve')} {options.target}")


if __name__ == "__main__":
    command.run(main)
