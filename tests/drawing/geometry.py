"""What must hold of any picture: boxes lie apart or inside one another, and no arrow goes through a box."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import combinations

from netdsl.drawing.labels import overlap, segments
from netdsl.drawing.picture import Diagram
from netdsl.drawing.places import PictureBox, Rect

SVG = "{http://www.w3.org/2000/svg}"


def around(picture: Diagram, box: PictureBox) -> list[str]:
    """The open blocks that a box lies in, innermost first."""
    opened = {b.path: b for b in picture.boxes if b.opened}
    found = []
    while box.parent:
        found.append(box.parent)
        box = opened[box.parent]
    return found


def within(inner: Rect, outer: Rect) -> bool:
    return inner.x >= outer.x and inner.y >= outer.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def faults(picture: Diagram) -> Iterator[str]:
    """What is wrong with where things stand."""
    whole = Rect(0, 0, picture.width, picture.height)
    yield from (f"{box.path} is cut off" for box in picture.boxes if not within(box.rect, whole))
    opened = {b.path: b for b in picture.boxes if b.opened}
    for box in picture.boxes:
        if box.parent and not within(box.rect, opened[box.parent].rect):
            yield f"{box.path} is not inside {box.parent}"
    for one, other in combinations(picture.boxes, 2):
        nested = (one.opened and one.path in around(picture, other)) or (
            other.opened and other.path in around(picture, one)
        )
        if not nested and overlap(one.rect, other.rect):
            yield f"{one.path} and {other.path} overlap"
    yield from crossed(picture)


def crossed(picture: Diagram) -> Iterator[str]:
    """Boxes that an arrow goes through, and ends of arrows that lie at no box."""
    closed = [b for b in picture.boxes if not b.opened]
    for arrow in picture.arrows:
        for x, y in arrow.points:
            if not (0 <= x <= picture.width and 0 <= y <= picture.height):
                yield f"{arrow.source} → {arrow.target} leaves the picture"
        for piece in segments(arrow.points):
            thin = Rect(piece.x + 0.5, piece.y + 0.5, piece.width - 1, piece.height - 1)
            for box in closed:
                inner = Rect(box.rect.x + 0.3, box.rect.y + 0.3, box.rect.width - 0.6, box.rect.height - 0.6)
                if overlap(thin, inner):
                    yield f"{arrow.source} → {arrow.target} goes through {box.path}"
    for arrow in picture.arrows:
        for name, point in ((arrow.source, arrow.points[0]), (arrow.target, arrow.points[-1])):
            if not any(b.id == name and _at(b.rect, point) for b in closed):
                yield f"{arrow.source} → {arrow.target} does not reach {name}"


def _at(rect: Rect, point: tuple[float, float]) -> bool:
    """Whether a point lies on the edge of a box."""
    x, y = point
    across, down = rect.x - 0.3 <= x <= rect.right + 0.3, rect.y - 0.3 <= y <= rect.bottom + 0.3
    edges = [abs(x - rect.x), abs(x - rect.right), abs(y - rect.y), abs(y - rect.bottom)]
    return across and down and min(edges) < 0.3


def groups(svg: str) -> dict[str, ElementTree.Element]:
    """The groups of an SVG that are boxes, by their ids, each once."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if "box" not in group.attrib["class"].split():
            continue
        assert re.fullmatch(r"[a-z]+-[\w.-]+", group.attrib["id"])
        assert group.attrib["id"] not in found, group.attrib["id"]
        found[group.attrib["id"]] = group
    return found
