"""Discs, boxes and triangles: which pixels they cover."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netdsl.base.arrays import Array

Generator = np.random.Generator
Canvas = tuple[int, int, int]
"""Channels, height and width of a picture."""


def disc(generator: Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in a circle; `y` and `x` are measured from the figure's centre."""
    radius = generator.uniform(0.1, 0.25) * size
    return np.asarray(y**2 + x**2 <= radius**2)


def box(generator: Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in an upright rectangle."""
    high, wide = generator.uniform(0.08, 0.25, 2) * size
    return np.asarray((np.abs(y) <= high) & (np.abs(x) <= wide))


def triangle(generator: Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in a triangle: on the same side of all three edges."""
    turns = generator.uniform(0, 2 * np.pi) + np.arange(3) * 2 * np.pi / 3 + generator.uniform(-0.4, 0.4, 3)
    radius = generator.uniform(0.15, 0.3) * size
    corners = radius * np.stack([np.sin(turns), np.cos(turns)], axis=1)
    sides = [
        (b[1] - a[1]) * (y - a[0]) - (b[0] - a[0]) * (x - a[1])
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    return np.asarray(np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0))


FIGURES: dict[str, Callable[[Generator, Array, Array, float], Array]] = {
    "disc": disc,
    "box": box,
    "triangle": triangle,
}


def centres(height: int, width: int) -> tuple[Array, Array]:
    """Where the centres of pixels lie: rows `[height, 1]` and columns `[1, width]`."""
    return np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5


def apart(generator: Generator, colour: Array) -> Array:
    """A colour that differs from another by at least 0.3 in every channel."""
    return np.asarray((colour + generator.uniform(0.3, 0.7, colour.shape)) % 1.0)


def ground(generator: Generator, size: Canvas) -> tuple[Array, Array]:
    """A picture `[channels, height, width]` of one colour, and that colour `[channels, 1, 1]`."""
    colour = generator.uniform(0, 1, (size[0], 1, 1))
    return np.broadcast_to(colour, size).copy(), colour


def grained(generator: Generator, picture: Array, noise: float) -> Array:
    """A picture with noise on each pixel, from 0 to 1."""
    return np.clip(picture + generator.normal(0, noise, picture.shape), 0, 1).astype(np.float32)


def mottled(generator: Generator, height: int, width: int) -> Array:
    """Light and dark places `[height, width]` from 0 to 1, that change softly."""
    from netdsl.runtime.pictures.picture import resize

    coarse = generator.uniform(0, 1, (1, 1, 6, 6))
    return np.asarray(resize(coarse, height, width)[0, 0])
