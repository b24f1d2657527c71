"""Pictures that a net made, side by side in one file."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.runs.folder import replace_file

GAP = 2
"""Pixels between pictures."""
LEAST = 48
"""Smaller pictures are enlarged, by whole numbers."""


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
    whole = np.rint(np.clip(np.nan_to_num(planes), 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
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


def write_sheet(path: Path, sheet: Array) -> None:
    from PIL import Image

    image = Image.fromarray(sheet[..., 0] if sheet.shape[2] == 1 else sheet)
    replace_file(path, lambda new: image.save(new, format="PNG"))
