"""Numbers as pictures: planes in grey, filters in colours, heat over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.pictures.colours import colours_of
from netdsl.runtime.pictures.lettering import titled, widened, width_of
from netdsl.runtime.pictures.picture import resize
from netdsl.runtime.pictures.sheet import contact_sheet

PLANES = 64
"""Planes of one row that are drawn."""
LONGEST = 600
"""Pixels of a title, for which a narrow picture has white to its right."""
WIDEST = 240
"""Pixels that a picture with a title is at least wide, enlarged by whole numbers."""


def filters(weight: Array) -> Array:
    """The windows of a convolution `[out, in, h, w]`, bytes `[h, w, 3]`: in colours where it reads three.

    Each is grey where it is 0 and as bright as its largest number makes it; of others than pictures the first inputs
    of the first filters are drawn, a row a filter where there is room.
    """
    made = weight.astype(np.float32)
    if weight.shape[1] not in (1, 3):
        side = int(PLANES**0.5)
        made = made[:side, :side].reshape(-1, 1, *weight.shape[2:])
    made = made[: PLANES * 4]
    most = np.abs(made).max(axis=(1, 2, 3), keepdims=True)
    return colours_of(contact_sheet(made / np.where(most > 0, most, 1) / 2 + 0.5)[0])


def planes(maps: Array) -> Array:
    """Feature maps `[C, h, w]` side by side in grey, each from its smallest to its largest number."""
    shown = maps[:PLANES].astype(np.float32)
    low, high = (reach(shown, axis=(1, 2), keepdims=True) for reach in (np.min, np.max))
    return colours_of(contact_sheet((shown - low) / np.where(high > low, high - low, 1))[0])


def heated(picture: Array | None, heat: Array, share: float = 0.6) -> Array:
    """A map `[h, w]` of any size in colours over a picture of bytes, or alone at its own size."""
    from matplotlib import colormaps

    size = picture.shape[:2] if picture is not None else heat.shape
    wide = resize(heat.astype(np.float32)[None, None], *size)[0, 0]
    span = float(wide.max() - wide.min())
    level = (wide - wide.min()) / (span or 1)
    colours = colormaps["inferno"](level)[..., :3] * 255
    if picture is None:
        return np.asarray(np.rint(colours), np.uint8)
    strength = (level * share)[..., None]
    return np.asarray(np.rint(picture * (1 - strength) + colours * strength), np.uint8)


def beside(pictures: Sequence[Array], *title: str) -> Array:
    """Pictures of one height side by side with a title under them, enlarged where they are small."""
    row = np.concatenate(list(pictures), 1)
    factor = max(1, WIDEST // row.shape[1])
    whole = row.repeat(factor, 0).repeat(factor, 1)
    return titled(widened(whole, max(whole.shape[1], *(min(width_of(text), LONGEST) + 4 for text in title))), *title)
