"""The feature columns of a DenseFeatures layer, as its config holds them (TensorFlow's feature_column_v2.py).

    {"class_name": "IndicatorColumn", "config": {"categorical_column": {"class_name": …, "config": …}}}

A column of words, and a hash of numbers, read an input that TensorSpace cannot feed.  `spoken` puts one of Keras's
lookup layers there, and the model begins after that layer.
"""
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from ..base.fault import Fault
from .kinds.sizes import product

Column = Dict[str, Any]
Config = Dict[str, Any]

CLASS = "DenseFeatures"
WITHIN = ("source_column", "categorical_column")  # settings that hold a column
SEVERAL = "CrossedColumn"  # holds columns, and names of features, as "keys"
DEEPEST = 40  # columns in columns
MOST = 1 << 20  # numbers that unknown words share


def within(column: Column) -> List[Any]:
    """The columns that a column reads, and names of features where it reads those themselves."""
    config = column["config"]
    found = [config[key] for key in WITHIN if isinstance(config.get(key), dict)]
    return found + list(config["keys"]) if column["class_name"] == SEVERAL else found


def walk(columns: List[Any], depth: int = 0) -> Iterator[Column]:
    """Yield all columns, each before those that it reads.  Raises Fault where they are nested very deeply."""
    if depth > DEEPEST:
        raise Fault("the columns of a DenseFeatures lie very deep in each other: the file is damaged")
    for column in columns:
        if isinstance(column, dict):
            yield column
            yield from walk(within(column), depth + 1)


def name_of(column: Any) -> str:
    """The name that TensorFlow gives a column, after which its weights are called."""
    if not isinstance(column, dict):
        return str(column)
    kind, config = column["class_name"], column["config"]
    if kind == SEVERAL:
        return "_X_".join(sorted(name_of(one) for one in leaves(column)))
    inner = name_of(within(column)[0]) if within(column) else str(config["key"])
    ending = {"BucketizedColumn": "_bucketized", "IndicatorColumn": "_indicator", "EmbeddingColumn": "_embedding",
              "WeightedCategoricalColumn": f"_weighted_by_{config.get('weight_feature_key')}"}
    return inner + ending.get(kind, "")


def leaves(column: Column) -> List[Any]:
    """The columns that a crossing joins, those of inner crossings in their place (_collect_leaf_level_keys)."""
    return [leaf for one in column["config"]["keys"] for leaf in (
        leaves(one) if isinstance(one, dict) and one["class_name"] == SEVERAL else [one])]


def buckets(column: Column) -> int:
    """Among how many categories a column tells."""
    kind, config = column["class_name"], column["config"]
    if kind == "BucketizedColumn":
        return (len(config["boundaries"]) + 1) * product(config["source_column"]["config"]["shape"])
    if kind == "VocabularyListCategoricalColumn":
        return len(config["vocabulary_list"]) + config["num_oov_buckets"]
    if kind == "WeightedCategoricalColumn":
        return buckets(config["categorical_column"])
    size = config.get("number_buckets", config.get("hash_bucket_size", config.get("vocabulary_size")))
    if type(size) is not int or not 0 < size < 1 << 31:
        raise Fault(f"a column {kind} has {size!r} categories: the file is damaged")
    return size


def width(column: Column) -> int:
    """The number of values that a column gives for an example."""
    kind, config = column["class_name"], column["config"]
    if kind == "EmbeddingColumn":
        return config["dimension"]
    return product(config["shape"]) if kind == "NumericColumn" else buckets(column if kind == "BucketizedColumn" else
                                                                            config["categorical_column"])


def sources(config: Config) -> Dict[str, List[Any]]:
    """{name of a feature: [its shape with the batch, dtype]} of all that the columns read."""
    found: Dict[str, List[Any]] = {}
    for column in walk(config["feature_columns"]):
        kind, own = column["class_name"], column["config"]
        if isinstance(own.get("key"), str):
            dtype = own.get("dtype", "float32" if kind == "NumericColumn" else "int64")
            found[own["key"]] = [[None] + list(own.get("shape", [1])), dtype]
        if isinstance(own.get("weight_feature_key"), str):
            found[own["weight_feature_key"]] = [[None, 1], "float32"]
        for key in within(column):
            if isinstance(key, str):
                found.setdefault(key, [[None, 1], "string"])
    return OrderedDict(sorted(found.items()))


def first(record: Dict[str, Any]) -> bool:
    """Whether the model `record` is a Sequential whose first layer reads features by their names."""
    config = record.get("config") if record.get("class_name") == "Sequential" else None
    layers = config.get("layers") if isinstance(config, dict) else config
    return isinstance(layers, list) and bool(layers) and isinstance(layers[0], dict) and \
        layers[0].get("class_name") == CLASS


# Words ---------------------------------------------------------------------------------------------------------------

class Lookup(NamedTuple):
    """The layer that reads a column's feature in its place.

    class_name, config  of the lookup layer, which is Keras's own
    table               what each of its numbers becomes; None: one less
    column              what reads these numbers, but for its key: -1 is no word at all
    """

    class_name: str
    config: Config
    table: Optional[List[int]]
    column: Column


def lookup(column: Column) -> Optional[Lookup]:
    """The Lookup of a column of words, and of one that hashes numbers; None for a column that computes with numbers."""
    kind, config = column["class_name"], column["config"]
    words = config.get("dtype") == "string"
    if kind == "HashedCategoricalColumn":
        return Lookup("Hashing", {"num_bins": buckets(column) + 1, "mask_value": "" if words else -1, "salt": None,
                                  "dtype": "int64"}, None, identity(buckets(column)))
    if kind != "VocabularyListCategoricalColumn" or not words:
        return None
    known, unknown = len(config["vocabulary_list"]), config["num_oov_buckets"]
    settings = {"vocabulary": list(config["vocabulary_list"]), "num_oov_indices": max(1, unknown), "mask_token": "",
                "oov_token": "[UNK]", "max_tokens": None, "output_mode": "int", "invert": False, "dtype": "int64"}
    if type(unknown) is not int or not 0 <= unknown <= MOST:
        raise Fault(f"a column {name_of(column)!r} shares unknown words out among {unknown!r} numbers: too many")
    if unknown > 1:
        return Lookup("StringLookup", settings, [-1] + list(range(known, known + unknown)) + list(range(known)),
                      identity(known + unknown))
    numbers = {"class_name": kind, "config": dict(config, vocabulary_list=list(range(1, known + 1)), dtype="int64")}
    return Lookup("StringLookup", settings, None, numbers)


def identity(count: int) -> Column:
    """A column of so many categories that are whole numbers already."""
    return {"class_name": "IdentityCategoricalColumn", "config": {"number_buckets": count, "default_value": None}}
