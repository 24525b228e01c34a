"""Operations and layers that no TensorFlow.js computes and that are not composed: why, and what to do.

docs/refused.md shows this table; tests/models/test_lower_refused.py follows the remedies.
"""
from typing import Callable, List, NamedTuple, NoReturn

from ..rules import Call, layer, operation


class Row(NamedTuple):
    """What is refused.

    classes  of Keras, separated by spaces    of  layer or operation, which registers them
    reason   why                              remedy  what to do
    """

    classes: str
    of: Callable
    reason: str
    remedy: str


OUTPUTS = "ask for outputs that do not need it"
TABLE = (
    Row("Map Scan AssociativeScan ForiLoop WhileLoop Cond Switch VectorizedMap JVP", operation,
        "it calls a Python function, which no file holds", "write its steps as layers and operations of the model"),
    Row("Eig Eigh SVD LuFactor Lstsq Pinv MatrixRank", operation,
        "TensorFlow.js has no decomposition of matrices", OUTPUTS),
    Row("Polar ViewAsComplex ViewAsReal", operation, "TensorFlow.js computes with real numbers alone",
        "compute with real and imaginary parts of their own"),
    Row("Nonzero Unique Bincount", operation, "how much it gives depends on the numbers that it is given",
        OUTPUTS),
    Row("Histogram", operation, "Keras itself does not compute it in a model", OUTPUTS),
    Row("View Nextafter", operation, "it looks at the bits of numbers", OUTPUTS),
    Row("ElasticTransform", operation, "it moves pixels by chance", "transform the images before the model"),
    Row("SSIM CTCLoss CTCDecode", operation, "it judges what a model gives, and is no part of it", OUTPUTS),
    Row("ConvTranspose", operation, "Keras itself gives it its settings in the wrong order", "take a Conv2DTranspose"),
    Row("ContrastLimitedAdaptiveHistogramEqualization", layer, "TensorFlow.js counts no histograms",
        "equalize the images before the model"),
)


def refusing(row: Row) -> Callable[[Call], NoReturn]:
    """The function of a row's classes."""
    return lambda call: call.refuse(row.reason, row.remedy)


for _row in TABLE:
    _row.of(_row.classes)(refusing(_row))


def in_docs() -> List[str]:
    """The table in docs/refused.md, line by line."""
    lines = ["| what Keras has | the line says | instead |", "|---|---|---|"]
    for row in TABLE:
        named = ", ".join(f"`{'keras.layers.' if row.of is layer else ''}{name}`" for name in row.classes.split())
        lines.append(f"| {named} | {row.reason} | {row.remedy} |")
    return lines
