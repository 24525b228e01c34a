"""Today's advisories on every pinned package: docker/locks/*.txt -> a report, one line a package.

    python -m scripts.audit      or: doit audit

SECURITY.md says what is known and accepted about the stack of Python 3.6, so an advisory on only that stack is
reported.  An advisory on a package of the current Pythons makes the exit status 1.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.audit")

from typing import List

from .base import command
from .release import advisories


def main(arguments: List[str]) -> None:
    """Run the command line."""
    command.Parser(module="audit", description=__doc__).parse_args(arguments)
    advisories.with_pip_audit()


if __name__ == "__main__":
    command.run(main)
