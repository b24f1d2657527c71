"""Mask files: a number or a colour for every pixel, and the class that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.labelmaps import ENDING, HIGHEST, Ambiguous, Class, LabelMap, read_map
from netdsl.recipe.data.masks import Masks, Paired
from netdsl.runtime.data.imagefile import ENDINGS, decoding, upright

LOSSY = {".jpeg", ".jpg", ".webp"}
LOSSLESS = ENDINGS - LOSSY
"""Endings of files whose pixels come back as they were written."""
SPARED, UNKNOWN, DOUBLE = -1, -2, -3
"""What stands for a class where a pixel does not count, means nothing, or means two things."""


def read_mask(path: Path) -> Array:
    """What a mask file holds: numbers `[h, w]`, or colours `[h, w, 3]`, of 8 or 16 bits.

    A palette is not looked at: its indices are the numbers. `DataError` names a file that is no mask.
    """
    with decoding(path) as image:
        low = _low_bytes(path) if _is_deep_colour(image) else None
        found = pixels_of(image, str(path))
    return found if low is None else found.astype(np.uint16) * 256 + low


def pixels_of(image: Image.Image, name: str) -> Array:
    """What an opened mask holds, of 16 bits the upper byte of colours alone; `name` is what a `DataError` calls it."""
    most = _most(image)
    image.load()
    if image.mode not in READERS:
        raise DataError(f"{name}: a mask holds whole numbers or colours, not pixels of the kind {image.mode}")
    found = _turned(READERS[image.mode](image), image)
    if most is not None:
        found = np.rint(found * (most / (255 if found.dtype == np.uint8 else 65535))).astype(np.uint16)
    if found.dtype == np.int32 and (found.min(initial=0) < 0 or found.max(initial=0) > HIGHEST):
        raise DataError(f"{name}: has numbers from {found.min()} to {found.max()}, but a mask has 0 to {HIGHEST:,}")
    return found


def _turned(found: Array, image: Image.Image) -> Array:
    """Numbers `[h, w]` or colours `[h, w, 3]` as the picture is seen, which is turned as its file says, too."""
    planes = found[None] if found.ndim == 2 else found.transpose(2, 0, 1)
    seen = upright(planes, image)
    return seen[0] if found.ndim == 2 else seen.transpose(1, 2, 0)


def _most(image: Image.Image) -> int | None:
    """The largest number of a grey file, where that is not what Pillow stretches numbers to; None where it is."""
    kind = image.tile[0][3] if isinstance(image, ImageFile) and image.tile else None
    name = kind[0] if isinstance(kind, tuple) and kind else kind
    if name in FEW_BITS:
        return FEW_BITS[name]
    if image.format == "PPM" and name == "L" and isinstance(kind, tuple):
        return int(kind[1])
    return None


FEW_BITS = {"L;2": 3, "L;4": 15}
"""How Pillow calls grey numbers of two and four bits (of `.png` and `.tif`), and the largest."""

READERS: Mapping[str, Callable[[Image.Image], Array]] = {
    **dict.fromkeys(("P", "L", "I", "I;16", "I;16B", "I;16L", "RGB"), np.asarray),
    "1": lambda image: np.asarray(image).astype(np.uint8),
    **dict.fromkeys(("LA", "PA"), lambda image: np.asarray(image.getchannel(0))),
    "RGBA": lambda image: np.asarray(image)[..., :3],
}
"""By Pillow's kind of pixel: how its numbers are had."""


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether a PNG file has colours of 16 bits, which Pillow has no kind of pixel for."""
    return isinstance(image, ImageFile) and image.format == "PNG" and any(t[3] in DEEP for t in image.tile)


def _low_bytes(path: Path) -> Array:
    """The lower halves of colours of 16 bits, of which Pillow keeps the upper: read as if they stood in front."""
    with decoding(path) as image:
        assert isinstance(image, ImageFile)
        image.tile = [tile._replace(args=DEEP[tile.args]) for tile in image.tile]
        image.load()
        return _turned(np.asarray(image)[..., :3].astype(np.uint16), image)


DEEP: Mapping[Any, str] = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
"""How Pillow calls colours of 16 bits whose upper half comes first, and those whose lower does."""


# ---------------------------------------------------------------- what it means


def _by_colour(stored: Array, known: Array, classes: Array) -> Array:
    """What colours `[h, w, 3]` stand for."""
    red, green, blue = (stored[..., channel].astype(np.int32) for channel in range(3))
    colours = (red * 256 + green) * 256 + blue
    places = np.minimum(np.searchsorted(known, colours), len(known) - 1)
    return np.where(known[places] == colours, classes[places], UNKNOWN)


@dataclass(frozen=True)
class Meaning:
    """Which class each number or colour of a mask stands for."""

    classes: tuple[str, ...]
    numbers: Array
    """`int32 [65536]`: a class by number, or one of `SPARED` and `UNKNOWN`."""
    colours: tuple[Array, Array] | None
    """Colours as `red · 65536 + green · 256 + blue`, sorted, and what each stands for; None where none are known."""
    ignore: int | None
    source: str
    """What says so: a map, or the setting `classes`."""
    palette: tuple[tuple[int, int, int] | None, ...] = ()
    groups: tuple[str, ...] = ()
    """By class: its class at the coarsest level, where there are several."""

    def labels(self, path: Path) -> Array:
        """The classes of a mask file `int64 [h, w]`; `DataError` names the file and the pixel that means nothing."""
        stored = read_mask(path)
        coloured = stored.ndim == 3
        if coloured and self.colours is not None and stored.dtype == np.uint8:
            found = _by_colour(stored, *self.colours)
        else:
            found = self.numbers[self._numbers(path, stored) if coloured else stored]
        worst = int(found.min(initial=0))
        if worst < 0:
            self._settle(path, stored, found, worst)
        return np.where(found == SPARED, -1 if self.ignore is None else self.ignore, found).astype(np.int64)

    def _numbers(self, path: Path, stored: Array) -> Array:
        """Colours that stand for numbers: grey ones, and of 16 bits the first, beside which others are kept."""
        first = stored[..., 0]
        if stored.dtype == np.uint16 or (stored == first[..., None]).all():
            return np.asarray(first)
        known = f"{self.source} knows no colours" if self.source != "classes" else "only a `map` says what these mean"
        raise DataError(f"{path}: a mask in colours, but {known}: make one of numbers, or name a map with a `colour`")

    def _settle(self, path: Path, stored: Array, found: Array, worst: int) -> None:
        """Refuse the first pixel of the worst kind there is."""
        if worst == SPARED and self.ignore is not None:
            return
        row, column = (int(i) for i in np.argwhere(found == worst)[0])
        value = stored[row, column]
        said = "({}, {}, {})".format(*value) if value.ndim else str(value)
        raise DataError(f"{path}: the pixel in row {row}, column {column} is {said}, {self._why(worst, said)}")

    def _why(self, worst: int, said: str) -> str:
        if worst == SPARED:
            return f"which {self.source} does not count: say what marks such pixels, as in `ignore=255`"
        if worst == DOUBLE:
            return f"which {self.source} has for two labels of different classes: make masks of ids"
        if self.source != "classes":
            return f"which {self.source} does not know"
        kept = f", and {self.ignore} what does not count" if self.ignore is not None else ""
        number = self.ignore is None and not said.startswith("(")
        help = f"; say `ignore={said}` if it marks what does not count" if number else ""
        return f"but the classes are 0 to {len(self.classes) - 1}{kept}{help}"


def meaning_of(data: Paired) -> Meaning:
    """What the masks of a data set mean; `DataError` where its map is not right."""
    if isinstance(data, Masks) and not data.map:
        names = data.class_names()
        numbers = _table({number: number for number in range(len(names))}, HIGHEST + 1)
        if data.ignore is not None:
            numbers[data.ignore] = data.ignore if data.ignore < len(names) else SPARED
        return Meaning(names, numbers, None, data.ignore, "classes")
    return _mapped(data, data.known_map() or read_map(Path(data.map)))


def _mapped(data: Paired, known: LabelMap) -> Meaning:
    level = known.at(data.level)
    stored = None if data.stored is None else known.at(data.stored)
    ignore = data.ignored()
    if ignore is not None and ignore < len(known.levels[level]) and data.map.endswith(ENDING):
        raise DataError(f"{known.name}: {ignore} is one of its {len(known.levels[level])} classes, not for `ignore`")
    by_colour = known.by_colour(level) if stored is None else {}
    keys = sorted(by_colour)
    ordered = np.array([(r * 256 + g) * 256 + b for r, g, b in keys], np.int32)
    colours = (ordered, np.array([_code(by_colour[key]) for key in keys], np.int32)) if keys else None
    numbers = _table(known.by_number(level, stored), HIGHEST + 1)
    source = f"the map {known.name}"
    return Meaning(
        known.levels[level], numbers, colours, ignore, source, known.palette(level), known.groups(level)
    )  # fmt: skip


def _table(known: Mapping[int, Class], size: int) -> Array:
    found = np.full(size, UNKNOWN, np.int32)
    for number, own in known.items():
        found[number] = _code(own)
    return found


def _code(own: Class | Ambiguous) -> int:
    return SPARED if own is None else DOUBLE if isinstance(own, Ambiguous) else own
