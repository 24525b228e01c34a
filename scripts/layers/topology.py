"""Pure functions on Keras topologies: a model's JSON record to a graph of layers, and back.

Keras writes a record for a layer or a model, ``{"class_name": …, "config": {…}}``.  A graph keeps each layer's record
as the source spelt it and understands only the references between layers: `record_of` gives back the same records,
without the layers that were left out.
"""
import contextlib
from collections import OrderedDict
from typing import Any, Iterator, List, Optional, Sequence

from ..base.fault import Fault
from . import columns, kinds, lambdas
from .network import Graph, Layer, is_model
from .order import layer_order
from .records import Record, check_record, check_sizes
from .references import Ref, flat_references, is_keras3_tensor, redirect

Shape = List[Optional[int]]  # batch size first


@contextlib.contextmanager
def of(path: str) -> Iterator[None]:
    """Inside, a Fault names the file `path`, and every error of data of the wrong kind becomes a Fault.

    Each field of a file of unknown origin may be missing, or be a list in place of a number.
    """
    try:
        yield
    except Fault as fault:
        raise fault if str(fault).startswith(str(path)) else Fault(f"{path}: {fault}")
    except MemoryError as error:
        raise Fault(f"{path}: needs more memory than there is") from error
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, RecursionError) as error:
        raise Fault(f"{path}: the topology is damaged, or of a kind that is not known ({type(error).__name__}: "
                    f"{error})") from error


SPACE = "save keras.Model(space.get_inputs(), space.get_encoded_features()) in its place"  # of Keras's own class
CUTTING = ("einsum", "linalg.einsum")  # of which Keras 2 writes the equation alone
OWN = "--trust FILE.py (in models.toml trust) runs the Python that has it"  # the remedy of a class of the user's own


class NoLayers(Fault):
    """The model in a file is of a class of its user's own: only its Python knows what it computes."""

    def __init__(self, kind: str, path: str = "") -> None:
        where = f"{path}: " if path else ""
        super().__init__(f"{where}the model is a {kind}, not a Sequential or Functional model: only those have a graph "
                         f"of layers; {SPACE if kind == 'FeatureSpace' else OWN}")


def output_count(record: Record) -> Optional[int]:
    """Return the number of outputs of a call of the layer `record`; None where its class does not tell."""
    if is_model(record):
        if record["class_name"] == "Sequential":
            return 1
        return len(flat_references(record["config"].get("output_layers", [])))
    kind = kinds.of(record)
    return kind and kind.outputs(record["config"], output_count)


def inner_records(record: Record) -> List[Record]:
    """Return the records of the layers of the model `record`.  Raises Fault for records that are damaged."""
    config = record["config"]
    layers = config if isinstance(config, list) else config["layers"]  # a list before Keras 2.2.3
    if not isinstance(layers, list):
        raise Fault("the topology's layers are not a list: the file is damaged or no Keras model")
    for layer in layers:
        check_record(layer)
    return layers


# Records to graphs and back --------------------------------------------------------------------------------

def graph(record: Record, major: int = 2) -> Graph:
    """Return the Graph of a Sequential, Functional or Model record.

    Nodes are numbered from 0 for every layer: Keras counts a nested model's own construction as a call in some
    places and not in others (Functional.get_config: kept_nodes); `record_of` puts that back.
    Raises Fault for any other record, and for one that is damaged.
    """
    if not is_model(record):
        raise NoLayers(record.get("class_name"))
    if record["class_name"] == "Sequential":
        return sequential_graph(record, major)
    layers = OrderedDict()
    for entry in inner_records(record):
        layer = Layer(lambdas.known({key: value for key, value in entry.items() if key != "inbound_nodes"}),
                      [in_order(call, entry) for call in entry.get("inbound_nodes") or []])
        if layer.name in layers:
            raise Fault(f"two layers are called {layer.name!r}: names must be unique")
        layers[layer.name] = layer
    config = record["config"]
    rest = OrderedDict((key, value) for key, value in config.items()
                       if key not in ("layers", "input_layers", "output_layers"))
    result = Graph(layers, flat_references(config.get("input_layers", [])),
                   flat_references(config.get("output_layers", [])), rest)
    renumber_from_zero(result, major)
    check(result)
    return result


def in_order(call: Any, record: Record) -> Any:
    """A call of a model with a dict of tensors, as one with a list in the order of the model's inputs.

    These are found by the keys of the model's own dict of inputs, in their order, or else by the names of the inputs
    (keras 2.6 functional.py: _flatten_to_reference_inputs; Keras 3 functional.py: _standardize_inputs).
    """
    if not isinstance(call, dict) or not is_model(record) or not isinstance(record["config"], dict):
        return call
    inputs = record["config"].get("input_layers")
    keys = sorted(inputs) if isinstance(inputs, dict) else [ref.layer for ref in flat_references(inputs or [])]
    if set(call) != {"args", "kwargs"}:
        return [call[key] for key in keys] if all(key in call for key in keys) else call
    given = call["args"][0] if isinstance(call["args"], list) and call["args"] else None
    if not isinstance(given, dict) or is_keras3_tensor(given) or not all(key in given for key in keys):
        return call
    return dict(call, args=[[given[key] for key in keys]] + call["args"][1:])


def renumber_from_zero(result: Graph, major: int) -> None:
    """Take Keras's own construction of nested models out of the node numbers."""
    lowest = {}
    everywhere = [ref for layer in result.layers.values() for refs in result.references(layer) for ref in refs]
    for ref in (everywhere + result.outputs if major < 3 else result.outputs):
        lowest[ref.layer] = min(ref.node, lowest.get(ref.layer, ref.node))
    shift = {name: lowest[name] if major < 3 else 1 for name, layer in result.layers.items()
             if layer.is_model and lowest.get(name)
             and (major < 3 or layer.class_name != "Sequential")}
    if major < 3:
        result.shift = {name: lowest[name] for name in lowest
                        if name in result.layers and result.layers[name].is_model}
    if not shift:
        return

    def lower(ref: Ref) -> Ref:
        return ref._replace(node=ref.node - shift.get(ref.layer, 0))

    if major < 3:
        for layer in result.layers.values():
            layer.calls = redirect(layer.calls, result.layers, lower)
    result.outputs = [lower(ref) for ref in result.outputs]


def sequential_graph(record: Record, major: int) -> Graph:
    """Return the chain that a Sequential is, with an InputLayer at its head."""
    config = record["config"]
    entries = inner_records(record)
    if not entries:
        raise Fault("the Sequential model has no layers")
    layers = OrderedDict()
    first = entries[0]
    if first["class_name"] == columns.CLASS:
        return features_first(record, major)
    if first["class_name"] != "InputLayer":
        head = Layer(first)
        layers[head.name + "_input"] = input_layer(head.name + "_input", sequential_input(record), major,
                                                   input_dtype(first))
    previous = next(iter(layers), None)
    for entry in entries:
        layer = Layer(entry if entry.get("name") else dict(entry, name=Layer(entry).name))
        if layer.name in layers:
            raise Fault(f"two layers are called {layer.name!r}: names must be unique")
        if previous is not None:
            layer.calls = [[[previous, 0, 0, {}]]]  # Keras 3 reads this spelling too
        layers[layer.name] = layer
        previous = layer.name
    return Graph(layers, [Ref(next(iter(layers)), 0, 0)], [Ref(previous, 0, 0)], named(config))


def features_first(record: Record, major: int) -> Graph:
    """Return the graph of a Sequential whose first layer reads features by their names: each is an input."""
    entries, config = inner_records(record), record["config"]
    read = columns.sources(entries[0]["config"])
    taken = [Layer(entry).name for entry in entries]
    names = OrderedDict((key, key if key not in taken else key + "_input") for key in read)
    layers = OrderedDict((name, input_layer(name, read[key][0], major, read[key][1])) for key, name in names.items())
    called: Any = {key: [name, 0, 0, {}] for key, name in names.items()}
    for entry, name in zip(entries, taken):
        if name in layers:
            raise Fault(f"two layers are called {name!r}: names must be unique")
        layers[name] = Layer(entry if entry.get("name") else dict(entry, name=name), [called])
        called = [[name, 0, 0, {}]]
    return Graph(layers, [Ref(name, 0, 0) for name in names.values()], [Ref(taken[-1], 0, 0)],
                 named(config))


def named(config: Any) -> Record:
    """The settings of a Sequential beside its layers: its name."""
    return OrderedDict([("name", config.get("name", "sequential") if isinstance(config, dict) else "sequential")])


def sequential_input(record: Record) -> Shape:
    """Return the input shape, batch included, of a Sequential that has no InputLayer.  Raises Fault without a shape."""
    config = record["config"]
    first = inner_records(record)[0]
    shape = first["config"].get("batch_input_shape") if isinstance(first["config"], dict) else None
    if shape is None and is_model(first):
        if first["class_name"] != "Sequential":
            source = graph(first)
            return batch_shape(source.layers[source.inputs[0].layer])
        inner = inner_records(first)
        shape = batch_shape(Layer(inner[0])) if inner and inner[0]["class_name"] == "InputLayer" \
            else sequential_input(first)
    if shape is None and isinstance(config, dict):
        shape = config.get("build_input_shape")
    if shape is None:
        raise Fault("the Sequential model was saved before its input shape was known: give it (--input-shape, or "
                    "input_shape in models.toml)")
    return shape


def input_dtype(record: Record) -> str:
    """Return the dtype of the input of the layer `record`: float32 where its config names none."""
    dtype = record["config"].get("dtype") if isinstance(record["config"], dict) else None
    return dtype if isinstance(dtype, str) else "float32"


def input_layer(name: str, shape: Sequence[Optional[int]], major: int, dtype: str = "float32") -> Layer:
    """Return a new InputLayer in Keras `major`'s spelling."""
    key = "batch_shape" if major >= 3 else "batch_input_shape"
    config = OrderedDict([(key, list(shape)), ("dtype", dtype), ("sparse", False), ("name", name)])
    return Layer(OrderedDict([("class_name", "InputLayer"), ("config", config), ("name", name)]))


def batch_shape(layer: Layer) -> Shape:
    """Return the shape that an InputLayer declares, batch size first.  Raises Fault without one."""
    shape = layer.config.get("batch_input_shape", layer.config.get("batch_shape"))
    if isinstance(shape, dict):  # {"class_name": "__tuple__", "items": […]}
        shape = shape.get("items")
    if not isinstance(shape, list) or not all(size is None or type(size) is int for size in shape):
        raise Fault(f"input {layer.name!r} declares no shape: the file is damaged")
    check_sizes(layer.name, shape)
    return shape


def record_of(source: Graph, class_name: str, major: int = 2) -> Record:
    """Return the record of the Functional model `source`: the inverse of `graph`.

    Layers are written in the order in which Keras will keep them (`layer_order`), because Keras reads an h5's
    weights by that order.
    """
    counted = {} if major >= 3 else {name: source.shift.get(name, starts_with_a_node(layer.record))
                                     for name, layer in source.layers.items() if layer.is_model}

    def raise_inbound(ref: Ref) -> Ref:
        return ref._replace(node=ref.node + counted[ref.layer]) if ref.layer in counted else ref

    def raise_output(ref: Ref) -> Ref:
        layer = source.layers[ref.layer]
        if major < 3:
            return raise_inbound(ref)
        return ref._replace(node=ref.node + (layer.is_model and layer.class_name != "Sequential"))

    layers = []
    for name in layer_order(source):
        layer = source.layers[name]
        calls = [redirect(call, source.layers, raise_inbound) for call in layer.calls]
        layers.append(OrderedDict(list(layer.record.items()) + [("name", name), ("inbound_nodes", calls)]))
    config = OrderedDict(source.rest)
    config["layers"] = layers
    config["input_layers"] = [list(ref) for ref in source.inputs]
    config["output_layers"] = [list(raise_output(ref)) for ref in source.outputs]
    return OrderedDict([("class_name", class_name), ("config", config)])


def starts_with_a_node(record: Record) -> int:
    """Return 1 where Keras 2 and TensorFlow.js count the construction of the layer `record` as its call 0, else 0.

    They count it for a nested model that has an input of its own from the start (keras 2.6
    functional._should_skip_first_node).
    """
    if not is_model(record):
        return 0
    if record["class_name"] != "Sequential":
        return 1
    first = (inner_records(record) or [{}])[0]
    config = first.get("config")
    return int(first.get("class_name") == "InputLayer" or isinstance(config, dict) and "batch_input_shape" in config
               or bool(first) and bool(starts_with_a_node(first)))


def check(source: Graph) -> None:
    """Raise a Fault if a reference leads nowhere or the layers form a cycle."""
    everywhere = [(name, ref) for name, layer in source.layers.items()
                  for refs in source.references(layer) for ref in refs]
    everywhere += [("the model", ref) for ref in source.inputs + source.outputs]
    counts = {name: output_count(layer.record) for name, layer in source.layers.items()}
    for name, ref in everywhere:
        if ref.layer not in source.layers:
            raise Fault(f"{name} refers to a layer {ref.layer!r} that is not there: the file is damaged")
        if counts[ref.layer] is not None and ref.tensor >= counts[ref.layer]:
            raise Fault(f"{name} refers to output {ref.tensor} of layer {ref.layer!r}, which has {counts[ref.layer]}: "
                        "the file is damaged")
        if not 0 <= ref.node < source.node_count(ref.layer) or ref.tensor < 0:
            raise Fault(f"{name} refers to call {ref.node} of layer {ref.layer!r}, which is called "
                        f"{source.node_count(ref.layer)} times: the file is damaged")
    cut = [name for name, layer in source.layers.items() if layer.class_name == "TFOpLambda"
           and layer.config.get("function") in CUTTING]
    if not source.inputs and cut:
        raise Fault(f"{cut[0]!r} is the operation einsum: the file does not hold its operands; save the model as a "
                    "SavedModel, which does")
    if not source.inputs or not source.outputs:
        raise Fault(f"the model has no {'inputs' if not source.inputs else 'outputs'}: the file is damaged")
    layer_order(source)
