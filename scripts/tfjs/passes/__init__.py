"""Passes turn a Keras model into one that TensorFlow.js computes alike, one step after the other.

Each pass is a function from a Draft to a Draft.  A nested model goes through the same list when its layer is spelled.
"""
from ...layers.model import Model
from . import (
    activation,
    calls,
    execution,
    flatten,
    inputs,
    keras3_masks,
    loading,
    masks,
    names,
    normalization,
    open_sizes,
    operations,
    outputs,
    padding,
    pooling,
    ranks,
    refusal,
    spelling,
    training,
    unique_names,
    weights,
    whole_numbers,
)
from .draft import Draft

PASSES = (
    normalization.as_rescaling,  # a Normalization, which TensorFlow.js does not have, is a Rescaling
    operations.with_constants,   # `a / 255`
    keras3_masks.left_out,       # masks that Keras 3 writes as tensors and TensorFlow.js computes by itself
    keras3_masks.refused,        # masks that Keras 3 writes as tensors and TensorFlow.js does not compute
    ranks.check,                 # layers that compute differently for some shapes of their inputs
    whole_numbers.check,         # layers that compute differently of whole numbers
    inputs.given,                # a nested Sequential without an input gets one
    flatten.as_reshape,          # a Flatten of what is flat
    open_sizes.check,            # layers that need to know a size that is open
    spelling.as_keras_2,         # layers, and the models in them
    calls.as_keras_2,            # calls
    training.check,              # calls for what happens in training alone
    operations.as_layers,        # `a + b`
    refusal.check,               # one line about all layers that are refused so far
    padding.split,               # padding="same" that TensorFlow.js 1.0.0 puts on other sides
    pooling.split,               # global pooling that keeps its dimensions
    activation.split,            # activations that are layers
    execution.check,             # tensors that TensorFlow.js throws away too early
    outputs.check,               # one tensor that is two outputs
    masks.check,                 # time steps that TensorFlow.js hides differently
    loading.check,               # layers that TensorFlow.js does not make, for the sizes that it tells
    names.takeable,              # names that TensorFlow.js cannot take
    unique_names.inside_models,  # layers inside nested models that are called like others
    weights.named_as_variables,  # weights under TensorFlow.js's names
)
KERAS2 = "2.15.0"  # the last Keras whose dialect this is: what model.json says of a model of Keras 3


def keras2(model: Model) -> Model:
    """Return `model` as every TensorFlow.js reads it: the topology in Keras 2's dialect, class "Model" for graphs of
    layers, weights under the names that TensorFlow.js gives its variables.

    Raises Fault naming layer, class and reason for what TensorFlow.js cannot compute, and the outputs without it.
    """
    draft = Draft(model.topology, model.keras_major, PASSES, model.weights, model.output_names).done()
    result = model.replaced(draft.record(), draft.weights)
    result.renamed = draft.renamed
    if model.keras_major >= 3:
        result.keras_version, result.training_config = KERAS2, None
    return result
