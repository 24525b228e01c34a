"""Layers of several inputs (keras 2.6 layers/merge.py; Keras 3 layers/merging/)."""
from typing import Any, List

from .kind import Config, Mask, Shape, row
from .sizes import several


def broadcast(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """Broadcasting, dimension by dimension from the last."""
    result = list(max(inputs, key=len))
    for shape in inputs:
        for place in range(-1, -len(shape) - 1, -1):
            if result[place] in (1, None) and (shape[place] != 1 or result[place] is None):
                result[place] = shape[place] if shape[place] != 1 else result[place]
    return [result]


def merge(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """Broadcasting of tensors that get dimensions behind the batch until all have one rank (base_merge.py: call)."""
    rank = max(map(len, inputs))
    alike = [list(shape[:1]) + [1] * (rank - len(shape)) + list(shape[1:]) for shape in inputs]
    return broadcast(config, alike, nested)


def concatenate(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The sum of the sizes along the axis."""
    result = list(inputs[0])
    sizes = [shape[config["axis"]] for shape in inputs]
    result[config["axis"]] = None if None in sizes else sum(sizes)
    return [result]


def dot(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The dimensions that are not summed over, of both; the batch once."""
    first, second = [list(shape) for shape in inputs]
    axes = several(config["axes"], 2)
    del first[axes[0]], second[axes[1]]
    result = first + second[1:]
    return [result if len(result) > 1 else result + [1]]


row("merging", "Add Subtract Multiply Average Maximum Minimum", shape=merge, mask=Mask.MERGES)
row("merging", "Concatenate", shape=concatenate, mask=Mask.JOINS)
row("merging", "TFDConcat", shape=concatenate)  # of a FeatureSpace (keras 3 layers/preprocessing/feature_space.py)
row("merging", "Dot", shape=dot)
row("merging", "CustomScaleLayer Custom>CustomScaleLayer", shape=merge)  # of keras.applications
