"""DenseFeatures layers whose columns read words: Keras's lookup layers read the words, and the columns their numbers.

A model then begins after these lookups as after any other (words.py), and Keras still loads the written file.
"""
import json
from collections import OrderedDict
from typing import Any, Dict, Iterator, Sequence

from . import columns, words
from .columns import Column, Lookup
from .topology import Graph, Layer, is_model


def opened(source: Graph, major: int) -> Graph:
    """The graph with lookups in place of the columns of words; `source` itself where there are none."""
    if major >= 3 or not any(layer.class_name == columns.CLASS for layer in source.layers.values()):
        return source
    layers = OrderedDict()  # type: Dict[str, Layer]
    for name, layer in source.layers.items():
        if layer.class_name == columns.CLASS and all(isinstance(call, dict) for call in layer.calls):
            layer = with_lookups(layer, layers, source)
        layers[name] = layer
    return Graph(layers, source.inputs, source.outputs, source.rest, source.shift)


def paths(records: Sequence[Dict[str, Any]]) -> Iterator[str]:
    """Yield OUTER/INNER for the DenseFeatures that read words in the nested models among `records`."""
    return words.paths([record for record in records if is_model(record)], spoken)


def spoken(record: Dict[str, Any]) -> bool:
    """Whether a layer is a DenseFeatures with a column of words, or with one that hashes numbers."""
    return record["class_name"] == columns.CLASS and any(
        columns.lookup(one) or one["class_name"] == columns.SEVERAL and any(
            not isinstance(leaf, dict) for leaf in columns.leaves(one))
        for one in columns.walk(record["config"]["feature_columns"]))


def with_lookups(layer: Layer, layers: Dict[str, Layer], source: Graph) -> Layer:
    """Return the layer with columns of numbers; `layers` gets the lookups that it reads."""
    calls = [dict(call) for call in layer.calls]

    def taken(name: str) -> bool:
        return name in layers or name in source.layers or any(name in call for call in calls)

    def numbered(column: Any) -> Any:
        found = columns.lookup(column) if isinstance(column, dict) else None
        if found is None:
            return column if not isinstance(column, dict) else dict(column, config=OrderedDict(
                (key, numbered(value) if key in columns.WITHIN else list(map(numbered, value))
                 if key == "keys" and isinstance(value, list) else value) for key, value in column["config"].items()))
        text = json.dumps(column, sort_keys=True)
        if text not in made:
            made[text] = added(column, found)
        return made[text]

    def added(column: Column, found: Lookup) -> Column:
        key = column["config"]["key"]
        name = f"{key}_{'hash' if found.class_name == 'Hashing' else 'words'}"
        while taken(name) or taken(name + "_number"):
            name += "_"
        layers[name] = Layer(record(name, found.class_name, found.config), [
            [call[key]] for call in calls if key in call])
        number = name + "_number"
        table = found.table
        layers[number] = Layer(record(number, "TFOpLambda", {"function": "gather" if table else "math.subtract"}), [
            ["_CONSTANT_VALUE", -1, table, {"indices": [name, node, 0]}] if table else
            [name, node, 0, {"y": 1}] for node in range(len(calls))])
        for node, call in enumerate(calls):
            call[number] = [number, node, 0, {}]
        return dict(found.column, config=dict(found.column["config"], key=number))

    for column in columns.walk(layer.config["feature_columns"]):
        for part in columns.leaves(column) if column["class_name"] == columns.SEVERAL else ():
            if not isinstance(part, dict):
                words.refuse(layer, f"its column {columns.name_of(column)!r} crosses the words of {part!r} themselves",
                             "give crossed_column a categorical_column_with_vocabulary_list in the name's place")
    made = {}  # type: Dict[str, Column]
    config = dict(layer.config, feature_columns=[numbered(one) for one in layer.config["feature_columns"]])
    read = columns.sources(config)
    for call in calls:
        for key in [key for key in call if key not in read]:
            del call[key]
    return Layer(dict(layer.record, config=config), calls)


def record(name: str, class_name: str, config: Dict[str, Any]) -> Dict[str, Any]:
    """The record of a layer as Keras 2 writes it."""
    return OrderedDict([("class_name", class_name), ("config", dict(config, name=name, trainable=True)),
                        ("name", name)])
