"""One sample under way through the stages of an `augment` row: its pictures and masks, moved together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log

import numpy as np
from PIL import Image

from netdsl.base.arrays import Array
from netdsl.runtime.data.imagefile import PIXELS
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.pictures.picture import Box, in_channels, nearest, resized

Affine = tuple[float, float, float, float, float, float]
"""Where a pixel comes from: `(a x + b y + c, d x + e y + f)`, in pixels from the upper left corner."""


@dataclass
class VariedSample:
    """Fields of a sample; pictures are `[c, h, w]`, bytes or floats from 0 to 1, masks `int64 [h, w]`."""

    fields: Fields
    pictures: tuple[str, ...]
    masks: tuple[str, ...]
    holes: int
    """What a mask has where nothing is."""
    draw: np.random.Generator
    wanted: tuple[int, int] | None = None
    """The height and width that it is to be scaled to, once something asks for its pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.wanted or self._stored

    @property
    def _stored(self) -> tuple[int, int]:
        height, width = self.fields[self.pictures[0]].shape[1:]
        return height, width

    def ratio(self, most: float) -> float:
        """A ratio from `1 / most` to `most`, its logarithm drawn evenly."""
        return exp(self.draw.uniform(-log(most), log(most)))

    def scale(self, height: int, width: int) -> None:
        """Ask for another size, of no more pixels than a file may have."""
        self.settle()
        share = min(1.0, (PIXELS / (height * width)) ** 0.5)
        self.wanted = max(1, int(height * share)), max(1, int(width * share))

    def settle(self) -> None:
        """Scale where that is still to be done."""
        if self.wanted is not None:
            self.cut(0, 0, *self.wanted)

    def cut(self, top: int, left: int, height: int, width: int, fill: float = 0.0) -> None:
        """Keep a window, in pixels of the size it is to have; what lies outside of the picture is filled."""
        high, wide = self.size
        upper, lower = max(top, 0), min(top + height, high)
        start, end = max(left, 0), min(left + width, wide)
        down, across = (stored / size for stored, size in zip(self._stored, (high, wide), strict=True))
        box = (start * across, upper * down, end * across, lower * down)
        inner, offset = (lower - upper, end - start), (upper - top, start - left)
        self.wanted = None
        self.change(
            lambda planes: _padded(_part(planes, box, inner), offset, (height, width), _grey(planes, fill)),
            lambda mask: _padded(nearest(mask, *inner, box)[None], offset, (height, width), self.holes)[0],
        )

    def part(self, box: Box, height: int, width: int) -> None:
        """Keep a part `(left, top, right, bottom)`, scaled to a size."""
        self.settle()
        self.change(lambda planes: _part(planes, box, (height, width)), lambda mask: nearest(mask, height, width, box))

    def warp(self, matrix: Affine, fill: float) -> None:
        """Fetch each pixel from where an affine map leads: bilinear, masks by the nearest."""
        self.settle()
        self.change(lambda planes: _warped(planes, matrix, fill), lambda mask: _warped_mask(mask, matrix, self.holes))

    def change(self, picture: Callable[[Array], Array], mask: Callable[[Array], Array] | None = None) -> None:
        """Change each picture, and each mask where it has a part in it."""
        for name in self.pictures:
            self.fields[name] = picture(self.fields[name])
        for name in self.masks if mask is not None else ():
            self.fields[name] = mask(self.fields[name])  # type: ignore[misc]

    def light(self, change: Callable[[Array], Array]) -> None:
        """Change the numbers of each picture, from 0 to 1: masks stay as they are."""
        self.settle()
        self.change(lambda planes: np.clip(change(floats(planes)), 0, 1).astype(np.float32))


def floats(planes: Array) -> Array:
    """Bytes as numbers from 0 to 1; such numbers as they are."""
    return planes.astype(np.float32) / np.float32(255) if planes.dtype == np.uint8 else planes


def blended(first: Array, second: Array, share: float) -> Array:
    """So much of one, the rest of another; more than all of it leads away from that."""
    return np.asarray(np.float32(share) * first + np.float32(1 - share) * second)


def one_kind(first: Array, second: Array, channels: int) -> tuple[Array, Array]:
    """Two pictures with the same channels, from 0 to 1."""
    left, right = (in_channels(floats(planes)[None], channels)[0] for planes in (first, second))
    return left, right


def plain_fields(sample: VariedSample) -> Mapping[str, Array]:
    """The fields that are neither pictures nor masks."""
    moved = {*sample.pictures, *sample.masks}
    return {name: value for name, value in sample.fields.items() if name not in moved}


def _grey(planes: Array, fill: float) -> float:
    return round(255 * fill) if planes.dtype == np.uint8 else fill


def _part(planes: Array, box: Box, size: tuple[int, int]) -> Array:
    """A part of a picture at a size: a view where nothing is scaled."""
    left, top, right, bottom = box
    if min(size) <= 0:
        return planes[:, : max(size[0], 0), : max(size[1], 0)]
    if (bottom - top, right - left) == size and float(left).is_integer() and float(top).is_integer():
        return planes[:, int(top) : int(bottom), int(left) : int(right)]
    return resized(planes, (size[1], size[0]), box)


def _padded(planes: Array, offset: tuple[int, int], size: tuple[int, int], fill: float) -> Array:
    """Planes laid into larger ones."""
    if planes.shape[1:] == size:
        return planes
    made = np.full((len(planes), *size), fill, planes.dtype)
    (top, left), (high, wide) = offset, planes.shape[1:]
    made[:, top : top + high, left : left + wide] = planes
    return made


def _warped(planes: Array, matrix: Affine, fill: float) -> Array:
    size, grey = (planes.shape[2], planes.shape[1]), _grey(planes, fill)
    how = Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    if len(planes) == 3 and planes.dtype == np.uint8:
        colours = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
        return np.asarray(colours.transform(size, *how, fillcolor=(int(grey),) * 3)).transpose(2, 0, 1)
    each = [Image.fromarray(np.ascontiguousarray(p)).transform(size, *how, fillcolor=grey) for p in planes]
    return np.stack([np.asarray(image) for image in each])


def _warped_mask(mask: Array, matrix: Affine, holes: int) -> Array:
    height, width = mask.shape
    image = Image.fromarray(np.ascontiguousarray(mask, np.int32))
    how = Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST
    return np.asarray(image.transform((width, height), *how, fillcolor=holes)).astype(np.int64)
