"""Operations that no TensorFlow.js computes and that are not composed of others: why, and what to do.

docs/refused.md shows this table; tests/models/test_lower_refused.py follows the remedies.
"""
from typing import Callable, List, NamedTuple, NoReturn

from ..rules import Call, operation


class Row(NamedTuple):
    """A row of the table: operations that are refused.

    classes  of Keras, separated by spaces    reason  why    remedy  what to do
    """

    classes: str
    reason: str
    remedy: str


OUTPUTS = "ask for outputs that do not need it"
TABLE = (
    Row("Map Scan AssociativeScan ForiLoop WhileLoop Cond Switch VectorizedMap JVP",
        "it calls a Python function, which no file holds", "write its steps as layers and operations of the model"),
    Row("Eig", "TensorFlow.js computes with real numbers alone", "for symmetric matrices take the values of Eigh"),
    Row("Polar ViewAsComplex ViewAsReal", "TensorFlow.js computes with real numbers alone",
        "compute with real and imaginary parts of their own"),
    Row("Histogram", "Keras itself does not compute it in a model", OUTPUTS),
    Row("View Nextafter", "it looks at the bits of numbers", OUTPUTS),
    Row("ElasticTransform", "it moves pixels by chance", "transform the images before the model"),
    Row("ConvTranspose", "Keras itself gives it its settings in the wrong order", "take a Conv2DTranspose"),
)


def refusing(row: Row) -> Callable[[Call], NoReturn]:
    """The function of a row's classes."""
    return lambda call: call.refuse(row.reason, row.remedy)


for _row in TABLE:
    operation(_row.classes)(refusing(_row))


def in_docs() -> List[str]:
    """The table in docs/refused.md, line by line."""
    lines = ["| what Keras has | the line says | instead |", "|---|---|---|"]
    for row in TABLE:
        named = ", ".join(f"`{name}`" for name in row.classes.split())
        lines.append(f"| {named} | {row.reason} | {row.remedy} |")
    return lines
