"""The likeness of two images, under a Gaussian window that moves over both: SSIM, of Keras 3 and of tf.image."""
from typing import Any, NamedTuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from .. import convolution
from ..rules import Call, function, operation
from ..windows import Window
from .given import argument, floats, integer, known, needed, tensor, value
from .imaging import channels_last

SIZE = 1024  # of the bell


class Bell(NamedTuple):
    """The weights of the places around one, and what keeps quotients finite.

    size, sigma    of the bell, in pixels       most, k1, k2    c = (k * most) ** 2 is added above and below
    """

    size: int
    sigma: float
    most: float
    k1: float
    k2: float


def bell_of(call: Call, most: Any) -> Bell:
    """Return the settings of a call; `most` is the largest value that a pixel may have."""
    size = integer(call, argument(call, "filter_size", None, 11), "filter_size")
    sigma, k1, k2 = [float(argument(call, name, None, default)) for name, default in (
        ("filter_sigma", 1.5), ("k1", 0.01), ("k2", 0.03))]
    return Bell(size, sigma, float(most), k1, k2)


def alike(call: Call, x: Value, y: Value, bell: Bell) -> Value:
    """Return SSIM around each place of two images with the channels last, [batch, height, width, channels].

    (tensorflow image_ops_impl.py: _ssim_per_channel; keras 3 ops/image.py: _ssim)
    """
    b, channels = call.b, x.shape[-1]
    most_places = min([SIZE] + [one for one in x.shape[1:3] if one is not None])
    if channels is None or not bell.sigma > 0 or not 0 < bell.size <= most_places:
        raise Fault(f"operation {call.path!r} has a Gaussian of sigma {bell.sigma} and size {bell.size} for images of "
                    f"shape {x.shape}")
    places = numpy.exp(-0.5 * (numpy.arange(bell.size) - (bell.size - 1) / 2) ** 2 / bell.sigma ** 2)
    weights = numpy.outer(places, places) / places.sum() ** 2
    kernel = b.constant(numpy.tile(weights[:, :, None, None], (1, 1, channels, 1)).astype("float32"))
    window = Window((bell.size, bell.size), (1, 1), (1, 1), "valid")

    def mean(image: Value) -> Value:
        return convolution.depthwise(b, image, kernel, window)

    first, second = mean(x), mean(y)
    product, squares = b.mul(b.mul(first, second), 2.0), b.add(b.square(first), b.square(second))
    both = b.sub(b.mul(mean(b.mul(x, y)), 2.0), product)
    spread = b.sub(mean(b.add(b.square(x), b.square(y))), squares)
    least, other = (bell.k1 * bell.most) ** 2, (bell.k2 * bell.most) ** 2
    return b.mul(b.div(b.add(product, least), b.add(squares, least)), b.div(b.add(both, other), b.add(spread, other)))


@operation("SSIM")
def of_keras(call: Call) -> Value:
    """keras.ops.image.ssim: one number for each pair of images."""
    b, given = call.b, tensor(call, "image1")
    images = [b.cast(given, "float32"), floats(call, "image2", 1)]
    alone = given.rank == 3
    images = [channels_last(call, b.expand(one, 0) if alone else one, 4) for one in images]
    found = b.mean(alike(call, images[0], images[1], bell_of(call, argument(call, "max_val", None, 1.0))), [1, 2, 3])
    return b.cast(b.squeeze(found, [0]) if alone else found, given.dtype)


@function("image.ssim")
def of_tensorflow(call: Call) -> Value:
    """tf.image.ssim: one number for each pair of images, or all places."""
    b, x, y = call.b, floats(call, "img1"), call.b.cast(value(call, argument(call, "img2", 1, needed)), "float32")
    most = known(argument(call, "max_val", 2, needed))
    if x.rank != 4 or not isinstance(most, (int, float)):
        raise Fault(f"operation {call.path!r} compares images of shape {x.shape}, up to {str(most)[:60]}")
    return b.mean(alike(call, x, y, bell_of(call, most)),
                  [3] if argument(call, "return_index_map", None, False) else [1, 2, 3])
