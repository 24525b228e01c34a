"""Masks: the layers whose time steps TensorFlow.js hides differently from Keras.  No file says which these are.

An Embedding(mask_zero=True) or a Masking layer makes a mask, which goes on from layer to layer.  The pass follows the
masks of Keras and of TensorFlow.js.  Keras's masks belong to tensors.  TensorFlow.js (tfjs-layers 1.0.0 - 4.22.0,
engine/executor.js: execute) calls all layers of a model with one set of keyword arguments: a layer without a mask gets
the mask of the last layer with one, and a recurrent layer gets the initial state of an earlier one.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ...base.fault import Fault
from ...layers import kinds
from ...layers.kinds.operations import OfOperation
from ...layers.masks import RECURRENT, any_inside, makes
from ...layers.references import Ref, references
from ...layers.topology import Graph, graph, is_model
from . import execution
from .draft import Draft, Maskless, Record
from .refusal import refusal

MERGES = kinds.merges()
PASS_IN_TFJS = kinds.passing(2) - {"LeakyReLU", "ELU", "ThresholdedReLU"}
# Layers that compute differently after a mask, in Keras or in TensorFlow.js
USERS = RECURRENT | {"Softmax", "GlobalAveragePooling1D"}


class Side(NamedTuple):
    """Keras's side at one tensor."""

    mask: Optional[int]       # number of its mask
    unlike: Optional["Call"]  # the call whose masked steps TensorFlow.js computes differently


class Call(NamedTuple):
    """One call of a layer, as both follow it."""

    record: Record               # the layer's
    sides: List[Side]            # of each input, in Keras
    own: List[Optional[int]]     # Keras's mask of each input
    other: List[Optional[int]]   # TensorFlow.js's mask of each input
    keywords: Dict[str, Any]     # TensorFlow.js's keyword arguments: "mask", "state"
    outermost: str               # the layer of the outermost model that the call is in
    source: Tuple[Any, ...]      # the model's call and the input: a mask that the layer makes depends on them


class Passed(NamedTuple):
    """The masks of a layer's output."""

    own: Optional[int]    # Keras's
    other: Optional[int]  # TensorFlow.js's
    steps: bool           # whether the layer computes each step by itself


NONE = Side(None, None)
UNLIKE = "after a mask: Keras gives 0 for masked steps and TensorFlow.js does not"
COUNT = 1 << 17  # calls of layers, nested ones included, that are followed


def check(draft: Draft) -> Draft:
    """Raise a Fault where TensorFlow.js would hide other time steps than Keras, anywhere in the outermost model."""
    if draft.is_nested:
        return draft
    record = draft.record()
    found = refused(record, draft.major)
    if any(found):
        raise refusal(draft, graph(record), *found)
    return draft


def refused(record: Record, major: int) -> Tuple[Dict[str, Fault], Dict[str, Fault]]:
    """Return two dicts {name of a layer of the model `record`: Fault}: what TensorFlow.js computes differently for its
    masks, and what it computes differently in masked steps alone, which no later layer sees.

    record: of a model, in Keras 2's dialect      major: the Keras that it comes from, which decides what Keras computes
    """
    walk = Walk(major)
    if any_inside(record, makes):
        (source, _) = walk.graph(record)
        for ref, side in zip(source.outputs, walk.model(record, [NONE] * len(source.inputs), None, None)):
            if side.unlike and ref.layer not in walk.found:
                walk.shown.setdefault(ref.layer, walk.fault(side.unlike, UNLIKE))
    return walk.found, walk.shown


class Walk:
    """Both sides' masks, followed through a model.

    A mask is a number, equal where the masks are, or None.  found, shown: as in `refused`
    """

    def __init__(self, major: int) -> None:
        self.major, self.found, self.shown = major, OrderedDict(), OrderedDict()
        self.passing = kinds.passing(major)
        self.numbers, self.graphs, self.bent = {}, {}, set()
        self.models = self.calls = 0

    def number(self, *key: Any) -> int:
        """The number of the mask that is made so of other masks."""
        return self.numbers.setdefault(key, len(self.numbers) + 1)

    def graph(self, record: Record) -> Tuple[Graph, List[Ref]]:
        """Return (Graph, the order of its execution) of a model's record, made once."""
        if id(record) not in self.graphs:  # the record is kept beside them, so that its id stays its own
            source = graph(record)
            self.graphs[id(record)] = record, source, execution.order(source)
        return self.graphs[id(record)][1:]

    def model(self, record: Record, sides: List[Side], keywords: Optional[Dict[str, Any]],
              outermost: Optional[str]) -> List[Side]:
        """Follow one call of a model; return the Side of each of its outputs.

        sides: of its inputs      keywords: TensorFlow.js's for the call, changed in place; None before there are any
        outermost: the layer of the outermost model that this is in, None for that itself
        """
        (source, order), place = self.graph(record), self.models
        self.models += 1
        mine, theirs = {ref[:2]: [side] for ref, side in zip(source.inputs, sides)}, {}

        def side(ref):
            known = mine.get(ref[:2], ())
            return known[ref.tensor] if ref.tensor < len(known) else NONE

        for ref in order:
            layer, node = source.layers[ref.layer], ref[:2]
            if layer.is_input:
                continue
            self.calls += 1
            if self.calls > COUNT:
                raise Fault(f"the layers of nested models are called more than {COUNT} times: their masks cannot be "
                            "followed")
            refs = references(layer.calls[ref.node], source.layers)
            given, other = [side(ref) for ref in refs], [theirs.get(ref[:2]) for ref in refs]
            if any(other):
                keywords = {} if keywords is None else keywords
                keywords["mask"] = other[0]
            made = self.layer(Call(layer.record, given, [one.mask for one in given], other,
                                   {} if keywords is None else keywords, outermost or layer.name, (place,) + refs[0]))
            if node not in theirs:  # a call is made again for each of its outputs; the first one's masks are kept
                mine[node], theirs[node] = made
        return [side(ref) for ref in source.outputs]

    def layer(self, call: Call) -> Tuple[List[Side], Optional[int]]:
        """Follow one call of a layer; return ([Side of each output], TensorFlow.js's mask of all of them)."""
        kind = call.record["class_name"]
        if is_model(call.record):
            return self.model(call.record, call.sides, call.keywords, call.outermost), None
        if kind in RECURRENT:
            return self.recurrent(call)
        own, other, steps = self.one(call)
        unlike = next((side.unlike for side in call.sides if side.unlike), None)
        if unlike and not steps:
            self.refuse(unlike, UNLIKE)
        return [Side(own, unlike if steps else None)], other

    def one(self, call: Call) -> Passed:
        """Follow a call of a layer that has one output."""
        kind, config, mask, other = call.record["class_name"], call.record["config"], call.own[0], call.other[0]
        if makes(call.record):
            made = self.number(kind, config.get("mask_value", 0), call.source)
            return Passed(made, made, False)
        if kind in RULES:
            return RULES[kind](self, call)
        passes = kind in self.passing and not isinstance(config, Maskless)
        steps = passes and (kind != "LayerNormalization" or config.get("axis", -1) in (-1, 2, [-1], [2]))
        return Passed(mask if passes else None, other if kind in PASS_IN_TFJS else None, steps)

    def fault(self, call: Call, reason: str) -> Fault:
        """Return the Fault of a call: the layer, its class, the reason and the way out."""
        name = call.record.get("name") or call.record["config"]["name"]
        kind = call.record["class_name"]
        return Fault(f"layer {name!r} is a {kind} {reason} (without mask_zero=True or Masking it is converted)")

    def refuse(self, call: Call, reason: str) -> None:
        """Note the call's outermost layer as refused; the first reason counts."""
        self.found.setdefault(call.outermost, self.fault(call, reason))

    def recurrent(self, call: Call) -> Tuple[List[Side], Optional[int]]:
        """Follow a call of a recurrent layer, as `layer` does.

        Its keywords hold the mask and the state that TensorFlow.js hands it; the states of more than one input stay in
        them for later layers.
        """
        kind, config, mask, keywords = call.record["class_name"], call.record["config"], call.own[0], call.keywords
        states = len(call.own) > 1
        inner = config["layer"]["config"] if kind == "Bidirectional" else config
        sequences = inner.get("return_sequences")
        hides = None if states and self.major >= 3 else mask  # Keras 3 looks for a mask where one tensor is given
        if keywords.get("state"):
            self.refuse(call, "after a mask and another with an initial state, which TensorFlow.js hands it too")
        elif hides != keywords.get("mask"):
            self.refuse(call, "of which " + (
                "Keras hides steps after a mask and TensorFlow.js does not" if not keywords.get("mask") else
                "TensorFlow.js hides steps by the mask of another layer" if not call.other[0] else
                "TensorFlow.js hides steps after a mask and Keras does not" if not hides else
                "TensorFlow.js hides other steps than Keras"))
        elif hides and (kind == "ConvLSTM2D" or class_of_cell(inner) == "ConvLSTM2DCell"):
            self.refuse(call, "after a mask, which TensorFlow.js cannot compute")
        if states:
            keywords["state"] = True
        for side in call.sides:
            if side.unlike and not hides:
                self.refuse(side.unlike, UNLIKE)
        zeros = kind == "Bidirectional" and sequences or inner.get("zero_output_for_mask") or states
        side = Side(mask if sequences else None, call if hides and zeros else None)
        return [side] * (2 if config.get("merge_mode", "") is None else 1), call.other[0] if sequences else None

    def average(self, call: Call) -> Passed:
        """Follow a call of a GlobalAveragePooling1D, as `one` does."""
        if call.own[0]:
            self.refuse(call, "after a mask: TensorFlow.js averages over masked steps too")
        return Passed(None, None, False)

    def softmax(self, call: Call) -> Passed:
        """Follow a call of a Softmax, as `one` does."""
        if call.own[0] or call.keywords.get("mask"):
            self.refuse(call, "after a mask, which it would have added; use an Activation")
        return Passed(call.own[0], None, True)

    def merge(self, call: Call) -> Passed:
        """Follow a call of a merge, as `one` does."""
        return Passed(self.merged_by_keras(call), self.merged(call), False)

    def concatenate(self, call: Call) -> Passed:
        """Follow a call of a Concatenate, as `one` does."""
        return Passed(self.joined_by_keras(call), self.joined(call), False)

    def time_distributed(self, call: Call) -> Passed:
        """Follow a call of a TimeDistributed, as `one` does.

        Keras 2 gives its output a mask where a layer within makes one.
        """
        inner, mask, keywords = call.record["config"]["layer"], call.own[0], call.keywords
        uses = any_inside(inner, lambda record: record["class_name"] in USERS or makes(record))
        if uses:
            if mask or keywords.get("mask") or keywords.get("state"):
                self.refuse(call, "after a mask, around what uses masks: TensorFlow.js hands it the mask of all steps")
            elif self.major < 3 and any_inside(inner, makes):
                mask = self.number("inside", call.source)
            while inner["class_name"] == "TimeDistributed":
                inner = inner["config"]["layer"]
            if is_model(inner):
                for _ in range(2):  # the second step finds what the first one left in the keywords
                    for side in self.model(inner, [NONE], keywords, call.outermost):
                        if side.unlike:
                            self.refuse(side.unlike, UNLIKE)
        return Passed(mask, call.other[0], not uses)

    def merged_by_keras(self, call: Call) -> Optional[int]:
        """Return Keras's mask of a merge, None without one.

        Keras 2 masks the steps that any of the inputs masks. Keras 3 makes a mask only where all inputs have one.
        """
        if isinstance(call.record["config"], OfOperation):
            return None
        given = [mask for mask in call.own if mask]
        if given and self.major >= 3 and call.record["class_name"] in ("Multiply", "Maximum", "Minimum"):
            self.refuse(call, "after a mask: Keras 3 leaves masked steps out and TensorFlow.js does not")
        if not given or self.major >= 3 and len(given) < len(call.own):
            return None
        return given[0] if len(set(given)) == 1 else self.number("merge", tuple(sorted(set(given))))

    def merged(self, call: Call) -> Optional[int]:
        """Return TensorFlow.js's mask of a merge.

        Merge.computeMask puts an axis in front of the masks of a merge and leaves some of them out.
        """
        given = [mask for mask in call.other if mask]
        if not given:
            return None
        if len(call.other) > 2 and (None in call.other or self.bent.intersection(given)):
            self.refuse(call, "of some tensors with a mask and some without, which TensorFlow.js cannot compute")
        if call.other[0] is None:
            return None
        made = self.number("merged", tuple(call.other))
        self.bent.add(made)
        return made

    def joined_by_keras(self, call: Call) -> Optional[int]:
        """Return Keras's mask of a Concatenate, None where no input has one."""
        if isinstance(call.record["config"], OfOperation):
            return None
        axis, given = call.record["config"].get("axis", -1), [mask for mask in call.own if mask]
        if not given:
            return None
        if axis == -1 and len(set(given)) == 1 and (self.major < 3 or None not in call.own):
            return given[0]
        if self.major >= 3 and axis != 1:  # a step is masked where all of the tensors mask it, elsewhere where one does
            return self.number("any", axis, tuple(call.own))
        return self.number("joined", axis, tuple(sorted(set(given))) if axis == -1 else tuple(call.own))

    def joined(self, call: Call) -> Optional[int]:
        """Return TensorFlow.js's mask of a Concatenate, None where no input has one."""
        axis, given = call.record["config"].get("axis", -1), [mask for mask in call.other if mask]
        if not given:
            return None
        if self.bent.intersection(given) or axis != -1 and None in call.other:
            self.refuse(call, "of masks that TensorFlow.js cannot join")
        if axis == -1 and len(set(given)) == 1:
            return given[0]
        return self.number("joined", axis, tuple(sorted(set(given))) if axis == -1 else tuple(call.other))


# The layers that are followed in a way of their own
RULES: Dict[str, Callable[[Walk, Call], Passed]] = dict(
    dict.fromkeys(MERGES, Walk.merge), TimeDistributed=Walk.time_distributed, Concatenate=Walk.concatenate,
    GlobalAveragePooling1D=Walk.average, Softmax=Walk.softmax)


def class_of_cell(config: Record) -> Optional[str]:
    """Return the class of the cell in an RNN's config, None without a cell."""
    cell = config.get("cell")
    return cell.get("class_name") if isinstance(cell, dict) else None
