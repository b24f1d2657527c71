"""A picture in tiles that overlap: where each lies, and what they say put together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netdsl.base.arrays import Array


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where the tiles along one side begin: each `overlap` into the one before or more, the last at the very end."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def places(high: int, wide: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """The upper left corners of all tiles of a picture, row by row."""
    return [(top, left) for top in starts(high, tile, overlap) for left in starts(wide, tile, overlap)]


def ramp(tile: int, overlap: int) -> Array:
    """`[tile]`: how much a tile counts at each place, less towards its ends, where another counts more."""
    inward = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 1
    return np.asarray(np.minimum(inward, overlap + 1) / np.float32(overlap + 1), np.float32)


class Blend:
    """What tiles say, `[C, tile, tile]` each, averaged where they overlap into `[C, high, wide]`."""

    def __init__(self, channels: int, high: int, wide: int, tile: int, overlap: int) -> None:
        self.sums = np.zeros((channels, max(high, tile), max(wide, tile)), np.float32)
        self.counted = np.zeros(self.sums.shape[1:], np.float32)
        self.weight = np.outer(ramp(tile, overlap), ramp(tile, overlap))
        self.size = high, wide

    def add(self, place: tuple[int, int], scores: Array) -> None:
        side = len(self.weight)
        where = tuple(slice(start, start + side) for start in place)
        self.sums[:, *where] += scores * self.weight
        self.counted[where] += self.weight

    def whole(self) -> Array:
        high, wide = self.size
        self.sums /= self.counted
        return np.asarray(self.sums[:, :high, :wide])


def cut_out(image: Array, where: list[tuple[int, int]], tile: int) -> Iterator[Array]:
    """The tiles `[C, tile, tile]` of a picture `[C, H, W]` that is at least as large."""
    for top, left in where:
        yield image[:, top : top + tile, left : left + tile]
