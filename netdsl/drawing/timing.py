"""Which boxes of a net run at every step of a sequence, and which once."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.base.record import anew, entity
from netdsl.drawing.pieces import Piece, Sketch, Wire

MIXING = (
    "attention", "multihead_attention", "mean", "sum", "max", "min", "variance", "cumsum", "last", "reverse", "flatten",
    "reshape", "transpose", "matmul", "conv", "conv_transpose", "slice", "pad", "roll", "global_avgpool",
    "global_maxpool", "stack", "split", "gather", "sort", "topk",
)  # fmt: skip
"""Operations that read several steps at once, or whose first axis is another one."""


@entity
class Group:
    """Boxes that stand in the same columns: those of one sequence, or what is there once."""

    timed: bool
    pieces: list[Piece] = anew(factory=list)

    @property
    def steps(self) -> int:
        """How many there are."""
        return next((piece.steps for piece in self.pieces if piece.kind == "recurrent"), 1)


@entity
class Times:
    """Groups from left to right, and the row of each box in them, from below."""

    groups: list[Group]
    group: dict[Piece, Group]
    rows: dict[Piece, int]


def times_of(sketch: Sketch) -> Times:
    """What stands in which columns and rows."""
    pieces = [piece for piece in sketch.pieces if not piece.opened]
    wires = [wire for wire in sketch.wires if not wire.back]
    timed = {piece for piece in pieces if _is_timed(piece, wires)}
    group = _joined(pieces, timed, wires)
    groups = list(dict.fromkeys(group[piece] for piece in _in_order(pieces, wires)))
    return Times(groups, group, _rows(pieces, wires))


def _is_timed(piece: Piece, wires: Sequence[Wire]) -> bool:
    """Whether there is one of it for each step."""
    if piece.kind == "recurrent":
        return True
    lengths = {w.shapes[0][0] for w in wires if w.source is piece and w.shapes and w.shapes[0] and not w.role}
    steps = _steps(piece, wires)
    if steps is None or not (lengths == {steps} or piece.shape[:1] == (steps,)):
        return False
    return not any(row.op in MIXING for row in piece.rows)


def _steps(piece: Piece, wires: Sequence[Wire]) -> int | None:
    """How many steps the recurrent block runs that a box leads to, or else that leads to it."""
    for forward in (True, False):
        found = _reached(piece, wires, forward)
        if found is not None:
            return found
    return None


def _reached(piece: Piece, wires: Sequence[Wire], forward: bool) -> int | None:
    """Steps of the first recurrent block on the way along sequences."""
    seen, waiting = {piece}, [piece]
    while waiting:
        here = waiting.pop(0)
        if here.kind == "recurrent":
            return here.steps
        for wire in wires:
            one, two = (wire.source, wire.target) if forward else (wire.target, wire.source)
            if one is here and two not in seen and not wire.role and not wire.last:
                seen.add(two)
                waiting.append(two)
    return None


def _joined(pieces: Sequence[Piece], timed: set[Piece], wires: Sequence[Wire]) -> dict[Piece, Group]:
    """The group of each box: timed ones that a sequence joins have one, all before them that is there once another."""
    group = {piece: Group(piece in timed) for piece in pieces}
    for wire in wires:
        one, two = group[wire.source], group[wire.target]
        if one is not two and one.timed and two.timed and not wire.role and not wire.last:
            for piece in [p for p in pieces if group[p] is two]:
                group[piece] = one
    single: Group | None = None
    for piece in _in_order(pieces, wires):  # what runs once between two sequences stands between them
        if group[piece].timed:
            single = None
        else:
            single = single or group[piece]
            group[piece] = single
    for piece in pieces:
        group[piece].pieces.append(piece)
    return group


def _in_order(pieces: Sequence[Piece], wires: Sequence[Wire]) -> list[Piece]:
    """Inputs where they are first read, all else in the order of the text."""
    places = {piece: place for place, piece in enumerate(pieces)}
    first = {p: min((places[w.target] for w in wires if w.source is p), default=places[p]) for p in pieces}
    return sorted(pieces, key=lambda p: (first[p] if p.kind == "input" else places[p], places[p]))


def _rows(pieces: Sequence[Piece], wires: Sequence[Wire]) -> dict[Piece, int]:
    """The row of each box above all that it reads; a recurrent one has its row alone."""
    rows: dict[Piece, int] = {}
    taken: set[int] = set()
    for piece in pieces:
        row = max((rows[w.source] + 1 for w in wires if w.target is piece and w.source in rows), default=0)
        while row in taken or (piece.kind == "recurrent" and row in rows.values()):
            row += 1
        rows[piece] = row
        if piece.kind == "recurrent":
            taken.add(row)
    inputs = [piece for piece in pieces if piece.kind == "input"]
    return rows | {p: min((rows[w.target] for w in wires if w.source is p), default=1) - 1 for p in inputs}
