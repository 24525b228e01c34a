"""The words that a lookup layer of a Keras SavedModel learned: constants of the graph, not values of the checkpoint.

A layer's object has a lookup_table, whose function _initialize takes two constants: the words, and their numbers
(saved_object_graph.proto: SavedFunction, SavedConcreteFunction.bound_inputs, SavedConstant; attr_value.proto and
tensor.proto have the values).  The weights of a tf-idf are a variable of the checkpoint.
"""
import json
import re
import struct
from typing import Any, Callable, Dict, List, Optional

from ..layers import words
from ..layers.model import Weight
from ..wire.protobuf import Value, message, number, signed, string, text, varint

Message = Dict[int, List[Value]]

DT_STRING, DT_INT64 = 7, 9  # core/framework/types.proto
WRAPPED = ("_lookup_layer", "_index_lookup_layer")  # in a TextVectorization of Keras 2.7 and later, and of 2.6
MOST = 1 << 24  # words
DEPTH = 40  # of models in models


class Vocabularies:
    """The tables of a SavedModel.

    tree       saved_model.Tree, its objects
    found      its MetaGraphDef
    weight     weight(number of a variable's object) -> Weight, None where the checkpoint has none
    functions  {name of a concrete function: its message}
    nodes      {name of a constant of the graph: its message}
    """

    def __init__(self, tree: Any, found: Message, weight: Callable[[int], Optional[Weight]]) -> None:
        self.tree, self.weight = tree, weight
        self.functions = {text(entry, 1): message(entry[2][-1])
                          for entry in map(message, message(found[7][-1]).get(2, []))}
        self.nodes = {text(node, 1): node for node in map(message, message(found[2][-1]).get(1, []))
                      if text(node, 2) == "Const"}

    def fill(self, record: Dict[str, Any], node: int = 0, depth: int = 0) -> None:
        """Put words, and their weights, into the configs of the lookup layers in the model `record`.

        node: the model's object.  Raises Damaged, or an error of data of the wrong kind.
        """
        if depth > DEPTH or not isinstance(record.get("config"), dict):
            return
        objects = {}
        for name, child in self.tree.children(node).items():
            if re.match(r"layer-[0-9]{1,9}$", name):
                objects[self.tree.metadata(child).get("name")] = child
        for layer in record["config"].get("layers", []):
            child = objects.get(layer["config"].get("name")) if isinstance(layer.get("config"), dict) else None
            if child is None:
                continue
            if "layers" in layer["config"]:
                self.fill(layer, child, depth + 1)
            elif layer["class_name"].rpartition("Keras>")[2] in words.LOOKUPS:
                self.layer(layer["config"], child)

    def layer(self, config: Dict[str, Any], node: int) -> None:
        """Fill the config of the lookup layer whose object is `node`."""
        children = self.tree.children(node)
        inner = next((children[name] for name in WRAPPED if name in children), node)
        children = self.tree.children(inner)
        if not isinstance(config.get("vocabulary"), list) and "lookup_table" in children:
            learned = self.table(children["lookup_table"])
            config["vocabulary"] = learned or config.get("vocabulary")
        if config.get("idf_weights") is None and "idf_weights" in children:
            weight = self.weight(children["idf_weights"])
            if weight is not None and weight.size <= MOST:
                config["idf_weights"] = weight.read().astype(float).reshape(-1).tolist()

    def table(self, node: int) -> Optional[List[Any]]:
        """The words of a table in the order of their numbers, None where it has none."""
        function = self.tree.children(node).get("_initialize")
        if function is None:
            return None
        names = [string(name) for name in message(message(self.tree.nodes[function])[6][-1]).get(1, [])]
        taken = [self.constant(place) for name in names[:1] for place in numbers(self.functions[name].get(2, []))]
        columns = [column for column in taken if column]
        if len(columns) != 2 or len(columns[0]) != len(columns[1]):
            return None
        keys, values = columns[::-1] if isinstance(columns[1][0], str) else columns
        return [key for key, _ in sorted(zip(keys, values), key=lambda pair: pair[1])]

    def constant(self, node: int) -> List[Any]:
        """The texts or whole numbers of a constant among the objects; [] for any other object."""
        known = message(self.tree.nodes[node])
        name = text(message(known[9][-1]), 1) if 9 in known else ""
        if name not in self.nodes:
            return []
        attributes = {text(entry, 1): message(entry[2][-1]) for entry in map(message, self.nodes[name].get(5, []))}
        tensor = message(attributes["value"][8][-1])
        if number(tensor, 1) == DT_STRING:
            return [string(value) for value in tensor.get(8, [])]
        if number(tensor, 1) != DT_INT64:
            return []
        content = bytes(tensor[4][-1]) if 4 in tensor else b""
        return list(struct.unpack(f"<{len(content) // 8}q", content)) if content else numbers(tensor.get(10, []))


def any_in(record: Any) -> bool:
    """Whether a class with a vocabulary is named in a record."""
    return any(f'"{name}"' in json.dumps(record) for name in words.LOOKUPS)


def numbers(values: List[Value]) -> List[int]:
    """The whole numbers of a repeated field, packed or not; 64 bits, with a sign."""
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            one, place = varint(value, place)
            found.append(one)
    return list(map(signed, found))
