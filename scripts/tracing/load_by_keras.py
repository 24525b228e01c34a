"""The child process of tracing: it runs the user's files, loads the model that they are for, and traces it.

tracing/files.py starts it.  It writes graph.pb and about.json, or the one line that says why not, into the directory
that it is given.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.tracing.load_by_keras")

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import zipfile
from types import ModuleType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..base import child, command
from ..base.fault import Fault, lacking
from . import places, process
from .trust import Trusted

LIBRARIES = ("keras", "tf_keras", "tensorflow", "numpy", "builtins", "typing")
# How Keras says that a class or a function is not there
LACKING = re.compile(r"(?:Could not locate|Could not deserialize|Unknown) (class|function|layer|[a-z]+(?: function)?)"
                     r":? ?'?\"?([\w>.]+)")
FOR_ANOTHER = ("bad marshal data", "unknown opcode", "code() argument", "code expected at", "Python version")


def load(trusted: Sequence[Trusted], source: str, weights: Optional[str] = None, input_shape: Any = None) -> Any:
    """Run the user's files and return the Keras model in `source`, or, of a factory, the model with these weights.

    weights: h5 of the weights of a topology json.
    Raises Fault with the place in the user's file where it fails, and where Keras does not load the model.
    """
    files = [one.path for one in trusted if one.python]
    words = words_of(source)
    if version_of(words) == 2:
        os.environ["TF_USE_LEGACY_KERAS"] = "1"  # what the user's tf.keras is, before TensorFlow is imported
    child.hush()
    try:
        modules = [(one, imported(one.path)) for one in trusted if one.python]
        factory = next(((one, module) for one, module in modules if one.factory), None)
        if factory is not None:
            return made(factory[0], factory[1], source, input_shape)
        return loaded(source, weights, words, [module for _, module in modules], files)
    except Fault:
        raise
    except SystemExit as error:
        raise Fault(f"{places.said(error, files) or source}: the file ends the program: put what is no class or "
                    'function below if __name__ == "__main__":')
    except Exception as error:
        raise Fault(line_of(error, source, files))


def line_of(error: BaseException, source: str, files: List[str]) -> str:
    """Return the line about an error of the user's Python, or of Keras where it loads the model."""
    if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow":  # Keras imports it, or the user's file
        return f"{source}: tracing needs TensorFlow: {lacking(error)}"
    unknown = LACKING.search(str(error))
    if unknown:
        kind = "function" if "function" in unknown.group(1) else "class"
        name = unknown.group(2).rpartition(">")[2].rstrip(".")
        there = f"{', '.join(files)} {'have' if len(files) > 1 else 'has'} no" if files else "it needs the"
        return f"{source}: {there} {kind} {name}: name the file that has it too: --trust FILE.py"
    if any(words in str(error) for words in FOR_ANOTHER):
        return (f"{source}: its Lambda holds the code of another Python than {sys.version_info[0]}."
                f"{sys.version_info[1]}: convert it with the Python that saved it; or give its weights, and "
                f"--trust FILE.py:FUNCTION with the function that builds it")
    return places.said(error, files) or f"{source}: Keras does not load it: {places.plain(error)}"


# The user's files ---------------------------------------------------------------------------------------------

def imported(path: str) -> ModuleType:
    """Run a user's file as a module of its own name, with the files beside it in reach; return the module."""
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name if name not in sys.modules else name + "_", path)
    if spec is None:
        raise Fault(f"{path}: not a file of Python: its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def objects_of(modules: Sequence[ModuleType], words: str) -> Dict[str, Any]:
    """Return the custom_objects of modules: their classes and functions by name, and by the registered names
    ("package>Name") that the topology has for them."""
    found = {}
    for module in modules:
        for name, value in vars(module).items():
            if (inspect.isclass(value) or callable(value)) and not name.startswith("__") and str(
                    getattr(value, "__module__", None)).split(".")[0] not in LIBRARIES:
                found[name] = value
                found.setdefault(getattr(value, "__name__", name), value)
    for whole in set(re.findall(r'"([^"\\]*>[^"\\>]+)"', words)):
        name = whole.rpartition(">")[2]
        if name in found:
            found[whole] = found[name]
    return found


# The model ---------------------------------------------------------------------------------------------------

def words_of(source: str) -> str:
    """Return the JSON of a model file: its topology, and what else says which Keras wrote it; "" where it has none."""
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                return "".join(archive.read(name).decode("utf-8") for name in ("metadata.json", "config.json")
                               if name in archive.namelist())
        with open(source, "rb") as file:
            if file.read(1) == b"{":
                return "{" + file.read().decode("utf-8")
        import h5py
        with h5py.File(source, "r") as file:
            found = [file.attrs.get(name, "") for name in ("model_config", "keras_version")]
            config, version = [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in found]
            return json.dumps({"keras_version": version}) + config if config else ""
    except (OSError, ValueError):
        return ""


def version_of(words: str) -> Optional[int]:
    """Return the first number of the Keras that wrote a model, None where it does not tell."""
    found = re.search(r'"keras_version": ?"(\d+)\.', words)
    return int(found.group(1)) if found else 3 if '"registered_name"' in words else None


def keras_of(words: str, modules: Sequence[ModuleType]) -> ModuleType:
    """Return the Keras that loads a model: the one that wrote it, or that the user's classes are of."""
    whose = {one.__module__.split(".")[0] for module in modules for value in vars(module).values()
             if inspect.isclass(value) and value.__module__ == module.__name__ for one in value.__mro__}
    old = sys.version_info < (3, 7)
    if version_of(words) == 3:
        if old:
            raise Fault("a model of Keras 3, which needs Python 3.10 or newer")
        if "tf_keras" in whose and "keras" not in whose:
            raise Fault("a model of Keras 3, and the classes are tf_keras's: let them be keras.layers.Layer")
    elif not old and version_of(words) == 2 and "keras" not in whose:
        return importlib.import_module("tf_keras")
    return importlib.import_module("keras")


def loaded(source: str, weights: Optional[str], words: str, modules: Sequence[ModuleType], files: List[str]) -> Any:
    """Return the model in a file, loaded with the user's classes."""
    if not words and not os.path.isdir(source):
        raise Fault(f"{source}: no topology in it: where these are a model's weights, name the function that builds "
                    f"it: --trust {files[0] if files else 'FILE.py'}:FUNCTION")
    try:
        keras = keras_of(words, modules)
    except Fault as fault:
        raise Fault(f"{source}: {fault}")
    objects = objects_of(modules, words)
    with contextlib.suppress(AttributeError):  # Keras before 2.13 runs the Python in a file unasked
        keras.config.enable_unsafe_deserialization() if hasattr(keras, "config") \
            else keras.__internal__.enable_unsafe_deserialization()
    if weights is None:
        safe = {"safe_mode": False} if "safe_mode" in inspect.signature(keras.models.load_model).parameters else {}
        return keras.models.load_model(source, custom_objects=objects, compile=False, **safe)
    with open(source, encoding="utf-8") as file:
        model = keras.models.model_from_json(file.read(), custom_objects=objects)
    model.load_weights(weights)
    return model


def made(trusted: Trusted, module: ModuleType, source: str, input_shape: Any) -> Any:
    """Return the model that the user's function makes, with the weights in `source`."""
    function = getattr(module, trusted.factory, None)
    if not callable(function):
        there = [name for name, value in vars(module).items() if inspect.isfunction(value)
                 and value.__module__ == module.__name__]
        raise Fault(f"{trusted.path}: no function {trusted.factory!r}"
                    + (f"; there are {', '.join(there[:20])}" if there else ""))
    needed = [one.name for one in inspect.signature(function).parameters.values()
              if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if needed:
        raise Fault(f"{trusted.path}: {trusted.factory} needs {', '.join(needed)}: name a function without arguments "
                    "that returns the model")
    model = function()
    if not hasattr(model, "load_weights"):
        raise Fault(f"{trusted.path}: {trusted.factory}() returns no Keras model but a value of type "
                    f"{type(model).__name__}")
    if not model.built:
        build(model, trusted, input_shape)
    model.load_weights(source)
    return model


def build(model: Any, trusted: Trusted, input_shape: Any) -> None:
    """Call a model of the user's class once, on zeros of the shape that is given."""
    if input_shape is None:
        raise Fault(f"{trusted.path}: the model of {trusted.factory}() is not built: call it once there on an example, "
                    "or give --input-shape")
    import tensorflow

    from . import inputs
    specs = inputs.of(model, input_shape)
    model(specs.packed([tensorflow.zeros([1] + [size or 1 for size in one.shape[1:]]) for one in specs.flat]))


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="tracing.load_by_keras", description=__doc__)
    parser.add_argument("source", help="a model file, or the weights of a function's model")
    parser.add_argument("directory", help="where graph.pb and about.json go")
    parser.add_argument("--settings", type=json.loads, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    sys.dont_write_bytecode = True  # beside the user's files
    with process.answering(options.directory):
        content, about = frozen(options.source, **options.settings)
    with open(os.path.join(options.directory, "graph.pb"), "wb") as file:
        file.write(content)
    with open(os.path.join(options.directory, "about.json"), "w", encoding="utf-8") as file:
        json.dump(about, file)


def frozen(source: str, trust: List[List[Optional[str]]], weights: Optional[str], layers: Optional[List[str]],
           input_shape: Any) -> Tuple[bytes, Dict[str, Any]]:
    """Load and trace; the result is by_keras.frozen's."""
    from . import by_keras
    trusted = [Trusted(*one) for one in trust]
    model = load(trusted, source, weights, input_shape)
    try:
        return by_keras.frozen(model, layers, input_shape, source)
    except Fault:
        raise
    except (Exception, SystemExit) as error:
        said = places.said(error, [one.path for one in trusted])
        if said is None and not isinstance(error, child.REFUSALS):
            raise
        raise Fault(said or f"{source}: TensorFlow cannot trace it: {places.plain(error)}")


if __name__ == "__main__":
    command.run(main, at_once=True)
