"""Long chains of equal layers, which a picture shows once: those of a loop that no block holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.reports.folding import named_from_to

LONGEST = 8
"""Equal boxes in a row that are still drawn one by one, as papers do."""

Wires = dict[Piece, list[Wire]]


def fold_chains(sketch: Sketch) -> None:
    """Draw each longer chain as its first box, with their count."""
    coming: Wires = defaultdict(list)
    leaving: Wires = defaultdict(list)
    for wire in sketch.wires:
        coming[wire.target].append(wire)
        leaving[wire.source].append(wire)
    gone: set[Piece] = set()
    for piece in sketch.pieces:
        if piece not in gone:
            chain = _chain(piece, coming, leaving)
            if len(chain) > LONGEST:
                _fold(chain, leaving)
                gone.update(chain[1:])
    sketch.pieces[:] = [piece for piece in sketch.pieces if piece not in gone]
    sketch.wires[:] = [w for w in sketch.wires if w.target not in gone and w.source not in gone]


def _chain(piece: Piece, coming: Wires, leaving: Wires) -> list[Piece]:
    """A box and those equal to it that follow one another, each read by the next alone."""
    chain, said = [piece], _said(piece)
    while piece.kind == "layer" and len(leaving[piece]) == 1:
        following = leaving[piece][0].target
        if len(coming[following]) != 1 or following is piece or _said(following) != said:
            break
        chain.append(following)
        piece = following
    return chain


def _said(piece: Piece) -> Hashable:
    """All that is drawn of a box but its name."""
    rows = tuple((row.settings, row.inputs, row.outputs, row.params, row.macs, row.shares) for row in piece.rows)
    return piece.kind, piece.title, piece.parent, piece.shape, rows


def _name(piece: Piece) -> str:
    """What its main row is called."""
    return next(row.name for row in piece.rows if row.path == piece.path)


def _fold(chain: list[Piece], leaving: Wires) -> None:
    first, last = chain[0], chain[-1]
    first.copies, first.lines = len(chain), [named_from_to(_name(first), _name(last))]
    first.others = [row.path for piece in chain[1:] for row in piece.rows]
    for wire in leaving[last]:
        wire.source = first
