"""Functions for a program or a notebook: a model, as a file or live, becomes one that TensorSpace opens.

    from tensorspace_keras import convert, show, summary, Snapshots, Fault   # in a checkout: from scripts import …

    done = convert(model, "out")                   # model.json and its shards; done.outputs are the layers' names
    show(model, samples=x_test[:8], labels=names)  # the page: in a notebook below the cell, else in the browser
    summary(model)                                 # the layers, as rows and as a table

`model` is the path of any source that README names, or a live model of Keras 3, tf_keras or TensorFlow's Keras 2.
Errors are Fault, with the line that the command prints.  No global of the process is changed.
"""
import contextlib
import html
import os
import tempfile
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

from . import preprocess as command
from . import summary as tables
from .base import arguments
from .base.fault import Fault, lacking
from .formats import live_by_keras as live
from .wire import shards, target

__all__ = ["Converted", "Fault", "Layer", "Summary", "convert", "summary"]
Names = Union[None, str, Sequence[str]]


class Converted(NamedTuple):
    """A converted model.

    model_json   path of the file that TensorSpace opens
    files        names of its files, model.json first
    inputs       names of its inputs
    outputs      names of its outputs: the layers, in their order
    format       "layers" or "graph"
    why          the reason for a graph model, or ""

        >>> convert("lenet.h5", "out").format
        'layers'
    """

    model_json: str
    files: List[str]
    inputs: List[str]
    outputs: List[str]
    format: str
    why: str


class Layer(NamedTuple):
    """A row of the table of layers.

    layer        name as `layers` takes it, "outer/inner" inside a nested model
    class_name   "Conv2D"
    output       shape of its first call, the batch's None first; None if it is not known
    parameters   their number
    inputs       names; ";" stands between the calls of a shared layer
    shown        "yes", "input", or why TensorFlow.js or TensorSpace cannot show it

        >>> summary("lenet.h5")[1].output
        [None, 12, 12, 2]
    """

    layer: str
    class_name: str
    output: Optional[List[Optional[int]]]
    parameters: int
    inputs: List[str]
    shown: str


class Summary(List[Layer]):
    """The rows of a model's table, a list of Layer; printed as text, in a notebook as a table.

    parameters  the number of parameters in the whole model
    trained     the number of those that are trained by default; None for a graph of operations

        >>> summary("lenet.h5").parameters
        327
    """

    def __init__(self, described: tables.Described) -> None:
        super().__init__(Layer(*[row[column] for column in tables.COLUMNS]) for row in described.rows)
        self.parameters, self.trained = described.parameters, described.trained
        self._lines = list(described.lines())

    def __repr__(self) -> str:
        return "\n".join(self._lines)

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        head = "".join(f"<th style='text-align:left'>{column.capitalize()}</th>" for column in tables.COLUMNS)
        body = "".join("<tr>" + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in cells)
                       + "</tr>" for cells in map(self._cells, self))
        return (f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
                + "".join(f"<p>{html.escape(line)}</p>" for line in self._lines[len(self) + 2:]))

    @staticmethod
    def _cells(row: Layer) -> List[str]:
        shape = "?" if row.output is None else f"({', '.join(map(str, row.output))})"
        return [row.layer, row.class_name, shape, f"{row.parameters:,}", "; ".join(row.inputs), row.shown]


class Settings(NamedTuple):
    """The settings of a conversion, as preprocess takes them.

        >>> Settings(["conv"], None, "model.json", 4194304, None, "auto").format
        'auto'
    """

    layers: Optional[List[str]]
    input_shape: Any
    json_name: str
    shard_size: int
    quantize: shards.Quantize
    format: str


class Source(NamedTuple):
    """The arguments of formats.read: a path, and the path of the weights if these are separate.

        >>> Source("topology.json", "weights.h5").weights
        'weights.h5'
    """

    path: str
    weights: Optional[str]


def convert(model: Any, directory: Union[str, "os.PathLike[str]"], layers: Names = None, input_shape: Any = None,
            quantize: Any = None, format: str = target.AUTO, trust: Names = None, *, weights: Optional[str] = None,
            json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
            saved_model_tags: Optional[str] = None, signature: Optional[str] = None, layout: str = target.NATURAL,
            constants: Optional[Dict[str, Any]] = None) -> Converted:
    """Convert a model into `directory`, and make the directory if it is missing.

    model        path of a source, or a live Keras model, compiled or not
    layers       the outputs by name, in order; default: every layer but the inputs
    input_shape  sizes that the model leaves open, (224, 224, 3), or {"input": (224, 224, 3)} for several inputs
    quantize     None, "float16", "uint8", "uint16", or {"uint8": ["*/kernel"]}
    format       "auto", "layers" or "graph"
    trust        files of Python with a file's own classes, "my_layers.py", or with the function that makes the model,
                 "my_model.py:make"; they run in a separate process, and a live model needs none
    weights      path of the weights of a topology json
    json_name, shard_size, saved_model_tags, signature, layout, constants   as the settings of models.toml

    The function replaces its own earlier result.
    Raises Fault for a model that cannot be converted, and for a foreign file in the way.

        >>> convert("lenet.h5", "out", layers=["conv", "pool", "softmax"]).outputs
        ['conv', 'pool', 'softmax']
    """
    if layout not in target.LAYOUTS:
        raise Fault(f"layout: {layout!r} is none of {', '.join(target.LAYOUTS)}")
    reading = given(saved_model_tags=saved_model_tags, signature=signature, trust=trusted(trust),
                    layout=layout != target.NATURAL and layout, constants=constants)
    settings = Settings(named(layers), sizes(input_shape), json_name, shard_size, rounded(quantize), chosen(format))
    where = os.fspath(directory)
    with as_faults():
        written = written_of(model, where, weights, settings, reading)
    model_json = os.path.join(where, json_name)
    facts = written.facts
    return Converted(model_json, list(written.names), list(facts["inputs"]), list(facts["outputs"]),
                     command.format_of(model_json), facts.get("why", ""))


def written_of(model: Any, directory: str, weights: Optional[str], settings: Settings,
               reading: Dict[str, Any]) -> command.Written:
    """Convert a path, or a live model: as data, or traced if it computes by code of its own.

    Raises Fault for settings of a path that a live model does not take, and as `convert` does.

        >>> written_of("lenet.h5", "out", None, Settings(["pool"], None, "model.json", 4194304, None, "auto"), {}).names
        ['model.json', 'group1-shard1of1.bin']
    """
    if is_path(model):
        with opened(model, weights) as source:
            return natively(source, directory, settings, reading)
    live.check(model)
    if weights is not None or reading:
        raise Fault("weights, saved_model_tags, signature, layout, constants and trust belong to a path: leave them "
                    "out for a live model, whose own classes are here")
    if live.own_code(model):
        return traced(model, directory, settings)
    try:
        with opened(model) as source:
            return natively(source, directory, settings, reading)
    except Fault:
        if not live.own_functions(model):
            raise
        return traced(model, directory, settings)


def natively(source: Source, directory: str, settings: Settings, reading: Dict[str, Any]) -> command.Written:
    """Convert what a file holds, without its Keras.

        >>> settings = Settings(["pool"], None, "model.json", 4194304, None, "auto")
        >>> natively(Source("lenet.h5", None), "out", settings, {}).names
        ['model.json', 'group1-shard1of1.bin']
    """
    return command.into(directory, source.path, source.weights, settings.layers, settings.input_shape,
                        settings.json_name, settings.shard_size, settings.quantize, None, settings.format, **reading)


def traced(model: Any, directory: str, settings: Settings) -> command.Written:
    """Convert a live model with code of its own as the graph that TensorFlow traces.

    Raises Fault if the settings ask for a layers model.

        >>> traced(model, "out", Settings(None, None, "model.json", 4194304, None, "auto")).facts["why"]
        'it computes by Python of its own, which TensorFlow has traced'
    """
    if settings.format == target.LAYERS:
        raise Fault(f"{live.named(model)} computes by Python of its own, which only a graph model can hold: leave out "
                    "format=\"layers\"")
    from .tfjs import graph, write_layers
    from .tracing import by_keras
    source = by_keras.trace_live(model, settings.layers, settings.input_shape, live.named(model))
    facts = {"why": "it computes by Python of its own, which TensorFlow has traced"}

    def write(path: str) -> List[str]:
        done = graph.convert(source, path, settings.layers, settings.json_name, settings.shard_size,
                             settings.quantize, every=True)
        facts.update(done.facts)
        return done.names

    return command.Written(write_layers.deliver(directory, write, settings.json_name, []), facts)


def summary(model: Any, input_shape: Any = None, trust: Names = None, *, weights: Optional[str] = None,
            saved_model_tags: Optional[str] = None, signature: Optional[str] = None,
            constants: Optional[Dict[str, Any]] = None) -> Summary:
    """Return the table of a model's layers.  The arguments are those of `convert`.

        >>> [row.layer for row in summary("lenet.h5") if row.class_name == "Dense"]
        ['dense', 'softmax']
    """
    reading = given(saved_model_tags=saved_model_tags, signature=signature, trust=trusted(trust), constants=constants)
    shape = sizes(input_shape)
    with as_faults():
        if not is_path(model):
            live.check(model)
            if live.own_code(model):
                from .tracing import by_keras
                found = by_keras.trace_live(model, None, shape, live.named(model))
                return Summary(tables.of_traced(found.graph))
        with opened(model, weights) as source:
            return Summary(tables.described(source.path, source.weights, shape, **reading))


def given(**settings: Any) -> Dict[str, Any]:
    """Return those settings that are given.

        >>> given(signature=None, layout="as-is")
        {'layout': 'as-is'}
    """
    return {key: value for key, value in settings.items() if value}


def trusted(trust: Names) -> Optional[List[str]]:
    """Return the files that may run as a list.  Raises Fault for anything else.

        >>> trusted("my_layers.py")
        ['my_layers.py']
    """
    found = [trust] if isinstance(trust, (str, os.PathLike)) else list(trust or ())
    if not all(isinstance(path, (str, os.PathLike)) for path in found):
        raise Fault('trust: give the path of a file of Python, "my_layers.py", or several')
    return [os.fspath(path) for path in found] or None


def is_path(model: Any) -> bool:
    """Tell whether a model is given by its path.

        >>> is_path("lenet.h5")
        True
    """
    return isinstance(model, (str, bytes, os.PathLike))


@contextlib.contextmanager
def opened(model: Any, weights: Optional[str] = None) -> Iterator[Source]:
    """Yield the Source of a path, or of the file that Keras saves of a live model; a Fault inside names the model.

        >>> with opened("lenet.h5") as source:
        ...     print(source.path)
        lenet.h5
    """
    if is_path(model):
        yield Source(*command.separated(os.fsdecode(model), None if weights is None else os.fspath(weights)))
        return
    with tempfile.TemporaryDirectory(prefix="live-") as private:
        saved = live.save(model, private)
        try:
            yield Source(saved.path, saved.weights)
        except Fault as fault:
            words = str(fault)
            for path in filter(None, [saved.weights, saved.path]):
                words = words.replace(path, live.named(model))
            raise Fault(words)


@contextlib.contextmanager
def as_faults() -> Iterator[None]:
    """Turn the error of a missing package, or of a file without permission, into a Fault, as a command does.

        >>> with as_faults():
        ...     import h5py
    """
    try:
        yield
    except ModuleNotFoundError as error:
        line = lacking(error)
        if line is None:
            raise
        raise Fault(line) from error
    except PermissionError as error:
        if not error.filename:
            raise
        raise Fault(f"{error.filename}: {error.strerror}") from error


def named(layers: Names) -> Optional[List[str]]:
    """Return the names of the wanted layers as a list.  Raises Fault for anything else.

        >>> named("conv,pool")
        ['conv', 'pool']
    """
    if layers is None:
        return None
    found = arguments.names(layers) if isinstance(layers, str) else list(layers)
    if not all(isinstance(name, str) for name in found):
        raise Fault("layers: give the names of layers, [\"conv1\", \"fc\"], not the layers themselves")
    return found


def sizes(shape: Any) -> Any:
    """Return sizes as outputs.fix_input_shape takes them, lists for tuples.  Raises Fault for anything else.

        >>> sizes((224, 224, 3))
        [224, 224, 3]
    """
    if shape is None:
        return None
    if isinstance(shape, str):
        return arguments.shape(shape)
    if isinstance(shape, dict):
        return {name: sizes(own) for name, own in shape.items()}
    try:
        return [size if size is None else sizes(size) if isinstance(size, (list, tuple)) else size.__index__()
                for size in shape]
    except (TypeError, AttributeError):
        raise Fault(f"input_shape: {shape!r} are no sizes: give (224, 224, 3), or {{\"input\": (224, 224, 3)}}")


def rounded(quantize: Any) -> shards.Quantize:
    """Return a quantization as wire.shards takes it.  Raises Fault for another dtype.

        >>> rounded({"uint8": "*/kernel"})
        {'uint8': ['*/kernel']}
    """
    if isinstance(quantize, str):
        return command.quantization(quantize)
    if quantize is not None and not isinstance(quantize, dict):
        raise Fault(f"quantize: {quantize!r} is none of {', '.join(shards.QUANTIZED)}, nor a table of them")
    rules = {dtype: [names] if isinstance(names, str) else names for dtype, names in (quantize or {}).items()}
    for dtype, names in rules.items():
        if dtype not in shards.QUANTIZED:
            raise Fault(f"quantize: {dtype!r} is not one of {', '.join(shards.QUANTIZED)}")
        if names is not True and not (isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)):
            raise Fault(f"quantize: {dtype} takes True, or patterns of weights' names: [\"*/kernel\"]")
    return rules or None


def chosen(format: str) -> str:
    """Return the format.  Raises Fault for an unknown one.

        >>> chosen("graph")
        'graph'
    """
    if format not in target.FORMATS:
        raise Fault(f"format: {format!r} is not one of {', '.join(target.FORMATS)}")
    return format
