"""Masks thinned to lines one pixel wide, and these lines as points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from netdsl.base.arrays import Array

ROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Rows and columns to the neighbours of a pixel, clockwise from the one above."""
BESIDE = tuple(sorted(ROUND))
PixelPlace = tuple[int, int]


N, NE, E, SE, S, SW, W, NW = (np.arange(256) >> bit & 1 for bit in range(8))
"""By code of a neighbourhood: whether each neighbour is there."""


def _edges() -> tuple[Array, Array]:
    """`bool [256]`: whether a pixel goes in either half of a turn, by which neighbours it has."""
    ring = np.stack([N, NE, E, SE, S, SW, W, NW])
    count, begins = ring.sum(axis=0), ((1 - ring) * np.roll(ring, -1, axis=0)).sum(axis=0)
    edge = (count >= 2) & (count <= 6) & (begins == 1)
    first, second = (N * E * S == 0) & (E * S * W == 0), (N * E * W == 0) & (N * S * W == 0)
    return np.asarray(edge & first), np.asarray(edge & second)


def _steps() -> tuple[Array, Array]:
    """`bool [256]`: whether a pixel of a line is the corner of a step, above and below."""

    def corner(n: Array, ne: Array, e: Array, se: Array, s: Array, sw: Array, w: Array, nw: Array) -> Array:
        right = e * (1 - ne) * (1 - sw) * (1 - w * s)
        left = w * (1 - nw) * (1 - se) * (1 - e * s)
        return np.asarray(n * (right | left) == 1)

    return corner(N, NE, E, SE, S, SW, W, NW), corner(S, SE, E, NE, N, NW, W, SW)


EDGES, STEPS = _edges(), _steps()


def thinned(mask: Array) -> Array:
    """`bool [h, w]`: the lines in the middle of what is there, connected as it is (Zhang and Suen, "A Fast Parallel
    Algorithm for Thinning Digital Patterns", 1984), without the corners of steps (Holt et al., 1987)."""
    room, left = np.pad(mask.astype(bool), 1), -1
    while left != (left := int(room.sum())):
        for half in EDGES:
            room[1:-1, 1:-1] &= ~half[_codes(room)]
    for half in STEPS:
        room[1:-1, 1:-1] &= ~half[_codes(room)]
    return room[1:-1, 1:-1]


def _codes(room: Array) -> Array:
    """Of each pixel that is not on the border which neighbours are there, a bit each."""
    high, wide = room.shape[0] - 2, room.shape[1] - 2
    found = np.zeros((high, wide), np.uint8)
    for bit, (down, across) in enumerate(ROUND):
        found |= room[1 + down : high + 1 + down, 1 + across : wide + 1 + across].astype(np.uint8) << bit
    return found


@dataclass
class _Junctions:
    """The pixels of thin lines that have not two neighbours, those that touch as one junction."""

    chains: set[PixelPlace]
    """The pixels between, which are taken out as they are walked over."""
    owner: dict[PixelPlace, int] = field(default_factory=dict)
    """By pixel: its junction, from 0 on row by row."""
    middles: list[Array] = field(default_factory=list)

    def walk(self, start: PixelPlace, at: PixelPlace) -> tuple[list[PixelPlace], int | None]:
        """The pixels of a line from a pixel of a junction over the one beside it, and the junction where it ends."""
        path = [start]
        while True:
            self.chains.discard(at)
            path.append(at)
            near = list(_near(at))
            ends = [p for p in near if p in self.owner and p != path[-2]]
            onward = next((p for p in near if p in self.chains), None)
            if ends and (len(path) > 2 or onward is None):
                return [*path, ends[0]], self.owner[ends[0]]
            if onward is None:
                return path, None
            at = onward


def _near(place: PixelPlace) -> Iterator[PixelPlace]:
    return ((place[0] + down, place[1] + across) for down, across in BESIDE)


def _junctions(lines: Array) -> _Junctions:
    places = [(int(y), int(x)) for y, x in np.argwhere(lines)]
    there = set(places)
    knots = [p for p in places if sum(q in there for q in _near(p)) != 2]
    found = _Junctions(there - set(knots))
    for first in knots:
        if first in found.owner:
            continue
        group, number = [first], len(found.middles)
        found.owner[first] = number
        for place in group:
            fresh = [q for q in _near(place) if q in there - found.chains and q not in found.owner]
            found.owner |= dict.fromkeys(fresh, number)
            group += fresh
        found.middles.append(np.mean(group, axis=0))
    return found


def traced(lines: Array) -> list[Array]:
    """Thin lines as points `[n, 2]` (row, column), from junction to junction or end; a ring without any has none."""
    found = _junctions(lines)
    beside: list[dict[int, list[Array]]] = [{} for _ in found.middles]
    for start, number in list(found.owner.items()):
        for at in _near(start):
            if at not in found.chains:
                continue
            path, end = found.walk(start, at)
            if end is None:
                continue
            points = np.array([found.middles[number], *path, found.middles[end]])
            own = points if number <= end else points[::-1]
            beside[number].setdefault(end, []).append(own)
            beside[end].setdefault(number, beside[number][end])
    return [line for number, ends in enumerate(beside) for end, own in ends.items() if end >= number for line in own]


def straightened(points: Array, tolerance: float) -> Array:
    """The corners of a line of straight pieces that no point of a line is so far from (Ramer, 1972; Douglas and
    Peucker, 1973)."""
    kept, spans = {0, len(points) - 1}, [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distances(points[first + 1 : last], points[first], points[last])
        place = first + 1 + int(away.argmax())
        if away.max() >= tolerance:
            kept.add(place)
            spans += [(first, place), (place, last)]
    return points[sorted(kept)]


def _distances(points: Array, start: Array, end: Array) -> Array:
    """How far points are from the straight line through two, or from the one that both are."""
    (down, across), offsets = end - start, points - start
    length = float(np.hypot(down, across))
    if not length:
        return np.asarray(np.hypot(offsets[:, 0], offsets[:, 1]))
    return np.asarray(abs(down * offsets[:, 1] - across * offsets[:, 0]) / length)
