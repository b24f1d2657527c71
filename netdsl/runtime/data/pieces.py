"""The order of samples that lie in groups and are read group by group: what is shuffled follows from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array

STREAM = 3
"""Sets these draws apart from those of whole orders and of pictures."""


@dataclass(frozen=True)
class InPieces:
    """Samples in groups that are read together. It says all of an order at once, so that any place can be gone on from.

    The groups of an epoch are drawn in an order, dealt out to the processes, and gathered in pieces of `buffer` samples
    or a few more; a piece is shuffled as a whole. So no more than a piece of each process is read at a time. A buffer
    that is filled as it empties mixes samples further, but some of its samples stay in it for long, and with each of
    them all of its group.
    """

    bounds: Array
    """`int64 [groups + 1]`: where groups begin, and how many samples there are."""
    buffer: int

    def order(self, seed: int, epoch: int, batch: int, world: int) -> Array:
        """The numbers of all samples, of which each batch is dealt out among processes as `share` does."""
        generator = np.random.default_rng([seed, epoch, STREAM])
        groups = generator.permutation(np.flatnonzero(np.diff(self.bounds)))
        lanes = [self._lane(groups[rank::world], generator) for rank in range(world)]
        return lanes[0] if world == 1 else np.concatenate(list(_dealt(lanes, batch)))

    def _lane(self, groups: Array, generator: np.random.Generator) -> Array:
        """The samples of some groups, piece by piece."""
        pieces = [generator.permutation(np.concatenate(piece)) for piece in self._pieces(groups)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    def _pieces(self, groups: Array) -> Iterator[list[Array]]:
        piece: list[Array] = []
        for group in groups:
            piece.append(np.arange(self.bounds[group], self.bounds[group + 1]))
            if sum(map(len, piece)) >= self.buffer:
                yield piece
                piece = []
        if piece:
            yield piece

    def most(self) -> int:
        """How many groups a piece has, at most."""
        sizes = np.sort(np.diff(self.bounds))
        sizes = sizes[sizes > 0]
        return int(np.searchsorted(np.cumsum(sizes), self.buffer)) + 1

    def near(self, index: int, number: int) -> int:
        """A sample of the same group as another, by any number."""
        group = int(np.searchsorted(self.bounds, index, side="right")) - 1
        first, behind = int(self.bounds[group]), int(self.bounds[group + 1])
        return first + number % (behind - first)


def _dealt(lanes: list[Array], batch: int) -> Iterator[Array]:
    """Batches in which each process has samples of its own lane, until one is empty: then those of the longest."""
    taken = [0] * len(lanes)
    left = sum(map(len, lanes))
    while left:
        made = np.zeros(min(batch, left), np.int64)
        for rank in range(len(lanes)):
            own = range(rank, len(made), len(lanes))
            made[own] = _next(lanes, taken, rank, len(own))
        left -= len(made)
        yield made


def _next(lanes: list[Array], taken: list[int], rank: int, count: int) -> Array:
    """The next samples of a lane, and of those that have most where it has too few."""
    found: list[Array] = []
    while count:
        if taken[rank] == len(lanes[rank]):
            rank = max(range(len(lanes)), key=lambda other: len(lanes[other]) - taken[other])
        part = lanes[rank][taken[rank] : taken[rank] + count]
        taken[rank] += len(part)
        count -= len(part)
        found.append(part)
    return np.concatenate(found) if found else np.zeros(0, np.int64)
