"""Dense, Embedding, Masking, and layers that do nothing outside of training."""
from typing import Optional

from ..base.fault import Fault
from ..emit import Value
from ..layers import kinds
from . import types
from .activation import activate
from .rules import Call, layer

# Layers that cast what they are given in Keras 3; those of Keras 2 do it since 2.7 (image_preprocessing.py)
TYPED = ("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation")


@layer(" ".join(sorted(kinds.idle())))
def idle(call: Call) -> Value:
    """Layers that work only in training; layers of images cast whole numbers to the type that they compute with."""
    cast = call.kind in TYPED if call.major >= 3 else call.kind.startswith("Random")
    return types.settled(call, call.x) if cast and call.since(2, 7) else call.x


@layer("Dense")
def dense(call: Call) -> Value:
    """The last dimension times the kernel (keras 3 layers/core/dense.py: call)."""
    call.rank(2)
    made = call.b.dense(call.x, call.weight("kernel"))
    bias: Optional[Value] = call.optional("bias")
    return activate(call, call.b.add(made, bias) if bias is not None else made)


@layer("RandomFourierFeatures")
def random_fourier_features(call: Call) -> Value:
    """cos(x @ kernel / scale + bias) (keras 2.6 layers/kernelized.py: call)."""
    call.rank(2, 2)
    b, x = call.b, call.b.cast(call.x, "float32")
    kernel = b.mul(b.div(1.0, call.weight("kernel_scale")), call.weight("unscaled_kernel"))
    return b.unary("Cos", b.add(b.dense(x, kernel), call.weight("bias")))


@layer("Flatten")
def flatten(call: Call) -> Value:
    """All dimensions but the batch as one; the channels go last first (keras 3 layers/reshaping/flatten.py)."""
    x = call.x
    if call.config.get("data_format") == "channels_first" and x.rank > 2:
        x = call.b.move(x, 1, -1)
    count = 1
    for size in x.shape[1:]:
        count = None if size is None or count is None else count * size
    if count is None:
        return call.b.reshape(x, [call.b.dim(x, 0), -1])
    return call.b.reshape(x, [-1, count])


@layer("Reshape")
def reshape(call: Call) -> Value:
    """Another shape behind the batch; one size may be -1."""
    x, target = call.x, [int(size) for size in call.config["target_shape"]]
    if -1 not in target:
        return call.b.reshape(x, [-1] + target)
    known = 1
    for size in x.shape[1:]:
        known = None if size is None or known is None else known * size
    if known is None:
        return call.b.reshape(x, [call.b.dim(x, 0)] + target)
    rest = 1
    for size in target:
        rest *= size if size != -1 else 1
    return call.b.reshape(x, [-1] + [known // max(rest, 1) if size == -1 else size for size in target])


@layer("Permute")
def permute(call: Call) -> Value:
    """The dimensions behind the batch in another order, counted from 1."""
    return call.b.transpose(call.x, [0] + [int(axis) for axis in call.config["dims"]])


@layer("RepeatVector")
def repeat_vector(call: Call) -> Value:
    """(batch, features) so often along a new dimension."""
    call.rank(2, 2)
    times = int(call.config["n"])
    if times < 1:
        raise Fault(f"layer {call.path!r} repeats its input {times} times: the file is damaged")
    return call.b.tile(call.b.expand(call.x, 1), [1, times, 1])


@layer("Embedding", masks=True)
def embedding(call: Call) -> Value:
    """A row of the table per whole number (keras 3 layers/core/embedding.py: call, compute_mask)."""
    found = call.b.gather(call.weight("embeddings"), call.b.cast(call.x, "int32"))
    return found.masked(call.b.compare("NotEqual", call.x, 0) if call.config.get("mask_zero") else None)


@layer("ReversibleEmbedding", masks=True)
def reversible_embedding(call: Call) -> Value:
    """An Embedding, and its way back: a product with the table (keras 3 layers/core/reversible_embedding.py)."""
    b = call.b
    if not (call.kwargs.get("reverse") or len(call.args) > 1 and call.args[1]):
        return embedding(call)
    tied = call.config.get("tie_weights", True)
    table = b.transpose(call.weight("embeddings"), [1, 0]) if tied else call.weight("reverse_embeddings")
    made, cap = b.dense(b.cast(call.x, "float32"), table), call.config.get("logit_soft_cap")
    return (made if cap is None else b.mul(b.tanh(b.div(made, float(cap))), float(cap))).masked(None)


@layer("Pipeline", masks=True)
def pipeline(call: Call) -> Value:
    """Layers, one after another."""
    found = call.x
    for place, record in enumerate(call.config["layers"]):
        found = call.within(record, str(place), found)[0]
    return found


@layer("Masking", masks=True)
def masking(call: Call) -> Value:
    """Steps that hold mask_value alone become zeros, and are masked (keras 3 layers/core/masking.py)."""
    call.rank(2)
    kept = call.b.reduce("Any", call.b.compare("NotEqual", call.x, float(call.get("mask_value", 0))), -1, True)
    return call.b.mul(call.x, call.b.cast(kept, call.x.dtype)).masked(call.b.squeeze(kept, [-1]))
