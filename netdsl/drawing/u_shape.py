"""A U-Net as a U: the way down at the left, the lowest resolution at the bottom, the way up at the right, skips across.

What stands where follows from the shapes along the trunk, the way through the net that passes the most boxes: it goes
down by a level where the resolution falls, and up by one where it rises.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import log2

from netdsl.base.errors import RunError
from netdsl.base.record import anew, entity
from netdsl.drawing.assembling import assembled
from netdsl.drawing.boxes import Card, card
from netdsl.drawing.picture import Diagram
from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.drawing.places import Point, Rect
from netdsl.drawing.trunk import longest

STEP = 0.4
"""How far a resolution must fall or rise for another level, in octaves: convolutions without padding lose less."""
GAP, LANE = 30.0, 12.0
"""Pixels between boxes, and between arrows side by side."""
LEAST = 2
"""Levels that a U goes down at least."""
BETWEEN = 150.0
"""The least width between the two sides."""


class NoU(RunError):
    """A net whose picture is no U."""


@entity
class Banks:
    """Which boxes of the trunk stand where, in its order."""

    left: list[list[Piece]] = anew(factory=list)
    """By level, the highest first."""
    bottom: list[Piece] = anew(factory=list)
    right: list[list[Piece]] = anew(factory=list)
    """By level, the highest first; in a level from the bottom up."""


def u_shaped(sketch: Sketch, title: str) -> Diagram:
    """The parts of a net as a U; an open block is not drawn, but what is in it. Raises `NoU`."""
    trunk = trunk_of(sketch)
    sides = parted(trunk)
    _refuse_others(sketch, trunk)
    return _Placing(sketch, sides).drawn(title)


def has_skips(sketch: Sketch) -> bool:
    """Whether a net is a U with arrows from its left side to its right."""
    try:
        sides = parted(trunk_of(sketch))
        _refuse_others(sketch, trunk_of(sketch))
    except NoU:
        return False
    left, right = ({p for level in side for p in level} for side in (sides.left, sides.right))
    return any(wire.source in left and wire.target in right for wire in sketch.wires)


def trunk_of(sketch: Sketch) -> list[Piece]:
    """The boxes of the longest way, from the input to the output."""
    wires = longest(sketch)[::-1]
    return [wire.source for wire in wires[:1]] + [wire.target for wire in wires]


def parted(trunk: Sequence[Piece]) -> Banks:
    """The trunk by sides and levels. Raises `NoU`."""
    levels = _levels(trunk)
    deepest = max(levels)
    first = levels.index(deepest)
    last = len(levels) - 1 - levels[::-1].index(deepest)
    down, up = levels[:first], levels[last + 1 :]
    if deepest < LEAST or not up or min(up) > deepest - LEAST:
        raise NoU("this net has not the shape of a U: its resolution does not fall and rise again; leave --style u out")
    if down != sorted(down) or up != sorted(up, reverse=True) or set(levels[first : last + 1]) != {deepest}:
        raise NoU(
            "this net has not the shape of a U: its resolution falls or rises more than once; leave --style u out"
        )
    sides = Banks([[] for _ in range(deepest)], list(trunk[first : last + 1]), [[] for _ in range(deepest)])
    for piece, level in zip(trunk[:first], down, strict=True):
        sides.left[level].append(piece)
    for piece, level in zip(trunk[last + 1 :], up, strict=True):
        sides.right[level].append(piece)
    return sides


def _levels(trunk: Sequence[Piece]) -> list[int]:
    found, level = [0], 0
    for before, piece in itertools.pairwise(trunk):
        change = log2(_resolution(before) / _resolution(piece))
        level += round(change) if abs(change) > 1 else (change > STEP) - (change < -STEP)
        found.append(max(level, 0))
    return found


def _resolution(piece: Piece) -> float:
    """Pixels along a side: what is not channels."""
    sides = list(piece.shape)
    if piece.channels in sides:
        sides.remove(piece.channels)
    return float(max(sides, default=1) or 1)


def _refuse_others(sketch: Sketch, trunk: Sequence[Piece]) -> None:
    """Raises `NoU` where boxes stand beside the trunk."""
    within = set(trunk)
    for piece in sketch.pieces:
        if piece not in within and not piece.opened and piece.kind != "output":
            raise NoU(
                f"this net has not the shape of a U at this depth: `{piece.path}` stands beside the one way "
                "down and up; fold it by another --depth, or leave --style u out"
            )


class _Placing:
    """Where each box of a U stands, and how its arrows go."""

    def __init__(self, sketch: Sketch, sides: Banks) -> None:
        self.sketch = sketch
        self.sides = sides
        self.cards: dict[Piece, Card] = {p: card(p) for p in sketch.pieces if not p.opened}
        self.rects: dict[Piece, Rect] = {}
        trunk = [*(p for level in sides.left for p in level), *sides.bottom]
        trunk += [p for level in sides.right[::-1] for p in level]
        self.order = {piece: place for place, piece in enumerate(trunk)}
        self.lefts = {p for level in sides.left for p in level}
        self.rights = {p for level in sides.right for p in level}
        self.lanes: dict[str, list[tuple[float, float, int]]] = {}
        """From which height to which arrows go down or up there, and in which lane."""

    def drawn(self, title: str) -> Diagram:
        self.place()
        across = [w for w in self.sketch.wires if w.source in self.rects and w.target in self.rects]
        routes = {wire: self.route(wire, across) for wire in across}
        return assembled(self.cards, self.rects, routes, title, every=True)

    def place(self) -> None:
        sides = self.sides.left, self.sides.right
        wide = [max(self.cards[p].width for level in side for p in level) for side in sides]
        room = max(BETWEEN, self._bottom_width() - (wide[0] + wide[1]) / 2)
        middle = wide[0] / 2, wide[0] + room + wide[1] / 2
        y = 0.0
        for left, right in zip(self.sides.left, self.sides.right, strict=True):
            lifts = self._lifts(left[::-1], right)
            y += max(self._height(left) + lifts[0], self._height(right) + lifts[1])
            self._stack(left[::-1], middle[0], y - lifts[0])
            self._stack(right, middle[1], y - lifts[1])
        self._bottom(middle, y + GAP)
        for piece in self.sketch.pieces:
            if piece.kind == "output" and piece not in self.rects:
                self._beside(piece, wide)

    def _lifts(self, left: Sequence[Piece], right: Sequence[Piece]) -> tuple[float, float]:
        """How far up the boxes of a level go on either side, so that the first skip there leads straight across."""
        skips = (w for w in self.sketch.wires if w.source in left and w.target in right)
        skip = next(skips, None)
        if skip is None:
            return 0.0, 0.0
        out, into = self._up_to(left, skip.source), self._up_to(right, skip.target)
        return max(into - out, 0.0), max(out - into, 0.0)

    def _up_to(self, pieces: Sequence[Piece], piece: Piece) -> float:
        """From the bottom of some boxes upon one another to the middle of one of them."""
        return self._height(pieces[: pieces.index(piece)]) + self.cards[piece].height / 2

    def _height(self, pieces: Sequence[Piece]) -> float:
        return sum(self.cards[p].height + GAP for p in pieces)

    def _stack(self, pieces: Sequence[Piece], middle: float, bottom: float) -> None:
        """Boxes upon one another, the first at the bottom."""
        for piece in pieces:
            made = self.cards[piece]
            self.rects[piece] = Rect(middle - made.width / 2, bottom - made.height, made.width, made.height)
            bottom -= made.height + GAP

    def _bottom_width(self) -> float:
        return sum(self.cards[p].width for p in self.sides.bottom) + GAP * 3 * (len(self.sides.bottom) + 1)

    def _bottom(self, middle: tuple[float, float], top: float) -> None:
        """The lowest boxes in a row between the sides; the first of several under the left side."""
        pieces = self.sides.bottom
        high = max(self.cards[p].height for p in pieces)
        for place, piece in enumerate(pieces):
            share = 0.5 if len(pieces) == 1 else place / len(pieces)
            made, at = self.cards[piece], middle[0] + (middle[1] - middle[0]) * share
            self.rects[piece] = Rect(at - made.width / 2, top + (high - made.height) / 2, made.width, made.height)

    def _beside(self, piece: Piece, wide: Sequence[float]) -> None:
        """An output that hangs on a box of the way up: at the right of it."""
        source = next(w.source for w in self.sketch.wires if w.target is piece)
        at, made = self.rects[source], self.cards[piece]
        right = max(rect.right for rect in self.rects.values()) + 3 * GAP
        self.rects[piece] = Rect(right, at.y + (at.height - made.height) / 2, made.width, made.height)

    # ------------------------------------------------------------ arrows

    def route(self, wire: Wire, wires: Sequence[Wire]) -> list[Point]:
        one, two = self.rects[wire.source], self.rects[wire.target]
        if wire.target.kind == "output" and wire.target not in self.rights:
            return [(one.right, _middle(one)), (two.x, _middle(one))]
        if wire.source in self.lefts and wire.target in self.rights:
            return self._across(one, two)
        if not self._next(wire) and (wire.source in self.sides.bottom or wire.target in self.sides.bottom):
            return self._under(wire, one, two)
        if wire.source in self.lefts and wire.target in self.sides.bottom:
            return self._down(one, two)
        if wire.source in self.sides.bottom and wire.target in self.rights:
            at = two.x + two.width / 2
            return [(one.right, _middle(one)), (at, _middle(one)), (at, two.bottom)]
        if wire.source in self.sides.bottom:
            return [(one.right, _middle(one)), (two.x, _middle(two))]
        return list(self._along(wire, one, two))

    def _next(self, wire: Wire) -> bool:
        """Whether an arrow leads to the next box of the trunk."""
        return self.order[wire.target] == self.order[wire.source] + 1

    def _under(self, wire: Wire, one: Rect, two: Rect) -> list[Point]:
        """Past the lowest boxes, from a box of the left at its left, to one of the right at its right."""
        low = max(self.rects[p].bottom for p in self.sides.bottom) + LANE * self._lane("under", one, two) + 8
        start = [(one.x + one.width / 2, one.bottom), (one.x + one.width / 2, low)]
        end = [(two.x + two.width / 2, low), (two.x + two.width / 2, two.bottom)]
        if wire.source in self.lefts:
            out = min(r.x for r in self._side(left=True)) - LANE * self._lane("left", one, two)
            start = [(one.x, _middle(one)), (out, _middle(one)), (out, low)]
        if wire.target in self.rights:
            out = max(r.right for r in self._side(left=False)) + LANE * self._lane("right", one, two)
            end = [(out, low), (out, _middle(two)), (two.right, _middle(two))]
        return start + end

    def _across(self, one: Rect, two: Rect) -> list[Point]:
        """A skip: straight where both lie at one height, else with a piece of its own down or up."""
        low, high = max(one.y, two.y) + 6, min(one.bottom, two.bottom) - 6
        if low <= high:
            at = (low + high) / 2
            return [(one.right, at), (two.x, at)]
        at = min(rect.x for rect in self._side(left=False)) - LANE * self._lane("between", one, two)
        return [(one.right, _middle(one)), (at, _middle(one)), (at, _middle(two)), (two.x, _middle(two))]

    def _down(self, one: Rect, two: Rect) -> list[Point]:
        at = one.x + one.width / 2
        if two.x < at < two.right:
            return [(at, one.bottom), (at, two.y)]
        return [(at, one.bottom), (at, _middle(two)), (two.x, _middle(two))]

    def _along(self, wire: Wire, one: Rect, two: Rect) -> Iterator[Point]:
        """To the next box of the same side, or past others on the outside."""
        left = wire.source in self.lefts
        start, end = (one.bottom, two.y) if left else (one.y, two.bottom)
        if abs(start - end) <= GAP + 1 or not any(_lies_between(r, start, end) for r in self._side(left)):
            at = one.x + one.width / 2
            yield from ((at, start), (at, end))
            return
        out = LANE * self._lane("left" if left else "right", one, two)
        at = min(r.x for r in self._side(left)) - out if left else max(r.right for r in self._side(left)) + out
        edges = (one.x, two.x) if left else (one.right, two.right)
        yield from ((edges[0], _middle(one)), (at, _middle(one)), (at, _middle(two)), (edges[1], _middle(two)))

    def _lane(self, where: str, one: Rect, two: Rect) -> int:
        """The first lane, counted from 1, in which no other arrow goes at these heights."""
        top, bottom = sorted((_middle(one), _middle(two)))
        taken = {lane for a, b, lane in self.lanes.setdefault(where, []) if a <= bottom and top <= b}
        lane = next(number for number in range(1, len(taken) + 2) if number not in taken)
        self.lanes[where].append((top, bottom, lane))
        return lane

    def _side(self, left: bool) -> list[Rect]:
        return [self.rects[p] for p in (self.lefts if left else self.rights)]


def _middle(rect: Rect) -> float:
    return rect.y + rect.height / 2


def _lies_between(rect: Rect, start: float, end: float) -> bool:
    return min(start, end) < rect.y + 1 and rect.bottom - 1 < max(start, end)
