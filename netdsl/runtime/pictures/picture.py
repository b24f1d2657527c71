"""From stored pictures to what an input wants: size, channels, scale and layout, in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims import at
from netdsl.dims.tensors import TensorType
from netdsl.recipe.data.images import Images


@dataclass(frozen=True, slots=True)
class Picture:
    """What a network's input asks for: a picture `[channels, height, width]`, normalised, laid out as `shape`.

    `inputs` is the one way from a stored picture to an input: for samples and files, by every engine.
    """

    channels: int
    height: int
    width: int
    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    fit: str = "crop"
    """How a picture of other proportions is made to fit: `crop` cuts the centre, `stretch` ignores them."""
    stored: tuple[int, int, int] | None = None
    """The channels, height and width of every sample of the set; None where each picture has its own."""

    def inputs(self, planes: Array, white: float = 255.0) -> Array:
        """`[N, c, h, w]` as stored, from 0 to `white`, to float32 `[N, *shape]`.

        A set whose samples are all of one size is interpolated between pixel centres; a picture of another size is
        made like its samples first. Pictures that have their own size are scaled as Pillow scales.
        """
        planes, white = unified(planes, white)
        if self.stored is None:
            planes = scaled(planes, self.height, self.width, self.fit)
        elif planes.shape[1:] != self.stored:
            planes = in_channels(scaled(planes, *self.stored[1:], self.fit), self.stored[0])
        images = in_channels(planes, self.channels).astype(np.float32) / np.float32(white)
        return self.finish(resize(images, self.height, self.width))

    def input(self, planes: Array) -> Array:
        """One picture `[c, h, w]`, bytes or floats from 0 to 1, as `inputs` makes it."""
        found: Array = self.inputs(planes[None], 255.0 if planes.dtype == np.uint8 else 1.0)[0]
        return found

    def fitted(self, planes: Array) -> Array:
        """One picture `[c, h, w]` at the height and width of the input."""
        made: Array = scaled(planes[None], self.height, self.width, self.fit)[0]
        return made

    def mask(self, mask: Array) -> Array:
        """`[h, w]` with the part and the size that a picture of its size comes to, by the nearest pixel."""
        high, wide = mask.shape
        if (high, wide) == (self.height, self.width):
            return mask
        _, height, width = self.stored or (0, self.height, self.width)
        box = fitting(wide, high, width, height, self.fit)
        return nearest(mask, self.height, self.width, box)

    @property
    def normalises(self) -> bool:
        """Whether numbers from 0 to 1 are still moved or scaled."""
        return self.mean != (0.0,) or self.std != (1.0,)

    def finish(self, images: Array) -> Array:
        """Normalise `[N, C, H, W]` from 0 to 1 and lay it out."""
        if self.normalises:
            mean, std = (np.asarray(v, np.float32).reshape(1, -1, 1, 1) for v in (self.mean, self.std))
            images = (images - mean) / std
        return np.ascontiguousarray(images, np.float32).reshape(len(images), *self.shape)


def picture_for(data: Images, type: TensorType, sizes: Mapping[str, int], defaults: Mapping[str, int]) -> Picture:
    """What an input asks of a set of images, with numbers for its symbols."""
    shape = tuple(at(extent, sizes) for extent in data.frame(type).shape)
    return Picture(shape=shape, **data.preparation(type, defaults))


def picture_from(kept: Any, type: TensorType, name: str) -> Picture:
    """The picture that an ONNX file says it was trained on; `RunError` when it says what cannot be."""
    try:
        channels, height, width = (_size(kept[side], 3 if side == "channels" else 2**16) for side in SIDES)
        stored = tuple(_size(size, 2**16) for size in kept["stored"]) if kept["stored"] is not None else None
        mean, std = (tuple(map(float, kept[side])) for side in ("mean", "std"))
        shape = {1: (channels * height * width,), 2: (height, width), 3: (channels, height, width)}[type.rank]
        given = zip(type.shape, shape, strict=True)
        sound = all(len(v) in (1, channels) and np.isfinite(v).all() for v in (mean, std)) and all(std)
        sound = sound and channels in (1, 3) and kept["fit"] in ("crop", "stretch") and len(stored or SIDES) == 3
        if not sound or any(isinstance(axis, int) and axis != size for axis, size in given):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RunError(f"{name}: what it says of its pictures (netdsl.picture) does not fit its input") from None
    return Picture(channels, height, width, shape, mean, std, kept["fit"], stored)  # type: ignore[arg-type]


SIDES = ("channels", "height", "width")


def _size(value: object, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise ValueError
    return value


def as_bytes(planes: Array) -> Array:
    """`[…, C, H, W]` from 0 to 1 as bytes `[…, H, W, C]`, to be looked at: what lies beyond is cut off, NaN is 0."""
    whole = np.rint(np.clip(np.nan_to_num(planes), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(whole, -3, -1))


def in_channels(images: Array, channels: int) -> Array:
    """Repeat one channel over several, or average several into one; `[N, c, h, w] -> [N, channels, h, w]`."""
    if images.shape[1] == channels:
        return images
    if channels == 1:
        return np.asarray(images.mean(axis=1, keepdims=True, dtype=np.float32))
    return np.repeat(images[:, :1], channels, axis=1)


def unified(planes: Array, white: float) -> tuple[Array, float]:
    """Pictures as bytes up to 255, or as floats up to 1."""
    if planes.dtype == np.uint8 and white == 255:
        return planes, white
    return planes.astype(np.float32) / np.float32(white), 1.0


def scaled(images: Array, height: int, width: int, fit: str) -> Array:
    """As Pillow does it: bilinear, with antialiasing when it shrinks; 8 bits stay 8 bits. `[N, c, h, w]`."""
    high, wide = images.shape[2:]
    if (high, wide) == (height, width):
        return images
    box = fitting(wide, high, width, height, fit)
    return np.stack([resized(planes, (width, height), box) for planes in images])


Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


def resized(planes: Array, size: tuple[int, int], box: Box) -> Array:
    """A part of `[c, h, w]` at another width and height: three planes of bytes at once, others one by one."""
    from PIL import Image

    if len(planes) == 3 and planes.dtype == np.uint8:
        colours = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
        return np.asarray(colours.resize(size, Image.Resampling.BILINEAR, box=box)).transpose(2, 0, 1)
    each = (Image.fromarray(np.ascontiguousarray(plane)) for plane in planes)
    return np.stack([np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box)) for image in each])


def nearest(mask: Array, height: int, width: int, box: Box) -> Array:
    """A part of `[h, w]` at another size, each pixel that of the nearest centre."""
    left, top, right, bottom = box
    rows = top + (np.arange(height) + 0.5) * (bottom - top) / max(height, 1)
    columns = left + (np.arange(width) + 0.5) * (right - left) / max(width, 1)
    own = (
        np.clip(places.astype(np.int64), 0, side - 1) for places, side in zip((rows, columns), mask.shape, strict=True)
    )
    return np.ascontiguousarray(mask[np.ix_(*own)])


def fitting(wide: int, high: int, width: int, height: int, fit: str) -> Box:
    """The part of a picture that comes to a width and height."""
    return _box(wide, high, width, height) if fit == "crop" else (0.0, 0.0, float(wide), float(high))


def _box(wide: int, high: int, width: int, height: int) -> Box:
    """The part of a picture that has the wanted proportions: as large as it can be, from the centre."""
    scale = max(width / wide, height / high)
    across, down = width / scale, height / scale
    left, top = (wide - across) / 2, (high - down) / 2
    return max(0.0, left), max(0.0, top), min(wide, left + across), min(high, top + down)


def resize(images: Array, height: int, width: int, part: slice = slice(None)) -> Array:
    """Bilinear between pixel centres, edges repeated, no antialiasing: `align_corners=False` of PyTorch.

    Of the result the `part` of the rows alone is made, where one is named.
    """
    if images.shape[2:] == (height, width):
        return images[:, :, part]
    rows, below, down = (taps[part] for taps in _taps(images.shape[2], height))
    columns, right, across = _taps(images.shape[3], width)
    down = down[:, None]
    tall = images[:, :, rows] * (1 - down) + images[:, :, below] * down
    return np.asarray(tall[..., columns] * (1 - across) + tall[..., right] * across)


def _taps(stored: int, wanted: int) -> tuple[Array, Array, Array]:
    """For each wanted position the two stored ones it lies between, and how far it is towards the second."""
    centres = (np.arange(wanted) + 0.5) * (stored / wanted) - 0.5
    centres = np.clip(centres, 0, stored - 1)
    low = np.floor(centres).astype(np.int64)
    return low, np.minimum(low + 1, stored - 1), (centres - low).astype(np.float32)
