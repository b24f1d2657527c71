"""What a mask of roads says beside where they are: how they run, and how it may have been torn."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.generated import DIRECTIONS
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.roads import bins_of, erased
from netdsl.runtime.generated.skeletons import straightened, thinned, traced

TOLERANCE, REACH = 4.0, 10
"""Pixels that a road may bend in a straight piece, and how far from its middle it is said to run (Batra et al., 2019,
`smooth_dist` and `angle_theta`)."""


@dataclass(frozen=True)
class RoadFields:
    """Fields that are made of the label of a sample once it is as the network takes it. It travels to workers."""

    names: frozenset[str]
    """`orientation`, `erased`: those that are read."""
    seed: int = 0

    def __call__(self, sample: Fields) -> Fields:
        there = sample["label"] == 1
        return {**sample, **{name: self._made(name, there) for name in self.names}}

    def _made(self, name: str, there: Array) -> Array:
        if name == "orientation":
            return orientation(there)
        return erased(there, np.random.default_rng([self.seed, zlib.crc32(np.packbits(there).tobytes())]))


def orientation(there: Array) -> Array:
    """`int64 [h, w]`: in which of 36 directions roads run that a mask has, from the end that is farther from the upper
    left corner to the other; 36 where none is near (Batra et al., 2019, 3.1)."""
    return along(thinned(there))


def along(lines: Array) -> Array:
    """The same of lines one pixel wide."""
    found = np.full(lines.shape, DIRECTIONS)
    for line in traced(lines):
        corners = _without_repeats(np.round(straightened(line, TOLERANCE), 1))
        if np.hypot(*corners[-1]) > np.hypot(*corners[0]):
            corners = corners[::-1]
        for start, end in pairwise(corners):
            _say(found, start, end)
    return found


def _without_repeats(points: Array) -> Array:
    return points[np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]]


def _say(found: Array, start: Array, end: Array) -> None:
    """Write the direction of a straight piece where it is near: a rectangle about it, as far as its line is."""
    low = np.maximum(np.round(np.minimum(start, end) - REACH), 0).astype(int)
    high = np.minimum(np.round(np.maximum(start, end) + REACH), found.shape).astype(int)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    (down, across) = (end - start) / np.hypot(*(end - start))
    near = abs(across * (y - start[0]) - down * (x - start[1])) <= REACH
    found[low[0] : high[0], low[1] : high[1]][near] = bins_of(end - start)
