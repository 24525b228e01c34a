"""Arguments that several commands take: names, and the sizes of inputs."""
import argparse
import json
import shlex
from typing import Any, Dict, List, Optional, Union

from . import place
from .fault import Fault

Sizes = List[Optional[int]]


def names(value: str) -> List[str]:
    """"a, b" -> ["a", "b"]."""
    return [name.strip() for name in value.split(",") if name.strip()]


def add_input_shape(parser: argparse.ArgumentParser) -> None:
    """Declare --input-shape: [224, 224, 3], or {input: sizes} where each is given by name."""
    parser.add_argument("--input-shape", type=shape, action=Shapes, metavar="[INPUT=]224,224,3", help="sizes that are "
                        "open; of several inputs each by its name: --input-shape a=8 --input-shape b=8,8")


def add_constants(parser: argparse.ArgumentParser) -> None:
    """Declare --constant, which stands once for each input: {input: value}."""
    parser.add_argument("--constant", type=constant, action=Constants, dest="constants", metavar="INPUT=VALUE",
                        help="of an ONNX model or a graph: the value that an input has from now on, as "
                        "sr=16000; it is no input of what is written")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json and --quiet: one object on stdout (docs/json.md), or nothing."""
    parser.add_argument("--json", action="store_true", help="print one JSON object (docs/json.md), lists whole")
    parser.add_argument("--quiet", "-q", action="store_true", help="print nothing; a fault is a line on stderr as "
                        "ever")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Declare --trust, which stands once for each file."""
    parser.add_argument("--trust", action="append", metavar="FILE.py[:FUNCTION]", help="a file of Python with the "
                        "model's own classes, or with the function that makes the model, which runs where it is needed")


def add_no_trust(parser: argparse.ArgumentParser) -> None:
    """Declare --trust for a command that runs no Python of a model's own: it ends with the Fault of `no_trust`."""
    parser.add_argument("--trust", action="append", metavar="FILE.py[:FUNCTION]", help="refused here: "
                        f"{place.spelled('preprocess')} takes it")


def no_trust(source: str, directory: str, trust: List[str]) -> Fault:
    """Return the Fault that names the command which takes --trust, and has the user's own words in it."""
    words = [source, directory] + [word for each in trust for word in ("--trust", each)]
    return Fault(f"--trust: this command runs no Python of a model's own: {place.spelled('preprocess')} "
                 f"{' '.join(map(shlex.quote, words))} converts it in one step")


class Constants(argparse.Action):
    """Collects the values of a flag that is given once for each input."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any,
                 option_string: Optional[str] = None) -> None:
        """Add one value to those before it."""
        setattr(namespace, self.dest, dict(getattr(namespace, self.dest) or {}, **value))


def constant(value: str) -> Dict[str, Any]:
    """"sr=16000" -> {"sr": 16000}; values are JSON: true, [1, 2].  Raises Fault for what is none."""
    name, _, rest = value.partition("=")
    try:
        return {name.strip(): json.loads(rest)}
    except (ValueError, RecursionError):
        raise Fault(f"--constant: {value!r:.80} is no input's name and a value, as sr=16000, training=false or a=[1,2]")


class Shapes(argparse.Action):
    """Collects the values of a flag that is given once for each input."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any,
                 option_string: Optional[str] = None) -> None:
        """Add one value to those before it.  Raises Fault for sizes that stand twice."""
        before = getattr(namespace, self.dest)
        if before is not None and not (isinstance(before, dict) and isinstance(value, dict)):
            raise Fault("--input-shape stands twice: once is enough, or name the input of each: --input-shape a=8")
        if isinstance(value, dict) and set(value) & set(before or ()):
            raise Fault(f"--input-shape: {', '.join(value)} is given twice")
        setattr(namespace, self.dest, dict(before or {}, **value) if isinstance(value, dict) else value)


def shape(value: str) -> Union[Sizes, Dict[str, Sizes]]:
    """"224,224,3" -> [224, 224, 3]; "a=8" -> {"a": [8]}."""
    name, equals, rest = value.partition("=")
    return {name.strip(): sizes(rest)} if equals else sizes(value)


def sizes(value: str) -> Sizes:
    """"224,224,3", "224x224x3", "(None, 224, 3)" -> list of int or None."""
    parts = [part.strip() for part in value.strip("()[] ").replace("x", ",").split(",") if part.strip()]
    if not all(part in ("None", "?") or part.isdecimal() for part in parts):
        raise Fault(f"--input-shape: {value!r} is not sizes separated by commas, as 224,224,3; for one of several "
                    "inputs with its name, as a=224,224,3, in a flag of its own")
    return [None if part in ("None", "?") else int(part) for part in parts]
