"""Random functional models over the layers and operations that lower/ has: a plan is data, which hypothesis shrinks.

A plan is [(kind, number, other number, setting)].  A step takes one of the tensors made so far of a rank that its kind
takes, the number chooses which; what Keras refuses of a plan is left out of the model.
"""
import functools

from tests.models import random_calls  # noqa: F401  (it registers its functions)
from tests.models.random_layers import FUNCTIONS, LAYERS, STEPS, UNITS, Maker

WORDS, LARGEST, DEEPEST = 6, 600, 5
OF_ANY_SIZES = ("attention", "heads", "concatenate", "product", "dot", "states", "scores", "many_heads",
                "grouped_heads", "both_states")  # the last sizes of both tensors agree

KINDS = sorted(LAYERS) + sorted(FUNCTIONS) + ["again"]


def build(keras, plan):
    """The planned model, of three inputs: words, a sequence and an image.  All that it makes is an output."""
    layers = keras.layers
    words, sequence = keras.Input((STEPS,), name="words", dtype="int32"), keras.Input((STEPS, UNITS), name="sequence")
    image = keras.Input((6, 5, 3), name="image")
    made = [layers.Embedding(WORDS, UNITS, mask_zero=True, name="masked")(words),
            layers.Embedding(WORDS, UNITS, name="open")(words), layers.Masking(0.0, name="masks")(sequence),
            sequence, image, layers.Dense(UNITS, name="vector")(layers.Flatten(name="flat")(image))]
    depth = [1] * len(made)
    outputs, called = [made[0], made[2], made[5]], []  # every input is needed
    for index, (kind, one, two, setting) in enumerate(plan):
        maker = Maker(keras, (kind, one, two, setting), index)
        try:
            found, level = taken(maker, made, depth, called, one, two)
        except Exception as refused:  # by Keras, which has the last word on what goes together
            LEFT_OUT.append((kind, repr(refused)[:200]))
            continue
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        for tensor in found:
            size = functools.reduce(lambda a, b: a * (b or 1), tensor.shape[1:], 1)
            if 1 <= size <= LARGEST:
                outputs.append(tensor)
                if level < DEEPEST and 2 <= len(tensor.shape) <= 5:
                    made.append(tensor)
                    depth.append(level)
    return keras.Model([words, sequence, image], outputs)


LEFT_OUT = []  # what Keras refused: (kind, why)


def taken(maker, made, depth, called, one, two):
    """Make the tensors of a step; return them and how many steps lie below them."""
    if maker.kind == "again":
        layer, shape = called[one % len(called)]
        fitting = [place for place, tensor in enumerate(made) if tuple(tensor.shape) == shape]
        place = fitting[two % len(fitting)]
        return layer(made[place]), depth[place] + 1
    ranks, function = LAYERS.get(maker.kind) or FUNCTIONS[maker.kind]
    fitting = [place for place, tensor in enumerate(made) if len(tensor.shape) in ranks]
    place = fitting[one % len(fitting)]
    x = made[place]
    if maker.kind in LAYERS:
        layer = function(maker, x)
        found = layer(x)
        called.append((layer, tuple(x.shape)))
        return found, depth[place] + 1
    same = [other for other, tensor in enumerate(made) if tuple(tensor.shape) == tuple(x.shape)]
    if maker.kind in OF_ANY_SIZES:
        same = [other for other in fitting if made[other].shape[-1] == x.shape[-1]]
    other = same[two % len(same)]
    return function(maker, x, made[other]), max(depth[place], depth[other]) + 1
