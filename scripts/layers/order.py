"""The order in which Keras computes the layers of a graph, and the layers that an output needs."""
from typing import Dict, Iterable, List, NamedTuple, Set, Tuple

from ..base.fault import Fault
from .network import Graph
from .references import Ref, references


def ancestors(source: Graph, refs: Iterable[Ref]) -> Set[Tuple[str, int]]:
    """Return the set of (layer name, call) that the outputs `refs` need, their own included."""
    needed, stack = set(), [ref[:2] for ref in refs]
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            layer = source.layers[node[0]]
            stack += [] if layer.is_input else [ref[:2] for ref in references(layer.calls[node[1]], source.layers)]
    return needed


def layer_order(source: Graph) -> List[str]:
    """Return the names of the layers that the outputs need, and of all inputs, as Keras orders `model.layers`.

    The rule of keras 2.6 functional._map_graph_network and Keras 3 function.map_graph: by decreasing depth
    (longest way to an output); layers of one depth in the order in which a walk from the outputs, in their
    order, first meets them.  Inputs that no output needs come first among depth 0.
    """
    _, layer_depth, index = depths(source)
    for ref in source.inputs:
        if ref.layer not in layer_depth:
            layer_depth[ref.layer], index[ref.layer] = 0, -1
    return sorted(layer_depth, key=lambda name: (-layer_depth[name], index[name]))


def call_order(source: Graph) -> List[Tuple[str, int]]:
    """Return (layer name, call) of all that the outputs need, in the order in which Keras computes them.

    By decreasing depth; of one depth as the walk from the outputs gives them depths (Keras 3 function.map_graph:
    nodes_by_depth).
    """
    call_depth = depths(source)[0]
    return sorted(call_depth, key=lambda call: -call_depth[call])


class Depths(NamedTuple):
    """The distances of calls and layers from an output, and the order in which a walk from the outputs meets layers."""

    calls: Dict[Tuple[str, int], int]
    layers: Dict[str, int]
    met: Dict[str, int]


def depths(source: Graph) -> Depths:
    """Return the Depths of what the outputs need.  Raises Fault for a cycle.

    They are kept with the graph as long as it has the same calls: most steps of a conversion ask for them.
    """
    calls = [call for layer in source.layers.values() for call in layer.calls]
    names, kept = (list(source.layers), list(source.outputs)), source.kept
    if kept is None or kept[0] != names or len(kept[1]) != len(calls) or \
            any(one is not other for one, other in zip(kept[1], calls)):
        kept = source.kept = names, calls, told_depths(source)
    return Depths(*map(dict, kept[2]))


def told_depths(source: Graph) -> Depths:
    """Return the Depths of a graph, by a walk from its outputs."""
    nodes, index, behind = [], {}, {}
    finished, waiting = set(), set()
    for output in source.outputs:
        stack = [((output.layer, output.node), None)]
        while stack:
            node, parents = stack.pop()
            if parents is None:
                if node in finished:
                    continue
                if node in waiting:
                    raise Fault(f"layer {node[0]!r} depends on its own output: the topology has a cycle")
                waiting.add(node)
                index.setdefault(node[0], len(index))
                layer = source.layers[node[0]]
                refs = references(layer.calls[node[1]], source.layers) if not layer.is_input else []
                behind[node] = [(ref.layer, ref.node) for ref in refs]
                parents = iter(behind[node])
            parent = next(parents, None)
            if parent is None:
                waiting.discard(node)
                finished.add(node)
                nodes.append((node, behind.pop(node)))
            else:
                stack.append((node, parents))
                stack.append((parent, None))
    node_depth, layer_depth = {}, {}
    for node, parents in reversed(nodes):
        depth = max(node_depth.setdefault(node, 0), layer_depth.get(node[0], 0))
        layer_depth[node[0]] = node_depth[node] = depth
        for parent in parents:
            node_depth[parent] = max(depth + 1, node_depth.get(parent, 0))
    return Depths(node_depth, layer_depth, index)
