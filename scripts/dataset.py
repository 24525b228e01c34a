"""The images that LeNet learns: reads MNIST, a file of the user's, or the embedded digits; writes data.npz."""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.dataset")

import os
from typing import List

from .base import command, files
from .base.fault import Fault
from .training import dataset


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="dataset", description=__doc__)
    parser.add_argument("--data", default="auto", metavar="SETTING",
                        help="auto, mnist, digits, or a path: npz, or MNIST's IDX files (default: auto); "
                             "MNIST_NPZ in the environment overrides it")
    parser.add_argument("--out", required=True, metavar="PATH", help="npz to write, where no file is yet")
    options = parser.parse_args(arguments)
    files.vacant(options.out)
    images = dataset.resolve(options.data, os.environ)
    try:
        with files.whole(options.out) as part:
            dataset.save(part, images.arrays, images.origin)
    except OSError as error:
        raise Fault(f"{options.out}: cannot be written: {error.strerror or error}")
    counts = [len(images.arrays[name]) for name in ("x_train", "x_test")]
    command.say(f"{options.out}: {images.origin}, {counts[0]} images to learn from, {counts[1]} to test")


if __name__ == "__main__":
    command.run(main)
