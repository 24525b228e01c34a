"""DenseFeatures: columns of numbers, categories and their crossings (TensorFlow's feature_column_v2.py).

Categories are whole numbers, one row per example; -1 stands for an unknown value, -2 for none at all.  A column of
words reads the numbers of a lookup here (layers/features.py).
"""
from typing import Any, Dict, NamedTuple, Optional

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..layers import columns
from ..layers.columns import Column
from . import hashing
from .rules import Call, layer

VOCABULARY = "VocabularyListCategoricalColumn"
MOST = 65536  # words of a vocabulary of numbers
NONE = -1  # among the numbers of a feature: no value (_to_sparse_input_and_drop_ignore_values)
MISSING = -2  # among categories


class Ids(NamedTuple):
    """The categories of each example, (batch, count) of int32, and what each counts, None for 1."""

    places: Value
    weights: Optional[Value] = None


def said(column: Column) -> str:
    """A column as a refusal names it."""
    return f"its column {columns.name_of(column)!r}"


@layer("DenseFeatures")
def dense_features(call: Call) -> Value:
    """The values of all columns, one after another (keras 2.6 feature_column/dense_features.py: call)."""
    given = call.args[0] if call.args else None
    if not isinstance(given, dict) or not all(isinstance(value, Value) for value in given.values()):
        raise Fault(f"layer {call.path!r} (DenseFeatures) is given no features by their names: the file is damaged")
    read = Read(call, given)
    return call.b.concat([read.dense(column) for column in call.config["feature_columns"]], -1)


class Read:
    """The columns of one call.

    features  {name: Value}
    """

    def __init__(self, call: Call, features: Dict[str, Value]) -> None:
        self.call, self.b, self.features = call, call.b, features

    def feature(self, key: Any) -> Value:
        """A feature, (batch, numbers)."""
        if key not in self.features:
            raise Fault(f"layer {self.call.path!r} (DenseFeatures) is given no {key!r}: the file is damaged")
        x = self.features[key]
        x = self.b.expand(x, -1) if x.rank == 1 else x
        return x

    # Numbers -------------------------------------------------------------------------------------------------

    def dense(self, column: Column) -> Value:
        """The numbers of a column, (batch, columns.width)."""
        b, kind, config = self.b, column["class_name"], column["config"]
        if kind == "NumericColumn":
            return b.reshape(self.numbers(column), [-1, columns.width(column)])
        if kind == "BucketizedColumn":
            return b.reshape(self.hot(self.bucket(column), len(config["boundaries"]) + 1), [-1, columns.width(column)])
        if kind not in ("IndicatorColumn", "EmbeddingColumn"):
            raise Fault(f"{said(column)} is a {kind}, which gives no numbers: the file is damaged")
        ids = self.ids(config["categorical_column"])
        if kind == "EmbeddingColumn":
            return self.embedded(column, ids)
        hot = self.hot(ids.places, columns.buckets(config["categorical_column"]))
        return b.sum(hot if ids.weights is None else b.mul(hot, b.expand(ids.weights, -1)), 1)

    def numbers(self, column: Column) -> Value:
        """The feature of a NumericColumn."""
        if column["config"].get("normalizer_fn") is not None:
            self.call.refuse(f"{said(column)} has a normalizer_fn, a function that no file holds",
                             "leave it out, and put a Rescaling or Normalization between the input and this layer")
        return self.b.cast(self.feature(column["config"]["key"]), "float32")

    def bucket(self, column: Column) -> Value:
        """The number of boundaries that each number is not below."""
        x, limits = self.numbers(column["config"]["source_column"]), column["config"]["boundaries"]
        each = self.b.compare("GreaterEqual", self.b.expand(x, -1), numpy.asarray(limits, "float32"))
        return self.b.sum(self.b.cast(each, "int32"), -1)

    def hot(self, places: Value, depth: int) -> Value:
        """Categories as a row of 0 and 1 each."""
        if depth > MOST:
            self.call.refuse(f"a column of {depth} categories", "take an embedding_column in its place")
        every = self.b.constant(numpy.arange(depth), "int32")
        return self.b.cast(self.b.compare("Equal", self.b.expand(places, -1), every), "float32")

    def embedded(self, column: Column, ids: Ids) -> Value:
        """The mean, sum or sum over the root of the rows of all categories (safe_embedding_lookup_sparse)."""
        b, config = self.b, column["config"]
        if config["combiner"] not in ("mean", "sum", "sqrtn"):
            raise Fault(f"{said(column)} combines by {config['combiner']!r:.40}: the file is damaged")
        rows = self.call.weight(columns.name_of(column) + "/embedding_weights")
        if config.get("max_norm") is not None:
            most = float(config["max_norm"])
            rows = b.changed(rows, rows.shape, lambda array: array * numpy.minimum(
                1, most / numpy.maximum(numpy.sqrt(numpy.square(array).sum(1, keepdims=True)), 1e-30)))
        count = b.cast(b.compare("GreaterEqual", ids.places, 0), "float32")
        if ids.weights is not None:
            count = b.mul(count, ids.weights if config["combiner"] == "sum" else b.unary("Relu", ids.weights))
        found = b.gather(rows, b.binary("Maximum", ids.places, 0), 0)
        total = b.sum(b.mul(found, b.expand(count, -1)), 1)
        if config["combiner"] == "sum":
            return total
        over = b.sum(count if config["combiner"] == "mean" else b.unary("Square", count), 1, True)
        over = over if config["combiner"] == "mean" else b.unary("Sqrt", over)
        return b.binary("RealDiv", total, b.where(b.compare("Greater", over, 0.0), over, b.like(over, 1)))

    # Categories ----------------------------------------------------------------------------------------------

    def ids(self, column: Column) -> Ids:
        """The categories of a column."""
        kind, config, b = column["class_name"], column["config"], self.b
        if kind == "WeightedCategoricalColumn":
            return Ids(self.ids(config["categorical_column"]).places,
                       b.cast(self.feature(config["weight_feature_key"]), "float32"))
        if kind == "BucketizedColumn":
            many = numpy.arange(columns.width(config["source_column"])) * (len(config["boundaries"]) + 1)
            return Ids(b.add(self.bucket(column), b.constant(many, "int32")))
        if kind == "CrossedColumn":
            return Ids(self.crossed(column))
        if kind not in ("IdentityCategoricalColumn", VOCABULARY):
            self.call.refuse(f"{said(column)} is a {kind}", "take categorical_column_with_vocabulary_list")
        x = b.cast(self.feature(config["key"]), "int32")
        if kind == VOCABULARY:
            found = self.known(column, x)
        elif config.get("default_value") is None:
            found = x
        else:
            inside = b.both(b.compare("GreaterEqual", x, 0), b.compare("Less", x, columns.buckets(column)))
            found = b.where(inside, x, b.constant(int(config["default_value"]), "int32"))
        return Ids(b.where(b.compare("Equal", x, NONE), b.constant(MISSING, "int32"), found))

    def known(self, column: Column, x: Value) -> Value:
        """The places of whole numbers in a vocabulary of such."""
        b, config = self.b, column["config"]
        words, unknown = config["vocabulary_list"], config["num_oov_buckets"]
        if unknown > 1:
            self.call.refuse(f"{said(column)} hashes the numbers that it does not know", "take num_oov_buckets=1")
        if len(words) > MOST:
            self.call.refuse(f"{said(column)} knows {len(words)} numbers", f"take fewer than {MOST}")
        same = b.cast(b.compare("Equal", b.expand(x, -1), b.constant(words, "int32")), "int32")
        place = b.sum(b.mul(same, b.constant(numpy.arange(len(words)), "int32")), -1)
        other = len(words) if unknown else int(config["default_value"])
        return b.where(b.compare("Greater", b.sum(same, -1), 0), place, b.constant(other, "int32"))

    def crossed(self, column: Column) -> Value:
        """The bins of all combinations of the categories of several columns (sparse_cross_hashed)."""
        b, ranges = self.b, []
        found = none = None
        for part in columns.leaves(column):
            if not isinstance(part, dict):
                raise Fault(f"layer {self.call.path!r} (DenseFeatures) crosses words in a nested model")
            places = self.ids(part).places
            ranges.append(range(-1 if part["class_name"] == VOCABULARY else 0, columns.buckets(part)))
            place = b.binary("Maximum", b.sub(places, ranges[-1].start), 0)
            missing = b.compare("Equal", places, MISSING)
            if found is None:
                found, none = place, missing
                continue
            wide = [-1, found.shape[1] * place.shape[1]]
            none = b.reshape(b.either(b.expand(none, 2), b.expand(missing, 1)), wide)
            found = b.reshape(b.add(b.mul(b.expand(found, 2), len(ranges[-1])), b.expand(place, 1)), wide)
        hashes = hashing.crossings(self.call, ranges, column["config"].get("hash_key") or hashing.CROSSING)
        bins = numpy.asarray(hashes % hashing.word(columns.buckets(column)), "int32")
        return b.where(none, b.constant(MISSING, "int32"), b.gather(b.constant(bins, "int32", "hashes"), found, 0))
