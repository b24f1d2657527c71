"""What is known of a generated sample beside its mask, as pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from colorsys import hsv_to_rgb
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.generated import DIRECTIONS, Blobs, Roads
from netdsl.recipe.data.polygons import Polygons
from netdsl.runtime.data.samples import Fields


def views(data: object, sample: Fields, picture: Array) -> list[Array]:
    """Pictures of bytes `[h, w, 3]`, as large as that of the sample; none for most sets."""
    draw = VIEWS.get(type(data))
    return draw(data, sample, picture) if draw else []


def _directions(data: Roads, sample: Fields, picture: Array) -> list[Array]:
    """Each direction in its hue: red to the right, on to yellow and green downwards, black where there is none; and the
    mask with gaps."""
    hues = [hsv_to_rgb(number / DIRECTIONS, 1, 1) for number in range(DIRECTIONS)]
    colours = np.array([*hues, (0, 0, 0)])
    ways = np.rint(255 * colours[sample["orientation"]]).astype(np.uint8)
    return [ways, np.repeat(255 * sample["erased"][0, ..., None], 3, axis=2).astype(np.uint8)]


def _levels(data: Blobs, sample: Fields, picture: Array) -> list[Array]:
    """Distances: blue inside, red outside, white at the edge; and those to the circle that a contour starts as."""
    return [_distances(sample[name][0]) for name in ("distance", "start")]


def _distances(found: Array) -> Array:
    share = np.clip(found / max(float(np.abs(found).max()), 1e-6), -1, 1)[..., None]
    far = np.where(share < 0, np.reshape((0.1, 0.3, 0.9), (1, 1, 3)), np.reshape((0.9, 0.2, 0.1), (1, 1, 3)))
    return np.asarray(np.rint(255 * (1 - np.abs(share) * (1 - far)))).astype(np.uint8)


def _outline(data: Polygons, sample: Fields, picture: Array) -> list[Array]:
    """The sides in their order, from red over green to blue, over the picture."""
    from PIL import Image, ImageDraw

    numbers = sample["label"][(sample["label"] >= 0) & (sample["label"] < data.grid**2)]
    places = (np.stack(np.divmod(numbers, data.grid), 1) + 0.5) / data.grid * picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture // 2))
    pen = ImageDraw.Draw(image)
    for number, (start, end) in enumerate(zip(places, np.roll(places, -1, axis=0), strict=True)):
        colour = tuple(int(255 * part) for part in hsv_to_rgb(0.67 * number / max(len(places) - 1, 1), 1, 1))
        pen.line([(start[1], start[0]), (end[1], end[0])], fill=colour)
        pen.point((start[1], start[0]), fill=(255, 255, 255))
    return [np.asarray(image)]


VIEWS: Mapping[type, Callable[[Any, Fields, Array], list[Array]]] = {
    Roads: _directions, Blobs: _levels, Polygons: _outline,
}  # fmt: skip
