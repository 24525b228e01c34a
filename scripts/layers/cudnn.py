"""Weights of CuDNNLSTM and CuDNNGRU layers, and of LSTM and GRU layers in files that hold them in that layout.

keras 2.6 hdf5_format._convert_rnn_weights, which tells the layout by the bias: it has one for the input and one for the
state, 8 units in an LSTM and 6 in a GRU.  Layers of these classes have other weights nowhere.
"""
from typing import Any, Callable, Dict, List

import numpy

from .model import Model, Weight
from .topology import inner_records, is_model
from .variables import shared_out

GATES = {"LSTM": 4, "GRU": 3}


def as_in_keras(model: Model) -> Model:
    """The model itself, its weights in the layout of LSTM and of GRU(reset_after=True); none is read before it is asked
    for."""
    if is_model(model.topology):
        for record in inner_records(model.topology):
            name = record.get("name") or record["config"]["name"]
            if model.weights.get(name) and recurrent_inside(record):
                model.weights[name] = weights_of(record, model.weights[name])
    return model


def recurrent_inside(record: Dict[str, Any]) -> bool:
    """Whether a layer is one of GATES, or holds one."""
    pending = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if value.get("class_name") in GATES:
                return True
            value = value.values()
        pending += [item for item in value if isinstance(item, (dict, list))]
    return False


def weights_of(record: Dict[str, Any], weights: List[Weight]) -> List[Weight]:
    """The weights of one layer, those of the layers within among them, in their order."""
    kind, config = record["class_name"], record["config"]
    if is_model(record):
        own = shared_out(record, weights)
        new = {}
        for layer in inner_records(record):
            held = own[layer.get("name") or layer["config"]["name"]]
            new.update(zip(map(id, held), weights_of(layer, held)))
        return [new.get(id(weight), weight) for weight in weights]
    if kind == "TimeDistributed":
        return weights_of(config["layer"], weights)
    if kind == "Bidirectional":
        half = len(weights) // 2
        return weights_of(config["layer"], weights[:half]) + weights_of(config["layer"], weights[half:])
    gates = GATES.get(kind)
    if not gates or len(weights) != 3 or [len(weight.shape) for weight in weights] != [2, 2, 1] \
            or weights[2].shape[0] != 2 * gates * weights[1].shape[0]:
        return weights
    kernel, state, bias = weights
    shape = (gates * weights[1].shape[0],)
    return [changed(kernel, kernel.shape, lambda values: gate_by_gate(values, gates, in_rows)),
            changed(state, state.shape, lambda values: gate_by_gate(values, gates, numpy.transpose)),
            changed(bias, shape, lambda values: values.reshape(2, -1).sum(axis=0)) if kind == "LSTM" else
            changed(bias, (2,) + shape, lambda values: values.reshape(2, -1))]


def changed(weight: Weight, shape: tuple, change: Callable) -> Weight:
    """A Weight with the values that `change` makes of the other's."""
    return Weight(weight.name, shape, weight.dtype, lambda: change(weight.read()))


def gate_by_gate(values: numpy.ndarray, gates: int, change: Callable) -> numpy.ndarray:
    """(rows, gates * units), each gate's part changed."""
    return numpy.hstack([change(part) for part in numpy.hsplit(values, gates)])


def in_rows(part: numpy.ndarray) -> numpy.ndarray:
    """cuDNN stores an input kernel column by column."""
    return part.T.reshape(part.shape, order="F")
