"""Functions of TensorFlow as the TensorFlowOpLayers of Keras before 2.4: a layer for each operation of TensorFlow's.

Keras made them of a graph (keras 2.3 engine/base_layer_utils.py: create_keras_history); so does this.
"""
import contextlib
import importlib

from google.protobuf import json_format


def layers_of(tensorflow, keras, function, given):
    """The outputs of function(*placeholders) as Keras tensors that come of `given`, by a layer for each operation."""
    with tensorflow.Graph().as_default() as graph:
        placeholders = [tensorflow.compat.v1.placeholder(value.dtype, value.shape) for value in given]
        outputs = function(*placeholders)
    known = {tensor.name: value for tensor, value in zip(placeholders, given)}
    with contextlib.closing(tensorflow.compat.v1.Session(graph=graph)) as session:  # its graph is not the default one
        return [made_of(session, keras, output, known) for output in outputs]


def made_of(session, keras, tensor, known):
    """The Keras tensor of a tensor, None for one that no placeholder stands behind: the session tells its value."""
    if tensor.name in known:
        return known[tensor.name]
    operation = tensor.op
    inputs = [made_of(session, keras, one, known) for one in operation.inputs]
    constants = {place: operation.inputs[place] for place, value in enumerate(inputs) if value is None}
    found = [value for value in inputs if value is not None]
    if not found:
        known[tensor.name] = None
        return None
    layer = layer_class(keras)(json_format.MessageToDict(operation.node_def), operation.name,
                               session.run(constants) if constants else {})
    made = layer(found[0] if len(found) == 1 else found)
    for output, value in zip(operation.outputs, made if isinstance(made, (list, tuple)) else [made]):
        known[output.name] = value
    return known[tensor.name]


def layer_class(keras):
    """The class, which the public module leaves out."""
    for name in ("tf_keras.src.engine.base_layer", "keras.engine.base_layer"):
        try:
            return importlib.import_module(name).TensorFlowOpLayer
        except ImportError:
            pass
    raise AssertionError("this Keras has no TensorFlowOpLayer")
