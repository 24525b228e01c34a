"""A whole model: its inputs, its outputs by name, and the layout of both."""
import difflib
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..base.fault import Fault
from ..emit import Value
from ..formats.onnx_graph import Info, Model, Node
from ..formats.onnx_tensors import MEANT, NUMPY
from ..layers.outputs import listing
from ..lower import names
from ..operations import graph as operations
from ..operations.told import Shown
from ..wire.target import NATURAL
from . import modules
from .functions import inlined
from .layout import Held, Row
from .modules import Layer
from .rules import NotLowered
from .walk import Walk

ORDERS = {3: ("NCW", "NWC"), 4: ("NCHW", "NHWC"), 5: ("NCDHW", "NDHWC")}  # (ONNX's order, channels last)
# Operations that take an image with its channels, and those that compute number by number, in any order
IMAGES = frozenset("""Conv ConvTranspose MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool
    BatchNormalization InstanceNormalization GroupNormalization LRN Resize Upsample DepthToSpace SpaceToDepth
    QLinearConv ConvInteger MaxUnpool MaxRoiPool RoiAlign GridSample DeformConv""".split())
THROUGH = frozenset("""Identity Dropout Cast Add Sub Mul Div Pow Sqrt Relu LeakyRelu PRelu Clip Sigmoid Tanh Elu Selu
    Abs Neg Exp Log Max Min Sum Mean Concat Pad Slice Split Where QuantizeLinear DequantizeLinear HardSigmoid HardSwish
    CastLike SplitToSequence SequenceAt""".split())


class Lowered(NamedTuple):
    """A model as a graph of operations.

    graph    operations.Graph
    outputs  {name as the user knows it: name of the graph's node}
    layers   [Shown]: inputs, then what is shown
    layouts  {name of an input's or output's node: "NHWC"}: those whose dimensions stand in another order than ONNX's
    why      a line about outputs of the model that are left out, "" where none are
    """

    graph: operations.Graph
    outputs: Dict[str, str]
    layers: List[Shown]
    layouts: Dict[str, str]
    why: str = ""


class Opened(NamedTuple):
    """A model whose every tensor is computed: what summary and the choice of outputs need.

    walk    Walk
    inputs  {name: Held}
    layers  [Layer]
    why     Fault, why not all was computed that was asked for; None where it was
    """

    walk: Walk
    inputs: "Dict[str, Held]"
    layers: List[Layer]
    why: Optional[Fault]


def lower(model: Model, outputs: Optional[Sequence[str]] = None, every: bool = False, input_shape: Any = None,
          layout: str = NATURAL) -> Lowered:
    """Return the graph that computes `outputs`; None: those of the model, with `every` its layers, too.

    outputs: names of layers, tensors, or nodes.  input_shape: sizes behind the batch of inputs of open size, in ONNX's
    order: a list, a list of lists, or {name: list}.  layout: "auto" or "as-is", which keeps ONNX's order at the edges.
    A batch of open size stays open where the model allows it, else it is 1.
    With `every`, outputs of the model that cannot be computed are left out where others remain.
    Raises Fault for what cannot be computed, and for names that the model lacks.
    """
    model = inlined(model)
    found = opened(model, outputs, input_shape, layout)
    own = [one.name for one in model.graph.outputs]
    lacking = [name for name in own if name not in found.walk.values]
    if found.why is not None and (outputs is not None or not every or len(lacking) == len(own)):
        raise advised(found) if outputs is None else found.why
    made = finished(model, found, outputs, every, layout)
    return made if found.why is None else made._replace(
        why=f"{', '.join(lacking)}: left out, for {found.why}")


def opened(model: Model, outputs: Optional[Sequence[str]] = None, input_shape: Any = None, layout: str = NATURAL
           ) -> Opened:
    """Return the model with the tensors that `outputs`, or its own, need; what is refused is left out."""
    model = inlined(model)
    try:
        found = walked(model, outputs, input_shape, layout)
    except Fault:
        if not has_open_batch(model):
            raise
        return walked(model, outputs, input_shape, layout, 1)
    if found.why is not None and has_open_batch(model):
        other = walked(model, outputs, input_shape, layout, 1)
        if len(other.walk.reached) > len(found.walk.reached):
            return other
    return found


def advised(found: Opened) -> Fault:
    """The refusal with the outputs that come before it."""
    free = [layer.name for layer in found.layers if modules.is_drawn(found.walk.values[layer.tensor])]
    if not isinstance(found.why, NotLowered) or not free:
        return found.why  # type: ignore[return-value]
    return Fault(f"{found.why}; outputs that do without it: {listing(free)}")


def walked(model: Model, outputs: Optional[Sequence[str]], input_shape: Any, layout: str, batch: Optional[int] = None
           ) -> Opened:
    """`opened`, with a batch of this size where it is open; None: it stays open."""
    walk = Walk(model)
    infos = [one for one in model.graph.inputs if one.name not in model.graph.tensors]
    shapes = given_shapes(model, infos, input_shape)
    images = of_images(model) if layout == NATURAL else set()
    nodes = names.of_nodes([one.name for one in infos])
    walk.b.reserve(nodes)
    walk.b.reserve(names.of_nodes([one.name for one in infos] + [one.name for one in model.graph.outputs]))
    inputs: Dict[str, Held] = OrderedDict()
    for info, node in zip(infos, nodes):
        shape, opens = shapes[info.name]
        if batch is not None and shape and shape[0] is None:
            shape = (batch,) + shape[1:]
        inputs[info.name] = walk.placeholder(node, info.dtype, shape, opens, info.name in images and len(shape) > 2)
    walk.values.update(inputs)
    walk.scalars = [name for name, (shape, _) in shapes.items() if shape in ((), (1,))]
    wanted = [one.name for one in model.graph.outputs] if outputs is None else tensors_of(model, outputs)
    refused = walk.run(model.graph, wanted)
    ends = set(wanted) | {one.name for one in model.graph.outputs}
    done = set(map(id, walk.reached))
    ends.update(name for node in model.graph.nodes if id(node) not in done for name in node.inputs)
    single = {name: one for name, one in walk.values.items() if isinstance(one, Held)}
    layers = modules.layers(walk.reached, single, list(inputs), ends, set(model.graph.tensors))
    return Opened(walk, inputs, layers, refused[0] if refused else None)


def has_open_batch(model: Model) -> bool:
    """Whether the first dimension of an input is open."""
    return any(one.shape and not isinstance(one.shape[0], int) for one in model.graph.inputs
               if one.name not in model.graph.tensors)


# Inputs ----------------------------------------------------------------------------------------------------------

def given_shapes(model: Model, infos: Sequence[Info], input_shape: Any
                 ) -> "Dict[str, Tuple[Tuple[Optional[int], ...], List[Optional[str]]]]":
    """Return {name of an input: (shape, names of its open sizes)}, with the sizes that `input_shape` gives.

    Raises Fault where sizes contradict those of the file, and for an input that TensorFlow.js cannot be fed.
    """
    for info in infos:
        if info.dtype not in NUMPY and info.dtype not in MEANT or info.dtype.startswith("COMPLEX"):
            raise Fault(f"{model.path}: input {info.name!r:.60} is of {info.dtype.lower()}s, which TensorSpace "
                        "cannot feed")
        if info.shape is None:
            raise Fault(f"{model.path}: the number of dimensions of input {info.name!r:.60} is not known: export it "
                        "with its shape")
        if len(info.shape) > 6:
            raise Fault(f"{model.path}: input {info.name!r:.60} has {len(info.shape)} dimensions: 6 are the most")
    if input_shape is None:
        given: Dict[str, Any] = {}
    elif isinstance(input_shape, dict):
        given = dict(input_shape)
    else:
        rows = [input_shape] if not input_shape or not isinstance(input_shape[0], (list, tuple)) else list(input_shape)
        if len(rows) != len(infos):
            raise Fault(f"{model.path}: input_shape: the model has {len(infos)} inputs: give a shape for each by name: "
                        f"{', '.join(info.name for info in infos)}")
        given = {info.name: row for info, row in zip(infos, rows)}
    there = [info.name for info in infos]
    for name in given:
        if name not in there:
            raise Fault(f"{model.path}: input_shape: no input is called {name!r:.60}; there are: {', '.join(there)}")
    if given and not any(not isinstance(size, int) for info in infos for size in info.shape[1:]):  # type: ignore
        raise Fault(f"{model.path}: every input has its sizes: leave out input_shape")
    return {info.name: shaped(model, info, given.get(info.name)) for info in infos}


def shaped(model: Model, info: Info, sizes: Optional[Sequence[Any]]
           ) -> Tuple[Tuple[Optional[int], ...], List[Optional[str]]]:
    """Return the shape of an input and the names of its open sizes.  sizes: those that the user gives, or None."""
    own = list(info.shape or ())
    if sizes is not None:
        if len(sizes) != len(own) - 1 or any(isinstance(one, int) and other is not None and one != other
                                             for one, other in zip(own[1:], sizes)):
            raise Fault(f"{model.path}: input_shape: {list(sizes)} contradicts what input {info.name!r:.60} declares: "
                        f"({', '.join(map(str, own))})")
        if any(size is not None and (type(size) is not int or size < 1) for size in sizes):
            raise Fault(f"{model.path}: input_shape: {list(sizes)} is not sizes above 0")
        own = own[:1] + [one if other is None else other for one, other in zip(own[1:], sizes)]
    opens = [None if isinstance(size, int) else size or f"{info.name}.{place}" for place, size in enumerate(own)]
    return tuple(size if isinstance(size, int) else None for size in own), opens


def of_images(model: Model) -> Set[str]:
    """Return the names of tensors that an operation on images reads, past what computes number by number."""
    makers: Dict[str, Node] = {name: node for node in model.graph.nodes for name in node.outputs if name}
    found: Set[str] = set()
    waiting = [node.inputs[0] for node in model.graph.nodes if node.op in IMAGES and node.inputs]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        node = makers.get(name)
        if node is not None and node.op in THROUGH:
            waiting += [one for one in node.inputs if one]
    return found


# Outputs ---------------------------------------------------------------------------------------------------------

def tensors_of(model: Model, outputs: Sequence[str]) -> List[str]:
    """Return the tensors that have to be computed for outputs: of a layer those of all its nodes.

    Raises Fault for a name that the model lacks.
    """
    by_name: Dict[str, List[str]] = {name: own for name, own in named_tensors(model).items()}
    found: List[str] = []
    for name in outputs:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, 3, 0.5)
            raise Fault(f"{model.path}: no layer {name!r:.80}; " + (
                f"near it: {', '.join(near)}" if near else f"there are: {', '.join(list(by_name)[:8])}, …"))
        found += by_name[name]
    return found


def named_tensors(model: Model) -> Dict[str, List[str]]:
    """Return {name of a tensor, a node, or a layer: its tensors}."""
    found: Dict[str, List[str]] = OrderedDict()
    layers: Dict[str, List[str]] = {}
    for key, own in modules.grouped(model.graph.nodes, set(model.graph.tensors)).items():
        found[key] = [name for node in own for name in node.outputs if name]
    for node in model.graph.nodes:
        for name in node.outputs:
            if name:
                found.setdefault(name, [name])
        if node.name:
            found.setdefault(node.name, [name for name in node.outputs if name])
    for info in model.graph.inputs:
        found.setdefault(info.name, [info.name])
    for node in model.graph.nodes:
        for outer in modules.module(node):
            if outer not in layers:
                layers[outer] = found.setdefault(outer, [])
            if layers[outer] is found[outer]:
                found[outer] += [name for name in node.outputs if name]
    return found


def tensors(model: Model, outputs: Sequence[str]) -> List[str]:
    """Return the name of the tensor in the model that each output is; the names are as in `lower`."""
    model = inlined(model)
    layers = {layer.name: layer.tensor for layer in opened(model, outputs).layers}
    return [layers.get(name) or result_of(model, name) for name in outputs]


def result_of(model: Model, name: str) -> str:
    """Return the tensor of a name: of a module with modules in it the last one that others read."""
    own = tensors_of(model, [name])
    ends = {one.name for one in model.graph.outputs}
    ends.update(one for node in model.graph.nodes if not set(node.outputs) & set(own) for one in node.inputs)
    return ([one for one in own if one in ends] or own)[-1 if len(own) > 1 else 0]


def finished(model: Model, found: Opened, outputs: Optional[Sequence[str]], every: bool, layout: str) -> Lowered:
    """Return the graph with its outputs in their place."""
    walk, by_layer = found.walk, {layer.name: layer for layer in found.layers}
    wanted: Dict[str, str] = OrderedDict()  # {name as the user knows it: tensor}
    own = [one.name for one in model.graph.outputs]
    if outputs is not None:
        for name in outputs:
            if name in wanted:
                raise Fault(f"{model.path}: output {name!r:.80} is asked for twice")
            wanted[name] = by_layer[name].tensor if name in by_layer else result_of(model, name)
    else:
        shown = [layer for layer in found.layers if modules.is_drawn(walk.values[layer.tensor])] if every else []
        wanted.update((layer.name, layer.tensor) for layer in shown)
        wanted.update((name, name) for name in own if name not in wanted.values() and name in walk.values)
    if not wanted:
        raise Fault(f"{model.path}: it has no outputs, and no layers that TensorSpace can draw: name some")
    fed = [held.value.tensor.node for held in found.inputs.values()]
    nodes = [free(walk, node) for node in names.of_nodes(fed + list(wanted))[len(fed):]]
    layouts, placed = OrderedDict(), OrderedDict()
    for held in found.inputs.values():
        record(layouts, held.value.tensor.node, held)
    tellings = [Shown(name, "InputLayer", list(held.value.shape), 0, [], {}) for name, held in found.inputs.items()]
    by_tensor = {layer.tensor: layer for layer in found.layers}
    for (name, tensor), node in zip(wanted.items(), nodes):
        if isinstance(walk.values[tensor], Row):
            raise Fault(f"{model.path}: output {name!r:.80} is a row of tensors, which TensorSpace cannot show: ask "
                        "for what it is made of")
        value = shown_as(walk.values[tensor], layout)
        walk.b.place(value, node)
        placed[name] = node
        if layout == NATURAL and walk.values[tensor].channels_last:
            record(layouts, node, walk.values[tensor])
        layer = by_layer.get(name) or by_tensor.get(tensor)
        tellings.append(Shown(name, layer.kind if layer else "", list(value.shape), layer.parameters if layer else 0,
                              layer.inputs if layer else [], {}))
    walk.b.graph.made_by = f"onnx {model.producer}".strip()
    return Lowered(walk.b.finish(list(placed.values())), placed, tellings, layouts)


def free(walk: Walk, node: str) -> str:
    """A name for an output that no operation has."""
    found, count = node, 0
    while found in walk.b.graph.nodes:
        count += 1
        found = f"{node}_{count}"
    return found


def shown_as(held: Held, layout: str = NATURAL) -> Value:
    """The Value of an output: an image as it is stored where its channels are last, anything else in ONNX's order."""
    return held.value if layout == NATURAL and held.channels_last else held.plain


def order_of(held: Held) -> str:
    """The order of an image's dimensions, "NHWC", where it is not ONNX's; else ""."""
    return ORDERS[held.rank][1] if held.channels_last and held.rank in ORDERS else ""


def record(layouts: Dict[str, str], node: str, held: Held) -> None:
    """Keep the order of a tensor's dimensions where it is not ONNX's."""
    if order_of(held):
        layouts[node] = order_of(held)


