"""Build the models that models/models.toml names, in the directory that this is run in.

    python -m scripts.build init [MODEL]   write models/models.toml, which says what to build
    python -m scripts.build                convert what is out of date
    python -m scripts.build list           show every task; the other words are doit's: help, clean, forget, info

doit runs the tasks of dodo.py: the wheel's, or the checkout's.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.build")

import importlib
import os
import shutil
import sys
from typing import Any, List, Optional

from .base import command, place
from .base.fault import Fault

HERE = os.path.dirname(os.path.abspath(__file__))
CARRIED = os.path.exists(os.path.join(HERE, "dodo.py"))  # in a wheel, not in a checkout
CATALOGUE = os.path.join("models", "models.toml")
# doit's commands, and its options, that need no catalogue.
ANYWHERE = ("help", "dumpdb", "tabcompletion", "--help", "--version")


def init(arguments: List[str]) -> None:
    """Write models/models.toml, where none is: with a model of the user's, or with the guide's LeNet."""
    parser = command.Parser(prog=f"{place.spelled('build')} init",
                            description="Write models/models.toml, which says what to build.")
    parser.add_argument("model", nargs="?", help="a trained model; without one the guide's LeNet is trained")
    model = parser.parse_args(arguments).model
    if os.path.lexists(CATALOGUE):
        raise Fault(f"{CATALOGUE} is there already: edit it, or remove it first")
    if model and not os.path.exists(model):
        raise Fault(f"{model}: No such file or directory; give the path of a trained model")
    os.makedirs(os.path.dirname(CATALOGUE), exist_ok=True)
    with open(CATALOGUE, "x", encoding="utf-8") as stream:
        if model:
            stream.write(f'[mine]\nsource = {quoted(model)}\n')
        else:
            with open(template(), encoding="utf-8") as given:
                shutil.copyfileobj(given, stream)
    command.say(f"{CATALOGUE}: `{place.doit()}` builds what it names")


def quoted(text: str) -> str:
    """Return a text as a TOML string."""
    letters = [f"\\U{ord(letter):08X}" if letter in '"\\' or not letter.isprintable() else letter for letter in text]
    return '"' + "".join(letters) + '"'


def template() -> str:
    """Return the path of the catalogue that a new one begins as: the checkout's, which the wheel carries."""
    return os.path.join(HERE, "models.toml") if CARRIED else os.path.join(place.ROOT, CATALOGUE)


def main(arguments: List[str]) -> Optional[int]:
    """Run the command line."""
    if arguments[:1] == ["init"]:
        return init(arguments[1:])
    if arguments in (["--help"], ["-h"]):
        return command.Parser(module="build", description=__doc__, usage="%(prog)s [WORDS]").parse_args(["--help"])
    if arguments[:1] not in [[word] for word in ANYWHERE] and not os.path.exists(CATALOGUE):
        raise Fault(f"{os.getcwd()} has no {CATALOGUE}, which says what to build: `{place.spelled('build')} init` "
                    "writes one")
    from doit.cmd_base import DodoTaskLoader, NamespaceTaskLoader
    from doit.doit_cmd import DoitMain

    from .builds import doit_patches
    doit_patches.apply_to_options()

    class Carried(NamespaceTaskLoader):
        """Loads the tasks of the wheel's dodo.py."""

        cmd_options = ()

        def setup(self, opt_values: Any) -> None:
            self.namespace = dict(vars(importlib.import_module(".dodo", place.PACKAGE)))

    if CARRIED:
        return status_of(DoitMain(Carried()).run(arguments))
    dodo = {"dodoFile": os.path.join(place.ROOT, "dodo.py"), "cwdPath": os.getcwd()}
    return status_of(DoitMain(DodoTaskLoader(), extra_config={"GLOBAL": dodo}).run(arguments))


def status_of(status: Optional[int]) -> Optional[int]:
    """Return doit's exit status as this project counts: doit ends with 3 where its own words are wrong."""
    return command.FAULT if status == 3 else status


def entry() -> None:
    """The installed command."""
    sys.argv[0] = "tensorspace-build"
    command.run(main)


if __name__ == "__main__":
    command.run(main)
