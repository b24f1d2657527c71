"""The trunk of a net: the way through it that passes the most boxes."""

from __future__ import annotations

from netdsl.drawing.pieces import Piece, Sketch, Wire


def longest(sketch: Sketch) -> list[Wire]:
    """The arrows of the trunk, from the output to the input."""
    steps = dict.fromkeys(sketch.pieces, 0)
    best: dict[Piece, Wire] = {}
    places = {piece: place for place, piece in enumerate(sketch.pieces)}
    for wire in sorted((w for w in sketch.wires if not w.back), key=lambda w: places[w.target]):
        if steps[wire.source] + 1 > steps[wire.target]:
            steps[wire.target], best[wire.target] = steps[wire.source] + 1, wire
    piece = max(sketch.pieces, key=lambda p: steps[p])
    found = []
    while piece in best:
        found.append(best[piece])
        piece = best[piece].source
    return found
