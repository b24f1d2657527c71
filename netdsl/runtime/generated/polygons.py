"""Polygons with their corners in the cells of a raster."""

from __future__ import annotations

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.polygons import Polygons
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.figures import Canvas, Generator, apart, centres, grained, ground

SPARED = -100
"""The label behind the end, which losses ignore."""
TRIES = 100


def polygons(data: Polygons, index: int, size: Canvas, steps: int) -> Fields:
    """A picture of a polygon, with its corners as words: `vertices` what stands before, `label` what comes."""
    generator = np.random.default_rng([data.seed, index])
    _, height, width = size
    cells = corners(generator, data.points, data.grid)
    places = (cells + 0.5) / data.grid
    inside = covered(places * (height, width), height, width)
    image, colour = ground(generator, size)
    image[:, inside] = apart(generator, colour)[:, 0]
    picture = grained(generator, image, data.noise)
    return {
        "image": picture,
        "mask": inside.astype(np.int64),
        **_words(cells, data.grid, steps),
        **_raster(cells, data.grid),
    }


def corners(generator: Generator, sides: int, grid: int) -> Array:
    """Cells `[n, 2]` (row and column), clockwise from the topmost on, the leftmost of several.

    Their directions from a middle go round once, so that no sides cross; no three in a row stand in a line.
    """
    for _ in range(TRIES):
        count = int(generator.integers(3, sides + 1))
        middle = generator.uniform(0.45, 0.55, 2)
        turns = (
            generator.uniform(0, 2 * np.pi)
            + (np.arange(count) + generator.uniform(0.15, 0.85, count)) * 2 * np.pi / count
        )
        away = generator.uniform(0.2, 0.42, count)
        cells = np.floor((middle + away[:, None] * np.stack([np.sin(turns), np.cos(turns)], 1)) * grid).astype(np.int64)
        if _simple(cells):
            break
    else:
        cells = np.array([(0, 0), (0, grid - 1), (grid - 1, 0)])
    first = min(range(len(cells)), key=lambda n: tuple(cells[n]))
    return np.roll(cells, -first, axis=0)


def _simple(cells: Array) -> bool:
    """Whether the corners go round clockwise, about a place inside of all sides, and each is one."""
    before, after = np.roll(cells, 1, axis=0), np.roll(cells, -1, axis=0)
    if not (_turn(before, cells, after) != 0).all():
        return False
    middle = np.broadcast_to(cells.mean(axis=0), cells.shape)
    return bool((_turn(middle, cells, after) > 0).all())


def _turn(a: Array, b: Array, c: Array) -> Array:
    """Above 0 where the way from `a` over `b` to `c` goes clockwise, rows counted downwards."""
    (down, across), (further_down, further_across) = (b - a).T, (c - b).T
    return np.asarray(across * further_down - down * further_across)


def covered(points: Array, height: int, width: int) -> Array:
    """Pixels with their centre in a polygon `[n, 2]`: each way out from there meets an odd number of sides."""
    y, x = centres(height, width)
    inside = np.zeros((height, width), bool)
    for (top, left), (bottom, right) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if top != bottom:
            meets = (y < top) != (y < bottom)
            inside ^= meets & (x < left + (y - top) / (bottom - top) * (right - left))
    return inside


def _words(cells: Array, grid: int, steps: int) -> Fields:
    numbers = cells @ (grid, 1)
    end, begin = grid * grid, grid * grid + 1
    label, vertices = np.full(steps, SPARED), np.full(steps, end)
    label[: len(numbers) + 1] = [*numbers, end]
    vertices[: len(numbers) + 1] = [begin, *numbers]
    return {"vertices": vertices, "label": label}


def _raster(cells: Array, grid: int) -> Fields:
    """The cells of corners, and those under the sides."""
    found = {name: np.zeros((grid, grid), np.int64) for name in ("corners", "edges")}
    found["corners"][tuple(cells.T)] = 1
    for a, b in zip(cells, np.roll(cells, -1, axis=0), strict=True):
        points = np.linspace(a, b, 2 * int(np.abs(b - a).max()) + 1)
        found["edges"][tuple(np.rint(points).astype(int).T)] = 1
    return found
