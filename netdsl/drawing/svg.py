"""A picture as SVG: a group for each box, which a page can find by its path and style by its classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.drawing.boxes import HEATS, LINE, PADDING, TITLE
from netdsl.drawing.labels import headed
from netdsl.drawing.letters import width
from netdsl.drawing.places import PictureArrow, PictureBox, Point, Sheet
from netdsl.drawing.style import FONT, STYLE

ROOT = '<svg xmlns="http://www.w3.org/2000/svg" class="netdsl" '
"""What every picture of ours begins with."""
ROUND = 6.0
"""Radius of the corners of an arrow."""
LEGEND_MARGIN = 16.0
"""Pixels around the legend."""
STACK = 4.0
"""How far the box behind one of several copies looks out."""


def written(picture: Sheet, styled: bool = True) -> str:
    """The whole document, which ends in a newline."""
    return "\n".join(_document(picture, styled)) + "\n"


def _document(picture: Sheet, styled: bool) -> Iterator[str]:
    size = f'width="{number(picture.width)}" height="{number(picture.height)}"'
    view = f'viewBox="0 0 {number(picture.width)} {number(picture.height)}"'
    yield f'{ROOT}role="img" {size} {view} font-family="{FONT}">'
    yield f"<title>{escaped(picture.title)}</title>"
    if styled:
        yield f"<style>\n{STYLE}</style>"
    yield (
        '<defs><marker id="arrowhead" class="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5z"/></marker></defs>'
    )
    yield f'<rect class="ground" width="{number(picture.width)}" height="{number(picture.height)}"/>'
    yield from (line for box in picture.boxes if box.opened for line in _group(box, picture.arrows))
    yield from map(_arrow, picture.arrows)
    yield from (line for box in picture.boxes if not box.opened for line in _group(box))
    yield from (_label(arrow) for arrow in picture.arrows if arrow.text)
    yield from _legend(picture) if any(box.heat for box in picture.boxes) else ()
    yield "</svg>"


def _legend(picture: Sheet) -> Iterator[str]:
    """What the shades say, at the bottom."""
    x, y = LEGEND_MARGIN, picture.height - LEGEND_MARGIN
    few, most = "MACs: few", "most"
    yield '<g class="legend">'
    yield _text("name", x, y, LINE, few)
    x += width(few, LINE) + 6
    for heat in range(1, HEATS + 1):
        yield f'<g class="heat{heat}">{_rect("frame", x, y - 9, 14, 11, 2)}</g>'
        x += 14
    yield _text("name", x + 6, y, LINE, most)
    yield "</g>"


def _group(box: PictureBox, arrows: Sequence[PictureArrow] = ()) -> Iterator[str]:
    classes = " ".join(["box", box.kind, f"heat{box.heat}", *["open"] * box.opened])
    paths = f' data-paths="{escaped(" ".join(box.paths))}"' if len(box.paths) > 1 else ""
    yield f'<g id="{box.id}" class="{classes}" data-path="{escaped(box.path)}"{paths}>'
    yield f"<title>{escaped(box.told)}</title>"
    yield from _frame(box)
    yield from _head(box, arrows) if box.opened else _texts(box)
    yield "</g>"


def _frame(box: PictureBox) -> Iterator[str]:
    rect = box.rect
    radius = {"join": 10.0, "input": 13.0, "output": 13.0, "state": 13.0}.get(box.kind, 5.0)
    if box.copies > 1:
        yield _rect("behind", rect.x + STACK, rect.y + STACK, rect.width, rect.height, radius)
    yield _rect("frame", rect.x, rect.y, rect.width, rect.height, radius)


def _rect(name: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    size = f'width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f'<rect class="{name}" x="{number(x)}" y="{number(y)}" {size}/>'


def _head(box: PictureBox, arrows: Sequence[PictureArrow]) -> Iterator[str]:
    """The title of an open block, and its name."""
    shown = headed(box, arrows)
    yield _text("title", shown.start, box.rect.y + 16, TITLE, shown.title)
    yield _text("name", shown.end, box.rect.y + 16, LINE, shown.name, end=True)


def _texts(box: PictureBox) -> Iterator[str]:
    rect = box.rect
    middle = rect.x + rect.width / 2
    aside = 8.0 + 3.5 * len(str(box.copies)) if box.copies > 1 else 0.0
    yield _text("title", middle - aside, rect.y + 17, TITLE, box.title, middle=True)
    for place, line in enumerate(box.lines, 1):
        name = "name" if place == len(box.lines) and box.kind != "join" else "line"
        yield _text(name, middle, rect.y + 17 + 13 * place, LINE, line, middle=True)
    if box.copies > 1:
        yield _text("copies", rect.right - PADDING, rect.y + 17, TITLE, f"×{box.copies}", end=True)


def _text(name: str, x: float, y: float, size: float, text: str, middle: bool = False, end: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ' text-anchor="end"' if end else ""
    place = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
    return f'<text class="{name}" {place}{anchor}>{escaped(text)}</text>'


def _arrow(arrow: PictureArrow) -> str:
    classes = " ".join(filter(None, ["arrow", arrow.kind]))
    ends = f'data-from="{escaped(arrow.source)}" data-to="{escaped(arrow.target)}"'
    return f'<path class="{classes}" {ends} d="{line(arrow.points)}" marker-end="url(#arrowhead)"/>'


def _label(arrow: PictureArrow) -> str:
    x, y = arrow.place
    return _text("shape", x, y + LINE * 0.35, LINE, arrow.text)


def line(points: Sequence[Point]) -> str:
    """The path through some points, its corners rounded."""
    parts = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(at, before), _towards(at, after)
        parts.append(f"L{_pair(near)}Q{_pair(at)} {_pair(far)}")
    parts.append(f"L{_pair(points[-1])}")
    return "".join(parts)


def _towards(at: Point, other: Point) -> Point:
    """The point on the way to another at which a corner begins."""
    length = abs(other[0] - at[0]) + abs(other[1] - at[1])
    share = min(ROUND, length / 2) / length if length else 0.0
    return at[0] + (other[0] - at[0]) * share, at[1] + (other[1] - at[1]) * share


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def escaped(text: str) -> str:
    """A text from a file, as it may stand in an element or in double quotes."""
    plain = "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
