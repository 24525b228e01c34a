"""models.toml -> Entry objects, one table per model that is built.

    [keras]                      # models/model.h5 -> models/enc_model.h5 -> models/json_models/keras/
    epochs = 5                   # a table without `source` is trained

    [mine]                       # models/mine/enc_model.h5 -> models/json_models/mine/
    source = "my/model.h5"
    layers = ["conv1", "dense"]

Every error names the file, the table and the key, and the nearest name where one was mistyped.
"""
import difflib
import glob
import itertools
import os
import re
from typing import Callable, Dict, Iterable, List, NamedTuple

from ..base import command
from ..base.fault import Fault
from ..training.choices import IDX, RANGES, RECIPES
from ..viewer.choices import PIXELS
from ..wire.target import AUTO, FORMATS, LAYOUTS, NATURAL, QUANTIZED, SHARD_SIZE, Target

DEFAULT = "keras"  # the table whose paths are the guide's own, without its name in them
# Names below models/ that are taken, those of the table DEFAULT among them.
RESERVED = ("json_models", "pages", "models.toml", "model.h5", "enc_model.h5", "data.npz", "verify.json")
LONGEST = 200  # bytes of a name: file systems take 255, and a record's name has more words in it
MOST = 100000  # files that one pattern may match
NAME = re.compile(r"^\w[\w.-]*$", re.UNICODE)  # a table is a directory, a task and a word on a command line
ENGINES = ("native", "reference")


def _positive(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _within(key):
    smallest, largest = RANGES[key]
    kinds = (int, type(smallest))
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool) and smallest <= value <= largest


def _text(value):
    return isinstance(value, str) and value != "" and "\0" not in value


def _short(name):
    return len(name.encode("utf-8", "backslashreplace")) <= LONGEST


def _texts(value):
    return isinstance(value, list) and bool(value) and all(_text(item) for item in value)


def _channels(value):
    return isinstance(value, list) and len(value) in (1, 3) and all(
        isinstance(part, (int, float)) and not isinstance(part, bool) for part in value)


def _sizes(value):
    return isinstance(value, list) and bool(value) and all(_positive(size) for size in value)


def _shape(value):
    """Sizes of one input, or of several in their order or by name."""
    shapes = list(value.values()) if isinstance(value, dict) else value
    return _sizes(value) or isinstance(shapes, list) and bool(shapes) and all(_sizes(shape) for shape in shapes)


def _constants(value):
    """{input = a number, true or false, or lists of these}."""
    return isinstance(value, dict) and bool(value) and all(_numbers(number) for number in value.values())


def _numbers(value):
    return all(map(_numbers, value)) if isinstance(value, list) else isinstance(value, (int, float))


def _quantize(value):
    """"uint8" for every weight, or {"uint8" = ["*/kernel"], …} for those that a pattern names."""
    if isinstance(value, str):
        return value in QUANTIZED
    return isinstance(value, dict) and bool(value) and all(
        key in QUANTIZED and (_text(patterns) or _texts(patterns)) for key, patterns in value.items())


def _json_file(value):
    try:
        command.check_json_name(value if _text(value) else "")
        return _short(value)
    except Fault:
        return False


class Setting(NamedTuple):
    """One key of a table.

    default  what holds where the table does not say.  It never changes: a record without the setting tells of it
    good     callable(value) -> whether a value may stand there
    kind     what it must be, in words
    """

    default: object
    good: Callable[[object], bool]
    kind: str


def _one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: value in words


def _true_or_false(value):
    return isinstance(value, bool)


DATA = {
    "data": Setting(None, _text, '"auto", "mnist", "digits" or the path of a file'),
}
TRAINING = {
    "recipe": Setting("guide", _one_of(*RECIPES), '"guide" or "fast"'),
    "checkpoint": Setting(False, _true_or_false, "true or false"),
    "epochs": Setting(5, _within("epochs"), "a whole number from 1 to 1000000"),
    "batch_size": Setting(32, _within("batch_size"), "a whole number from 1 to 1000000"),
    "seed": Setting(0, _within("seed"), "a whole number from 0 to 4294967295"),
    "optimizer": Setting("adam", _text, "the name of a Keras optimizer"),
    "learning_rate": Setting(None, _within("learning_rate"), "a number from 1e-30 to 1e30"),  # None: the optimizer's
}
CHOOSING = {
    "layers": Setting(None, _texts, "a list of layer names"),
    "input_shape": Setting(None, _shape, "a list of whole numbers, or one such list per input: {a = [8], b = [8, 8]}"),
    "constants": Setting(None, _constants, "a table of numbers, true or false by the names of inputs: {sr = 16000}"),
    "compile": Setting(False, _true_or_false, "true or false"),
    "engine": Setting("native", _one_of(*ENGINES), '"native" or "reference"'),
    "layout": Setting(NATURAL, _one_of(*LAYOUTS), '"auto" or "as-is"'),
}
CONVERTING = {  # the fields of wire/target.py's Target
    "json_name": Setting("model.json", _json_file, "a file name that begins with a letter or digit and ends in .json, "
                                                   "other than manifest.json"),
    "shard_size": Setting(SHARD_SIZE, _positive, "a number of bytes"),
    "quantize": Setting(None, _quantize, ", ".join(f'"{name}"' for name in QUANTIZED)
                        + ", or a table of one of them to weight patterns"),
    "format": Setting(AUTO, _one_of(*FORMATS), '"auto", "layers" or "graph"'),
}
SHOWING = {
    "title": Setting(None, _text, "the title of the page"),
    "labels": Setting(None, lambda value: _text(value) or _texts(value), "a list of words, one per class, or the path "
                                                                         "of a file with one a line"),
    "pixels": Setting("0..1", _one_of(*PIXELS), "one of " + ", ".join(f'"{name}"' for name in PIXELS)),
    "mean": Setting(None, _channels, "a list of one number or three, of pixels from 0 to 1"),
    "std": Setting(None, _channels, "a list of one number or three, above 0"),
    "samples": Setting(None, _text, "the path of an npz with input_0, input_1, … and y"),
}
READING = {
    "trust": Setting(None, lambda value: _text(value) or _texts(value), "the path of a file of Python that may run, "
                     '"my_layers.py" or "my_model.py:make", or a list of such paths'),
    "source": Setting(None, _text, "the path of a model"),
    "weights": Setting(None, _text, "the path of a weights file"),
    "saved_model_tags": Setting("serve", _text, "a tag, or several separated by commas"),
    "signature": Setting(None, _text, "the name of a signature"),
}
KEYS = {key: setting for group in (READING, DATA, TRAINING, CHOOSING, CONVERTING, SHOWING)
        for key, setting in group.items()}
DEFAULTS = {key: setting.default for key, setting in KEYS.items()}


def told(settings: dict) -> dict:
    """Return the settings that are not the default.  Records and manifests hold these alone, so a setting that is new
    to the catalogue changes none of them."""
    return {key: value for key, value in settings.items() if key not in DEFAULTS or value != DEFAULTS[key]}


class Entry:
    """One model to build: its table's settings as attributes (see KEYS), and its paths.

    name       str, the table's
    trained    bool, True where the table names no source
    source     str, the model that is read: the user's, or the model.h5 that is trained
    after      list of the tasks of other entries that make what it reads, and
    behind     set of the names of all entries that it is made from: `connect`
    """

    after, behind = (), frozenset()

    def __init__(self, name: str, settings: Dict[str, object], root: str = "models") -> None:
        self.name = name
        settings = dict(RECIPES[settings.get("recipe", "guide")], **settings)
        for key, setting in KEYS.items():
            setattr(self, key, settings.get(key, setting.default))
        for key in ("source", "weights"):  # it becomes an argument of a command
            if (getattr(self, key) or "").startswith("-"):
                setattr(self, key, "./" + getattr(self, key))
        self.trained = self.source is None
        home = root if name == DEFAULT else root + "/" + name
        self.data_file = home + "/data.npz"
        self.enc_model = home + "/enc_model.h5"
        self.directory = root + "/json_models/" + name
        self.page = root + "/pages/" + name
        self.checkpoint_file = root + "/.checkpoints/" + name + ".npz"
        if self.trained:
            self.source = home + "/model.h5"
            self.data = self.data or "auto"

    def settings(self, *groups: Iterable[str]) -> dict:
        """Return {key: value} of some of this module's groups of keys."""
        return {key: getattr(self, key) for group in groups for key in group}

    def manifest_settings(self) -> dict:
        """Return the settings of manifest.json: those that are not the default, and json_name, by which a reader finds
        the model."""
        return dict(told(self.settings(CHOOSING, CONVERTING, ("trust",))), json_name=self.json_name)

    def target(self) -> Target:
        """Return how the converted model is written."""
        return Target(**self.settings(CONVERTING))


def read(path: str = "models/models.toml", root: str = "models") -> List[Entry]:
    """Return the list of Entry objects of the catalogue `path`, in its order.

    Raises Fault for a file that is no TOML, an unknown key, a value of the wrong kind, a name that cannot be
    a directory.
    """
    try:
        with open(path, "rb") as stream:
            text = stream.read().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise Fault(f"{path}: {error.strerror}; it says what to build, see README.md")
    except UnicodeDecodeError as error:
        raise Fault(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8")
    toml = _toml()
    try:
        tables = toml.loads(text)
    except RecursionError:
        raise Fault(f"{path}: nested too deep")
    except ValueError as error:  # a TOMLDecodeError is one; a number of thousands of digits is another
        advice = ': texts stand in "straight quotes", names in other letters than a-z too: ["模型"]; true and false ' \
                 'are small, and / parts a path'
        written = re.match("Can ?not ", str(error))  # "… declare [keras] twice"
        raise Fault(f"{path}: {error}{'' if written else advice}")
    entries, seen = [], {}
    for name, table in tables.items():
        for entry in _expand(path, name, table, root):
            if not _short(entry.name):
                raise Fault(f"{path}: [{entry.name:.40}…]: a name of more than {LONGEST} bytes is too long for a "
                            "directory")
            if entry.name.lower() in seen:
                raise Fault(f"{path}: [{seen[entry.name.lower()]}] and [{entry.name}] would share a directory: rename "
                            "one")
            seen[entry.name.lower()] = entry.name
            entries.append(entry)
    if not entries:
        raise Fault(f"{path}: it names no model: add a table such as [keras]")
    return entries


def data_files(path: str) -> List[str]:
    """Return the files of a data set: an npz, or MNIST's IDX files: in a directory, or beside the one that is named."""
    path = os.path.expanduser(path)
    named = IDX.search(path)
    if not named and not os.path.isdir(path):
        return [path]
    return sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(path) if named else path), "*idx?-ubyte*")))


def connect(entries: Iterable[Entry]) -> None:
    """Find out which entries read the products of others, and set their `after` and `behind`.

    Raises Fault where an entry is made from itself by way of others.
    """
    places = {os.sep: os.sep, os.sep * 2: os.sep}

    def real(path):
        """os.path.realpath, with one look at each directory: a thousand models share most of them."""
        path, names = os.path.abspath(path), []
        while path not in places:
            path, name = os.path.split(path)
            names.append(name)
        place = places[path]
        for name in reversed(names):
            path, place = os.path.join(path, name), os.path.join(place, name)
            places[path] = place = os.path.realpath(place) if os.path.islink(place) else place
        return place

    makers = {}
    for entry in entries:
        makers.update({real(path): "convert:" + entry.name for path in (
            entry.enc_model, entry.directory, entry.directory + "/" + entry.json_name)})
        if entry.data:
            makers[real(entry.data_file)] = "data:" + entry.name
        if entry.trained:
            makers[real(entry.source)] = "train:" + entry.name
    for entry in entries:
        read = [entry.weights] + ([] if entry.trained else [entry.source]) + (
            data_files(entry.data) if entry.data else [])
        made = [makers.get(real(path)) for path in read if path]
        entry.after = [task for task in made if task]
    names = {entry.name: entry for entry in entries}
    for entry in entries:
        waiting, entry.behind = list(entry.after), set()
        while waiting:
            name = waiting.pop().partition(":")[2]
            if name == entry.name:
                raise Fault(f"models.toml [{name}]: it would be made from itself ({', '.join(entry.after)}): name "
                            "another source")
            if name not in entry.behind:
                entry.behind.add(name)
                waiting += names[name].after


def _toml():
    try:
        import tomllib
        return tomllib
    except ImportError:  # Python < 3.11
        import tomli
        return tomli


def _expand(path, name, table, root):
    """Yield the Entry of a table, or one per file where its source is a pattern ("zoo/*.h5")."""
    where = f"{path}: [{name}]"
    if isinstance(table, list) and table and isinstance(table[0], dict):
        raise Fault(f"{path}: [[{name}]]: write [{name}], in one pair of brackets")
    if not isinstance(table, dict):
        raise Fault(f"{path}: {name} stands outside every table: put it below a line such as [keras]")
    if not NAME.match(name) or name.lower() in RESERVED:
        raise Fault(f"{where}: a name is made of letters, digits, - . and _, begins with a letter or digit, and is "
                    f"none of {', '.join(RESERVED)}")
    _check(where, table)
    source = table.get("source")
    if source is None or not glob.has_magic(source) or os.path.exists(source):
        yield Entry(name, table, root)
        return
    if ".." in source[re.search(r"[*?[]", source).start():].split("/"):
        raise Fault(f'{where} source = "{source}": no ".." after a * (each would find every file once more)')
    found = sorted(itertools.islice(glob.iglob(source), MOST + 1))
    if len(found) > MOST:
        raise Fault(f'{where} source = "{source}": more than {MOST} files match: name fewer')
    if not found:
        raise Fault(f'{where} source = "{source}": no file matches')
    named = {}
    for file in found:
        stem = re.sub(r"[^\w.-]", "_", os.path.splitext(os.path.basename(file))[0])
        settings = dict(table, source=file.replace(os.sep, "/"))
        if named.setdefault(stem.lower(), file) != file:
            raise Fault(f'{where} source = "{source}": {named[stem.lower()]} and {file} would both be '
                        f"[{name}-{stem}]: rename one, or give each a table of its own")
        yield Entry(f"{name}-{stem}", settings, root)


def _check(where, table):
    for key, value in table.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            meant = f", did you mean {near[0]}?" if near else ""
            raise Fault(f"{where}: no setting is called {key}{meant}; there are: {', '.join(sorted(KEYS))}")
        if not KEYS[key].good(value):
            raise Fault(f"{where}: {key} = {value!r} is not {KEYS[key].kind}")
    if "trust" in table and "source" not in table:
        raise Fault(f"{where}: trust without source: name the model, or the weights of the model that a function makes")
    if "source" in table:
        given = sorted(set(table) & set(TRAINING))
        if given:
            raise Fault(f"{where}: it has a source, which is not trained: remove {', '.join(given)}, or remove source")
    elif "weights" in table:
        raise Fault(f"{where}: weights without source: name the topology in source")
    for key, value in (("engine", "reference"), ("compile", True)):
        if "trust" in table and table.get(key) == value:
            raise Fault(f"{where}: with trust no enc_model.h5 is made: remove {key}, or remove trust")
    if table.get("engine") == "reference" and "input_shape" in table:
        raise Fault(f'{where}: engine "reference" takes no input_shape: remove one of them')
    layers = table.get("layers", [])
    twice = sorted({name for name in layers if layers.count(name) > 1})
    if twice:
        raise Fault(f"{where}: layers names {', '.join(twice)} twice")
