"""Generated samples: which function draws those of a data set, and how they are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.captions import ShapeCaptions
from netdsl.recipe.data.generated import Blobs, Generated, Roads, ShapeClasses
from netdsl.recipe.data.objects import MovingObject
from netdsl.recipe.data.polygons import Polygons
from netdsl.recipe.data.shapes import ShapePatches, Shapes
from netdsl.recipe.data.videos import MovingShapes
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sets import SMALL, Dataset, MadeSplit, Request, SampleSplit, Stored
from netdsl.runtime.data.shares import in_order
from netdsl.runtime.data.spoken import SpokenRows, spoken
from netdsl.runtime.generated.blobs import blobs
from netdsl.runtime.generated.captions import caption, shape_captions
from netdsl.runtime.generated.figures import Canvas
from netdsl.runtime.generated.polygons import polygons
from netdsl.runtime.generated.roads import roads
from netdsl.runtime.generated.shapes import moving_object, moving_shapes, shape_classes, shape_patches, shapes
from netdsl.runtime.generated.views import views
from netdsl.runtime.pictures.picture import Picture

__all__ = ["load", "views"]

DRAWN: dict[type[Generated], Callable[..., Fields]] = {
    Blobs: blobs, MovingObject: moving_object, MovingShapes: moving_shapes, Polygons: polygons, Roads: roads,
    ShapeCaptions: shape_captions, ShapeClasses: shape_classes, ShapePatches: shape_patches,
    Shapes: shapes,
}  # fmt: skip
"""By data set: a sample by its number, of so many channels, height and width, and of as many steps if it has such."""


@dataclass
class Painter:
    """The samples from number `first` on, as a function draws them."""

    data: Generated
    first: int
    name: str
    picture: Picture
    size: Canvas
    steps: tuple[int, ...]
    masks: tuple[str, ...]
    rows: Fields
    """What samples have beside that is not drawn, `[N, …]`."""

    def stored(self, index: int) -> Fields:
        made = DRAWN[type(self.data)](self.data, self.first + index, self.size, *self.steps)
        return {self.name: made.pop(self.data.main), **made, **{n: v[index] for n, v in self.rows.items()}}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture, self.masks)

    def all(self, count: int) -> Stored:
        """The first so many of them, held in memory."""
        each = [self.stored(index) for index in range(count)]
        fields = {name: np.stack([sample[name] for sample in each]) for name in each[0]}
        return Stored(self.name, fields.pop(self.name), fields, self.picture, 1.0, self.masks)


def load(data: Generated, request: Request) -> Dataset:
    picture, splits = request.picture, dict[str, SampleSplit]()
    assert picture is not None
    size, steps = (picture.channels, picture.height, picture.width), _steps(data, request)
    masks = data.moved(request.asked.inputs)[1]
    numbers = _numbers(data)
    said = _said(data, request, numbers)
    for name, own in numbers.items():
        rows = said.parts[name] if said is not None else {}
        first = int(min(own, default=0))
        painter = Painter(data, first, request.name, picture, size, steps, masks, rows)
        small = 0 < 12 * len(own) * prod(request.shape) <= SMALL
        splits[name] = painter.all(len(own)) if small else MadeSplit(len(own), painter)
    if said is None:
        return Dataset(splits, data.class_names(), _notes(data))
    return Dataset(splits, said.words.tokens, said.notes, facts=said.facts())


def _numbers(data: Generated) -> dict[str, Array]:
    """Which samples each split has; frames of one film are in one split, or are those of the film that is asked for."""
    if not isinstance(data, MovingObject):
        return in_order(data.count)
    films = {split: _frames(own, data.length) for split, own in in_order(data.count).items()}
    if data.film is None:
        return films
    own = _frames(np.array([data.film]), data.length)
    return {split: {"train": own[:1], "test": own[1:]}.get(split, own[:0]) for split in films}


def _notes(data: Generated) -> list[str]:
    if not isinstance(data, MovingObject) or data.film is None:
        return []
    return [f"the first frame of film {data.film} is for training, {data.length - 1:,} others for testing"]


def _frames(films: Array, length: int) -> Array:
    return np.asarray((films[:, None] * length + np.arange(length)).reshape(-1))


def _said(data: Generated, request: Request, numbers: Mapping[str, Array]) -> SpokenRows | None:
    """The captions of the samples as tokens, where they have such."""
    if not isinstance(data, ShapeCaptions):
        return None
    texts = {split: [caption(data, int(number)) for number in own] for split, own in numbers.items()}
    return spoken(data, request, texts, f"`{data.name}`")


def _steps(data: Generated, request: Request) -> tuple[int, ...]:
    """How many steps a sample has, where it has such: the frames of a film, the corners of a polygon."""
    if isinstance(data, MovingShapes):
        return (request.shape[0],)
    if isinstance(data, Polygons):
        given = request.asked.inputs.get("vertices")
        return (int(given.shape[0]) if given is not None else data.points + 1,)  # type: ignore[arg-type]
    return ()
