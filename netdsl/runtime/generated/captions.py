"""One or two figures, and a sentence that tells of them."""

from __future__ import annotations

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.captions import ShapeCaptions
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.figures import FIGURES, Canvas, Generator, centres, grained

COLOURS = {
    "red": (0.85, 0.15, 0.1), "green": (0.15, 0.7, 0.2), "blue": (0.15, 0.3, 0.9), "yellow": (0.95, 0.9, 0.2),
    "white": (0.95, 0.95, 0.95),
}  # fmt: skip
GROUND = 0.3
"""The lightest ground, which is grey."""
SIDES = {"left of": (0, -1), "above": (-1, 0)}
"""Where the first of two figures stands: rows and columns from the middle."""
LARGE, SMALL = 0.9, 0.6
"""The sizes of one figure and of each of two, of those that fill a picture."""


def shape_captions(data: ShapeCaptions, index: int, size: Canvas) -> Fields:
    """A picture with one or two figures."""
    generator = np.random.default_rng([data.seed, index])
    image = np.full(size, generator.uniform(0, GROUND))
    _scene(generator, image)
    return {"image": grained(generator, image, data.noise)}


def caption(data: ShapeCaptions, index: int) -> str:
    """What the sample of a number shows, in words."""
    generator = np.random.default_rng([data.seed, index])
    generator.uniform(0, GROUND)
    return _scene(generator, None)


def _scene(generator: Generator, image: Array | None) -> str:
    """Draws figures into a picture, where there is one, and says what they are."""
    first, second = (_named(generator) for _ in range(2))
    side = list(SIDES)[int(generator.integers(len(SIDES)))]
    alone = bool(generator.random() < 0.3) or first == second
    forms = generator.integers(2**31, size=2)
    shift = generator.uniform(-0.06, 0.06, (2, 2))
    if image is not None:
        down, across = SIDES[side]
        away = np.zeros(2) if alone else np.array([down, across]) * 0.25
        for number, (sign, (colour, kind)) in enumerate(((1, first), (-1, second))[: 1 if alone else 2]):
            place = 0.5 + sign * away + shift[number]
            _paint(image, kind, colour, place, int(forms[number]), LARGE if alone else SMALL)
    said = f"a {first[0]} {first[1]}"
    return said if alone else f"{said} {side} a {second[0]} {second[1]}"


def _named(generator: Generator) -> tuple[str, str]:
    colours, kinds = list(COLOURS), list(FIGURES)
    return colours[int(generator.integers(len(colours)))], kinds[int(generator.integers(len(kinds)))]


def _paint(image: Array, kind: str, colour: str, place: Array, form: int, scale: float) -> None:
    channels, height, width = image.shape
    y, x = centres(height, width)
    down, across = place * (height, width)
    inside = FIGURES[kind](np.random.default_rng(form), y - down, x - across, scale * min(height, width))
    tone = np.array(COLOURS[colour])
    image[:, inside] = (tone if channels == 3 else tone.mean(keepdims=True))[:, None]
