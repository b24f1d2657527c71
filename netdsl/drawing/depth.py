"""How deep a picture goes where nobody says so: as few levels as tell something, as many as stay readable."""

from __future__ import annotations

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


def _boxes(sketch: Sketch) -> int:
    """Boxes of layers and folded blocks."""
    return sum(part.kind not in ("input", "output", "state") and not part.opened for part in sketch.parts)
