"""The report of a comparison: one row per output, whether it agrees, and the table that is printed."""
import json
import re
from collections import OrderedDict
from typing import Any, Dict, Iterator, Optional

import numpy

from ..base import command

BOUND = 1e-4
# Of what Keras computes with 11 and with 8 bits, in each layer anew; float32 has 24.
HALVES = OrderedDict([("bfloat16", 8e-2), ("float16", 1e-2)])


def half_precision(topology: Dict[str, Any]) -> Optional[str]:
    """Return "float16" or "bfloat16" where a layer of a topology computes in it (mixed_float16 too), else None."""
    text = json.dumps(topology)
    return next((name for name in HALVES if re.search(f'"(mixed_)?{name}"', text)), None)


def compare(name: str, wanted: numpy.ndarray, found: numpy.ndarray, engine: str = "Node",
            bound: float = BOUND) -> Dict[str, Any]:
    """Return one row of the report: how far `found` is from `wanted`, both (samples, …).

    It agrees where the largest difference is at most `bound`, relative to the largest wanted value if that is over 1.
    """
    row = OrderedDict([("name", name), ("engine", engine), ("shape", list(wanted.shape[1:])), ("largest", None),
                       ("difference", None), ("relative", None), ("argmax", None), ("agree", False)])
    if wanted.shape != found.shape:
        row["shape"] = [list(wanted.shape[1:]), list(found.shape[1:])]
        return row
    wanted, found = wanted.astype(numpy.float64), found.astype(numpy.float64)
    if numpy.isfinite(wanted).all() and numpy.isfinite(found).all():
        largest = float(numpy.abs(wanted).max()) if wanted.size else 0.0
        difference = float(numpy.abs(wanted - found).max()) if wanted.size else 0.0
        same = not wanted.size or numpy.array_equal(*[
            values.reshape(len(values) if values.shape else 1, -1).argmax(axis=1) for values in (wanted, found)])
        row.update(largest=largest, difference=difference, relative=difference / max(1.0, largest), argmax=bool(same),
                   agree=difference <= bound * max(1.0, largest))
    return row


def table(report: Dict[str, Any]) -> Iterator[str]:
    """Yield the report as lines of text."""
    rows = report["outputs"]
    name, engine = [max([6] + [len(command.one_line(row[key])) for row in rows]) for key in ("name", "engine")]

    def line(output, by, shape, largest, difference, relative, argmax, differs=""):
        return (f"{output:{name}}  {by:{engine}}  {shape:20}  {largest:>10}  {difference:>10}  {relative:>10}  "
                f"{argmax:6}{differs}").rstrip()

    yield line("output", "in", "shape", "largest", "difference", "relative", "argmax")
    for row in rows:
        numbers = [f"{row[key]:.3g}" if row[key] is not None else "-" for key in ("largest", "difference", "relative")]
        yield line(command.one_line(row["name"]), row["engine"], f"({', '.join(map(str, row['shape']))})", *numbers,
                   {True: "same", False: "OTHER", None: "-"}[row["argmax"]], "" if row["agree"] else "  DIFFERS")
    if report["precision"] != "float32":
        yield f"Keras computes in {report['precision']} here: outputs agree within {report['bound']:g} of their largest"
    differ = f"{sum(not row['agree'] for row in rows)} of {len(rows)} outputs differ"
    yield (f"{report['oracle']} against TensorFlow.js on {report['samples']} samples: "
           f"{'every output agrees' if report['agree'] else differ}")
