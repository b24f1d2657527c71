"""Sheet a layout closer: stretches of height in which nothing but arrows that go down stands are made shorter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from netdsl.base.record import changed
from netdsl.drawing.places import PictureArrow, PictureBox, Rect

GAP = 28.0
"""The most height that is left between two things."""
HEADER = 22.0
"""Height of the title of an open block."""

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
    closer = Closer([*_of_boxes(boxes), *_of_arrows(arrows)])
    moved = [changed(box, rect=closer.rect(box.rect)) for box in boxes]
    bent = [changed(a, points=tuple((x, closer(y)) for x, y in a.points)) for a in arrows]
    return moved, bent


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
