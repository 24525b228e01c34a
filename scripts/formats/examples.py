"""Graphs that take serialized examples (tf.train.Example), as estimators save them, begin after the parsing.

Only TensorFlow parses an example.  A parsed feature of fixed size is a tensor like any other, so it becomes an input
under the feature's name.  If there are sparse features, they and the operation stay.
(tensorflow/core/ops/parsing_ops.cc: ParseExample, ParseExampleV2, ParseSingleExample)
"""
import re
from collections import OrderedDict
from types import ModuleType
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

GraphDef = NodeDef = Any  # of the TensorFlow that runs this

PARSERS = ("ParseExample", "ParseExampleV2", "ParseSingleExample")


class Feature(NamedTuple):
    """A feature of fixed size, as the operation that parses examples gives it."""

    index: int                  # number of the operation's output
    key: str                    # the feature's name
    dtype: int                  # core/framework/types.proto
    shape: List[Optional[int]]  # batch size first


def behind(tensorflow: ModuleType, graph: GraphDef, inputs: List[str], outputs: Dict[str, str]) -> Tuple[
        GraphDef, List[str], Dict[str, str]]:
    """Return (GraphDef, names of its inputs, {name of a known output: its tensor}) with features as inputs.

    The arguments are the same of a graph without variables.
    """
    nodes = OrderedDict((node.name, node) for node in graph.node)
    taken, new = set(nodes), OrderedDict()
    for node in graph.node:
        for feature in features(tensorflow, nodes, node) if node.op in PARSERS else ():
            name = re.sub(r"[^A-Za-z0-9.\-_/]", "_", feature.key)
            name = name if re.match(r"[A-Za-z0-9.]", name) and not name.isdecimal() else "feature_" + name
            while name in taken:
                name += "_"
            taken.add(name)
            new[f"{node.name}:{feature.index}" if feature.index else node.name] = feature._replace(key=name)
    if not new:
        return graph, inputs, outputs
    result = tensorflow.compat.v1.GraphDef()
    result.CopyFrom(graph)
    for node in result.node:
        names = [new[name].key if name in new else name for name in map(plain, node.input)]
        del node.input[:]
        node.input.extend(names)
    for feature in new.values():
        node = result.node.add(name=feature.key, op="Placeholder")
        node.attr["dtype"].type = feature.dtype
        node.attr["shape"].shape.CopyFrom(tensorflow.TensorShape(feature.shape).as_proto())
    known = OrderedDict((key, new[plain(name)].key if plain(name) in new else name) for key, name in outputs.items())
    return result, inputs + [feature.key for feature in new.values()], known


def plain(name: str) -> str:
    """Return the name of a tensor without the number 0."""
    return name[:-2] if name.endswith(":0") else name


def features(tensorflow: ModuleType, nodes: Dict[str, NodeDef], node: NodeDef) -> List[Feature]:
    """Return the features of fixed size that an operation parses.  nodes: all, by name."""
    many, sparse = node.op != "ParseSingleExample", node.attr["num_sparse"].i or node.attr["Nsparse"].i
    types = list(node.attr["Tdense"].list.type)
    shapes = [tensorflow.TensorShape(shape) for shape in node.attr["dense_shapes"].list.shape]
    if node.op == "ParseSingleExample":
        keys = [key.decode("utf-8") for key in node.attr["dense_keys"].list.s]
    elif node.op == "ParseExampleV2":
        keys = words(tensorflow, nodes, node.input[3])
    else:
        dense = node.input[2 + sparse:2 + sparse + len(types)]
        keys = [key for name in dense for key in words(tensorflow, nodes, name)]
    return [Feature(3 * sparse + place, key, dtype, [None] * many + shape.as_list())
            for place, (key, dtype, shape) in enumerate(zip(keys, types, shapes)) if shape.rank is not None]


def words(tensorflow: ModuleType, nodes: Dict[str, NodeDef], name: str) -> List[str]:
    """Return the texts of the constant `name`, [] where it is none."""
    node = nodes.get(plain(name))
    while node is not None and node.op == "Identity":
        node = nodes.get(plain(node.input[0]))
    if node is None or node.op != "Const":
        return []
    return [word.decode("utf-8") for word in tensorflow.make_ndarray(node.attr["value"].tensor).ravel().tolist()]
