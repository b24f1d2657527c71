"""Colours of classes: a palette, masks painted and laid over pictures, and mask files that hold class numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.files import replace_file
from netdsl.recipe.data.labelmaps import Colour
from netdsl.runtime.runs import kinds

COLOURS = 256
"""Classes that a palette has colours for; a mask file of bytes has as many."""
SHARE = 0.5
"""How much of a colour is laid over a picture."""
BARE = ("background",)
"""What a class is called whose pixels are left as they are, when it is the first."""


@cache
def voc_colours() -> Array:
    """`[256, 3]`: the colour map of PASCAL VOC (Everingham et al., 2010), in which number 0 is black.

    Bits 0, 1 and 2 of a number are the highest bits of its red, green and blue, bits 3 to 5 the next ones.
    """
    numbers = np.arange(COLOURS)
    colours = np.zeros((COLOURS, 3), np.int64)
    for place in range(3):
        for channel in range(3):
            colours[:, channel] |= (numbers >> (3 * place + channel) & 1) << (7 - place)
    return colours.astype(np.uint8)


def name_of(number: int, names: Sequence[str]) -> str:
    """A class by name, or by number where it has none."""
    return names[number] if 0 <= number < len(names) else str(number)


@dataclass(frozen=True)
class Palette:
    """The classes of a mask by number, each with its name and colour."""

    names: tuple[str, ...]
    colours: Array
    """Bytes `[256, 3]`, by class; the last is of what has no class."""

    def name(self, number: int) -> str:
        """What a class is called."""
        return name_of(number, self.names)

    @property
    def bare(self) -> bool:
        """Whether the first class is what no figure covers, so that a picture is left as it is there."""
        return bool(self.names) and self.names[0].lower() in BARE


def palette(names: Sequence[str] = (), colours: Mapping[int, Colour | None] | None = None) -> Palette:
    """The colours that a label map gives its classes, and those of PASCAL VOC for all others."""
    made = voc_colours().copy()
    for number, colour in (colours or {}).items():
        if colour is not None and 0 <= number < COLOURS:
            made[number] = colour
    return Palette(tuple(names), made)


def colours_kept(kept: object) -> tuple[Colour | None, ...]:
    """The colours of classes as weights keep them; none where they are no colours."""
    if not isinstance(kept, list) or kinds.listed(kinds.optional(_colour))(kept, "colours"):
        return ()
    return tuple(None if colour is None else (colour[0], colour[1], colour[2]) for colour in kept)


def _colour(value: object, name: str) -> str | None:
    sound = isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v < 256 for v in value)
    return None if sound else f"`{name}` is no colour"


def numbered(mask: Array) -> Array:
    """`[H, W]` whole numbers as bytes: what is no class of a palette, such as a label to be ignored, is the last."""
    return np.where((mask < 0) | (mask >= COLOURS), COLOURS - 1, mask).astype(np.uint8)


def painted(mask: Array, colours: Palette) -> Array:
    """`[H, W]` class numbers as a picture of bytes `[H, W, 3]`."""
    return np.asarray(colours.colours[numbered(mask)])


def overlaid(picture: Array, mask: Array, colours: Palette, share: float = SHARE) -> Array:
    """The colours of a mask `[H, W]` over a picture of bytes `[H, W, 3]`, full along the borders of classes."""
    classes = numbered(mask)
    laid = picture * np.float32(1 - share) + colours.colours[classes] * np.float32(share)
    made = np.rint(laid).astype(np.uint8)
    if colours.bare:
        made[classes == 0] = picture[classes == 0]
    edge = _edges(classes)
    made[edge] = colours.colours[classes[edge]]
    return made


def _edges(classes: Array) -> Array:
    """The pixels beside another class, on the side of the larger number alone, so that lines are one pixel wide."""
    edge = np.zeros(classes.shape, bool)
    for near, far in (((slice(1, None),), (slice(-1),)), ((..., slice(1, None)), (..., slice(-1)))):
        edge[near] |= classes[near] > classes[far]
        edge[far] |= classes[far] > classes[near]
    return edge


def colours_of(image: Array) -> Array:
    """Bytes `[H, W, 3]` of a grey or coloured picture of bytes, `[H, W]` or `[H, W, 1 or 3]`."""
    planes = image[..., None] if image.ndim == 2 else image
    return np.ascontiguousarray(np.broadcast_to(planes, (*planes.shape[:2], 3)))


def present(mask: Array) -> list[int]:
    """The classes that occur in a mask, in order."""
    return [int(number) for number in np.flatnonzero(np.bincount(numbered(mask).reshape(-1), minlength=COLOURS))]


def write_mask(path: Path, mask: Array, colours: Palette) -> None:
    """A PNG file whose pixels are the class numbers, which a viewer shows in the colours of the palette."""
    from PIL import Image

    image = Image.fromarray(numbered(mask)).convert("P")
    image.putpalette(colours.colours.tobytes())
    replace_file(path, lambda new: image.save(new, format="PNG"))
