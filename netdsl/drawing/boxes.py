"""How large the box of a part is, and what stands in it."""

from __future__ import annotations

from math import ceil, log2

from netdsl.base.record import entity
from netdsl.drawing.letters import fitted, width
from netdsl.drawing.pieces import Piece
from netdsl.drawing.wording import told

TITLE, LINE = 12.0, 10.0
"""Sizes of letters: of a box's title and of what stands below it."""
NARROWEST, WIDEST = 104.0, 264.0
"""Widths of a box with one channel, and of one with `MOST_CHANNELS`."""
MOST_CHANNELS = 4096
PADDING = 8.0
HEATS = 5
"""Steps of the shade of a box that has any multiply-accumulates."""


@entity
class Card:
    """The box of a part before it has a place."""

    width: float
    height: float
    title: str
    lines: tuple[str, ...]


def card(part: Piece) -> Card:
    """A box as wide as its channels say, a pill around the name of an end, a small one around a join."""
    lines = _lines(part)
    if part.kind in ("input", "output", "state", "join"):
        texts = [width(part.title, TITLE, bold=True), *(width(line, LINE) for line in lines)]
        return Card(_even(max(56.0, max(texts) + 2 * PADDING + 4)), _height(lines), part.title, lines)
    room = wide(part.channels)
    title, rest = _broken(part.title, room - 2 * PADDING - _badge(part))
    shown = fitted(title, room - 2 * PADDING - _badge(part), TITLE, bold=True)
    lines = (rest, *lines) if rest else lines
    return Card(room, _height(lines), shown, tuple(fitted(line, room - 2 * PADDING, LINE) for line in lines))


def _broken(title: str, room: float) -> tuple[str, str]:
    """`conv 3×3, 64` and `4 groups`: what of a title goes on one line, and what stands below it for want of room."""
    words = title.split(", ")
    if "(" in title:
        return title, ""
    kept = next((n for n in range(len(words), 1, -1) if width(", ".join(words[:n]), TITLE, bold=True) <= room), 1)
    rest = [f"{word} channels" if word.isdecimal() else word for word in words[kept:]]
    return ", ".join(words[:kept]), ", ".join(rest)


def wide(channels: int) -> float:
    """The width that stands for a number of channels: each doubling adds the same."""
    share = log2(min(max(channels, 1), MOST_CHANNELS)) / log2(MOST_CHANNELS)
    return _even(NARROWEST + (WIDEST - NARROWEST) * share)


def badge(part: Piece) -> str:
    """`×3` of copies; of a recurrent block how many steps it runs."""
    return f"×{part.copies}" if part.copies > 1 else ""


def _badge(part: Piece) -> float:
    return width(badge(part), TITLE, bold=True) + 6 if badge(part) else 0.0


def _lines(part: Piece) -> tuple[str, ...]:
    """What stands under the title: the small layers beside the main one, then its name."""
    if part.kind in ("input", "output", "state"):
        return ()
    main = next((row for row in part.rows if row.path == part.path), part.rows[0])
    small = " · ".join(row.op for row in part.rows if row is not main)
    name = part.lines[0] if part.lines else main.name
    steps = f"{part.steps:,} steps" if part.kind == "recurrent" and part.steps > 1 else ""
    named = "" if part.kind == "join" or name == part.title else name
    return tuple(filter(None, [small, steps, named]))


def _height(lines: tuple[str, ...]) -> float:
    return 26.0 + 13.0 * len(lines)


def _even(pixels: float) -> float:
    """The next even number of pixels, so that the middle of a box is a whole one."""
    return 2.0 * ceil(pixels / 2)


def heat(part: Piece, most: int) -> int:
    """The shade of a part: 0 without multiply-accumulates, else 1 to 5 by its share of the largest."""
    if not part.macs or not most:
        return 0
    return max(1, min(HEATS, ceil(HEATS * part.macs / most)))


def notes(part: Piece) -> str:
    """A line for each row of a part."""
    if not part.rows:
        return f"{part.kind} {part.title}"
    return "\n".join(map(told, part.rows)) + (f"\n{part.copies} of them" if part.copies > 1 else "")
