"""The locks: from docker/locks/*.in (what the project asks for) to docker/locks/*.txt (every package, by hash).

    python -m scripts.lock            compile them all, keeping the versions that still fit
    python -m scripts.lock --upgrade  the same, with the newest versions that the .in files allow
    python -m scripts.lock --check    say which .in and .txt disagree; needs no network
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.lock")

from typing import List

from . import bootstrap
from .base import command
from .release import locks, sbom


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare each .in with its .txt, change nothing")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    given = parser.parse_args(arguments)
    names = locks.names()
    if given.check:
        for name in names:
            locks.check(name)
        command.say(f"{len(names)} locks agree with what they are made of")
    else:
        locks.compile_all(bootstrap.find_python36(), given.upgrade)
        sbom.write()  # docker/sbom/ lists what the locks pin


if __name__ == "__main__":
    command.run(main)
