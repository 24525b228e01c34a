"""Readers of model files, one module per format, all with the same two functions:

    match(path) -> bool                   by content, never by the file's name
    read(path, **options)                 -> layers.model.Model, topology at once, weights when they are asked for;
                                          or graphs.GraphFile, of which TensorFlow makes an operations.Graph

Nothing in a file is ever executed.  `which` here asks each format in turn: nothing else decides what a file is.
"""
import contextlib
import glob
import importlib
import json
import os
import posixpath
import re
import zipfile
from typing import Optional

from ..base import place
from ..base.fault import Fault
from ..base.files import at_once
from ..layers import open_sizes, variables
from ..layers.topology import inner_records, is_model, is_text, of

GRAPHS = ("saved_model", "frozen")  # formats of which some or all are graphs of operations
FORMATS = GRAPHS + ("keras_h5", "keras_archive", "topology_and_weights", "tfjs")
TAGS = "serve"  # of a SavedModel's graph, where none are named
KNOWN = "known are h5, .keras, topology json + weights h5, tfjs model.json, SavedModel, frozen .pb"
ENDINGS = (".h5", ".hdf5", ".keras", "saved_model.pb", "model.json")
# How files begin that are no models here, and what to do about each.
STARTS = (
    (rb"\Z", "the file is empty"),
    (rb"version https://git-lfs", "a git-lfs pointer, not the model itself: run `git lfs pull` first"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|.{257}ustar", "a packed file: unpack it, and give the model in it"),
    (rb"\x80[\x02-\x05]|PK\x03\x04",
     "a pickle or an archive of another program (PyTorch?), not a Keras model; " + KNOWN),
    (rb"\x93NUMPY", "a numpy array, not a model; " + KNOWN),
    (rb".{4}TFL3", "a TensorFlow Lite model, whose layers are gone: give the model that it was made from"),
    (rb"\x08[\x02-\x20]\x12", "an ONNX model: give the Keras or TensorFlow model that it was made from"),
    (rb"\s*<", "a web page, not a model: the download went wrong"),
)
# How paths look that lead nowhere, and what to do about each.
PATHS = (
    (r"[A-Za-z][A-Za-z0-9+]+:/", "an address: download it, and give the file"),
    (r"~", "only a shell knows ~, without quotes: give the whole path"),
    (r"[\"'\u2018-\u201f]", "the quotes are taken for a part of the name: leave them out"),
    (r"[A-Za-z]:\\", "a path of Windows: give it as this system spells it"),
    (r".*[*?]", "no file matches, and one file is meant (in models.toml, source takes patterns)"),
    (r"models/(enc_)?model\.h5$", f"run {place.makes()} first, which makes it"),
)
MAX_DEPTH = 200  # nesting of a topology; NASNet inside a wrapper inside a model needs about 20
MAX_JSON_BYTES = 16 * 1024 * 1024  # the largest of keras.applications has 1 MB
MAX_JSON_TEXT = 1 << 30  # with the numbers of Constant initializers: an Embedding's, 20 bytes a number
# From a Constant's class to its numbers: a list of Keras 2's, a __numpy__ of Keras 3's.  Each run of spaces and of
# numbers stands behind a text of its own, so that the time to find them grows with the text alone.
EMPTIED = r'''("class_name":\s*"Constant",\s*"config":\s*\{\s*"value":\s*(?:\{\s*"class_name":\s*"__numpy__",\s*''' \
    r'''"config":\s*\{\s*"value":\s*)?)\[[-+0-9.eE,\s\[\]]*\]'''
EMPTIED = {str: re.compile(EMPTIED), bytes: re.compile(EMPTIED.encode("ascii"))}
MAX_JSON_OBJECTS = 400000  # an empty one takes 64 to 240 bytes in memory and 3 in a file, or none in an archive
MAX_JSON_VALUES = 2000000  # texts and numbers: the largest of keras.applications has 50000
MAX_LAYERS = 10000  # and calls of them; NASNetLarge has 1039, and each takes up to half a millisecond
MAX_WALKED = 1000000  # objects, each as often as there are models around it: each of those models is walked through
MAX_CALLS = 250000  # of layers and what is in them: models called twice in models called twice double with each


def read(path, weights=None, **options):
    """Return the Model in the file or directory `path`, a graphs.GraphFile where it has no layers; `weights` is the
    second file of a separated model.

    options: what single formats take (saved_model_tags, signature).
    Raises Fault if there is no such file, no format knows it, or it is damaged.
    """
    from ..layers.model import Model
    path = str(path)
    check_readable(path)
    if weights is not None:
        check_readable(str(weights))
        options["weights"] = str(weights)
    with of(path):
        reader = which(path)
        if reader is None:
            raise Fault(unknown(path))
        name = reader.__name__.rpartition(".")[2]
        if weights is not None and name != "topology_and_weights":
            raise Fault("a model of its own where a topology json is meant: give it alone, or the json first")
        if name not in GRAPHS and (
                options.get("signature") or (options.get("saved_model_tags") or TAGS) != TAGS):
            raise Fault("tags and signatures are a SavedModel's: leave them out")
        found = reader.read(path, **options)
        return checked(found) if isinstance(found, Model) else found


def read_layers(path, weights=None, **options):
    """Return the Model in `path` as `read` does, with a Fault for a graph of operations."""
    from ..layers.model import Model
    found = read(path, weights, **options)
    if not isinstance(found, Model):
        raise Fault(f"{path}: a TensorFlow graph without Keras layers: it becomes a graph model, and has no "
                    f"enc_model.h5; {place.spelled('preprocess')} converts it")
    return found


def which(path, names=FORMATS):
    """Return the module of the format of the file or directory `path`, None where no format knows it."""
    for name in names:
        reader = importlib.import_module("." + name, __package__)
        if reader.match(path):
            return reader
    return None


def is_graph(path, tags=None):
    """Return whether `path` holds a graph of operations, and no layers; False for what cannot be opened.

    Most files are told by one look at their first byte, and nothing heavy is imported: doit asks this of every model.
    tags: as in `read`.  Raises Fault for a damaged SavedModel.
    """
    path = str(path)
    try:
        with open(path, "rb", buffering=0, opener=at_once) as file:
            if file.read(1) not in (b"\x0a", b"\x08"):  # of a message: its first field
                return False
    except IsADirectoryError:
        pass
    except (OSError, ValueError):
        return False
    with of(path):
        reader = which(path, GRAPHS)
        return reader is not None and reader.is_graph(path, tags)


def checked(model):
    """The model itself, with the sizes of its inputs that its weights tell, unless a walk through all calls of all
    layers in it would not end."""
    layers, walked = extent(model.topology)
    problem = None
    if layers > MAX_LAYERS:
        problem = "it has %d layers and calls of them: more than %d are refused" % (layers, MAX_LAYERS)
    elif walked > MAX_WALKED:
        problem = "there are models in models in it, too many and too deep: refused"
    elif calls(model.topology) > MAX_CALLS:
        problem = "its layers are called more than %d times: models in it that call each other over and over" \
            % MAX_CALLS
    elif is_model(model.topology) and model.topology["class_name"] == "Sequential" and not any(
            model.weights.values()) and any(map(variables.variables, inner_records(model.topology))):
        problem = "its layers have weights, and the file holds none: call the model once (or model.build with its " \
            "input's shape), and save it again"
    if problem:
        model.close()
        raise Fault(problem)
    from ..layers import cudnn  # which needs numpy
    model = cudnn.as_in_keras(model)
    model.topology = open_sizes.told(model)
    return model


def extent(record):
    """Return (number of layers in `record`, a shared one counted for each call; number of objects, each counted for
    every model around it and itself)."""
    layers = walked = 0
    pending = [(record, 1)]
    while pending:
        value, around = pending.pop()
        if isinstance(value, dict):
            walked += around
            held = value.get("layers", value.get("config"))  # the latter before Keras 2.2.3
            if isinstance(held, list):
                around += 1
                every = [item.get("inbound_nodes") for item in held if isinstance(item, dict)]
                layers += sum(max(1, len(nodes)) if isinstance(nodes, list) else 1 for nodes in every)
            value = value.values()
        pending += [(item, around) for item in value if isinstance(item, (dict, list))]
    return layers, walked


def calls(value):
    """How often the layers in `value` are called, those inside a nested model once for each call of that."""
    if isinstance(value, list):
        return sum(calls(item) for item in value)
    if not isinstance(value, dict):
        return 0
    count = sum(calls(item) for key, item in value.items() if key != "inbound_nodes") + ("class_name" in value)
    nodes = value.get("inbound_nodes")
    return count * max(1, len(nodes) if isinstance(nodes, list) else 0)


def files(path, weights=None):
    """Return the files that make up the model in `path`, for whoever wants to know when it changed; Fault if none does.

    A TensorFlow.js model is its model.json and the shards that this names; other formats are one file, a
    directory, or the two that were given.
    """
    check_readable(path)
    if os.path.isdir(path) and not os.path.isfile(os.path.join(path, "saved_model.pb")):
        path = os.path.join(path, "model.json")
        if not os.path.isfile(path):
            raise Fault(unknown(os.path.dirname(path)))  # not what else may be there: a whole home, the whole disk
    found = [path] + ([weights] if weights is not None else [])
    if head(path, 64).lstrip()[:1] == b"{":
        with open(path, "rb") as file:
            manifest = parse(file.read(), path).get("weightsManifest")
        for group in manifest if isinstance(manifest, list) else ():
            paths = group.get("paths") if isinstance(group, dict) else None
            for name in paths if isinstance(paths, list) else ():
                place = inside(name)  # others the reader refuses
                if place is not None:
                    found.append(os.path.join(os.path.dirname(path), place).replace(os.sep, "/"))
    return found


def inside(name) -> Optional[str]:
    """The shortest spelling of `name`, a path that a manifest gives from its own directory: "./a.bin" is "a.bin".
    None where it leads out of the directory, to the directory itself, or is no path that a file can have."""
    if not isinstance(name, str) or not name or "\\" in name or not is_text(name):
        return None
    place = posixpath.normpath(name)
    return None if place in (".", "..") or place.startswith(("/", "../")) else place


def check_readable(path):
    """Raise a Fault unless `path` can be opened (a file) or listed (a directory)."""
    try:
        if os.path.isdir(path):
            if not os.listdir(path):
                raise Fault(f"{path}: the directory is empty")
            return
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe waits for whoever writes when it is opened
            raise Fault(f"{path}: neither a file nor a directory")
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise Fault(missing(path))
    except (OSError, ValueError) as error:
        raise Fault("{}: {}".format(path, getattr(error, "strerror", None) or error))


def missing(path):
    """The one line about a file that is not there."""
    advice = next((advice for pattern, advice in PATHS if re.match(pattern, path)), None)
    where = "" if advice or os.path.isabs(path) else " in " + os.getcwd()
    return "{}: No such file or directory{}".format(path, ": " + advice if advice else where)


def head(path, count=1024):
    """Return the first `count` bytes of a file, b"" for a directory."""
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as file:
        return file.read(count)


def unknown(path):
    """The one line about a file or directory that no format knows."""
    if os.path.isdir(path):
        empty = [name for name in ("saved_model.pb", "model.json") if os.path.isfile(os.path.join(path, name))
                 and not os.path.getsize(os.path.join(path, name))]
        if empty:
            return f"{path}: its {empty[0]} is empty: download or copy it again"
        others = sorted(name for name in os.listdir(path) if name.endswith((".json", ".h5", ".keras", ".pb")))
        others = [os.path.dirname(found) for found in [os.path.join(path, os.pardir, "saved_model.pb")] + sorted(
            glob.glob(os.path.join(glob.escape(path), "*", "saved_model.pb"))) if os.path.isfile(found)] or others
        return "{}: no model in this directory (no saved_model.pb, no model.json); {}".format(
            path, "give the model itself: {}".format(", ".join(map(os.path.normpath, others[:5]))) if others else KNOWN)
    return "{}: {}".format(path, mistaken(path) or "not a model file, or damaged at its start; " + KNOWN)


def mistaken(path):
    """What a file is that is taken for a model by mistake, in words; None where its start does not tell."""
    start = head(path)
    if start.startswith(b"PK\x03\x04"):
        if not zipfile.is_zipfile(path):
            return "an archive that is cut short: download or copy it again"
        keras_archive = importlib.import_module(".keras_archive", __package__)  # which imports from here
        with contextlib.suppress(*keras_archive.DAMAGED + (ValueError,)), zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.endswith(ENDINGS)]
            if inside:
                return f"a zip archive with {inside[0]} in it: unpack it, and give that"
    return next((words for pattern, words in STARTS if re.match(pattern, start, re.DOTALL)), None)


def parse(text, where):
    """json.loads for files of unknown origin: one Fault for what is no JSON, for keys that stand twice,
    for NaN and infinities (no browser parses them), for nesting deeper than MAX_DEPTH and for more than
    MAX_JSON_OBJECTS lists and objects.  Where it is more than that, the numbers of Constant initializers are left out.

    text: str or bytes (UTF-8).  where: str, begins the message.
    """
    def pairs(items):
        result = {}
        for key, value in items:
            if key in result:
                raise Fault(f"{where}: the key {key!r} stands twice in one object")
            result[key] = value
        return result

    def constant(word):
        raise Fault(f"{where}: {word} stands in it, which is no JSON number")

    def number(word):
        if abs(float(word)) == float("inf"):
            raise Fault(f"{where}: {word:.40} stands in it, a number too large for any computer")
        return float(word)

    def whole(word):
        if len(word) > 40:
            raise Fault("%s: a number of %d digits stands in it" % (where, len(word)))
        return int(word)

    problem = too_much(text)
    emptied = problem is not None and len(text) <= MAX_JSON_TEXT
    if emptied:
        text = EMPTIED[type(text)].sub(r"\1[]" if isinstance(text, str) else rb"\1[]", text)
        problem = too_much(text)
    if problem:
        raise Fault(f"{where}: {problem}")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant,
                           parse_float=number, parse_int=whole)
    except RecursionError:
        raise Fault(f"{where}: nested too deep")
    except ValueError as error:
        raise Fault(f"{where}: not valid JSON ({error})")
    if emptied:
        constants_as_zeros(value)
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level
                 for inner in (outer.values() if isinstance(outer, dict) else outer) if isinstance(inner, (dict, list))]
        if not level:
            return value
    raise Fault("%s: nested deeper than %d levels" % (where, MAX_DEPTH))


def too_much(text) -> Optional[str]:
    """Why a text of JSON (str or bytes) is more than any topology holds, None where it is not."""
    if len(text) > MAX_JSON_BYTES:
        return f"{len(text)} bytes of JSON are no topology"
    opening = "{[" if isinstance(text, str) else (b"{", b"[")
    if sum(map(text.count, opening)) > MAX_JSON_OBJECTS:
        return f"more than {MAX_JSON_OBJECTS} lists and objects are no topology"
    if text.count("," if isinstance(text, str) else b",") > MAX_JSON_VALUES:
        return f"more than {MAX_JSON_VALUES} texts and numbers are no topology"
    return None


def constants_as_zeros(value) -> None:
    """Make Zeros of the Constant initializers in `value` whose numbers `parse` left out: the file's weights are what
    they were for, and no Keras takes a Constant of nothing."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            config = item.get("config") if item.get("class_name") == "Constant" else None
            held = config.get("value") if isinstance(config, dict) else None
            if held == [] or isinstance(held, dict) and isinstance(held.get("config"), dict) \
                    and held["config"].get("value") == []:
                item.update(class_name="Zeros", config={})
            item = item.values()
        pending += [inner for inner in item if isinstance(inner, (dict, list))] if not isinstance(item, str) else []
