"""Pictures of nets: boxes that fold, as wide as their channels, shaded by their cost; shapes on the arrows."""

from __future__ import annotations

from netdsl.analysis.report import Report
from netdsl.drawing.picture import Diagram
from netdsl.graph import Net

__all__ = ["Diagram", "draw"]


def draw(net: Net, report: Report, *, depth: int | None = None, expand: bool = False) -> Diagram:
    """A net as a picture, with the numbers of its report.

    `depth` is how many levels of nesting are shown, 1 folding every block; without it as many as stay readable.
    `expand` draws repeated blocks one by one. Raises `TooManyBoxes`.
    """
    from netdsl.drawing.depth import sketched_readably
    from netdsl.drawing.layered import layered
    from netdsl.drawing.sketch import sketched

    sketch = sketched_readably(net, report, expand) if depth is None else sketched(net, report, depth, expand)
    return layered(sketch, report.net)
