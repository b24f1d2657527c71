"""What moves pixels: pictures and masks alike."""

from __future__ import annotations

from math import cos, radians, sin, sqrt, tan

import numpy as np

from netdsl.recipe.augment import LARGEST, Flip, RandomCrop, ResizedCrop, Rotate, Scale, Shear, Shift, sides
from netdsl.runtime.augment.varied import Affine, VariedSample

TRIES = 10
"""How often a part is drawn that may not fit."""


def flip(sample: VariedSample, stage: Flip) -> None:
    along = -1 if stage.axis == "horizontal" else -2
    sample.change(lambda planes: np.flip(planes, along), lambda mask: np.flip(mask, along))


def scale(sample: VariedSample, stage: Scale) -> None:
    factor, ratio = sample.draw.uniform(stage.low, stage.high), sample.ratio(stage.aspect)
    high, wide = sample.size
    sample.scale(_side(high * factor / sqrt(ratio)), _side(wide * factor * sqrt(ratio)))


def _side(length: float) -> int:
    return min(max(1, round(length)), 4 * LARGEST)


def crop(sample: VariedSample, stage: RandomCrop) -> None:
    size = sides(stage.size)
    top, left = (
        int(sample.draw.integers(*_places(has + 2 * stage.pad, takes))) - stage.pad
        for has, takes in zip(sample.size, size, strict=True)
    )
    sample.cut(top, left, *size, stage.fill)


def _places(has: int, takes: int) -> tuple[int, int]:
    """Where a window may begin, and one more: inside of what is larger, around what is smaller."""
    return min(0, has - takes), max(0, has - takes) + 1


def resized_crop(sample: VariedSample, stage: ResizedCrop, size: tuple[int, int]) -> None:
    high, wide = sample.size
    for _ in range(TRIES):
        area, ratio = high * wide * sample.draw.uniform(stage.area, 1), sample.ratio(stage.aspect)
        across, down = round(sqrt(area * ratio)), round(sqrt(area / ratio))
        if 0 < across <= wide and 0 < down <= high:
            top, left = (int(sample.draw.integers(n + 1)) for n in (high - down, wide - across))
            break
    else:
        across = min(wide, max(1, round(high * stage.aspect)))
        down = min(high, max(1, round(wide * stage.aspect)))
        top, left = (high - down) // 2, (wide - across) // 2
    height, width = sides(stage.size) if stage.size is not None else size
    sample.part((left, top, left + across, top + down), height, width)


def rotate(sample: VariedSample, stage: Rotate) -> None:
    turn(sample, sample.draw.uniform(-stage.degrees, stage.degrees), stage.fill)


def turn(sample: VariedSample, degrees: float, fill: float) -> None:
    """Turned about the centre, anticlockwise to the eye."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    sample.warp(about_centre(sample.size, (c, -s, s, c)), fill)


def shear(sample: VariedSample, stage: Shear) -> None:
    slant = tan(radians(sample.draw.uniform(-stage.degrees, stage.degrees)))
    sample.warp(about_centre(sample.size, (1, slant, 0, 1)), stage.fill)


def shift(sample: VariedSample, stage: Shift) -> None:
    down, across = (side * sample.draw.uniform(-stage.part, stage.part) for side in sample.size)
    sample.warp((1, 0, -across, 0, 1, -down), stage.fill)


def about_centre(size: tuple[int, int], matrix: tuple[float, float, float, float]) -> Affine:
    """The map of a matrix that leaves the centre of a height and width where it is."""
    (a, b, d, e), (y, x) = matrix, (size[0] / 2, size[1] / 2)
    return a, b, x - a * x - b * y, d, e, y - d * x - e * y
