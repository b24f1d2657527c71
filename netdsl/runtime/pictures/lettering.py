"""Words on pictures: titles, and the legend of a palette."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.terminal import printable
from netdsl.runtime.pictures.colours import Palette

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LETTERS = 12
"""Pixels that a letter is high."""
LINE = 18
"""Pixels of a line of words."""
EDGE = 4
"""Pixels around words."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
LONGEST = 200
"""Letters of a name that are looked at."""


@cache
def font() -> FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of most scripts."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", LETTERS)


def width_of(text: str) -> int:
    return int(np.ceil(font().getlength(text)))


def shortened(text: str, width: int) -> str:
    """A text on one line that is at most so many pixels wide; its middle is left out where it is wider."""
    whole = printable(text[:LONGEST])
    kept = len(whole)
    made = whole
    while width_of(made) > width and kept > 1:
        kept -= 1
        made = f"{whole[: (kept + 1) // 2]}…{whole[len(whole) - kept // 2 :]}"
    return made


def titled(picture: Array, *lines: str) -> Array:
    """A picture `[h, w, 3]` of bytes with lines of words under it, as wide as before."""
    from PIL import Image, ImageDraw

    width = picture.shape[1]
    strip = Image.new("RGB", (width, LINE * len(lines)), WHITE)
    pen = ImageDraw.Draw(strip)
    for place, text in enumerate(lines):
        words = shortened(text, width - 2)
        left = max(0, (width - width_of(words)) // 2)
        pen.text((left, LINE * place + 2), words, fill=BLACK, font=font())
    return np.concatenate([picture, np.asarray(strip)])


def with_legend(picture: Array, colours: Palette, classes: Iterable[int]) -> Array:
    """A picture with the names and colours of some classes under it, in as many lines as they take."""
    names = legend(colours, classes, max(picture.shape[1], 120))
    width = max(picture.shape[1], names.shape[1])
    return np.concatenate([widened(picture, width), widened(names, width)])


def widened(picture: Array, width: int) -> Array:
    """A picture with white to its right, so many pixels wide."""
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)


def legend(colours: Palette, classes: Iterable[int], width: int) -> Array:
    """The names of classes, each beside its colour: a picture `[h, width, 3]` of bytes."""
    from PIL import Image, ImageDraw

    entries, lines = [], 0
    left = EDGE
    for number in classes:
        name = shortened(colours.name(number), width - LINE - 2 * EDGE)
        taken = LINE + width_of(name) + 2 * EDGE
        if left > EDGE and left + taken > width:
            left, lines = EDGE, lines + 1
        entries.append((number, name, left, lines * LINE))
        left += taken
    made = Image.new("RGB", (width, LINE * (lines + 1)), WHITE)
    pen = ImageDraw.Draw(made)
    for number, name, x, y in entries:
        colour = tuple(map(int, colours.colours[number]))
        pen.rectangle((x, y + 3, x + LETTERS, y + 3 + LETTERS), fill=colour, outline=BLACK)
        pen.text((x + LINE - 1, y + 2), name, fill=BLACK, font=font())
    return np.asarray(made)
