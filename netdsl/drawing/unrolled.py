"""A recurrent net unrolled in time: a column for each step, x below, y above, what is carried between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from netdsl.base.errors import RunError
from netdsl.base.record import changed
from netdsl.drawing.assembling import assembled
from netdsl.drawing.boxes import Card, card
from netdsl.drawing.picture import Diagram
from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.drawing.places import Point, Rect
from netdsl.drawing.timing import Group, Times, times_of

MOST = 12
"""Steps that a picture shows at most."""
ROW, COLUMN, TRACK = 46.0, 64.0, 6.0
"""Pixels between rows, between columns, and between arrows side by side."""
DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class NotRecurrent(RunError):
    """A net that has no steps to draw."""


def unrolled(sketch: Sketch, title: str, steps: int, symbols: Mapping[int, str]) -> Diagram:
    """The first `steps` steps of a net, and of longer sequences the last; `symbols` are those of numbers of steps.

    Raises `NotRecurrent`.
    """
    cells = [piece for piece in sketch.pieces if piece.kind == "recurrent" and not piece.opened]
    if not cells:
        raise NotRecurrent(f"{title} has no recurrent block and no rnn, lstm or gru: it has no steps to unroll")
    if steps > min(MOST, *(cell.steps for cell in cells)):
        least = min(cells, key=lambda cell: cell.steps)
        most = f"`{least.path}` runs {least.steps} steps" if least.steps < MOST else f"a picture shows {MOST} at most"
        raise NotRecurrent(f"{steps} steps cannot be unrolled: {most}")
    return _Grid(sketch, times_of(sketch), steps, symbols).drawn(title)


class _Grid:
    """Boxes by group, step and row, the first row at the bottom."""

    def __init__(self, sketch: Sketch, times: Times, steps: int, symbols: Mapping[int, str]) -> None:
        self.sketch = sketch
        self.times = times
        self.first = steps
        self.symbols = symbols
        self.cells: dict[tuple[Piece, int], Piece] = {}
        self.cards: dict[Piece, Card] = {}
        self.rects: dict[Piece, Rect] = {}
        self.routes: dict[Wire, list[Point]] = {}
        self.gaps: list[float] = []
        """The height in the middle below each row, and above the last."""
        self.tracks: dict[tuple[int, int, int], float] = {}
        """Heights between two rows by gap, step and what goes across there."""
        self.lanes: dict[tuple[int, int], float] = {}
        """The first free place at the right of each column."""

    def steps(self, group: Group) -> list[int]:
        """The steps that are drawn of a group, from 0: the first ones and the last."""
        if not group.timed:
            return [-1]
        return [*range(self.first), *[group.steps - 1] * (group.steps > self.first)]

    def drawn(self, title: str) -> Diagram:
        self.copy()
        self.place()
        for wire in self.sketch.wires:
            if wire.source in self.times.rows and wire.target in self.times.rows:
                self.lead(wire)
        return assembled(self.cards, self.rects, self.routes, title)

    def copy(self) -> None:
        """A piece for each step of those that run at every one."""
        for group in self.times.groups:
            for piece in group.pieces:
                for step in self.steps(group):
                    self.cells[piece, step] = self.shown(piece, group, step)

    def shown(self, piece: Piece, group: Group, step: int) -> Piece:
        made = changed(piece, parent=None, rows=list(piece.rows), lines=list(piece.lines))
        if group.timed:
            made.path, made.steps = f"{piece.path}@{step + 1}", 1
            made.title = piece.title + self.number(step) if piece.kind in ("input", "output") else piece.title
        self.cards[made] = card(made)
        return made

    def number(self, step: int) -> str:
        """`₃` behind a name; `_T` of the last step of a length that is open."""
        last = step >= self.first and self.symbols.get(step + 1)
        return f"_{last}" if last else str(step + 1).translate(DIGITS)

    def place(self) -> None:
        rows = max(self.times.rows.values()) + 1
        highs = [0.0] * rows
        for (piece, _), shown in self.cells.items():
            row = self.times.rows[piece]
            highs[row] = max(highs[row], self.cards[shown].height)
        tops = [-sum(highs[: row + 1]) - ROW * row for row in range(rows)]
        self.gaps = [top + high + ROW / 2 for top, high in zip(tops, highs, strict=True)] + [tops[-1] - ROW / 2]
        x = 0.0
        for number, group in enumerate(self.times.groups):
            for step in self.steps(group):
                x += COLUMN / 2 if step > self.first else 0.0
                x = self._column(number, group, step, x, list(zip(tops, highs, strict=True))) + COLUMN

    def _column(self, number: int, group: Group, step: int, left: float, rows: Sequence[tuple[float, float]]) -> float:
        """Put the boxes of one column; where it ends at the right."""
        lines = [[self.cells[p, step] for p in group.pieces if self.times.rows[p] == r] for r in range(len(rows))]
        wide = max(sum(self.cards[c].width for c in line) + 20 * (len(line) - 1) for line in lines if line)
        for line, (top, high) in zip(lines, rows, strict=True):
            x = left + (wide - sum(self.cards[c].width for c in line) - 20 * (len(line) - 1)) / 2
            for shown in line:
                made = self.cards[shown]
                self.rects[shown] = Rect(x, top + (high - made.height) / 2, made.width, made.height)
                x += made.width + 20
        self.lanes[number, step] = left + wide + 2 * TRACK
        return left + wide

    # ------------------------------------------------------------ arrows

    def lead(self, wire: Wire) -> None:
        """The arrows of one wire: at every step, from step to step, or from the last."""
        one, two = self.times.group[wire.source], self.times.group[wire.target]
        last, first = self.steps(one)[-1], self.steps(two)[0]
        if wire.back:
            self._carry(wire, two)
        elif one is two:
            for step in self.steps(one):
                self._arrow(wire, step, step)
        elif two.timed and wire.role != "state":
            for step in self.steps(two):
                self._arrow(wire, last, step)
        elif one.timed and not wire.last and wire.target.rows and wire.target.rows[0].op != "last":
            for step in self.steps(one):  # what stands there once reads all of them
                self._arrow(wire, step, first)
        else:
            self._arrow(wire, last, first)

    def _carry(self, wire: Wire, group: Group) -> None:
        if not group.timed:
            return
        for before, after in pairwise(self.steps(group)):
            text = ", ".join(wire.target.states)
            self._beside(wire.target, before, after, text if after == before + 1 else f"{text} …")

    def _beside(self, piece: Piece, before: int, after: int, text: str) -> None:
        """What a cell hands to the next one; of one that reads both ways, there and back."""
        one, two = self.cells[piece, before], self.cells[piece, after]
        a, b = self.rects[one], self.rects[two]
        y = a.y + a.height / 2
        if not piece.both:
            self.routes[_named(one, two, text)] = [(a.right, y), (b.x, y)]
            return
        self.routes[_named(one, two, text)] = [(a.right, y - TRACK), (b.x, y - TRACK)]
        self.routes[_named(two, one, "")] = [(b.x, y + TRACK), (a.right, y + TRACK)]

    def _arrow(self, wire: Wire, before: int, after: int) -> None:
        one, two = self.cells[wire.source, before], self.cells[wire.target, after]
        first = before in (-1, 0) and after in (-1, 0)
        group = self.times.group[wire.source]
        timed = group.timed and not wire.last
        shapes = [shape[1:] if timed and shape[:1] == (group.steps,) else shape for shape in wire.shapes]
        made = Wire(one, two, shapes if first else [], role=wire.role)
        self.routes[made] = list(self._route(wire, before, after, self.rects[one], self.rects[two]))

    def _route(self, wire: Wire, before: int, after: int, one: Rect, two: Rect) -> Iterator[Point]:
        """Up from a box, across between the rows, and up into the other; past other rows in a lane at the right."""
        low, high = self.times.rows[wire.source] + 1, self.times.rows[wire.target]
        start, end = one.x + one.width / 2, self._entry(wire, two, after)
        if low == high and start == end:
            yield from ((start, one.y), (end, two.bottom))
            return
        out = self._track(low, wire.source, before)
        yield from ((start, one.y), (start, out))
        if low != high:
            lane = self._lane(wire, before)
            back = self._track(high, wire, before)
            yield from ((lane, out), (lane, back))
            out = back
        yield from ((end, out), (end, two.bottom))

    def _entry(self, wire: Wire, two: Rect, step: int) -> float:
        """Where an arrow enters a box: side by side with the others that come in at this step."""
        first = step in (-1, 0)
        others = [
            w for w in self.sketch.wires if w.target is wire.target and not w.back and (first or w.role != "state")
        ]
        return two.x + two.width / 2 + 16.0 * (others.index(wire) - (len(others) - 1) / 2)

    def _track(self, gap: int, who: object, step: int) -> float:
        """The height between two rows at which the arrows of one box go across."""
        key = (gap, step, id(who))
        if key not in self.tracks:
            same = sum(other[:2] == key[:2] for other in self.tracks)
            self.tracks[key] = self.gaps[gap] + TRACK * (0, 1, -1, 2, -2)[same % 5]
        return self.tracks[key]

    def _lane(self, wire: Wire, step: int) -> float:
        number = self.times.groups.index(self.times.group[wire.source])
        found = self.lanes[number, step]
        self.lanes[number, step] += TRACK
        return found


def _named(one: Piece, two: Piece, text: str) -> Wire:
    return Wire(one, two, [], back=True, role=text)
