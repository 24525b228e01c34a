"""The embedded digits: scikit-learn's small scans, scaled and centred as MNIST's authors did.  They need no network."""
from typing import Dict

import numpy

from ..base import command
from ..base.fault import Fault


def digits() -> Dict[str, numpy.ndarray]:
    """Return scikit-learn's 1797 digits made like MNIST's, as dataset.Images has them.

    Every fifth of a kind is for testing: 355 of them, and 1442 to learn.
    Raises Fault where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise Fault(f"data = \"digits\" needs scikit-learn ({command.one_line(error)}): pip install scikit-learn")
    bunch = load_digits()
    images = numpy.stack([as_mnist(image) for image in bunch.images])
    labels = bunch.target.astype(numpy.uint8)
    rank = numpy.zeros(len(labels), int)  # for each image, the number of those of its kind before it
    for label in range(10):
        rank[labels == label] = numpy.arange((labels == label).sum())
    test = rank % 5 == 4
    return {"x_train": images[~test], "y_train": labels[~test], "x_test": images[test], "y_test": labels[test]}


def as_mnist(image: numpy.ndarray) -> numpy.ndarray:
    """Scale a digit (any size, 0…16) into 20 x 20 and centre its mass in 28 x 28, as MNIST's authors did; uint8.

    Only exactly specified arithmetic (no BLAS, no transcendental functions): the same bytes on every machine.
    """
    ink = numpy.argwhere(image > 0)
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    image = image[top:bottom, left:right].astype(numpy.float64)
    height, width = image.shape
    scale = 20.0 / max(height, width)
    rows, columns = max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))
    image = _stretch(_stretch(image, rows).T, columns).T
    box = numpy.floor(image * (255.0 / 16.0) + 0.5).astype(numpy.int64)
    total = int(box.sum())
    # 2 * centre of mass + 1 is in half pixels; the centre of the field is 28 of those from its edge.
    row = int((box.sum(axis=1) * (2 * numpy.arange(rows) + 1)).sum())
    column = int((box.sum(axis=0) * (2 * numpy.arange(columns) + 1)).sum())
    top = min(max((28 * total - row + total) // (2 * total), 0), 28 - rows)
    left = min(max((28 * total - column + total) // (2 * total), 0), 28 - columns)
    field = numpy.zeros((28, 28), numpy.uint8)
    field[top:top + rows, left:left + columns] = box
    return field


def _stretch(image, size):
    """Linear interpolation along the first axis to `size` rows; outside the image is black."""
    padded = numpy.zeros((image.shape[0] + 2, image.shape[1]))
    padded[1:-1] = image
    position = (numpy.arange(size) + 0.5) * image.shape[0] / size + 0.5
    below = numpy.floor(position).astype(int)
    share = (position - below)[:, None]
    return padded[below] * (1.0 - share) + padded[below + 1] * share
