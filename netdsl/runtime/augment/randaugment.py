"""The fourteen changes of RandAugment, with their ranges (Cubuk et al., 2020): photometry is Pillow's, on bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from netdsl.base.arrays import Array
from netdsl.recipe.augment import RandAugment
from netdsl.runtime.augment.geometry import about_centre, turn
from netdsl.runtime.augment.varied import VariedSample, floats

STRONGEST = 30
SLANT, AWAY, ANGLE, ENHANCED, BITS = 0.3, 150 / 331, 30.0, 0.9, 4
"""How far the strongest changes go: of a shear, of a shift in sides, of a turn in degrees, of factors, of lost bits."""


def rand_augment(sample: VariedSample, stage: RandAugment) -> None:
    part = stage.strength / STRONGEST
    for _ in range(stage.count):
        number = int(sample.draw.integers(len(CHANGES)))
        sign = 1 if sample.draw.random() < 0.5 else -1
        CHANGES[number](sample, part, sign, stage.fill)


Change = Callable[[VariedSample, float, int, float], None]
"""`(sample, how far of the farthest, the way, grey where nothing is)`."""


def _unchanged(sample: VariedSample, part: float, sign: int, fill: float) -> None:
    del sample, part, sign, fill


def _turned(sample: VariedSample, part: float, sign: int, fill: float) -> None:
    turn(sample, sign * part * ANGLE, fill)


def _slanted(across: bool) -> Change:
    def change(sample: VariedSample, part: float, sign: int, fill: float) -> None:
        slant = sign * part * SLANT
        matrix = (1.0, slant, 0.0, 1.0) if across else (1.0, 0.0, slant, 1.0)
        sample.warp(about_centre(sample.size, matrix), fill)

    return change


def _shifted(across: bool) -> Change:
    def change(sample: VariedSample, part: float, sign: int, fill: float) -> None:
        away = sign * part * AWAY * sample.size[1 if across else 0]
        sample.warp((1, 0, away, 0, 1, 0) if across else (1, 0, 0, 0, 1, away), fill)

    return change


def _light(change: Callable[[Image.Image, float], Image.Image], signed: bool = False) -> Change:
    """A change of Pillow's, given how far it goes."""

    def apply(sample: VariedSample, part: float, sign: int, fill: float) -> None:
        del fill
        sample.light(lambda planes: _as_bytes(planes, lambda image: change(image, sign * part if signed else part)))

    return apply


def _as_bytes(planes: Array, change: Callable[[Image.Image], Image.Image]) -> Array:
    """A change of bytes, on numbers from 0 to 1."""
    stored = np.round(planes * 255).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(stored[0] if len(stored) == 1 else stored.transpose(1, 2, 0)))
    found = np.asarray(change(image))
    return floats(found[None] if found.ndim == 2 else found.transpose(2, 0, 1))


def _enhanced(kind: type[ImageEnhance.Color | ImageEnhance.Contrast]) -> Change:
    return _light(lambda image, part: kind(image).enhance(1 + ENHANCED * part), signed=True)


CHANGES: tuple[Change, ...] = (
    _unchanged,
    _slanted(True),
    _slanted(False),
    _shifted(True),
    _shifted(False),
    _turned,
    *(
        _enhanced(kind)  # type: ignore[arg-type]  # all are alike
        for kind in (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Sharpness)
    ),
    _light(lambda image, part: ImageOps.posterize(image, 8 - round(BITS * part))),
    _light(lambda image, part: ImageOps.solarize(image, round(255 * (1 - part)))),
    _light(lambda image, part: ImageOps.autocontrast(image)),
    _light(lambda image, part: ImageOps.equalize(image)),
)
