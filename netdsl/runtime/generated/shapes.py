"""Pictures and films of figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.generated import ShapeClasses
from netdsl.recipe.data.objects import MovingObject
from netdsl.recipe.data.shapes import ShapePatches, Shapes
from netdsl.recipe.data.videos import MovingShapes
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.generated.figures import FIGURES, Canvas, Generator, apart, centres, grained, ground

STEP = 0.06
"""How far a figure moves from frame to frame at most, of the shorter side."""
WAYS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""By motion (still, left, right, up, down): rows and columns that a figure moves by."""


def shapes(data: Shapes | ShapePatches, index: int, size: Canvas) -> Fields:
    """Overlapping figures, `image` `[channels, height, width]` from 0 to 1, and their mask `int64 [height, width]`."""
    generator = np.random.default_rng([data.seed, index])
    channels, height, width = size
    y, x = centres(height, width)
    image, _ = ground(generator, size)
    mask = np.zeros((height, width), np.int64)
    for _ in range(generator.integers(1, data.figures + 1)):
        kind = int(generator.integers(len(data.classes)))
        centre_y, centre_x = generator.uniform(0, height), generator.uniform(0, width)
        inside = FIGURES[data.classes[kind]](generator, y - centre_y, x - centre_x, min(height, width))
        image[:, inside] = generator.uniform(0, 1, (channels, 1))
        mask[inside] = kind + 1
    return {"image": grained(generator, image, data.noise), "label": mask}


def shape_patches(data: ShapePatches, index: int, size: Canvas) -> Fields:
    """A window of a picture of `shapes`, and the class of the pixel in its middle: of those that may lie there, any."""
    generator = np.random.default_rng([data.seed, index, 1])
    channels, height, width = size
    whole = shapes(data, index, (channels, data.side, data.side))
    middles = whole["label"][height // 2 :, width // 2 :][: data.side - height + 1, : data.side - width + 1]
    kind = generator.choice(np.unique(middles))
    top, left = generator.choice(np.argwhere(middles == kind))
    return {"image": whole["image"][:, top : top + height, left : left + width].copy(), "label": np.array(kind)}


def shape_classes(data: ShapeClasses, index: int, size: Canvas) -> Fields:
    """One figure that differs from its ground, and which it is."""
    generator = np.random.default_rng([data.seed, index])
    _, height, width = size
    y, x = centres(height, width)
    image, colour = ground(generator, size)
    kind = int(generator.integers(len(data.classes)))
    down, across = generator.uniform(0.3, 0.7, 2)
    inside = FIGURES[data.classes[kind]](generator, y - down * height, x - across * width, min(height, width))
    image[:, inside] = apart(generator, colour)[:, 0]
    return {"image": grained(generator, image, data.noise), "label": np.array(kind)}


# ---------------------------------------------------------------- films


@dataclass
class Actor:
    """A figure on its way: what it is, how it looks and where its centre is, in shares of height and width."""

    kind: int
    colour: Array
    place: Array
    pace: Array
    form: int
    """The seed of its form, which stays the same."""

    def step(self) -> None:
        """On to the next frame: at an edge it turns round."""
        self.place = self.place + self.pace
        beyond = (self.place < 0.1) | (self.place > 0.9)
        self.pace = np.where(beyond, np.where(self.place < 0.5, 1, -1) * np.abs(self.pace), self.pace)

    def covers(self, classes: tuple[str, ...], height: int, width: int) -> Array:
        y, x = centres(height, width)
        down, across = self.place * (height, width)
        return FIGURES[classes[self.kind]](np.random.default_rng(self.form), y - down, x - across, min(height, width))


def actor(generator: Generator, classes: tuple[str, ...], ground: Array) -> Actor:
    """A figure somewhere, which goes somewhere."""
    kind = int(generator.integers(len(classes)))
    place, pace = generator.uniform(0.2, 0.8, 2), generator.uniform(-STEP, STEP, 2)
    return Actor(kind, apart(generator, ground), place, pace, int(generator.integers(2**31)))


def moving_shapes(data: MovingShapes, index: int, size: Canvas, frames: int) -> Fields:
    """A film, with a mask a frame; or one of a bright figure on a dark ground, with where it moves."""
    generator = np.random.default_rng([data.seed, index])
    film, colour = ground(generator, size)
    if data.label == "motion":
        film, colour = 0.35 * film, 0.35 * colour
        own = actor(generator, data.classes, colour)
        own.colour = colour + generator.uniform(0.35, 0.6, colour.shape)
        motions = _motions(generator, frames)
        places = _places(own.place, motions)
        found = _film(generator, data, film, [own], [[place] for place in places])
        return {"video": found["video"], "label": motions}
    cast = [actor(generator, data.classes, colour) for _ in range(generator.integers(1, data.figures + 1))]
    stages: list[list[Array]] = []
    for _ in range(frames):
        stages.append([one.place for one in cast])
        for one in cast:
            one.step()
    return _film(generator, data, film, cast, stages)


def _film(
    generator: Generator, data: MovingShapes, empty: Array, cast: list[Actor], places: list[list[Array]]
) -> Fields:
    """Frames with the figures at their places, later ones above, and the mask of each."""
    _, height, width = empty.shape
    pictures, masks = [], []
    for where in places:
        image, mask = empty.copy(), np.zeros((height, width), np.int64)
        for one, place in zip(cast, where, strict=True):
            one.place = place
            inside = one.covers(data.classes, height, width)
            image[:, inside] = one.colour[:, 0]
            mask[inside] = one.kind + 1
        pictures.append(grained(generator, image, data.noise))
        masks.append(mask)
    return {"video": np.stack(pictures), "label": np.stack(masks), "first": masks[0]}


def moving_object(data: MovingObject, index: int, size: Canvas) -> Fields:
    """A frame of a film: number `index` of all frames, film after film."""
    number, frame = divmod(index, data.length)
    generator = np.random.default_rng([data.seed, number])
    _, height, width = size
    image, colour = ground(generator, size)
    own = actor(generator, data.classes, colour)
    cast = [own, *(_other(generator, data.classes, colour, own) for _ in range(data.figures - 1))]
    if not _seen(cast, data.classes, height, width).any():  # the first frame shows the object
        cast = [*cast[1:], own]
    for _ in range(frame):
        for one in cast:
            one.step()
    mask = np.zeros((height, width), np.int64)
    for one in cast:
        inside = one.covers(data.classes, height, width)
        image[:, inside] = one.colour[:, 0]
        mask[inside] = one is own
    grain = np.random.default_rng([data.seed, number, frame])
    return {"image": grained(grain, image, data.noise), "label": mask}


def _seen(cast: list[Actor], classes: tuple[str, ...], height: int, width: int) -> Array:
    """Where the first figure is that those drawn later leave uncovered."""
    own, *others = (one.covers(classes, height, width) for one in cast)
    return np.asarray(own & ~np.any(others, axis=0)) if others else own


def _other(generator: Generator, classes: tuple[str, ...], ground: Array, own: Actor) -> Actor:
    """A figure of another colour than the object."""
    found = actor(generator, classes, ground)
    while np.abs(found.colour - own.colour).max() < 0.2:
        found.colour = apart(generator, ground)
    return found


def _motions(generator: Generator, frames: int) -> Array:
    """By frame where the figure has moved: still at first, then some frames one way and some another."""
    found = [0]
    while len(found) < frames:
        found += [int(generator.integers(len(WAYS)))] * int(generator.integers(2, 5))
    return np.array(found[:frames])


def _places(start: Array, motions: Array) -> list[Array]:
    """Where the figure is, by frame: beyond an edge it comes in again at the other."""
    moved = np.cumsum(np.array(WAYS)[motions] * STEP, axis=0)
    return list((start + moved) % 1.0)
