"""Sheets of samples with what a net says of them: classes, masks, pictures that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.ops.metric import sigmoid
from netdsl.recipe.data.generated import Roads
from netdsl.recipe.data.polygons import Polygons
from netdsl.recipe.data.videos import MovingShapes
from netdsl.runtime.drawing import draw
from netdsl.runtime.generated.views import views
from netdsl.runtime.looking.drawn import heated
from netdsl.runtime.pictures.colours import colours_of, overlaid, painted, present
from netdsl.runtime.pictures.lettering import with_legend
from netdsl.runtime.pictures.sheet import contact_sheet, titled_sheet
from netdsl.runtime.predicting.answers import Prediction
from netdsl.runtime.predicting.said import line_of
from netdsl.zoo.showing import Exhibit, Showing, field_of

CLASSED, MASKED, MADE, DRAWN = 12, 6, 8, 40
"""Samples of the test split on one sheet, and how many are drawn."""
SIDE = 96
"""Pixels of the longer side of a sample."""
SMALL = 66
"""Pixels of the height of one that stands beside others."""
BESIDE = 2
"""Pixels between pictures of one sample."""


def pictured(showing: Showing) -> Exhibit:
    """Masks of a net that says them, else classes. Raises `RunError` where it says neither."""
    found = showing.answers(CLASSED)
    if found[0].mask is not None:
        return _masks(found[::2])
    if not found[0].top:
        raise RunError(f"{showing.lesson.name} says neither classes nor masks: say in KINDS what shows it")
    return Exhibit(titled_sheet([_picture(one) for one in found], [_class(one) for one in found], SIDE))


def _class(found: Prediction) -> list[str]:
    best = found.top[0]
    wrong = f"is {found.truth}" if found.truth not in (None, best.name) else ""
    return [f"{best.name}  {best.probability:.0%}", wrong]


def _picture(found: Prediction) -> Array:
    """The sample as a picture. Raises `RunError` where it is none."""
    if found.sample is None or found.sample.shown is None:
        raise RunError(f"{found.name} is no picture")
    return found.sample.shown


def spoken(showing: Showing) -> Exhibit:
    """Pictures with the words that are said of each."""
    found = showing.answers(9)
    titles = [_wrapped(line_of(one)) for one in found]
    return Exhibit(titled_sheet([_picture(one) for one in found], titles, 2 * SIDE))


def _wrapped(text: str) -> list[str]:
    return wrap(text, 26, max_lines=4)


def spelled(showing: Showing) -> Exhibit:
    """Digits with the letters that are said of each."""
    found = showing.answers(CLASSED, net=showing.beside("Speak"))
    titles = [["".join(LETTERS[n] for n in one.first.tolist()), f"is {one.truth}"] for one in found]
    return Exhibit(titled_sheet([_picture(one) for one in found], titles, SIDE))


LETTERS = ("", *"efghinorstuvwxz")
"""Those of the names of the digits, as `specs/show_attend_tell.net` numbers them."""


def scores(showing: Showing) -> Exhibit:
    """Pictures with the one score of each, above 0 where it is what is looked for."""
    found = showing.answers(CLASSED)
    titles = [[f"{one.first.item():.2f}", f"is {one.truth}"] for one in found]
    return Exhibit(titled_sheet([_picture(one) for one in found], titles, SIDE))


def _masks(found: Sequence[Prediction]) -> Exhibit:
    """Each sample beside what is labelled and what is said of its pixels."""
    seen = sorted({number for one in found for mask in _both(one) for number in present(mask)})
    rows = [_beside(_picture(one), *(_laid(one, mask) for mask in _both(one)), *_ways(one)) for one in found]
    sheet = _sheet(rows)
    return Exhibit(with_legend(sheet, found[0].palette, [number for number in seen if number < 255]))


def _ways(found: Prediction) -> Iterator[Array]:
    """Of roads whose direction is said, too: what is labelled and what is said, each direction in its hue."""
    if found.sample is not None and "way" in found.outputs:
        fields = {name: field[0] for name, field in found.sample.fields.items()}
        for ways in (fields["orientation"], found.outputs["way"].argmax(0)):
            yield views(Roads(), {**fields, "orientation": ways}, _picture(found))[0]


def _both(found: Prediction) -> tuple[Array, Array]:
    """The mask that is labelled and the one that is said, `[h, w]` each."""
    if found.sample is None or found.mask is None:
        raise RunError(f"{found.name} has no mask")
    fields = found.sample.fields
    labels = next((fields[name] for name in ("label", "mask") if name in fields), None)
    if labels is None or labels.size != found.mask.size:
        raise RunError(f"{found.name} has no mask to be held against")
    return labels.reshape(found.mask.shape).astype(np.int64), found.mask


def _laid(found: Prediction, mask: Array) -> Array:
    picture = _picture(found)
    return overlaid(picture, mask, found.palette) if picture.shape[:2] == mask.shape else painted(mask, found.palette)


def _sheet(rows: Sequence[Array]) -> Array:
    """Rows of pictures of one size, each made small or enlarged to a like height."""
    high, wide = rows[0].shape[:2]
    return titled_sheet(rows, [[] for _ in rows], round(SMALL * wide / high))


def _beside(*pictures: Array) -> Array:
    """Pictures of one height with a gap between them."""
    gap = np.full((pictures[0].shape[0], BESIDE, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis=1)


def made(showing: Showing) -> Exhibit:
    """Pictures above those that a net makes of them."""
    found = showing.answers(MADE)
    pairs = [np.concatenate([_picture(one), _grey(one.first)]) for one in found]
    return Exhibit(titled_sheet(pairs, [[] for _ in pairs], 2 * SIDE))


def _grey(planes: Array) -> Array:
    return colours_of(np.asarray(np.rint(255 * planes.clip(0, 1)).transpose(1, 2, 0), np.uint8))


def drawn(showing: Showing, net: str) -> Exhibit:
    """What a net draws by itself."""
    found = draw(showing.run, net, count=DRAWN, seed=0, device="cpu", engine=showing.engine)
    sheet, _ = contact_sheet(next(iter(found.outputs.values())), found.mean, found.std)
    return Exhibit(colours_of(sheet))


def films(showing: Showing) -> Exhibit:
    """Films, the frames of each beside one another, with what is said of each frame below them."""
    found = showing.answers(4)
    return Exhibit(titled_sheet([_strip(one) for one in found], [_frames(one) for one in found], 6 * SIDE))


def _strip(found: Prediction) -> Array:
    """The frames of a film `[T, 3, h, w]`."""
    return _beside(*(_grey(frame) for frame in field_of(found, "video")[:FRAMES]))


def _frames(found: Prediction) -> list[str]:
    """The classes of the frames, runs of the same told once."""
    said, is_ = (_runs(numbers[:FRAMES]) for numbers in (found.first.argmax(-1), field_of(found, "label")))
    return [f"said {said}", f"is {is_}"]


def _runs(numbers: Array) -> str:
    return ", ".join(f"{len(list(same))} × {MOTIONS[int(number)]}" for number, same in groupby(numbers.tolist()))


FRAMES = 8
MOTIONS = MovingShapes(label="motion").class_names()


def outlines(showing: Showing) -> Exhibit:
    """Pictures with the outline that is labelled, and the one that is said, corner by corner."""
    data = Polygons(points=4, grid=8)
    found = showing.answers(MASKED, net=showing.beside("Speak"))
    rows = [
        _beside(_picture(one), *(views(data, {"label": corners}, _picture(one))[0] for corners in _corners(one)))
        for one in found
    ]
    return Exhibit(_sheet(rows))


def _corners(found: Prediction) -> tuple[Array, Array]:
    return field_of(found, "label"), found.first


def heats(showing: Showing) -> Exhibit:
    """Pictures, the cells that are labelled, and how much is said of each cell."""
    rows = [_heats(one) for one in showing.answers(MASKED)]
    return Exhibit(_sheet(rows))


def _heats(found: Prediction) -> Array:
    picture = _picture(found)
    said = (field_of(found, "corners").astype(np.float32), sigmoid(found.outputs["vertex"][0]))
    return _beside(picture, *(heated(picture, heat, 0.8) for heat in said))
