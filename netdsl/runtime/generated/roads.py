"""Roads from above, with their directions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.generated import DIRECTIONS, Roads
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.figures import Canvas, Generator, centres, grained, mottled

PIECES = 24
"""Straight pieces that a bent road is made of."""
EARTH, GRASS, TREE = (0.55, 0.45, 0.3), (0.35, 0.5, 0.25), (0.1, 0.3, 0.12)
"""Colours."""
SHORTER = 64
"""Widths and trees are for pictures of so many pixels on the shorter side."""
GAPS, FALSE = 4, 3
"""Strokes by which a mask loses roads, and by which it gains some that are not there."""
REACH, GAP, TRACE = 0.2, 0.125, 0.08
"""How far a stroke goes at most, and how wide either kind is, as shares of the shorter side."""


def roads(data: Roads, index: int, size: Canvas) -> Fields:
    """A picture, where its roads are, in which of 36 directions they run, and a mask of them with gaps."""
    generator = np.random.default_rng([data.seed, index])
    channels, height, width = size
    image = _land(generator, height, width)
    label, orientation = np.zeros((height, width), np.int64), np.full((height, width), DIRECTIONS)
    for _ in range(generator.integers(1, data.lines + 1)):
        inside, bins = _road(generator, height, width)
        image[:, inside] = generator.uniform(0.55, 0.75)
        label[inside] = 1
        orientation[inside] = bins[inside]
    _plant(generator, image)
    planes = image if channels == 3 else image.mean(axis=0, keepdims=True)
    gaps = erased(label == 1, np.random.default_rng([data.seed, index, 1]))
    return {"image": grained(generator, planes, data.noise), "label": label, "orientation": orientation, "erased": gaps}


def erased(there: Array, generator: Generator) -> Array:
    """`float32 [1, h, w]`: a mask of roads that has lost some strokes of them, and has some that are no roads."""
    side, found = min(there.shape), there.copy()
    for place in generator.permutation(np.argwhere(there))[:GAPS]:
        found &= ~_stroke(generator, place, side, GAP, found.shape)
    for place in generator.uniform(0, 1, (FALSE, 2)) * there.shape:
        found |= _stroke(generator, place, side, TRACE, found.shape)
    return found[None].astype(np.float32)


def _stroke(generator: Generator, start: Array, side: int, width: float, shape: tuple[int, ...]) -> Array:
    """The pixels of a straight stroke in some direction from a place on."""
    turn, length = generator.uniform(0, 2 * np.pi), generator.uniform(0, REACH * side)
    end = start + length * np.array([np.sin(turn), np.cos(turn)])
    away, _ = _nearest(np.stack([start, end]), *shape)
    return np.asarray(away <= max(width * side / 2, 0.5))


def _land(generator: Generator, height: int, width: int) -> Array:
    share = mottled(generator, height, width)
    return np.asarray(share * np.reshape(EARTH, (3, 1, 1)) + (1 - share) * np.reshape(GRASS, (3, 1, 1)))


def _border(generator: Generator, height: int, width: int, side: int) -> Array:
    """A place on one of the four sides: row and column."""
    along = generator.uniform(0.15, 0.85)
    return np.array([(0, along * width), (along * height, width), (height, along * width), (along * height, 0)][side])


def _road(generator: Generator, height: int, width: int) -> tuple[Array, Array]:
    """The pixels of a bent road from side to side `[height, width]`, and the direction nearest to each."""
    one, other = generator.choice(4, 2, replace=False)
    ends = [_border(generator, height, width, int(side)) for side in (one, other)]
    first, last = sorted(ends, key=lambda end: -float(np.hypot(*end)))
    middle = generator.uniform(0.25, 0.75, 2) * (height, width)
    share = np.linspace(0, 1, PIECES + 1)[:, None]
    points = (1 - share) ** 2 * first + 2 * share * (1 - share) * middle + share**2 * last
    away, nearest = _nearest(points, height, width)
    steps = np.diff(points, axis=0)
    bins = bins_of(steps)
    thick = generator.uniform(2, 3.5) * max(1.0, min(height, width) / SHORTER)
    return away <= thick, bins[nearest]


def bins_of(steps: Array) -> Array:
    """In which of 36 directions steps `[…, 2]` (down, across) go: from 0, to the right, over 9, downwards."""
    degrees = np.degrees(np.arctan2(steps[..., 0], steps[..., 1])) % 360
    return np.asarray((degrees * DIRECTIONS / 360).astype(np.int64) % DIRECTIONS)


def _nearest(points: Array, height: int, width: int) -> tuple[Array, Array]:
    """How far each pixel is from a line of straight pieces, and which of these is the nearest."""
    y, x = centres(height, width)
    away, nearest = np.full((height, width), np.inf), np.zeros((height, width), np.int64)
    for number, (start, end) in enumerate(pairwise(points)):
        (down, across), length = end - start, max(float(np.sum((end - start) ** 2)), 1e-12)
        share = np.clip(((y - start[0]) * down + (x - start[1]) * across) / length, 0, 1)
        own = np.hypot(y - start[0] - share * down, x - start[1] - share * across)
        nearer = own < away
        away[nearer], nearest[nearer] = own[nearer], number
    return away, nearest


def _plant(generator: Generator, image: Array) -> None:
    """Trees, which hide what is under them."""
    _, height, width = image.shape
    y, x = centres(height, width)
    scale = max(1.0, min(height, width) / SHORTER)
    for _ in range(generator.integers(0, 6)):
        down, across = generator.uniform(0, height), generator.uniform(0, width)
        inside = np.hypot(y - down, x - across) <= generator.uniform(2, 4) * scale
        image[:, inside] = np.reshape(TREE, (3, 1))
