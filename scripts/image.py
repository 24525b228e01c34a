"""The image: built, run and compared with whichever engine is there: docker with buildx, podman or buildah.

    python -m scripts.image build [convert | cpu | gpu]     build it and tag it tensorspace-keras-build:TARGET
    python -m scripts.image test                            convert in it, and compare with the same stack outside it
    python -m scripts.image reproduce [TARGET ...]          build it twice from nothing and compare; then what it builds
    python -m scripts.image record [TARGET ...]             the same, and write what came out into docker/DIGESTS

scripts/release/engines.py says which settings in the environment the engines take.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.image")

from typing import List

from .base import command
from .base.fault import Fault
from .release import reproduce
from .release.engines import TARGETS
from .release.inside import build, test


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="image", description=__doc__)
    parser.add_argument("what", choices=["build", "test", "reproduce", "record"])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="convert, cpu or gpu")
    options = parser.parse_args(arguments)
    unknown = [target for target in options.targets if target not in TARGETS]
    if unknown:
        raise Fault(f"no target {unknown[0]}: there are {', '.join(TARGETS)}")
    if options.what in ("build", "test"):
        for target in options.targets or ["cpu"]:
            {"build": build, "test": test}[options.what](target)
    else:
        reproduce.reproduce(options.targets or TARGETS, record=options.what == "record")


if __name__ == "__main__":
    command.run(main)
