"""Where boxes and arrows stand, in pixels, x to the right and y down."""

from __future__ import annotations

import re

from netdsl.base.record import entity, record

Point = tuple[float, float]


@record
class Rect:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@record
class PictureBox:
    """A box: of a layer, of a block folded or open, or an end of the net."""

    path: str
    """The path of its row in the report; the name of an end."""
    paths: tuple[str, ...]
    """Those of all rows that it stands for, small layers and copies of a block among them."""
    kind: str
    """`layer`, `join`, `block`, `recurrent`, `input`, `output` or `state`."""
    rect: Rect
    title: str
    lines: tuple[str, ...]
    told: str
    """A line for each of its rows: what it is, shapes, parameters and MACs."""
    heat: int
    """Its share of the multiply-accumulates in steps, from 0 for none to 5."""
    copies: int = 1
    steps: int = 1
    opened: bool = False
    """Whether what is inside it is drawn, too."""
    parent: str = ""
    """The path of the open block that it lies in."""

    @property
    def id(self) -> str:
        """Its id in an SVG: what it is, and its path."""
        return identity(self.kind, self.path)


def identity(kind: str, path: str) -> str:
    """The id of a box: an end of the net may be called as a row is."""
    what = kind if kind in ("input", "output", "state") else "box"
    return f"{what}-{re.sub(r'[^A-Za-z0-9_.-]', '-', path)}"


@record
class PictureArrow:
    """What flows from one box to another, along a line of points."""

    source: str
    """The id of the box that it comes from."""
    target: str
    """The id of the box that it leads to."""
    points: tuple[Point, ...]
    kind: str = ""
    """`skip` of one that passes other boxes by, `back` of one that leads to the next step."""
    text: str = ""
    """The shape that flows there, where no other arrow says so."""
    place: Point = (0.0, 0.0)
    """The left end of the text, at half of its height."""


@entity
class Sheet:
    """A picture as what stands on it."""

    title: str
    boxes: tuple[PictureBox, ...]
    """An open block before what is in it."""
    arrows: tuple[PictureArrow, ...]
    width: float
    height: float
