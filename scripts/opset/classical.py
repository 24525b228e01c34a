"""ai.onnx.ml: linear models and preprocessing of scikit-learn (onnx/defs/traditionalml/defs.cc)."""
from typing import List, Optional, Sequence

import numpy

from ..emit import Value
from .given import floats
from .layout import Held
from .rules import Call, operation

ML = "ai.onnx.ml"
NORMS = ("MAX", "L1", "L2")


def attribute(call: Call, name: str, count: int) -> Value:
    """Numbers of an attribute: one for each of `count` features, or one for all."""
    found = call.floats(name) or []
    if len(found) not in (1, count):
        call.damaged(f"has {len(found)} numbers as {name} for {count} features")
    return call.b.constant(numpy.array(found, "float32"))


def features(call: Call) -> int:
    """The size of the last dimension of the first input."""
    size = call.x.shape[-1] if call.x.rank else None
    if size is None:
        call.refuse("the number of its features is open", "give the input's shape: --input-shape")
    return size


@operation("Scaler", domain=ML)
def scaler(call: Call) -> Value:
    """(x - offset) * scale of each feature."""
    b, count = call.b, features(call)
    return b.mul(b.sub(floats(call, 0), attribute(call, "offset", count)), attribute(call, "scale", count))


@operation("Imputer", domain=ML)
def imputer(call: Call) -> Value:
    """Another number in place of those that are missing, NaN or one that is named."""
    b, x, missing = call.b, floats(call, 0), call.float("replaced_value_float")
    there = b.compare("Equal", x, x) if missing != missing else b.compare("NotEqual", x, missing)
    return b.where(there, x, attribute(call, "imputed_value_floats", features(call)))


@operation("Binarizer", domain=ML)
def binarizer(call: Call) -> Value:
    """1 for what is above a threshold, else 0."""
    return call.b.cast(call.b.compare("Greater", floats(call, 0), call.float("threshold")), "float32")


@operation("Normalizer", domain=ML)
def normalizer(call: Call) -> Value:
    """Each example over its largest number, the sum of its sizes, or its length."""
    b, x, norm = call.b, floats(call, 0), call.text("norm", "MAX")
    if norm not in NORMS:
        call.damaged(f"has norm={norm!r:.20}")
    size = b.max(x, -1, True) if norm == "MAX" else b.sum(b.unary("Abs", x), -1, True) if norm == "L1" else \
        b.sqrt(b.sum(b.square(x), -1, True))
    return b.div(x, b.where(b.compare("Equal", size, 0.0), 1.0, size))


@operation("ArrayFeatureExtractor", domain=ML)
def picked(call: Call) -> Value:
    """The features at some places, (1, places) of one row."""
    b, x = call.b, call.value(0)
    made = b.gather(x, b.reshape(b.cast(call.value(1), "int32"), [-1]), x.rank - 1)
    return b.expand(made, 0) if x.rank == 1 else made


def product(call: Call, rows: int) -> Value:
    """The features times coefficients (rows, features), plus a number for each row."""
    b, count = call.b, features(call)
    weights, shift = call.floats("coefficients") or [], call.floats("intercepts") or [0.0] * rows
    if len(weights) != rows * count or len(shift) != rows:
        call.damaged(f"has {len(weights)} coefficients and {len(shift)} intercepts for {count} features")
    made = b.matmul(floats(call, 0), b.constant(numpy.array(weights, "float32").reshape(rows, count).T))
    return b.add(made, numpy.array(shift, "float32"))


def transformed(call: Call, scores: Value) -> Value:
    """Scores as numbers of another kind."""
    kind = call.text("post_transform", "NONE")
    if kind not in ("NONE", "SOFTMAX", "LOGISTIC"):
        call.refuse(f"its scores are transformed by {kind.lower():.20}", "export it with NONE, SOFTMAX or LOGISTIC")
    return scores if kind == "NONE" else call.b.sigmoid(scores) if kind == "LOGISTIC" else call.b.softmax(scores, -1)


@operation("LinearRegressor", domain=ML)
def regressor(call: Call) -> Value:
    """A linear function of the features for each target."""
    return transformed(call, product(call, call.int("targets", 1)))


@operation("LinearClassifier", domain=ML)
def classifier(call: Call) -> List[Optional[Held]]:
    """The label of the largest score, and the scores; labels that are texts are left out."""
    labels: Optional[Sequence[int]] = call.ints("classlabels_ints")
    count = len(labels or call.node.attributes.get("classlabels_strings") or ())
    if count < 2:
        call.damaged(f"has {count} classes")
    if len(call.floats("coefficients") or []) == features(call):
        call.refuse("it has one score for two classes", "export it with a score for each class")
    scores = transformed(call, product(call, count))
    label = None
    if labels and call.wants(0):
        best = call.b.place_of("ArgMax", scores, -1)
        label = call.as_it_is(call.b.gather(call.b.constant(numpy.array(labels), "int32"), best), dtype="INT64")
    return [label, call.as_it_is(scores, dtype="FLOAT")]
