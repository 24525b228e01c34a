"""Train the guide's LeNet (section 1.1): reads data.npz, writes model.h5 and a JSON report; the same bytes every time.

Runs in a process of its own with ENVIRONMENT set before Python starts; started by hand, it sees to that itself.
Several machines train together where TF_CONFIG names them: docs/training.md.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.train")

import argparse
import os
import tempfile
from typing import List, Optional

from .base import child, command, files
from .base.fault import Fault
from .training import choices, dataset, workers
from .training.train import OPTIMIZER, SEED, deliver, take_part, train


def _number(kind, key):
    """Return argparse's type of a number within choices.RANGES."""
    smallest, largest = choices.RANGES[key]

    def parse(text):
        value = kind(text)
        if not smallest <= value <= largest:
            raise ValueError(text)
        return value
    parse.__name__ = f"{'whole number' if kind is int else 'number'} from {smallest} to {largest}"
    return parse


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="train", description=__doc__)
    parser.add_argument("--data", required=True, metavar="NPZ", help="what scripts.dataset wrote")
    parser.add_argument("--out", required=True, metavar="H5", help="trained model to write, where no file is yet")
    parser.add_argument("--report", metavar="JSON", help="accuracy, settings and versions, likewise")
    parser.add_argument("--epochs", type=_number(int, "epochs"), help="default: the recipe's")
    parser.add_argument("--batch-size", type=_number(int, "batch_size"), help="default: the recipe's")
    parser.add_argument("--seed", type=_number(int, "seed"), default=SEED)
    parser.add_argument("--optimizer", default=OPTIMIZER, help="a Keras optimizer's name (default: adam)")
    parser.add_argument("--learning-rate", type=_number(float, "learning_rate"), help="default: the optimizer's own")
    parser.add_argument("--recipe", choices=sorted(choices.RECIPES), default="guide",
                        help="the guide's own, or a fast one")
    parser.add_argument("--checkpoint", metavar="NPZ", help="file to keep after each epoch and to resume from")
    options = parser.parse_args(arguments)
    cluster = workers.cluster(os.environ)
    child.in_environment("train", arguments)
    if cluster is None:
        return work(options)
    # The directory holds AutoGraph's files: no other code removes them after `leave`.
    with tempfile.TemporaryDirectory() as tempfile.tempdir:
        try:
            command.run(lambda _: work(options, cluster))
        except SystemExit as end:
            status = end.code
    workers.leave(status)


def work(options: argparse.Namespace, cluster: Optional[workers.Cluster] = None) -> None:
    """Read the images, train, write the model and the report; in a cluster the chief alone writes.

    options: of the command line.
    Raises Fault for two options of one file, and for a target that is there already.
    """
    writes = cluster is None or cluster.chief
    named = [os.path.realpath(path) for path in (options.data, options.out, options.report, options.checkpoint) if path]
    if len(set(named)) < len(named):
        raise Fault("--data, --out, --report and --checkpoint are files of their own: give each another name")
    for path in [options.out, options.report]:
        if path and writes:
            files.vacant(path)  # before the minutes of training
    images = dataset.load(options.data)
    command.say(f"training LeNet on {len(images.arrays['x_train'])} images ({images.origin})")
    trained = train(images.arrays, options.epochs, options.batch_size, options.seed, options.optimizer,
                    options.learning_rate, options.recipe, options.checkpoint, cluster)
    if writes:
        deliver(trained, images.arrays, options.seed, images.origin, options.out, options.report)
    else:
        take_part(trained, cluster)


if __name__ == "__main__":
    command.run(main, at_once=True)
