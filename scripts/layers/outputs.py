"""Pure functions: the tensors of a graph that are asked for as outputs, and the graph that they need.

A user asks for an output as NAME; NAME@CALL where the layer is called several times (0 is the first call);
NAME:OUTPUT where the layer has several outputs (0 is the default); OUTER/INNER for a layer inside a nested
model: the nested model's layers then take its place.
"""
import difflib
import re
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ..base.fault import Fault
from .order import ancestors, layer_order
from .references import Ref, redirect
from .topology import Graph, Layer, batch_shape, graph, inner_records, is_model, output_count

SYNTAX = "NAME, NAME@CALL for a layer that is called several times, NAME:OUTPUT, OUTER/INNER"
Record = Dict[str, Any]
Sizes = List[Optional[int]]
Known = Mapping[str, List[Any]]  # see `open_models`
TYPED = 2000  # letters of the longest name of a layer in a nested model that is listed
SUFFIX = re.compile(r"^(.*?)(?:@(\d{1,9}))?(?::(\d{1,9}))?$", re.DOTALL)


def spelling(source: Graph, ref: Ref) -> str:
    """The name of `ref` on a command line: the shortest form that tells it apart."""
    call = f"@{ref.node}" if source.node_count(ref.layer) > 1 else ""
    return ref.layer + call + (f":{ref.tensor}" if ref.tensor else "")


def every_output(source: Graph, is_hidden: Callable[[Record], bool] = lambda record: False) -> List[Ref]:
    """Return the outputs of all layers but the inputs, in the order of `model.layers`.

    These are the first output of each call, and after it those further outputs that are outputs of the model.
    is_hidden(record): whether a record is an operation, of which only the model's outputs count.
    """
    refs, of_call = [], {}
    for ref in source.outputs:
        of_call.setdefault(ref[:2], set()).add(ref)
    for name in layer_order(source):
        layer = source.layers[name]
        for node in range(0 if layer.is_input else source.node_count(name)):
            own = sorted(of_call.get((name, node), ()))
            refs += own if is_hidden(layer.record) else [Ref(name, node, 0)] + [ref for ref in own if ref.tensor]
    return refs


def find(source: Graph, names: Sequence[str], known: Optional[Known] = None) -> List[Ref]:
    """Return the Refs that `names` ask for, in their order.

    known: dict of names to Refs, beside those of the layers (see `open_models`).
    Raises Fault for a name that is not there, is an input, stands twice, or does not tell two calls apart;
    the line lists the names that are there and the nearest one.
    """
    if not names:
        raise Fault(f"no output layer is asked for; there are: {listing(every_name(source))}")
    refs, known = OrderedDict(), dict(known or ())
    for name in names:
        ref = find_one(source, name, known)
        if ref in refs:
            raise Fault(f"layer {name!r} is asked for twice")
        refs[ref] = name
    return list(refs)


def find_one(source: Graph, name: str, known: Known) -> Ref:
    """Return the Ref that one name asks for.  Raises Fault as `find` does."""
    layer, call, tensor = (name, None, None) if name in source.layers or name in known \
        else SUFFIX.match(name).groups()
    if layer in known:
        calls = known[layer]
    elif layer not in source.layers:
        raise Fault(missing(source, name))
    elif source.layers[layer].is_input:
        raise Fault(f"{name!r} is an input, and an input cannot be an output; there are: {listing(every_name(source))}")
    else:
        calls = [Ref(layer, node, 0) for node in range(source.node_count(layer))]
    if call is None and len(calls) > 1:
        spelled = listing([f"{layer}@{node}" for node in range(len(calls))], " or ")
        raise Fault(f"layer {layer!r} is called {len(calls)} times: ask for {spelled}")
    if int(call or 0) >= len(calls):
        raise Fault(f"{name!r}: layer {layer!r} is called {len(calls)} time{'' if len(calls) == 1 else 's'}, and calls "
                    "count from 0")
    ref = calls[int(call or 0)]
    opened = isinstance(ref, list)  # the outputs of a model that has been opened
    count = len(ref) if opened else output_count(source.layers[ref.layer].record)
    if count is not None and int(tensor or 0) >= count:
        raise Fault(f"{name!r}: layer {layer!r} has {count} output{'' if count == 1 else 's'}, counted from 0")
    return ref[int(tensor or 0)] if opened else ref._replace(tensor=int(tensor or 0))


def missing(source: Graph, name: str) -> str:
    """The line about a `name` that is not there.

    Where the name looks into a nested model, the line lists the layers of that model.
    """
    names, parts = every_name(source), name.split("/")
    for prefix in ["/".join(parts[:end]) + "/" for end in range(len(parts) - 1, 0, -1)] + [""]:
        inside = [item for item in names if item.startswith(prefix)]
        if inside:
            break
    return f"no layer is called {name!r}{nearest(source, name, prefix)}; there are: {listing(inside)}"


def every_name(source: Graph) -> List[str]:
    """Return the names that can be asked for: of all layers, then of those inside nested models."""
    return [spelling(source, ref) for ref in every_output(source)] + list(inner_names(source))


def nearest(source: Graph, name: str, prefix: str) -> str:
    """Return ", did you mean …?", of the names that begin with `prefix`; "" where none is near."""
    choices = [item for item in source.layers if not source.layers[item].is_input] + list(inner_names(source))
    choices = [item[len(prefix):] for item in choices if item.startswith(prefix)]
    rest = name[len(prefix):]
    near = difflib.get_close_matches(rest, choices, 1, 0.5) or \
        [item for item in choices if item.lower() == rest.lower()]
    return f", did you mean {prefix + near[0]!r}?" if near else ""


def listing(names: Sequence[str], comma: str = ", ", limit: int = 40) -> str:
    """Return the first `limit` names on one line, and the number of all where there are more."""
    return comma.join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")


def shortened(names: Sequence[str], limit: int = 12) -> str:
    """Return names on one line of the terminal: "a, b, … z" where there are more than `limit`."""
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit - 1])}, … {names[-1]}"


def inner_names(source: Graph) -> Iterator[str]:
    """Yield OUTER/INNER for the layers inside nested models, at any depth, as far as the names can be typed: TYPED."""
    for name, layer in source.layers.items():
        if layer.is_model:
            yield from names_inside(layer.record, name + "/")


def names_inside(record: Record, prefix: str) -> Iterator[str]:
    """Yield `prefix` and the name for each layer inside the model `record`, at any depth; inputs have none."""
    for inner in inner_records(record):
        name = prefix + Layer(inner).name
        if inner["class_name"] != "InputLayer" and len(name) <= TYPED:
            yield name
            yield from names_inside(inner, name + "/") if is_model(inner) else ()


# Nested models ---------------------------------------------------------------------------------------------

def open_models(source: Graph, names: Iterable[str], major: int,
                opened: Callable[[Record, str, Dict[str, str]], None]) -> Tuple[Graph, Dict[str, List[Any]]]:
    """Put the layers of those nested models that `names` look into (OUTER/INNER) in the models' place.

    Calls opened(model's record, its name, {inner name: new name}) for each.
    Returns (Graph, known): known maps "OUTER/INNER" to the Refs of its calls in the new graph, and OUTER itself to the
    Refs of the outputs of each call.
    Raises Fault for a name that is not there.
    """
    asked = source
    known = {}   # path of an opened model -> for each of its calls the list of its outputs
    places = {}  # path of a layer inside an opened model -> its name in `source`
    for name in names:
        if name in source.layers:
            continue
        parts = name.split("/")
        for end in range(1, len(parts)):
            path = "/".join(parts[:end])
            layer = places.get(path, path)
            if path in known or layer not in source.layers or not source.layers[layer].is_model:
                continue
            record = source.layers[layer].record
            source, renamed, results = inline(source, layer, major)
            opened(record, layer, renamed)
            known = {key: [[results[ref.node][ref.tensor] if ref.layer == layer else ref for ref in refs]
                           for refs in calls] for key, calls in known.items()}
            known[path] = results
            for inner, new in renamed.items():
                places[f"{path}/{inner}"] = new
    for path, layer in places.items():
        if path not in known:
            known[path] = [Ref(layer, node, 0) for node in range(source.node_count(layer))]
    there = set(source.layers) | set(known)
    for name in names:  # here, where the names are still those of the model that was given
        if not there & {name, SUFFIX.match(name).group(1)}:
            raise Fault(missing(asked, name))
    return source, known


def inline(source: Graph, name: str, major: int) -> Tuple[Graph, Dict[str, str], List[List[Ref]]]:
    """Return (Graph, {inner name: new name}, outputs per call) with the layers of the nested model `name` in its place.

    A model that is called n times makes each of its layers a layer that is called n times as often.
    """
    outer = source.layers[name]
    inner = graph(outer.record, major)
    inner = prune(inner, inner.outputs)
    if len(outer.calls) * len(inner.layers) > 100000:
        raise Fault(f"nested model {name!r} is called {len(outer.calls)} times: too often to look into it")
    renamed, taken = {}, set(source.layers)
    for key, layer in inner.layers.items():
        if not layer.is_input:
            new = key if key not in source.layers else f"{name}_{key}"
            while new in taken:
                new += "_"
            taken.add(new)
            renamed[key] = new
    outer_inputs = [ref.layer for ref in graph(outer.record, major).inputs]
    bound = [dict(zip(outer_inputs, refs)) for refs in source.references(outer)]

    def placed(ref: Ref, call: int) -> Ref:
        if inner.layers[ref.layer].is_input:
            if ref.layer not in bound[call]:
                raise Fault(f"nested model {name!r} is called with {len(bound[call])} tensors but has "
                            f"{len(inner.inputs)} inputs: the file is damaged")
            return bound[call][ref.layer]
        return Ref(renamed[ref.layer], call * inner.node_count(ref.layer) + ref.node, ref.tensor)

    results = [[placed(ref, call) for ref in inner.outputs] for call in range(len(outer.calls))]

    def moved(ref: Ref) -> Ref:
        if ref.layer != name:
            return ref
        if ref.tensor >= len(results[ref.node]):
            raise Fault(f"nested model {name!r} has no output {ref.tensor}: the file is damaged")
        return moved(results[ref.node][ref.tensor])

    results = [[moved(ref) for ref in refs] for refs in results]
    layers = OrderedDict()
    for key, layer in source.layers.items():
        if key != name:
            layers[key] = Layer(layer.record, [redirect(call, source.layers, moved) for call in layer.calls])
            continue
        for old, new in renamed.items():
            record = inner.layers[old].record
            record = OrderedDict(record, name=new, config=OrderedDict(record["config"], name=new)
                                 if isinstance(record["config"], dict) else record["config"])
            calls = [redirect(call, inner.layers, lambda ref, number=number: moved(placed(ref, number)))
                     for number in range(len(outer.calls)) for call in inner.layers[old].calls]
            layers[new] = Layer(record, calls)
    shift = {key: count for key, count in source.shift.items() if key != name}
    shift.update((renamed[key], count) for key, count in inner.shift.items() if key in renamed)
    return Graph(layers, source.inputs, [moved(ref) for ref in source.outputs], source.rest, shift), renamed, results


def prune(source: Graph, outputs: Sequence[Ref]) -> Graph:
    """Return the Graph whose outputs are `outputs`; calls and layers that none of them needs are left out.

    Inputs stay, as far as an output needs them.
    """
    needed = ancestors(source, outputs)
    number, count = {}, {}
    for name, node in sorted(needed):
        number[name, node] = count.get(name, 0)
        count[name] = number[name, node] + 1

    def renumber(ref: Ref) -> Ref:
        return ref._replace(node=number[ref.layer, ref.node])

    layers = OrderedDict()
    for name, layer in source.layers.items():
        kept = [call for node, call in enumerate(layer.calls) if (name, node) in needed]
        if kept or (name, 0) in needed:
            layers[name] = Layer(layer.record, [redirect(call, source.layers, renumber) for call in kept])
    inputs = [ref for ref in source.inputs if ref.layer in layers]
    return Graph(layers, inputs, [renumber(ref) for ref in outputs], source.rest, source.shift)


def per_input(shape: Union[Sizes, List[Sizes], Dict[str, Sizes]]) -> List[Sizes]:
    """Return a list of shapes, one for each input, of the `shape` that fix_input_shape takes."""
    if isinstance(shape, dict):
        return list(shape.values())
    return shape if shape and all(isinstance(sizes, list) for sizes in shape) else [shape]


def fix_input_shape(source: Graph, shape: Union[Sizes, List[Sizes], Dict[str, Sizes]]) -> None:
    """Set the sizes that the model leaves open (None) to those of `shape`.

    shape: list of int or None without the batch size, for a model with one input; for several a list of such lists in
    the inputs' order, or a dict of input name to such a list.
    Raises Fault where it contradicts a size that the model fixes.
    """
    names = [ref.layer for ref in source.inputs]
    if not isinstance(shape, dict):
        shapes = per_input(shape)
        if len(names) != len(shapes):
            flags = " ".join(f"--input-shape {name}=8" for name in names[:2])
            table = ", ".join(f'"{name}" = [8]' for name in names[:2])
            raise Fault(f"input_shape: the model has {len(names)} inputs ({', '.join(names)}): give a shape for each "
                        f"by name ({flags}; in models.toml input_shape = {{{table}}})")
        shape = dict(zip(names, shapes))
    for name, sizes in shape.items():
        if name not in names:
            raise Fault(f"input_shape: no input is called {name!r}; there are: {', '.join(names)}")
        layer = source.layers[name]
        old = batch_shape(layer)
        sizes = list(sizes)
        if len(sizes) != len(old) - 1 or any(a is not None and b is not None and a != b
                                             for a, b in zip(old[1:], sizes)):
            raise Fault(f"input_shape: {sizes} contradicts what input {name!r} declares: {old[1:]}")
        if any(size is not None and (type(size) is not int or size < 1) for size in sizes):
            raise Fault(f"input_shape: sizes must be positive whole numbers, not {sizes}")
        key = "batch_shape" if "batch_shape" in layer.config else "batch_input_shape"
        fixed = old[:1] + [a if a is not None else b for a, b in zip(old[1:], sizes)]
        layer.record = dict(layer.record, config=dict(layer.config, **{key: fixed}))
