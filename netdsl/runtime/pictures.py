"""From stored pictures to what an input wants: size, channels, scale and layout, in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netdsl.dims import at
from netdsl.recipe.data import Images
from netdsl.tensors import TensorType

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """What the network's input asks for: a picture `[channels, height, width]`, normalised, laid out as `shape`."""

    channels: int
    height: int
    width: int
    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def fit(self, stored: Array, scale: float = 255.0) -> Array:
        """`[N, c, h, w]` as stored, from 0 to `scale`, to float32 `[N, *shape]`."""
        images = stored.astype(np.float32) / np.float32(scale)
        images = resize(in_channels(images, self.channels), self.height, self.width)
        return self.finish(images)

    def finish(self, images: Array) -> Array:
        """Normalise `[N, C, H, W]` from 0 to 1 and lay it out."""
        if self.mean != (0.0,) or self.std != (1.0,):
            mean, std = (np.asarray(v, np.float32).reshape(1, -1, 1, 1) for v in (self.mean, self.std))
            images = (images - mean) / std
        return np.ascontiguousarray(images, np.float32).reshape(len(images), *self.shape)


def picture_for(data: Images, type: TensorType, sizes: Mapping[str, int], defaults: Mapping[str, int]) -> Picture:
    """What an input asks of a set of images, with numbers for its symbols."""
    channels, height, width = data.picture(type, defaults)
    shape = tuple(at(extent, sizes) for extent in type.shape)
    return Picture(channels, height, width, shape, tuple(data.mean), tuple(data.std))


def in_channels(images: Array, channels: int) -> Array:
    """Repeat one channel over several, or average several into one; `[N, c, h, w] -> [N, channels, h, w]`."""
    if images.shape[1] == channels:
        return images
    if channels == 1:
        return np.asarray(images.mean(axis=1, keepdims=True, dtype=images.dtype))
    return np.repeat(images[:, :1], channels, axis=1)


def resize(images: Array, height: int, width: int) -> Array:
    """Bilinear between pixel centres, edges repeated, no antialiasing: `align_corners=False` of PyTorch."""
    if images.shape[2:] == (height, width):
        return images
    rows, below, down = _taps(images.shape[2], height)
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
