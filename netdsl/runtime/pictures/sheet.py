"""Pictures side by side in one file: those that a net made, or any with titles."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.files import replace_file
from netdsl.runtime.pictures.colours import colours_of
from netdsl.runtime.pictures.lettering import LINE, titled
from netdsl.runtime.pictures.picture import as_bytes
from netdsl.runtime.runs.evaluations import SOFTWARE

GAP = 2
"""Pixels between pictures."""
LEAST = 48
"""Smaller pictures are enlarged, by whole numbers."""
CELL = 160
"""Pixels of a side that a picture with a title has at most, and is enlarged to by whole numbers."""
ROOM = 2**26
"""Bytes of all cells of a sheet."""
MOST = 256
"""Pictures with titles on one sheet."""


def is_pictures(made: Array) -> bool:
    """Whether `[N, …]` are pictures: grey or of three colours, or planes."""
    return made.ndim == 3 or (made.ndim == 4 and made.shape[1] in (1, 3))


def contact_sheet(made: Array, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> tuple[Array, float]:
    """`[N, C, H, W]` or `[N, H, W]` as one picture of bytes, `[h, w, C]`, and the share of numbers that were cut off.

    `mean` and `std` are those by which training pictures were moved and scaled, one a channel or one for all.
    """
    planes = (made[:, None] if made.ndim == 3 else made).astype(np.float32)
    if len(mean) in (1, planes.shape[1]) and len(std) in (1, planes.shape[1]):
        planes = planes * _channels(std) + _channels(mean)
    beyond = float(((planes < 0) | (planes > 1)).mean())
    whole = as_bytes(planes)
    factor = max(1, ceil(LEAST / max(whole.shape[1:3])))
    return _laid_out(whole.repeat(factor, 1).repeat(factor, 2)), beyond


def _channels(numbers: Sequence[float]) -> Array:
    return np.asarray(numbers, np.float32).reshape(1, -1, 1, 1)


def _laid_out(pictures: Array) -> Array:
    """`[N, h, w, C]` in as many columns as rows, or nearly."""
    count, height, width, channels = pictures.shape
    columns = ceil(count**0.5)
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 128, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (GAP + i * (size + GAP) for i, size in zip(divmod(place, columns), (height, width), strict=True))
        sheet[top : top + height, left : left + width] = picture
    return sheet


def titled_sheet(pictures: Sequence[Array], titles: Sequence[Sequence[str]], side: int = CELL) -> Array:
    """Pictures of bytes `[h, w]` or `[h, w, 1 or 3]` of any sizes, each with lines of words under it, as one.

    Of more than `MOST` pictures the first are shown. The side is smaller where all would have more than `ROOM` bytes.
    """
    side = min(side, max(CELL, int((ROOM / 3 / max(1, len(pictures[:MOST]))) ** 0.5)))
    lines = max((len(title) for title in titles[:MOST]), default=0)
    cells = [_cell(picture, side) for picture in pictures[:MOST]]
    high, wide = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    made = np.full((len(cells), high + LINE * lines, wide, 3), 255, np.uint8)
    for place, (cell, title) in enumerate(zip(cells, titles, strict=False)):
        made[place] = titled(_centred(cell, high, wide), *title, *[""] * (lines - len(title)))
    return _laid_out(made)


def _cell(picture: Array, side: int) -> Array:
    """A picture enlarged by a whole number, or made smaller, until its longer side is about `side`."""
    from PIL import Image

    whole = colours_of(picture)
    longest = max(whole.shape[:2])
    if longest <= side:
        factor = max(1, side // longest)
        return np.asarray(whole.repeat(factor, 0).repeat(factor, 1))
    size = tuple(max(1, round(n * side / longest)) for n in (whole.shape[1], whole.shape[0]))
    return np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BOX))


def _centred(cell: Array, high: int, wide: int) -> Array:
    made = np.full((high, wide, 3), 255, np.uint8)
    top, left = (high - cell.shape[0]) // 2, (wide - cell.shape[1]) // 2
    made[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return made


def is_ours(path: Path) -> bool:
    """Whether a file is a picture that says it is ours."""
    from PIL import Image

    try:
        with path.open("rb") as file, Image.open(file, formats=["PNG"]) as image:
            return image.info.get("Software") == SOFTWARE
    except Exception:  # whatever else lies there: Pillow raises many kinds
        return False


def write_sheet(path: Path, sheet: Array) -> None:
    """A PNG file of bytes `[h, w, 1 or 3]`, which says that it is ours."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    said = PngInfo()
    said.add_text("Software", SOFTWARE)
    image = Image.fromarray(sheet[..., 0] if sheet.shape[2] == 1 else sheet)
    replace_file(path, lambda new: image.save(new, format="PNG", pnginfo=said))
