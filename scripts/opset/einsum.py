"""Einsum: sums of products, along the letters that are missing from the result."""
import re
from typing import Dict, List, Tuple

from ..emit import Value
from .given import floats
from .layout import Held
from .rules import Call, operation

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST = 16  # operands


@operation("Einsum")
def einsum(call: Call) -> Held:
    """numpy.einsum of any number of tensors, one after the other."""
    b, equation = call.b, call.text("equation").replace(" ", "")
    values = [floats(call, place) for place in range(len(call.inputs))]
    if not 0 < len(values) <= MOST:
        call.refuse(f"it has {len(values)} operands")
    terms, result = spelled(call, equation, [value.rank for value in values])
    found = [diagonal(call, value, term) for value, term in zip(values, terms)]
    value, term = found[0]
    for number, (other, letters) in enumerate(found[1:], 2):
        later = result + "".join(letters for _, letters in found[number:])
        kept = "".join(letter for letter in dict.fromkeys(term + letters) if letter in later)
        value, term = b.einsum(f"{term},{letters}->{kept}", value, other), kept
    gone = [place for place, letter in enumerate(term) if letter not in result]
    value, term = (b.sum(value, gone) if gone else value), "".join(letter for letter in term if letter in result)
    made = b.transpose(value, [term.index(letter) for letter in result])
    return call.as_it_is(b.cast(made, call.x.value.dtype))


def spelled(call: Call, equation: str, ranks: List[int]) -> Tuple[List[str], str]:
    """The letters of each operand and of the result, "..." being letters of its own.  Raises Fault."""
    sides = equation.split("->")
    terms = sides[0].split(",")
    part = re.compile(r"^[A-Za-z]*(\.\.\.)?[A-Za-z]*$")
    if len(sides) > 2 or len(terms) != len(ranks) or not all(map(part.match, terms + sides[1:])):
        call.damaged(f"has the equation {equation!r:.80} for {len(ranks)} tensors")
    more = [rank - len(term.replace("...", "")) if "..." in term else 0 for term, rank in zip(terms, ranks)]
    spare = [letter for letter in LETTERS if letter not in equation][:max(more)]
    if min(more) < 0 or len(spare) < max(more):
        call.damaged(f"has the equation {equation!r:.80} for tensors of {ranks} dimensions")
    terms = [term.replace("...", "".join(spare[max(more) - count:])) for term, count in zip(terms, more)]
    counts: Dict[str, int] = {}
    for letter in "".join(terms):
        counts[letter] = counts.get(letter, 0) + 1
    result = sides[1].replace("...", "".join(spare)) if len(sides) > 1 else "".join(spare) + "".join(sorted(
        letter for letter, count in counts.items() if count == 1 and letter not in spare))
    if any(len(term) != rank for term, rank in zip(terms, ranks)) or len(set(result)) != len(result) or \
            not set(result) <= set(counts):
        call.damaged(f"has the equation {equation!r:.80} for tensors of {ranks} dimensions")
    return terms, result


def diagonal(call: Call, value: Value, term: str) -> Tuple[Value, str]:
    """A tensor and its letters with each letter once: one that stands for several dimensions means their diagonal."""
    for letter in set(term):
        if len({size for size, own in zip(value.shape, term) if own == letter}) > 1 or \
                term.count(letter) > 1 and value.shape[term.index(letter)] is None:
            call.refuse(f"it takes the diagonal of {value.shape}")
    return call.b.diagonals(value, term)
