"""Bright blobs, and how far their edges are."""

from __future__ import annotations

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.generated import Blobs
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.figures import Canvas, Generator, centres, grained, mottled

WAVES = 5
"""The edge of a blob is a circle with waves of up to so many a turn."""
SOFT = 1.5
"""How wide the edge is in the picture, in pixels."""


def blobs(data: Blobs, index: int, size: Canvas) -> Fields:
    """A picture of a blob, its mask, the signed distance to its edge, and that to a circle about its middle."""
    generator = np.random.default_rng([data.seed, index])
    channels, height, width = size
    y, x = centres(height, width)
    middle = generator.uniform(0.4, 0.6, 2) * (height, width)
    radius = generator.uniform(0.15, 0.28) * min(height, width)
    away = np.hypot(y - middle[0], x - middle[1])
    inside = away <= radius * _edge(generator, np.arctan2(y - middle[0], x - middle[1]))
    distance = signed_distance(inside)
    start = np.hypot(y - middle[0] - generator.uniform(-2, 2), x - middle[1] - generator.uniform(-2, 2)) - radius
    picture = _shaded(generator, distance, channels)
    fields = {"label": inside.astype(np.int64), "distance": distance[None], "start": start[None].astype(np.float32)}
    return {"image": grained(generator, picture, data.noise), **fields}


def _edge(generator: Generator, turn: Array) -> Array:
    """By direction how far the edge is, of the radius."""
    found = np.ones(turn.shape)
    for wave in range(2, WAVES + 1):
        found += generator.uniform(0, 0.3 / wave) * np.cos(wave * turn + generator.uniform(0, 2 * np.pi))
    return found


def _shaded(generator: Generator, distance: Array, channels: int) -> Array:
    """A blob that stands out of its ground, with an edge that is soft."""
    dark, bright = generator.uniform(0.1, 0.35), generator.uniform(0.55, 0.85)
    share = 1 / (1 + np.exp(np.clip(distance / SOFT, -30, 30)))
    plane = dark + (bright - dark) * share + 0.15 * (mottled(generator, *distance.shape) - 0.5)
    tint = generator.uniform(0.85, 1, (channels, 1, 1))
    return np.asarray(tint * plane)


def signed_distance(inside: Array) -> Array:
    """`float32 [h, w]`: how far the edge of a mask is from each pixel, below 0 inside; beyond all where there is none.

    From a pixel to the nearest of the other kind, between centres, less the half pixel from there to the edge.
    """
    if inside.all() or not inside.any():
        away = np.full(inside.shape, float(sum(inside.shape)))
        return np.where(inside, -away, away).astype(np.float32)
    beyond, within = _nearest(inside), _nearest(~inside)
    return np.where(inside, 0.5 - within, beyond - 0.5).astype(np.float32)


def _nearest(marked: Array) -> Array:
    """How far the nearest marked pixel is from each: first along columns, then along rows (Felzenszwalb, 2012)."""
    height, width = marked.shape
    rows, columns = np.arange(height), np.arange(width)
    above = np.maximum.accumulate(np.where(marked, rows[:, None], -(10**6)), axis=0)
    below = np.minimum.accumulate(np.where(marked, rows[:, None], 10**6)[::-1], axis=0)[::-1]
    down = np.minimum(rows[:, None] - above, below - rows[:, None]).astype(np.float64) ** 2
    across = (columns[:, None] - columns[None, :]).astype(np.float64) ** 2
    return np.asarray(np.sqrt(np.stack([(row[None, :] + across).min(axis=1) for row in down])))
