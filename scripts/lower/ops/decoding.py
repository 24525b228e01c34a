"""Labels of the steps of a sequence, and how likely they are (keras 3 backend/tensorflow/nn.py)."""
from typing import List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from .. import activation
from ..rules import Call, function, operation
from .given import argument, floats, integer, limited, needed, tensor, value

NEVER = -1e30  # the logarithm of no probability at all: no power of e is left of it
UNLIKELY = float(numpy.log(1e-307))  # TensorFlow's logarithm of no probability (python/ops/ctc_ops.py: log_0)
STEPS = 1024  # of a sequence, each of which is a few operations


@operation("CTCLoss")
@function("nn.ctc_loss nn.ctc_loss_v2")
def ctc_loss(call: Call) -> Value:
    """-log of the probability that the steps of a sequence give labels (python/ops/ctc_ops.py: ctc_loss_dense)."""
    b, labels = call.b, whole(call, "target labels", 0)
    names = ("target_length", "output_length") if call.major > 2 else ("label_length", "logit_length")
    lengths = whole(call, names[0], 2), whole(call, names[1], 3)
    logits = b.cast(value(call, argument(call, "output logits", 1, needed)), "float32")
    if call.major < 3 and argument(call, "logits_time_major", 4, True):
        logits = b.transpose(logits, [1, 0, 2])
    if call.major < 3 and argument(call, "unique", 5) is not None:
        call.refuse("its labels are given a second time (unique)", "leave unique out: it changes no loss")
    blank = integer(call, argument(call, "mask_index blank_index", None if call.major > 2 else 6, 0), "blank_index")
    return unlikeliness(call, logits, labels, blank, lengths)


def whole(call: Call, names: str, at: int) -> Value:
    """Whole numbers: labels, or how many of them count."""
    return call.b.cast(tensor(call, names, at), "int32")


def unlikeliness(call: Call, logits: Value, labels: Value, blank: int, lengths: Tuple[Value, Value]) -> Value:
    """-log of the sum of the probabilities of all ways through the steps that leave the labels, of each sequence.

    logits   (batch, steps, classes)
    labels   (batch, labels)
    blank    the class of no label
    lengths  how many labels of each sequence count, and how many steps
    A way is at a label or after it: two rows of states, the first before all labels.  The steps are taken from the
    last one back.
    """
    b = call.b
    if logits.rank != 3 or labels.rank != 2:
        raise Fault(f"operation {call.path!r} is given tensors of {logits.rank} and {labels.rank} dimensions")
    (steps, classes), count = logits.shape[1:], labels.shape[1]
    if steps is None or count is None or classes is None:
        call.refuse("its number of steps or labels is open", "give it: --input-shape")
    if not 0 < steps <= STEPS or not count:
        call.refuse(f"it has {steps} steps and {count} labels, and {STEPS} steps are unrolled at most",
                    "give it shorter sequences")
    limited(call, [steps, 2 * count + 2])
    scores, labels = blank_first(b, activation.log_softmax(b, logits), labels, blank % classes)
    own = b.matmul(scores, b.one_hot(labels, classes), False, True)
    empty = b.cut(scores, -1, 0, 1)
    none = b.add(b.mul(empty, 0.0), NEVER)
    seen = b.unstack(b.concat([none, own] + [empty] * (count + 1), -1), 1)
    last = b.one_hot(lengths[0], count + 1)
    last = b.mul(b.sub(1.0, b.concat([last, last], -1)), UNLIKELY)
    counts = b.compare("Less", b.range(steps), b.expand(lengths[1], 1))
    counts = b.expand(b.cast(counts, "float32"), -1)
    kept, counts = b.unstack(b.mul(b.sub(1.0, counts), b.expand(last, 1)), 1), b.unstack(counts, 1)
    closed, state = joined(b, labels), last
    for step in reversed(range(steps)):
        state = b.add(b.mul(before(b, b.add(state, seen[step]), closed), counts[step]), kept[step])
    return b.neg(b.squeeze(b.cut(state, -1, 0, 1), [-1]))


def blank_first(b: Builder, scores: Value, labels: Value, blank: int) -> Tuple[Value, Value]:
    """Scores and labels, the class of no label before all others."""
    if not blank:
        return scores, labels
    parts = [b.cut(scores, -1, blank, 1), b.cut(scores, -1, 0, blank)]
    rest = (scores.shape[-1] or 0) - blank - 1
    parts += [b.cut(scores, -1, blank + 1, rest)] if rest else []
    return b.concat(parts, -1), b.add(labels, b.cast(b.compare("Less", labels, blank), "int32"))


def joined(b: Builder, labels: Value) -> Value:
    """0 for each state from which the next label may follow at once, NEVER for one whose label is that label again."""
    none = b.mul(b.cast(b.cut(labels, 1, 0, 1), "float32"), 0.0)
    count = labels.shape[1] or 0
    if count == 1:
        return b.concat([none, none], 1)
    again = b.compare("Equal", b.cut(labels, 1, 1, count - 1), b.cut(labels, 1, 0, count - 1))
    return b.concat([none, b.mul(b.cast(again, "float32"), NEVER), none], 1)


def before(b: Builder, state: Value, closed: Value) -> Value:
    """The states of the step before: each stays, goes from its label to no label, or on to the next label."""
    first, second = b.split(state, 2, -1)
    none = b.add(b.mul(b.cut(second, -1, 0, 1), 0.0), NEVER)
    later = b.concat([b.cut(first, -1, 1, None), none], -1)
    nowhere = b.add(b.mul(second, 0.0), NEVER)
    ways = [state, b.concat([second, later], -1), b.concat([b.add(later, closed), nowhere], -1)]
    most = b.maximum(b.maximum(ways[0], ways[1]), ways[2])
    powers = [b.exp(b.sub(way, most)) for way in ways]
    return b.add(b.log(b.add(b.add(powers[0], powers[1]), powers[2])), most)


@operation("CTCDecode")
def ctc_decode(call: Call) -> List[Value]:
    """(the labels in a row, -1 after them, minus the sum of their scores): of each step the likeliest one.

    A label that is that of the step before counts once, the blank does not (tensorflow core/kernels/ctc_decoder_ops.cc:
    CTCGreedyDecoderOp).  Each label finds its place by how many there are up to it.
    """
    b, x = call.b, floats(call, "inputs")
    if call.config.get("strategy", "greedy") != "greedy":
        call.refuse("its strategy is not greedy, and it follows many paths at once", "take strategy='greedy'")
    steps, classes = x.shape[1:] if x.rank == 3 else (None, None)
    if classes is None:
        raise Fault(f"operation {call.path!r} is given a tensor of shape {x.shape}: the file is damaged")
    if steps is None:
        call.refuse("it places labels in an open number of steps", "give it: --input-shape")
    limited(call, [steps, steps])
    blank = call.config.get("mask_index")
    blank = classes - 1 if blank is None else integer(call, blank, "mask_index") % classes
    lengths = b.cast(value(call, argument(call, "sequence_lengths", 1, needed)), "int32")
    there = b.compare("Less", b.expand(b.range(steps), 0), b.expand(lengths, 1))
    labels = b.place_of("ArgMax", x, 2)
    kept = b.both(there, b.compare("NotEqual", labels, blank))
    if call.config.get("merge_repeated", True) and steps > 1:
        changed = b.compare("NotEqual", b.cut(labels, 1, 1, None), b.cut(labels, 1, 0, steps - 1))
        first = b.compare("GreaterEqual", b.cut(labels, 1, 0, 1), 0)
        kept = b.both(kept, b.cast(b.concat([b.cast(first, "int32"), b.cast(changed, "int32")], 1), "bool"))
    places = b.where(kept, b.cumulative(b.cast(kept, "int32"), 1), 0)  # from 1 on
    ways = b.compare("Equal", b.expand(places, 2), b.range(steps + 1))
    ways = b.cut(b.cast(ways, "float32"), 2, 1, steps)
    found = b.matmul(b.expand(b.cast(b.add(labels, 1), "float32"), 1), ways)
    decoded = b.sub(b.cast(b.squeeze(found, [1]), "int32"), 1)
    scores = b.neg(b.sum(b.where(there, b.max(x, 2), 0.0), 1, True))
    return [b.expand(decoded, 0), scores]
