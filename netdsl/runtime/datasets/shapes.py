"""Images of overlapping discs, boxes and triangles with exact masks, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.shapes import Shapes
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sets import SMALL, Dataset, MadeSplit, Request, SampleSplit, Stored
from netdsl.runtime.pictures.picture import Picture


def disc(generator: np.random.Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in a circle; `y` and `x` are measured from the figure's centre."""
    radius = generator.uniform(0.1, 0.25) * size
    return np.asarray(y**2 + x**2 <= radius**2)


def box(generator: np.random.Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in an upright rectangle."""
    high, wide = generator.uniform(0.08, 0.25, 2) * size
    return np.asarray((np.abs(y) <= high) & (np.abs(x) <= wide))


def triangle(generator: np.random.Generator, y: Array, x: Array, size: float) -> Array:
    """Pixels whose centre lies in a triangle: on the same side of all three edges."""
    turns = generator.uniform(0, 2 * np.pi) + np.arange(3) * 2 * np.pi / 3 + generator.uniform(-0.4, 0.4, 3)
    radius = generator.uniform(0.15, 0.3) * size
    corners = radius * np.stack([np.sin(turns), np.cos(turns)], axis=1)
    sides = [
        (b[1] - a[1]) * (y - a[0]) - (b[0] - a[0]) * (x - a[1])
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    return np.asarray(np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0))


FIGURES: dict[str, Callable[[np.random.Generator, Array, Array, float], Array]] = {
    "disc": disc,
    "box": box,
    "triangle": triangle,
}


def draw(data: Shapes, index: int, channels: int, height: int, width: int) -> tuple[Array, Array]:
    """Image number `index`: `[channels, height, width]` from 0 to 1, and its mask `int64 [height, width]`."""
    generator = np.random.default_rng([data.seed, index])
    y, x = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
    image = np.broadcast_to(generator.uniform(0, 1, (channels, 1, 1)), (channels, height, width)).copy()
    mask = np.zeros((height, width), np.int64)
    for _ in range(generator.integers(1, data.figures + 1)):
        kind = int(generator.integers(len(data.classes)))
        centre_y, centre_x = generator.uniform(0, height), generator.uniform(0, width)
        inside = FIGURES[data.classes[kind]](generator, y - centre_y, x - centre_x, min(height, width))
        image[:, inside] = generator.uniform(0, 1, (channels, 1))
        mask[inside] = kind + 1
    image += generator.normal(0, data.noise, image.shape)
    return np.clip(image, 0, 1).astype(np.float32), mask


@dataclass
class Painter:
    """The samples from number `first` on, of so many channels, height and width."""

    data: Shapes
    first: int
    name: str
    picture: Picture
    size: tuple[int, int, int]

    def stored(self, index: int) -> Fields:
        image, mask = draw(self.data, self.first + index, *self.size)
        return {self.name: image, "label": mask}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture)

    def all(self, count: int) -> Stored:
        """The first so many of them, held in memory."""
        each = [self.stored(index) for index in range(count)]
        images, masks = (np.stack([sample[name] for sample in each]) for name in (self.name, "label"))
        return Stored(self.name, images, masks, self.picture, 1.0)


def load(data: Shapes, request: Request) -> Dataset:
    held = max(1, data.count // 10)
    ranges = {"train": (0, data.count - 2 * held), "validation": (data.count - 2 * held, held)}
    ranges["test"] = (data.count - held, held)
    picture = request.picture
    assert picture is not None
    size = (picture.channels, picture.height, picture.width)
    splits: dict[str, SampleSplit] = {}
    for name, (first, count) in ranges.items():
        painter = Painter(data, first, request.name, picture, size)
        small = 12 * count * int(np.prod(request.shape)) <= SMALL
        splits[name] = painter.all(count) if small else MadeSplit(count, painter)
    return Dataset(splits, data.class_names())
