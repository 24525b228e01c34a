"""Samples on a page: inputs to run the model on, and the source model's values of some of them.

Reads a data set, or an npz of any model's inputs, or an npz of reference values; returns their entries of page.json.
"""
import base64
import os
from typing import Any, Dict, List, Optional, Sequence

import numpy

from ..base import command
from ..base.fault import Fault
from ..training import dataset

PER_LABEL = 4
GIVEN = 40  # samples of a file that are shown
REFERENCE_VALUES = 4096  # per layer and sample; of a larger layer evenly spread ones
REFERENCE_SAMPLES = 5


def places(labels: Sequence[int]) -> List[int]:
    """Return which test images the page shows: the first PER_LABEL of each label, label by label in turn."""
    kinds = numpy.unique(labels)
    found = [numpy.flatnonzero(labels == kind)[:PER_LABEL] for kind in kinds]
    return [int(each[turn]) for turn in range(PER_LABEL) for each in found if turn < len(each)]


def of_data(data: str, drawn: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the page's samples from a data set's test images, or None where they do not fit the model's input."""
    arrays, origin = dataset.load(data)
    images, labels = arrays["x_test"], arrays["y_test"]
    inputs = drawn["inputs"]
    if len(inputs) != 1 or tuple(size for size in inputs[0]["shape"] if size != 1) != images.shape[1:]:
        return None
    chosen = places(labels)
    return {"origin": {"mnist": "MNIST", "digits": "the embedded digits"}.get(origin, "the data set"),
            "shape": list(images.shape[1:]), "labels": [int(labels[place]) for place in chosen], "places": chosen,
            "pixels": base64.b64encode(numpy.ascontiguousarray(images[chosen]).tobytes()).decode("ascii")}


def given(path: str, drawn: Dict[str, Any]) -> Dict[str, Any]:
    """Return the page's samples from an npz for any model: the first GIVEN of them.

    path  input_0, input_1, … in the order of the model's inputs (or x, or x_test, where it has one): the first axis
          counts samples, the others are the input's.  uint8 arrays are pixels 0..255, which the page scales as
          `pixels` says; other numbers go into the model as they are.  y, or y_test, holds one label per sample, or is
          missing
    Raises Fault where an array is missing or does not fit.
    """
    arrays = _arrays(path, "samples")
    if len(drawn["inputs"]) == 1:
        for name in ("x", "x_test"):
            if name in arrays:
                arrays.setdefault("input_0", arrays[name])
    inputs, counts = [], set()
    for index, entry in enumerate(drawn["inputs"]):
        values, shape = arrays.get(f"input_{index}"), tuple(entry["shape"])
        fits = (values is not None and values.ndim > 0 and len(values) > 0 and values.dtype.kind in "fiub"
                and [size for size in values.shape[1:] if size != 1] == [size for size in shape if size != 1])
        if not fits:
            there = "nothing" if values is None else f"{values.dtype} {values.shape}"
            raise Fault(f"{path}: has {there} for input_{index}, wanted are numbers {('samples',) + shape}")
        picture = values.dtype == numpy.uint8 and entry["class"] != "Input1d"
        few = numpy.ascontiguousarray(values[:GIVEN], "uint8" if picture else "<f4")
        inputs.append({"shape": list(shape), "dtype": "uint8" if picture else "float32",
                       "data": base64.b64encode(few.tobytes()).decode("ascii")})
        counts.add(len(values))
    labels = arrays.get("y", arrays.get("y_test"))
    if len(counts) > 1 or (labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (max(counts),))):
        raise Fault(f"{path}: its arrays are not of one number of samples, with y one whole number for each")
    return {"origin": os.path.basename(path), "inputs": inputs, "count": min(GIVEN, max(counts)),
            "labels": None if labels is None else [int(label) for label in labels[:GIVEN]]}


def write_reference(path: str, drawn: Dict[str, Any], target_dir: str) -> Dict[str, Any]:
    """Write reference.bin, float32: per sample every input, then every drawn output; return what it holds.

    path  npz with input_0, …, output_0, … as `page.build` has them
    """
    arrays = _arrays(path, "reference values")
    given = len(arrays["input_0"]) if getattr(arrays.get("input_0"), "ndim", 0) else 0
    inputs = [_wanted(arrays, f"input_{index}", entry["shape"], path, given)
              for index, entry in enumerate(drawn["inputs"])]
    count = min(REFERENCE_SAMPLES, given)
    outputs, about = [], []
    for layer in drawn["layers"]:
        values = _wanted(arrays, f"output_{layer['output']}", layer.get("full", layer["shape"]), path,
                         given).reshape(given, -1)
        stride = -(-values.shape[1] // REFERENCE_VALUES)
        outputs.append(values[:, ::stride])
        about.append({"output": layer["output"], "values": outputs[-1].shape[1], "stride": stride})
    with open(os.path.join(target_dir, "reference.bin"), "wb") as stream:
        for sample in range(count):
            for values in inputs + outputs:
                stream.write(numpy.ascontiguousarray(values[sample], "<f4").tobytes())
    return {"file": "reference.bin", "samples": count, "outputs": about}


def _arrays(path, what):
    """Return the arrays of an npz by their names."""
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except dataset.UNREADABLE + (TypeError, AttributeError) as error:  # the last two: a single array, not an npz
        raise Fault(f"{path}: not an npz of {what} ({command.one_line(error)})")


def _wanted(arrays, name, shape, path, count):
    """Return the numbers of `count` samples of an input or output."""
    values = arrays.get(name)
    if values is None or not count or values.shape != (count,) + tuple(shape) or values.dtype.kind not in "fiub":
        there = "nothing" if values is None else f"{values.dtype} {values.shape}"
        raise Fault(f"{path}: has {there} for {name}, wanted are numbers {(count or 'samples',) + tuple(shape)}; make "
                    "it again")
    return values
