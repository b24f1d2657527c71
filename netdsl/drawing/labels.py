"""Where the shapes stand beside the arrows, so that they cover no box, no other arrow and no other shape."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from netdsl.base.record import changed, record
from netdsl.drawing.boxes import LINE, PADDING, TITLE
from netdsl.drawing.closing import HEADER
from netdsl.drawing.letters import fitted, width
from netdsl.drawing.places import PictureArrow, PictureBox, Point, Rect, Sheet

BESIDE = 5.0
"""Pixels from an arrow to its text."""
HEAD = 8.0
"""Length of the head of an arrow."""
CELL = 64.0
"""Height of the stripes in which what is in the way is looked up."""


class Taken:
    """What is in the way of a text, by stripes of the picture."""

    def __init__(self) -> None:
        self.stripes: defaultdict[int, list[Rect]] = defaultdict(list)

    def add(self, rect: Rect) -> None:
        for stripe in self._of(rect):
            self.stripes[stripe].append(rect)

    def meets(self, rect: Rect) -> bool:
        return any(overlap(rect, other) for stripe in self._of(rect) for other in self.stripes.get(stripe, ()))

    def _of(self, rect: Rect) -> range:
        return range(int(rect.y // CELL), int(rect.bottom // CELL) + 1)


def overlap(one: Rect, other: Rect) -> bool:
    """Whether two rectangles have a point inside both."""
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def labelled(arrows: Sequence[PictureArrow], boxes: Iterable[Rect]) -> list[PictureArrow]:
    """The arrows with a place for each text; where none is free it lies on the arrow."""
    taken = Taken()
    for rect in boxes:
        taken.add(rect)
    for arrow in arrows:
        for segment in segments(arrow.points):
            taken.add(segment)
    return [_placed(arrow, taken) if arrow.text else arrow for arrow in arrows]


def in_the_way(boxes: Iterable[PictureBox], arrows: Sequence[PictureArrow]) -> Iterator[Rect]:
    """What no text may cover: boxes, and of an open block its edges and what stands in its head."""
    for box in boxes:
        rect = box.rect
        if not box.opened:
            yield rect
            continue
        shown = headed(box, arrows)
        yield Rect(shown.start - PADDING, rect.y, width(shown.title, TITLE, bold=True) + 2 * PADDING, HEADER)
        beside = width(shown.name, LINE) + 2 * PADDING
        yield Rect(shown.end + PADDING - beside, rect.y, beside, HEADER)
        yield Rect(rect.x, rect.y - 1, rect.width, 2)
        yield Rect(rect.x, rect.bottom - 1, rect.width, 2)


@record
class Heading:
    """What stands in the head of an open block: its title from `start` on, and what ends at `end`."""

    title: str
    start: float
    end: float
    name: str


def headed(box: PictureBox, arrows: Iterable[PictureArrow]) -> Heading:
    """The title of an open block beside the arrows that come in through its head; where there is room its name."""
    rect, wide = box.rect, width(box.title, TITLE, bold=True)
    head = Rect(rect.x, rect.y, rect.width, HEADER)
    pieces = (piece for arrow in arrows for piece in segments(arrow.points))
    across = sorted(piece.x + 0.5 for piece in pieces if piece.width <= 1 and overlap(piece, head))
    starts = [rect.x + PADDING + 2, *(at + PADDING for at in across)]
    title, start = box.title, next((x for x in starts if _clear(x, x + wide, rect, across)), None)
    if start is None:  # cut down to where there is most room
        room, start = max((end - x - 5, x) for x, end in zip(starts, [*across, rect.right], strict=True))
        title = fitted(title, room, TITLE, bold=True)
        wide = width(title, TITLE, bold=True)
    for text in _names(box):
        for end in [rect.right - PADDING - 2, *(at - PADDING for at in reversed(across))]:
            begin = end - width(text, LINE)
            if begin > start + wide + PADDING and _clear(begin, end, rect, across):
                return Heading(title, start, end, text)
    return Heading(title, start, rect.right, "")


def _clear(left: float, right: float, frame: Rect, across: Iterable[float]) -> bool:
    return frame.x < left and right < frame.right and not any(left - 3 < at < right + 3 for at in across)


def _names(box: PictureBox) -> Iterator[str]:
    """Its name, copies and steps; its copies alone."""
    short = [f"×{box.copies}"] * (box.copies > 1)
    yield from dict.fromkeys(filter(None, (" · ".join([*box.lines, *short]), *short)))


def is_crossed(sheet: Sheet) -> bool:
    """Whether an arrow goes through a box."""
    taken = Taken()
    for box in sheet.boxes:
        if not box.opened:
            taken.add(Rect(box.rect.x + 0.8, box.rect.y + 0.8, box.rect.width - 1.6, box.rect.height - 1.6))
    return any(taken.meets(piece) for arrow in sheet.arrows for piece in segments(arrow.points))


def segments(points: Sequence[Point]) -> Iterator[Rect]:
    """The straight pieces of an arrow, as rectangles a pixel wide."""
    for (x, y), (u, v) in itertools.pairwise(points):
        yield Rect(min(x, u) - 0.5, min(y, v) - 0.5, abs(u - x) + 1, abs(v - y) + 1)


def _placed(arrow: PictureArrow, taken: Taken) -> PictureArrow:
    size = width(arrow.text, LINE), LINE + 1
    found = next((rect for rect in _beside(arrow.points, size) if not taken.meets(rect)), None)
    rect = found if found is not None else _upon(arrow.points, size)
    taken.add(rect)
    return changed(arrow, place=(round(rect.x, 1), round(rect.y + rect.height / 2, 1)))


def _beside(points: Sequence[Point], size: tuple[float, float]) -> Iterator[Rect]:
    """Places at the right and the left of pieces that go down, above and below those that go across."""
    wide, high = size
    for (x, y), (u, v) in itertools.pairwise(points):
        last = HEAD if (u, v) == points[-1] else 0.0
        length = abs(u - x) + abs(v - y) - last
        if x == u and length >= high:
            for share in (0.5, 0.25, 0.75):
                middle = y + (v - y) * share * length / (abs(v - y) or 1) - high / 2
                yield Rect(x + BESIDE, middle, wide, high)
                yield Rect(x - BESIDE - wide, middle, wide, high)
        elif y == v and length >= wide + 4:
            left = (x + u) / 2 - wide / 2
            yield Rect(left, y - high - 2, wide, high)
            yield Rect(left, y + 2, wide, high)


def _upon(points: Sequence[Point], size: tuple[float, float]) -> Rect:
    """In the middle of the longest piece."""
    (x, y), (u, v) = max(itertools.pairwise(points), key=lambda p: abs(p[0][0] - p[1][0]) + abs(p[0][1] - p[1][1]))
    return Rect((x + u - size[0]) / 2, (y + v - size[1]) / 2, *size)
