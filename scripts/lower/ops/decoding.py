"""Labels of the steps of a sequence (keras 3 backend/tensorflow/nn.py: ctc_decode)."""
from typing import List

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, operation
from .given import argument, floats, integer, limited, needed, value


@operation("CTCDecode")
def ctc_decode(call: Call) -> List[Value]:
    """(the labels in a row, -1 behind them, minus the sum of their scores): of each step the likeliest one.

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
