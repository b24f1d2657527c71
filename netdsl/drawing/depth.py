"""How deep a picture goes where nobody says so: as few levels as tell something, as many as stay readable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from netdsl.analysis.report import Report
from netdsl.drawing.pieces import Sketch
from netdsl.drawing.sketch import TooManyBoxes, sketched
from netdsl.graph import Net

ENOUGH, READABLE = 8, 40
"""A picture of fewer boxes tells little; one of more is hard to read."""
DEEPEST = 8


def sketched_readably(net: Net, report: Report, expand: bool) -> Sketch:
    """A net folded at the first depth that shows enough; at one less where that would be too much."""
    found = sketched(net, report, 1, expand)
    for depth in range(2, DEEPEST):
        if _boxes(found) >= ENOUGH:
            break
        try:
            deeper = sketched(net, report, depth, expand)
        except TooManyBoxes:
            break
        if _boxes(deeper) > READABLE:
            break
        found = deeper
    return found


def sketched_as_u(net: Net, report: Report, expand: bool) -> Sketch:
    """A net at the first depth at which it is a U with skips across; at 1 where it is none."""
    from netdsl.drawing.u_shape import has_skips

    depths = (sketched(net, report, depth, expand) for depth in range(1, DEEPEST))
    return next((sketch for sketch in _few(depths) if has_skips(sketch)), sketched(net, report, 1, expand))


def sketched_to_unroll(net: Net, report: Report, expand: bool) -> Sketch:
    """A net at the first depth at which a recurrent block is a box."""
    depths = (sketched(net, report, depth, expand) for depth in range(1, DEEPEST))
    found = (s for s in _few(depths) if any(p.kind == "recurrent" and not p.opened for p in s.pieces))
    return next(found, sketched(net, report, 1, expand))


def _few(sketches: Iterator[Sketch]) -> Iterator[Sketch]:
    """Those before the first that has too many boxes."""
    with suppress(TooManyBoxes):
        yield from sketches


def _boxes(sketch: Sketch) -> int:
    """Boxes of layers and folded blocks."""
    return sum(part.kind not in ("input", "output", "state") and not part.opened for part in sketch.pieces)
