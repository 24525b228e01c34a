"""Layers that move, repeat and cut values (keras 2.6 layers/core.py, convolutional.py; Keras 3 layers/reshaping/)."""
from typing import Any, Callable, List

from .kind import Config, Shape, row
from .sizes import channels, product, several, spatial, times


def resize(change: Callable[[int, Config, int, int], Any]) -> Callable[[Config, List[Shape], Any], List[Shape]]:
    """Return the shape rule of a layer that changes each spatial size.

    change(size, config, index, count): the new size of spatial dimension `index` of `count`.
    """
    def rule(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
        sizes, put = spatial(config, inputs[0])
        return [put([None if size is None else change(size, config, index, len(sizes))
                     for index, size in enumerate(sizes)], channels(config, inputs[0]))]
    return rule


def border(config: Config, key: str, index: int, count: int) -> int:
    """The sum of both sides of a ZeroPadding's or Cropping's setting: 1, [1, 2] or [[1, 2], [3, 4]]."""
    value = config[key]
    if count == 1:
        return sum((value if isinstance(value[0], int) else value[0])[:2]) if isinstance(value, list) else 2 * value
    side = several(value, count)[index]
    return sum(side[:2]) if isinstance(side, list) else 2 * side


def reshape(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """One size of the target may be -1: it takes the rest of the values."""
    target, rest = list(config["target_shape"]), product(inputs[0][1:])
    if -1 in target:
        known = -product(target)
        target[target.index(-1)] = None if rest is None else rest // known
    return [[inputs[0][0]] + target]


def to_size(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """An image of the sizes that the layer is told."""
    _, put = spatial(config, inputs[0])
    return [put([config["height"], config["width"]], channels(config, inputs[0]))]


row("reshaping", "ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    shape=resize(lambda size, *place: size + border(place[0], "padding", *place[1:])))
row("reshaping", "Cropping1D Cropping2D Cropping3D",
    shape=resize(lambda size, *place: size - border(place[0], "cropping", *place[1:])))
row("reshaping", "UpSampling1D UpSampling2D UpSampling3D", shape=resize(
    lambda size, config, index, count: times(size, several(config["size"], count)[index])))
row("reshaping", "Resizing CenterCrop RandomCrop", shape=to_size)
row("reshaping", "Flatten", axes=lambda config, rank: list(range(1, rank)) if rank > 2 else [],
    sizes=lambda config, shape, axes: {},  # it has no variables
    shape=lambda config, inputs, nested: [[inputs[0][0], product(inputs[0][1:])]])
row("reshaping", "Reshape", shape=reshape)
row("reshaping", "Permute",
    shape=lambda config, inputs, nested: [[inputs[0][0]] + [inputs[0][axis] for axis in config["dims"]]])
row("reshaping", "RepeatVector",
    shape=lambda config, inputs, nested: [[inputs[0][0], config["n"], inputs[0][1]]])
