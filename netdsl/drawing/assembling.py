"""From where the parts of a net were put to the picture: corner, empty heights, shades, and shapes on the arrows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netdsl.base.record import changed
from netdsl.drawing.boxes import Card, heat, notes
from netdsl.drawing.closing import closed_up
from netdsl.drawing.labels import in_the_way, labelled
from netdsl.drawing.picture import Diagram
from netdsl.drawing.pieces import Piece, Wire
from netdsl.drawing.places import PictureArrow, PictureBox, Point, Rect, identity
from netdsl.drawing.wording import shapes_text

MARGIN = 16.0
"""Pixels around the picture."""

LEGEND = 210.0, 24.0
"""What the legend of shades takes: the least width of a picture, and height below it."""

Routes = Mapping[Wire, Sequence[Point]]


def assembled(
    cards: Mapping[Piece, Card], rects: Mapping[Piece, Rect], routes: Routes, title: str, every: bool = False
) -> Diagram:
    """A picture of the parts that have a place, each arrow along its points, with no more room than it needs.

    A shape is told on the first arrow that leaves a box, or on `every` one.
    """
    corner = _corner(rects.values(), routes)
    most = max((piece.macs for piece in rects if not piece.opened), default=0)
    boxes = [_box(piece, cards[piece], _moved(rect, corner), most) for piece, rect in rects.items()]
    boxes = [box if box.parent in {b.path for b in boxes if b.opened} else changed(box, parent="") for box in boxes]
    texts = _texts(routes, every)
    arrows = [_arrow(wire, texts.get(wire, ""), points, corner) for wire, points in routes.items()]
    boxes, arrows = closed_up(boxes, arrows)
    arrows = labelled(arrows, in_the_way(boxes, arrows))
    ends = [*((box.rect.right, box.rect.bottom) for box in boxes), *(p for arrow in arrows for p in arrow.points)]
    right, bottom = max(x for x, _ in ends) + MARGIN, max(y for _, y in ends) + MARGIN
    if most:
        right, bottom = max(right, LEGEND[0]), bottom + LEGEND[1]
    return Diagram(title, tuple(boxes), tuple(arrows), round(right, 1), round(bottom, 1))


def _corner(rects: Iterable[Rect], routes: Routes) -> Point:
    """What lies at the top and left, with the margin."""
    ends = [*((rect.x, rect.y) for rect in rects), *(point for points in routes.values() for point in points)]
    return min(x for x, _ in ends) - MARGIN, min(y for _, y in ends) - MARGIN


def _moved(rect: Rect, corner: Point) -> Rect:
    return Rect(round(rect.x - corner[0], 1), round(rect.y - corner[1], 1), rect.width, rect.height)


def _texts(wires: Iterable[Wire], every: bool) -> dict[Wire, str]:
    """The shape that each arrow says."""
    found: dict[Wire, str] = {}
    told: set[tuple[Piece, str]] = set()
    for wire in wires:
        text = shapes_text(wire.shapes) if wire.shapes else wire.role * wire.back
        if text and (every or (wire.source, text) not in told):
            told.add((wire.source, text))
            found[wire] = text
    return found


def _box(piece: Piece, made: Card, rect: Rect, most: int) -> PictureBox:
    paths = (*(row.path for row in piece.rows), *piece.others) or (piece.path,)
    parent = piece.parent.path if piece.parent is not None else ""
    shade = 0 if piece.opened else heat(piece, most)
    return PictureBox(
        piece.path, paths, piece.kind, rect, made.title, made.lines, notes(piece), shade, piece.copies, piece.steps,
        piece.opened, parent,
    )  # fmt: skip


def _arrow(wire: Wire, text: str, points: Sequence[Point], corner: Point) -> PictureArrow:
    moved = tuple((round(x - corner[0], 1), round(y - corner[1], 1)) for x, y in points)
    kind = "back" if wire.back else "skip" if len(moved) > 2 else ""
    ends = [identity(piece.kind, piece.path) for piece in (wire.source, wire.target)]
    return PictureArrow(ends[0], ends[1], moved, kind, text)
