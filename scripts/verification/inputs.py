"""The inputs that a model is compared on: test images, words, or random numbers; the same on every run."""
from collections import OrderedDict
from typing import Any, Dict, List, Optional

import numpy

from ..layers import masks
from ..layers.topology import Graph
from ..training import dataset

SAMPLES, SEED = 4, 0
OPEN_SIZE = 32  # for a dimension that neither the source nor the converted model fixes


def inputs_for(whole: Graph, described: Dict[str, Dict[str, Any]], data: Optional[str]) -> Dict[str, numpy.ndarray]:
    """Return {name of an input of the source: float32 samples for it, (SAMPLES, …)}; the same on every run.

    described: {name of an input of the converted model: predict.describe's words of it}.  data: as `verify`'s.
    """
    found = OrderedDict()
    readers = {ref.layer: [] for ref in whole.inputs}
    for layer in whole.layers.values():
        for refs in whole.references(layer):
            for ref in refs:
                readers.get(ref.layer, []).append(layer)
    arrays = dataset.load(data)[0] if data else None
    for ref in whole.inputs:
        layer = whole.layers[ref.layer]
        declared = layer.config.get("batch_input_shape", layer.config.get("batch_shape"))[1:]
        fixed = (described.get(ref.layer) or {"shape": [None] + declared})["shape"][1:]
        shape = [size or other or OPEN_SIZE for size, other in zip(declared, fixed)]
        nearest = [record for reader in readers[ref.layer] for record in masks.all_inside(reader.record)]
        words = [record["config"]["input_dim"] for record in nearest if record["class_name"] == "Embedding"]
        hidden = [record["config"].get("mask_value", 0) for record in nearest if masks.makes(record)]
        if arrays is not None and len(whole.inputs) == 1 and shape in ([28, 28], [28, 28, 1], [784]):
            values = arrays["x_test"][:SAMPLES].reshape([-1] + shape) / 255.0
        elif words:
            values = numpy.random.RandomState(SEED).randint(0, min(words), [SAMPLES] + shape)
        else:
            values = random_values(shape, SEED + len(found))
        if hidden and len(shape) and shape[0] > 1:  # sequences that end early, and one that begins late
            values[1, shape[0] // 2:] = values[2, :1] = hidden[0]
        found[ref.layer] = values.astype(numpy.float32)
    return found


def random_values(shape: List[int], seed: int = SEED) -> numpy.ndarray:
    """Return float32 samples, (SAMPLES,) + shape, drawn evenly from 0 to 1."""
    return numpy.random.RandomState(seed).uniform(0, 1, [SAMPLES] + shape).astype(numpy.float32)


def whole_values(shape: List[int]) -> numpy.ndarray:
    """Return float32 samples of whole numbers from 0 to 3: what an own class reads may be words as well as pixels."""
    return numpy.random.RandomState(SEED).randint(0, 4, [SAMPLES] + shape).astype(numpy.float32)
