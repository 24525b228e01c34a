"""The table of a model's layers: reads any model file that formats/ reads, without TensorFlow; writes to the terminal.

The guide's `model.summary()` (section 2), with what a user needs to choose outputs: the names as --layers takes
them, and whether TensorFlow.js and TensorSpace can show each layer.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.summary")

from collections import OrderedDict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from . import formats
from .base import arguments as taken
from .base import called, command
from .base.fault import Fault
from .layers import encapsulation, outputs, shapes, topology, variables, words
from .layers.encapsulation import Shape
from .layers.kinds.operations import is_operation
from .layers.model import Model, Weight
from .layers.order import layer_order
from .layers.references import Ref
from .layers.topology import Layer, graph, inner_records, is_model
from .operations import scopes
from .operations.graph import Graph, Spec, Tensor
from .operations.outputs import passed
from .operations.shown import shown as shown_layers
from .tfjs.reasons import Reasons, reasons

FROZEN = ("moving_mean", "moving_variance", "running_mean", "running_std")  # of BatchNormalization: not trained
COLUMNS = ("layer", "class", "output", "parameters", "inputs", "shown")

Row = Dict[str, Any]  # of the table: a value for each of COLUMNS


class Counts(NamedTuple):
    """Parameters of a model: of all layers, and of them those that are trained by default."""

    total: int
    trained: int


class Described(NamedTuple):
    """The table of a model: its rows, the number of its parameters, and of those that are trained by default.

    trained  None for a graph of operations, which does not tell
    layout   {input or output of an ONNX model: "NHWC"} of those whose channels are last here; None for other models
    """

    rows: List[Row]
    parameters: int
    trained: Optional[int]
    layout: Optional[Dict[str, str]] = None

    def lines(self) -> Iterator[str]:
        """Yield the table as lines of text: the layers, then the numbers of parameters."""
        yield from table(self.rows)
        if self.layout:
            yield (f"channels last, as TensorSpace draws them: {', '.join(self.layout)}; --layout as-is leaves them in "
                   "ONNX's order")
        if self.trained is None:
            yield f"{self.parameters:,} parameters"
        else:
            still = self.parameters - self.trained
            yield f"{self.parameters:,} parameters, {self.trained:,} trained and {still:,} not"


def rows(model: Model, input_shape: Shape = None) -> List[Row]:
    """Return one row per layer in the order of `model.layers`; the layers of a nested model follow it.

    input_shape: sizes that are open, as encapsulation.encapsulate's.

    layer       str, "conv", "outer/inner" inside a nested model
    class       str
    output      shape of its first call, list with the batch's None first; None where it cannot be told
    parameters  int, of a nested model all of its layers'
    inputs      list of str, as outputs.spelling names them; calls of a shared layer are told apart by ";"
    shown       "yes", "input", or why TensorFlow.js or TensorSpace cannot show it
    """
    source = graph(encapsulation.with_input_shape(model.topology, input_shape), model.keras_major)
    if input_shape is not None:
        outputs.fix_input_shape(source, input_shape)
    shape = shapes.of_graph(source, model.keras_major)
    found, refused = [], reasons(model, input_shape)
    ordered = layer_order(source)
    reached = set(ordered)
    for name in ordered + [name for name in source.layers if name not in reached]:
        layer = source.layers[name]
        weights = model.weights.get(name, [])
        calls = [", ".join(outputs.spelling(source, ref) for ref in refs) for refs in source.references(layer)]
        told, lowered = shape.get(Ref(name, 0, 0)), refused.shapes.get(outputs.spelling(source, Ref(name, 0, 0)))
        told = lowered or told if is_operation(layer.record, model.keras_major) else told or lowered
        found.append(row(name, layer, told, weights, [] if layer.is_input else calls, model.keras_major, refused))
        if layer.is_model:
            converted = refused.whole and name not in refused.layers
            found += inner_rows(name, layer.record, weights, model.keras_major, converted)
    return found


def row(name: str, layer: Layer, shape: Optional[List[Optional[int]]], weights: Sequence[Weight], inputs: List[str],
        major: int, reasons: Optional[Reasons] = None) -> Row:
    """Return the row of one layer.  The arguments are its cells, and those of `shown`."""
    return OrderedDict(zip(COLUMNS, (name, layer.class_name, shape, sum(weight.size for weight in weights), inputs,
                                     shown(layer, shape, major, reasons))))


def inner_rows(prefix: str, record: Dict[str, Any], weights: Sequence[Weight], major: int,
               converted: bool) -> List[Row]:
    """Return the rows of a nested model's layers, without shapes: it may be called on several.

    prefix: name of the model.  weights: of all its layers.  converted: whether the model is, with all that is in it.
    """
    try:
        shared = variables.shared_out(record, weights)
    except Fault:
        return []
    found = []
    for inner in inner_records(record):
        layer = Layer(inner)
        if layer.is_input:
            continue
        name = f"{prefix}/{layer.name}"
        found.append(row(shortened(name), layer, None, shared[layer.name], [], major,
                         Reasons({}, True) if converted else None))
        if layer.is_model:
            found += inner_rows(name, inner, shared[layer.name], major, converted)
    return found


def shortened(name: str) -> str:
    """Return a name without its middle where it is too long to type: names in nested models begin with the model's."""
    return name if len(name) <= outputs.TYPED else f"{name[:outputs.TYPED // 2]}…{name[-outputs.TYPED // 2:]}"


def shown(layer: Layer, shape: Optional[List[Optional[int]]], major: int, reasons: Optional[Reasons] = None) -> str:
    """Return whether TensorFlow.js can compute and TensorSpace draw the layer: "yes", "input", or the reason.

    shape    of its first call, with the batch's None first; None where it cannot be told
    reasons  of the model, as far as it was converted; None for a layer in a nested model
    """
    if layer.is_input:
        return "input"
    if words.takes(layer.record):
        return "input: TensorSpace feeds no strings"
    fault = reasons.layers.get(layer.name) if reasons else None
    if fault is not None:
        from .lower import NotLowered
        return fault.reason if isinstance(fault, NotLowered) and fault.path == layer.name else str(fault)
    if not (reasons and reasons.whole):
        why = by_itself(layer, major)
        if why:
            return why
    if shape is not None and len(shape) > 4:
        return "TensorSpace draws nothing of more than 3 dimensions"
    return "yes"


def by_itself(layer: Layer, major: int) -> Optional[str]:
    """Return why TensorFlow.js cannot compute the layer, as far as its class tells, else None."""
    from .lower import NotLowered, rule_of
    if not is_model(layer.record):
        try:
            rule_of(layer.record, major, layer.name)
        except NotLowered as fault:
            return fault.reason
    return None


def counts(model: Model) -> Counts:
    """Return the numbers of parameters of the whole model.  A shared layer counts once."""
    total = sum(weight.size for weights in model.weights.values() for weight in weights)
    still = set(frozen_layers(model.topology))
    kept = 0
    for name, weights in model.weights.items():
        for weight in weights:
            parts = weight.name.split("/")
            if parts[-1].split(":")[0] in FROZEN or name in still or not still.isdisjoint(parts[:-1]):
                kept += weight.size
    return Counts(total, total - kept)


def frozen_layers(record: Dict[str, Any]) -> List[str]:
    """Return the names of layers with trainable = False, inside nested models too."""
    found = []
    for inner in inner_records(record) if is_model(record) else []:
        if not variables.config_trainable(inner):
            found.append(Layer(inner).name)
        found += frozen_layers(inner)
    return found


def graph_rows(source: Any, input_shape: Shape = None) -> List[Row]:
    """Return one row per input and layer of a graph, as `rows` does, and one for each own output that is no layer's.

    source: a formats.graphs.GraphFile or a formats.tfjs_graph.GraphModel.
    """
    whole, choice = source.opened(input_shape)
    found = [OrderedDict(zip(COLUMNS, (name, "InputLayer", sizes(whole.spec(Tensor(name))), 0, [], "input")))
             for name in whole.inputs]
    for layer in choice.layers:
        why = "yes" if layer.drawn else undrawn(layer.spec)
        found.append(OrderedDict(zip(COLUMNS, (layer.name, layer.kind, sizes(layer.spec), layer.parameters,
                                               layer.inputs, why))))
    results = {passed(whole, layer.result) for layer in choice.layers}
    for name, tensor in choice.known.items():
        if passed(whole, tensor) not in results:
            spec = whole.spec(tensor)
            found.append(OrderedDict(zip(COLUMNS, (name, whole.nodes[passed(whole, tensor).node].op, sizes(spec), 0, [],
                                                   undrawn(spec)))))
    return found


def of_onnx(source: Any, input_shape: Shape = None) -> Described:
    """Return the table of an ONNX model, a row per input and layer; shapes have images with their channels last.

    source: a formats.onnx_graph.Model.  Where an operation is refused, it is the last row.
    """
    from . import opset
    from .opset.modules import is_drawn
    found = opset.opened(source, None, input_shape)
    values = found.walk.values
    table = [OrderedDict(zip(COLUMNS, (name, "InputLayer", list(held.value.shape), 0, [], "input")))
             for name, held in found.inputs.items()]
    for layer in found.layers:
        held = values[layer.tensor]
        stored = opset.shown_as(held)
        why = "yes" if is_drawn(held) else undrawn(Spec("DT_FLOAT" if stored.dtype == "float32" else "", stored.shape))
        table.append(OrderedDict(zip(COLUMNS, (layer.name, layer.kind, list(stored.shape), layer.parameters,
                                               layer.inputs, why))))
    if found.why is not None:
        name, op, why = [getattr(found.why, key, other) for key, other in (
            ("name", "…"), ("op", ""), ("reason", str(found.why)))]
        table.append(OrderedDict(zip(COLUMNS, (name, op, None, 0, [], why))))
    ends = [(one.name, values[one.name]) for one in source.graph.outputs if one.name in values]
    orders = ((name, opset.order_of(held)) for name, held in list(found.inputs.items()) + ends)
    return Described(table, parameters(table), None, OrderedDict((name, order) for name, order in orders if order))


def parameters(rows: List[Row]) -> int:
    """Return the number of parameters in a table of operations' layers."""
    return sum(row["parameters"] for row in rows)


def traced_rows(graph: Graph) -> List[Row]:
    """Return one row per input and layer of a traced model's operations.Graph."""
    specs = dict(zip(graph.asked, [graph.spec(Tensor(name)) for name in graph.outputs]))
    return [OrderedDict(zip(COLUMNS, (layer.name, layer.class_name or "?", layer.shape, layer.parameters, layer.inputs,
                                      undrawn(specs[layer.name]) if layer.name in specs else "input")))
            for layer in shown_layers(graph)]


def sizes(spec: Optional[Spec]) -> Optional[List[Optional[int]]]:
    """Return the shape of a tensor, None where it is not known."""
    return None if spec is None or spec.shape is None else list(spec.shape)


def undrawn(spec: Optional[Spec]) -> str:
    """Return why TensorSpace draws nothing of a tensor, "yes" where it draws it."""
    if spec is None or spec.shape is None:
        return "its shape is not known"
    if len(spec.shape) > 4:
        return "TensorSpace draws nothing of more than 3 dimensions"
    if len(spec.shape) < 2 or spec.dtype not in scopes.REALS:
        return "TensorSpace draws layers of real numbers alone"
    return "yes" if spec.shape[0] in (None, 1) else "its first axis is not the batch"


def lines(model: Model, input_shape: Shape = None) -> Iterator[str]:
    """Yield the table as lines of text: the layers, then the numbers of parameters.  The arguments are those of `rows`.
    """
    yield from Described(rows(model, input_shape), *counts(model)).lines()


def table(entries: List[Row]) -> Iterator[str]:
    """Yield rows as lines of text, below the names of the columns."""
    table = [[name.capitalize() for name in COLUMNS]]
    for entry in entries:
        shape = entry["output"]
        table.append([entry["layer"], entry["class"],
                      "?" if shape is None else f"({', '.join(str(size) for size in shape)})",
                      f"{entry['parameters']:,}", "; ".join(entry["inputs"]), entry["shown"]])
    table = [[command.one_line(cell) for cell in cells] for cells in table]
    widths = [min(max(len(cells[column]) for cells in table), 48) for column in range(len(COLUMNS))]
    for index, cells in enumerate(table):
        padded = [cell.rjust(width) if column == 3 else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(cells, widths))]
        yield "  ".join(padded).rstrip()
        if index == 0:
            yield "  ".join("-" * width for width in widths)


def of_traced(graph: Graph) -> Described:
    """Return the table of a traced model.  The argument is that of `traced_rows`."""
    found = traced_rows(graph)
    return Described(found, parameters(found), None)


def of_graph(source: Any, input_shape: Shape = None) -> Described:
    """Return the table of a graph or an ONNX model.  The arguments are those of `graph_rows`."""
    if formats.is_onnx(source.path):
        return of_onnx(source, input_shape)
    found = graph_rows(source, input_shape)
    return Described(found, parameters(found), None)


def described(source: str, weights: Optional[str] = None, input_shape: Shape = None,
              trust: Optional[Sequence[str]] = None, **reading: Any) -> Described:
    """Return the table of the layers, or of the graph, in a model file.  The arguments are those of formats.read.

    trust: the user's files that run, and what they compute is told of.
    """
    if trust:
        from .tracing import files
        return of_traced(files.trace(source, trust, None, input_shape, weights).graph)
    if weights is None and formats.is_graph(source, reading.get("saved_model_tags")):
        with topology.of(source):
            return of_graph(formats.read(source, **reading), input_shape)
    with formats.read_layers(source, weights=weights, **reading) as model, topology.of(source):
        return Described(rows(model, input_shape), *counts(model))


def show(source: str, weights: Optional[str] = None, input_shape: Shape = None, json: bool = False,
         trust: Optional[Sequence[str]] = None, **reading: Any) -> None:
    """Print the table of a model file, or with `json` the object that docs/json.md describes."""
    found = described(source, weights, input_shape, trust, **reading)
    if json:
        command.say_json(OrderedDict([("layers", found.rows), ("parameters", found.parameters),
                                      ("trained", found.trained)] + (
                                          [("layout", found.layout)] if found.layout is not None else [])))
        return
    for line in found.lines():
        command.say(line)


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="summary", description=__doc__)
    parser.add_argument("source", help="a model file: h5, .keras, topology json, SavedModel, tfjs model.json, ONNX, …")
    parser.add_argument("--weights", metavar="H5", help="weights of a topology json")
    taken.add_input_shape(parser)
    taken.add_constants(parser)
    taken.add_trust(parser)
    parser.add_argument("--tags", dest="saved_model_tags", metavar="TAGS", help="tags of a SavedModel (default: serve)")
    parser.add_argument("--signature", help="signature of a SavedModel (default: serving_default)")
    taken.add_json(parser)
    options = parser.parse_args(arguments)
    reading = {key: getattr(options, key) for key in ("saved_model_tags", "signature", "constants")
               if getattr(options, key)}
    if options.quiet and not options.json:
        described(options.source, options.weights, options.input_shape, options.trust, **reading)
        return
    show(options.source, options.weights, options.input_shape, options.json, options.trust, **reading)


called.makes(__name__, called.Called)

if __name__ == "__main__":
    command.run(main)
