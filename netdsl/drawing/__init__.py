"""Pictures of nets: boxes that fold, as wide as their channels, shaded by their cost; shapes on the arrows."""

from __future__ import annotations

from netdsl.analysis.report import Report
from netdsl.base.asking import unknown_word
from netdsl.base.errors import ArgumentError
from netdsl.drawing.picture import Diagram
from netdsl.graph import Net

__all__ = ["STYLES", "Diagram", "draw"]

STYLES = ("layers", "u")


def draw(
    net: Net,
    report: Report,
    *,
    depth: int | None = None,
    style: str = "layers",
    unroll: int | None = None,
    expand: bool = False,
) -> Diagram:
    """A net as a picture, with the numbers of its report.

    `depth` is how many levels of nesting are shown, 1 folding every block; without it as many as stay readable.
    `style` is "layers", from top to bottom, or "u", the U of a U-Net. `unroll` is how many steps of a recurrent net are
    drawn side by side, and of longer sequences the last one behind them. `expand` draws repeated blocks and small
    layers one by one. Raises `TooManyBoxes`, `NoU` of a net that is none, `NotRecurrent` of one without steps, and
    `ArgumentError` for an unknown style or a number below 1.
    """
    from netdsl.drawing.depth import sketched_as_u, sketched_readably, sketched_to_unroll
    from netdsl.drawing.layered import layered
    from netdsl.drawing.sketch import sketched
    from netdsl.drawing.u_shape import u_shaped
    from netdsl.drawing.unrolled import unrolled

    if style not in STYLES:
        raise unknown_word("style", style, STYLES)
    for name, number in (("depth", depth), ("unroll", unroll)):
        if number is not None and number < 1:
            raise ArgumentError(name, f"`{name}` is 1 or more, not {number}")
    make = sketched_to_unroll if unroll is not None else sketched_as_u if style == "u" else sketched_readably
    sketch = make(net, report, expand) if depth is None else sketched(net, report, depth, expand)
    if unroll is not None:
        return unrolled(sketch, report.net, unroll, {number: name for name, number in report.at.items()})
    return (u_shaped if style == "u" else layered)(sketch, report.net)
