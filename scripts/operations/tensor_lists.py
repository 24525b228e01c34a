"""Lists of tensors in unrolled loops: a read at a known place becomes the tensor that was written there.

The lists are TensorList (TensorFlow 2) and TensorArray (TensorFlow 1, where the flow is the list).  A list of a
tensor's rows becomes an Unpack, and a stack of the items becomes a Pack.
"""
from typing import Dict, List, Optional

from .graph import Attribute, Graph, Node, Spec, Tensor
from .shapes import Known, in_order
from .values import single, whole

Items = List[Optional[Tensor]]
MOST = 4096  # items of a list


class Lists:
    """The lists of a graph while they are resolved.

    items     {tensor of a list: its items, None for those that were not written}
    """

    def __init__(self, graph: Graph, known: Known) -> None:
        self.graph, self.known = graph, known
        self.items: Dict[Tensor, Items] = {}

    def count(self, tensor: Tensor) -> int:
        """Return a number that is known.  Raises ValueError for one that is not, or is too large."""
        found = single(self.known.values(tensor))
        if found is None or not 0 <= found <= MOST:
            raise ValueError
        return int(found)

    def rows(self, node: Node, tensor: Tensor) -> Items:
        """Return the rows of a tensor, by an Unpack."""
        spec = self.known.spec(tensor)
        count, shape = spec.shape[0], spec.shape[1:]
        if count is None or count > MOST:
            raise ValueError
        name = node.name + "/rows"
        if name not in self.graph.nodes:
            self.graph.add(Node(name, "Unpack", [tensor], attributes={
                "T": Attribute("type", spec.dtype), "num": Attribute("i", count), "axis": Attribute("i", 0)},
                outputs=[Spec(spec.dtype, shape)] * count))
        return [Tensor(name, place) for place in range(count)]

    def stacked(self, node: Node, items: Items) -> None:
        """Make a node the Pack of items.  Raises ValueError where one was not written."""
        if not items or None in items:
            raise ValueError
        dtype = node.value("element_dtype") or node.value("dtype")
        node.op, node.inputs, node.controls = "Pack", list(items), []
        node.attributes.clear()
        node.attributes.update(T=Attribute("type", dtype), N=Attribute("i", len(items)), axis=Attribute("i", 0))

    def written(self, items: Items, place: int, item: Tensor) -> Items:
        """Return a list with another item at a place."""
        if not place < MOST:
            raise ValueError
        items = items + [None] * (place + 1 - len(items))
        return items[:place] + [item] + items[place + 1:]


def resolve(graph: Graph, known: Known) -> bool:
    """Put items in place of what is read from lists, in place; lists that are not known stay.

    Return whether something was read: more may be known then.
    """
    lists, before = Lists(graph, known), len(graph.nodes)
    changed = False
    for node in in_order(graph):
        rule = RULES.get(node.op)
        if node.op in ("Identity", "Enter", "Exit") and node.inputs and node.inputs[0] in lists.items:
            lists.items[Tensor(node.name)] = lists.items[node.inputs[0]]
        elif rule is not None:
            try:
                rule(lists, node)
                changed = changed or node.op not in RULES
            except (ValueError, KeyError, TypeError, IndexError):  # not known: it stays a list
                pass
    return changed or len(graph.nodes) > before


def reserved(lists: Lists, node: Node) -> None:
    """TensorListReserve: a number of items."""
    lists.items[Tensor(node.name)] = [None] * lists.count(node.inputs[1])


def of_tensor(lists: Lists, node: Node) -> None:
    """TensorListFromTensor."""
    lists.items[Tensor(node.name)] = lists.rows(node, node.inputs[0])


def get(lists: Lists, node: Node) -> None:
    """TensorListGetItem, TensorArrayReadV3: the list is the first input, or the flow behind the index."""
    held = lists.items[node.inputs[0] if node.op == "TensorListGetItem" else node.inputs[2]]
    item = held[lists.count(node.inputs[1])]
    if item is None:
        raise ValueError
    become_identity(node, item)


def set_item(lists: Lists, node: Node) -> None:
    """TensorListSetItem, TensorArrayWriteV3 (handle, index, value, flow)."""
    held = lists.items[node.inputs[0] if node.op == "TensorListSetItem" else node.inputs[3]]
    lists.items[Tensor(node.name)] = lists.written(held, lists.count(node.inputs[1]), node.inputs[2])


def stack(lists: Lists, node: Node) -> None:
    """TensorListStack."""
    lists.stacked(node, lists.items[node.inputs[0]])


def array(lists: Lists, node: Node) -> None:
    """TensorArrayV3: its second output is the flow."""
    size = 0 if node.value("dynamic_size", False) else lists.count(node.inputs[0])
    lists.items[Tensor(node.name, 1)] = [None] * size


def scatter(lists: Lists, node: Node) -> None:
    """TensorArrayScatterV3 (handle, indices, value, flow)."""
    items = lists.items[node.inputs[3]]
    for place, row in zip(whole(lists.known.values(node.inputs[1])), lists.rows(node, node.inputs[2])):
        items = lists.written(items, place, row)
    lists.items[Tensor(node.name)] = items


def gather(lists: Lists, node: Node) -> None:
    """TensorArrayGatherV3 (handle, indices, flow)."""
    held = lists.items[node.inputs[2]]
    places = whole(lists.known.values(node.inputs[1]))
    lists.stacked(node, [held[place] for place in (range(len(held)) if places is None else places)])


def become_identity(node: Node, item: Tensor) -> None:
    """Make a node the Identity of a tensor."""
    dtype = node.value("element_dtype") or node.value("dtype")
    node.op, node.inputs, node.controls = "Identity", [item], []
    node.attributes.clear()
    node.attributes["T"] = Attribute("type", dtype)


RULES = {"TensorListReserve": reserved, "TensorListFromTensor": of_tensor, "TensorListGetItem": get,
         "TensorListSetItem": set_item, "TensorListStack": stack, "TensorArrayV3": array, "TensorArrayReadV3": get,
         "TensorArrayWriteV3": set_item, "TensorArrayScatterV3": scatter, "TensorArrayGatherV3": gather}
