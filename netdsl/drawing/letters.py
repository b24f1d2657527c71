"""How wide a text is, without a font: letters of DejaVu Sans, the widest of those that a browser may take instead."""

from __future__ import annotations

from itertools import accumulate

WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61,
    69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59,
    82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
"""Of the letters from space to `~`, in hundredths of the size of the font."""

OTHER = 100
"""Of every other letter."""
BOLD = 1.1
"""How much wider bold letters are."""


def width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that a text takes."""
    return sum(map(_letter, text)) * size / 100 * (BOLD if bold else 1)


def _letter(letter: str) -> int:
    place = ord(letter) - 32
    return WIDTHS[place] if 0 <= place < len(WIDTHS) else OTHER


def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """A text, cut where it takes more than `room` pixels."""
    if width(text, size, bold) <= room:
        return text
    factor = size / 100 * (BOLD if bold else 1)
    ends = accumulate(_letter(letter) * factor for letter in text)
    kept = sum(end + OTHER * factor <= room for end in ends)
    return text[:kept].rstrip(" ,·(") + "…"
