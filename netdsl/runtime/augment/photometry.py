"""What changes the numbers of a picture and moves nothing: masks are left alone."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.augment import Blur, ColourJitter, Cutout, Erase, Grain, Grey
from netdsl.runtime.augment.varied import VariedSample, blended

SEEN = np.array([0.299, 0.587, 0.114], np.float32)
"""How bright red, green and blue are (ITU-R BT.601), as Pillow has it."""


def greyed(planes: Array) -> Array:
    """`[1, h, w]`."""
    return planes if len(planes) == 1 else np.tensordot(SEEN, planes, 1)[None]


def colour(sample: VariedSample, stage: ColourJitter) -> None:
    each = (stage.brightness, stage.contrast, stage.saturation)
    amounts = [stage.amount if amount is None else amount for amount in each]
    bright, contrast, rich = (1 + amount * sample.draw.uniform(-1, 1) for amount in amounts)
    turned = stage.hue * sample.draw.uniform(-1, 1)

    def change(planes: Array) -> Array:
        found = np.clip(planes * np.float32(bright), 0, 1)
        found = np.clip(blended(found, greyed(found).mean(), contrast), 0, 1)
        if len(planes) == 1:
            return found
        found = np.clip(blended(found, greyed(found), rich), 0, 1)
        return with_hue(found, turned) if turned else found

    sample.light(change)


def with_hue(planes: Array, part: float) -> Array:
    """Colours `[3, h, w]` turned by a part of the circle; lightest and darkest channel keep their numbers."""
    most, least = planes.max(0), planes.min(0)
    span = most - least
    red, green, blue = planes
    safe = np.where(span > 0, span, 1)
    sector = np.where(most == red, (green - blue) / safe % 6, 0)
    sector = np.where((most == green) & (most != red), (blue - red) / safe + 2, sector)
    sector = np.where((most == blue) & (most != red) & (most != green), (red - green) / safe + 4, sector)
    turned = sector + np.float32(6 * part)
    away = (np.array([5, 3, 1], np.float32)[:, None, None] + turned) % 6
    return np.asarray(most - span * np.clip(np.minimum(away, 4 - away), 0, 1), np.float32)


def grey(sample: VariedSample, stage: Grey) -> None:
    del stage
    sample.light(lambda planes: np.broadcast_to(greyed(planes), planes.shape))


def blur(sample: VariedSample, stage: Blur) -> None:
    sigma = sample.draw.uniform(stage.low, stage.high)
    sample.light(lambda planes: blurred(planes, sigma))


def blurred(planes: Array, sigma: float) -> Array:
    """A Gaussian cut off at four standard deviations, edges repeated."""
    radius = ceil(4 * sigma)
    if not radius:
        return planes
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (1, 2):
        wide = [(0, 0), (0, 0), (0, 0)]
        wide[axis] = (radius, radius)
        padded, long = np.pad(planes, wide, "edge"), planes.shape[axis]
        planes = sum(tap * padded.take(range(i, i + long), axis) for i, tap in enumerate(taps))
    return planes


def noise(sample: VariedSample, stage: Grain) -> None:
    sample.light(lambda planes: planes + sample.draw.normal(0, stage.std, planes.shape).astype(np.float32))


def erase(sample: VariedSample, stage: Erase) -> None:
    high, wide = sample.size
    area = high * wide * sample.draw.uniform(stage.least, stage.most)
    ratio = sample.ratio(stage.aspect)
    down, across = (min(side, max(1, round(sqrt(part)))) for side, part in ((high, area * ratio), (wide, area / ratio)))
    top, left = (int(sample.draw.integers(n + 1)) for n in (high - down, wide - across))
    _cover(sample, (top, left, top + down, left + across), stage.fill)


def cutout(sample: VariedSample, stage: Cutout) -> None:
    y, x = (int(sample.draw.integers(side)) - stage.size // 2 for side in sample.size)
    _cover(sample, (max(0, y), max(0, x), max(0, y + stage.size), max(0, x + stage.size)), stage.fill)


def _cover(sample: VariedSample, box: tuple[int, int, int, int], fill: float) -> None:
    """One grey over a rectangle `(top, left, bottom, right)`."""
    top, left, bottom, right = box

    def change(planes: Array) -> Array:
        found = np.array(planes)
        found[:, top:bottom, left:right] = fill
        return found

    sample.light(change)
