"""Sheet a layout closer: stretches of height in which nothing but arrows that go down stands are made shorter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from netdsl.base.record import changed
from netdsl.drawing.places import PictureArrow, PictureBox, Rect

GAP = 28.0
"""The most height that is left between two things."""
HEADER, FOOT = 22.0, 12.0
"""Height of the title of an open block, and of what is left below all that is in it."""

Band = tuple[float, float]


class Closer:
    """A map of heights that keeps their order, made of the stretches where something stands."""

    def __init__(self, taken: Sequence[Band]) -> None:
        self.starts: list[float] = []
        self.moved: list[float] = []
        """How far up everything moves from each start on."""
        end, up = 0.0, 0.0
        for top, bottom in sorted(taken):
            if top - end > GAP:
                up += top - end - GAP
                self.starts.append(top)
                self.moved.append(up)
            end = max(end, bottom)

    def __call__(self, y: float) -> float:
        place = bisect_right(self.starts, y) - 1
        return round(y - self.moved[place], 1) if place >= 0 else y

    def rect(self, rect: Rect) -> Rect:
        top = self(rect.y)
        return Rect(rect.x, top, rect.width, round(self(rect.bottom) - top, 1))


def closed_up(
    boxes: Sequence[PictureBox], arrows: Sequence[PictureArrow]
) -> tuple[list[PictureBox], list[PictureArrow]]:
    """The same picture without its empty stretches."""
    for _ in range(2):  # shorter frames leave other stretches empty
        closer = Closer([*_of_boxes(boxes), *_of_arrows(arrows)])
        boxes = _framed([changed(box, rect=closer.rect(box.rect)) for box in boxes], arrows)
        arrows = [changed(a, points=tuple((x, closer(y)) for x, y in a.points)) for a in arrows]
    return list(boxes), list(arrows)


def _framed(boxes: Sequence[PictureBox], arrows: Sequence[PictureArrow]) -> list[PictureBox]:
    """The boxes, of which open ones end below what is in them, the inner ones first."""
    ends = {end for arrow in arrows for end in (arrow.source, arrow.target)}
    rects = {box.path: box.rect for box in boxes if box.opened}
    inside: dict[str, list[PictureBox]] = {}
    for box in boxes:
        inside.setdefault(box.parent, []).append(box)
    for box in reversed([box for box in boxes if box.opened and box.id not in ends]):
        held = [rects[each.path] if each.opened else each.rect for each in inside.get(box.path, ())]
        if held:
            low = max(rect.bottom + 4 * (each.copies > 1) for rect, each in zip(held, inside[box.path], strict=True))
            rects[box.path] = changed(box.rect, height=round(min(low + FOOT, box.rect.bottom) - box.rect.y, 1))
    return [changed(box, rect=rects[box.path]) if box.opened else box for box in boxes]


def _of_boxes(boxes: Sequence[PictureBox]) -> Iterator[Band]:
    for box in boxes:
        if box.opened:
            yield box.rect.y, box.rect.y + HEADER
            yield box.rect.bottom - GAP / 2, box.rect.bottom
        else:
            yield box.rect.y, box.rect.bottom


def _of_arrows(arrows: Sequence[PictureArrow]) -> Iterator[Band]:
    """Where an arrow turns."""
    for arrow in arrows:
        yield from ((y, y) for _, y in arrow.points)
