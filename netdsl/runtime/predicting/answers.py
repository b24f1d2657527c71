"""What is made of the outputs for one sample: guesses, the mask that lies on a picture, shares of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.graph.meaning import OutputKind
from netdsl.ops.metric import sigmoid
from netdsl.recipe.data.labelmaps import Colour
from netdsl.runtime.pictures.colours import COLOURS, Palette, name_of, numbered, palette
from netdsl.runtime.predicting.fitting import View, whole_view
from netdsl.runtime.predicting.samples import Sample

FIGURE = ("background", "figure")
"""What the two classes of a mask with one score are called where nothing else says."""
LARGEST = 2**30
"""Bytes of probabilities that are written for one picture."""


@dataclass
class Guess:
    """One class with what the net gives it."""

    label: int
    name: str
    probability: float


@dataclass
class ClassShare:
    """One class with the share of a picture's pixels that it has."""

    label: int
    name: str
    share: float


@dataclass
class Prediction:
    """What a net says about one sample."""

    outputs: dict[str, Array]
    """Everything it gave, without the batch axis."""
    top: list[Guess]
    """The likeliest classes, when the first output is a row of scores, which are real numbers; else empty."""
    truth: str | None = None
    """The sample's own class, when it came from a data set."""
    notes: tuple[str, ...] = ()
    """What was done to the sample that is worth knowing."""
    name: str = ""
    """What the sample is called: its file, or its split and number."""
    meaning: OutputKind = OutputKind.NUMBERS
    """What the first output is."""
    classes: tuple[str, ...] = ()
    colours: tuple[Colour | None, ...] = ()
    """By class: the colour that it has in the data; nothing or None for those of PASCAL VOC."""
    chances: bool | None = None
    """Whether scores that each stand alone are probabilities already; None where only they themselves tell."""
    mask: Array | None = None
    """`[height, width]`: the class of every pixel of the picture as it was, when that is what the net says."""
    shares: list[ClassShare] = field(default_factory=list)
    """Of the mask: the classes that occur, the largest first."""
    sample: Sample | None = None
    """What was asked about."""
    text: str | None = None
    """What it says in words, when it says a text."""

    @property
    def first(self) -> Array:
        return next(iter(self.outputs.values()))

    @property
    def palette(self) -> Palette:
        """The names and colours of the classes."""
        return palette(self.classes, dict(enumerate(self.colours)))


def answered(
    outputs: dict[str, Array],
    sample: Sample,
    meaning: OutputKind,
    names: tuple[str, ...],
    top: int,
    notes: tuple[str, ...],
    colours: tuple[Colour | None, ...] = (),
    chances: bool | None = None,
) -> Prediction:
    """What is made of the outputs for a sample; `chances` says whether scores that stand alone are probabilities."""
    first = next(iter(outputs.values()))
    found = Prediction(outputs, [], sample.truth, notes, sample.name, meaning, names, colours, chances, sample=sample)
    if meaning in (OutputKind.SCORES, OutputKind.LABELS):
        found.top = guesses(first, names, top, meaning is OutputKind.LABELS, chances)
    elif meaning.masks:
        found.classes = names or (FIGURE if meaning is OutputKind.FIGURE else ())
        found.mask = mask_of(first, meaning, view_of(sample, first), chances)
        found.shares = shares_of(found.mask, found.classes)
    return found


def guesses(
    scores: Array, names: tuple[str, ...], top: int, apart: bool = False, chances: bool | None = None
) -> list[Guess]:
    """The likeliest classes; `apart` where each holds or not, whatever the others do."""
    if scores.ndim != 1 or (len(scores) < 2 and not apart) or scores.dtype.kind != "f":
        return []
    wide = scores.astype(np.float64)
    shares = _figures(wide, chances) if apart else _shares(wide)
    if len(shares) == 1:
        shares = np.concatenate([1 - shares, shares])
    order = np.argsort(-shares, kind="stable")[:top]
    return [Guess(int(i), name_of(int(i), names), float(shares[i])) for i in order]


def _shares(scores: Array) -> Array:
    """Probabilities along axis 0: what the scores are already, where none is below 0 and they sum up to 1."""
    return _softmax(scores) if scores.min() < 0 or np.abs(scores.sum(0) - 1).max() > 1e-3 else scores


def _softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(0))
    return np.asarray(shares / shares.sum(0))


def _figures(scores: Array, chances: bool | None) -> Array:
    """Each score as a probability: what it is already, where nothing tells, if none is below 0 or above 1."""
    are = scores.min() >= 0 and scores.max() <= 1 if chances is None else chances
    return scores if are else sigmoid(scores)


def view_of(sample: Sample, scores: Array) -> View:
    """Where the picture of a sample lies; an array is one of the size of its scores."""
    if sample.view is not None:
        return sample.view
    size = scores.shape[-2], scores.shape[-1]
    inputs = [v.shape[-2:] for v in sample.fields.values() if v.ndim == 4]
    whole = (inputs[0][0], inputs[0][1]) if len(inputs) == 1 else size
    return whole_view(*whole)


def mask_of(scores: Array, meaning: OutputKind, view: View, chances: bool | None = None) -> Array:
    """`[height, width]` on the picture: the class that has most of every pixel."""
    if meaning is OutputKind.NUMBERED:
        return view.numbers_back(scores)
    made = np.concatenate([np.argmax(strip, axis=0) for strip in _strips(scores, meaning, view, chances)])
    return numbered(made) if scores.ndim == 2 or len(scores) <= COLOURS else made


def probabilities(scores: Array, meaning: OutputKind, view: View, chances: bool | None = None) -> Iterator[Array]:
    """`[classes, rows, width]` float32 on the picture, some rows at a time, from its top."""
    single = meaning is OutputKind.FIGURE
    are = single or (scores.min() >= 0 and np.abs(scores.sum(0) - 1).max() <= 1e-3)
    for strip in _strips(scores, meaning, view, chances):
        yield (strip if are else _softmax(strip)).astype(np.float32)


def _strips(scores: Array, meaning: OutputKind, view: View, chances: bool | None) -> Iterator[Array]:
    """What the classes have on the picture, some rows at a time; of one score the probabilities of its two."""
    planes = (scores[None] if scores.ndim == 2 else scores).astype(np.float32)
    single = meaning is OutputKind.FIGURE
    are = bool(planes.min() >= 0 and planes.max() <= 1) if single and chances is None else chances
    for top, bottom in view.strips(max(2, len(planes))):
        strip = view.laid_back(planes, top, bottom)
        if not single:
            yield strip
            continue
        share = _figures(strip, are)
        yield np.concatenate([1 - share, share])


def shares_of(mask: Array, names: tuple[str, ...]) -> list[ClassShare]:
    """The classes of a mask by the share of its pixels, the largest first."""
    numbers, counts = np.unique(mask, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = zip(numbers[order].tolist(), counts[order].tolist(), strict=True)
    return [ClassShare(number, name_of(number, names), count / mask.size) for number, count in found]


def require_bounded(classes: int, view: View) -> None:
    """Refuse probabilities that take too much room."""
    size = 4 * max(2, classes) * view.original[0] * view.original[1]
    if size > LARGEST:
        high, wide = view.original
        raise DataError(
            f"the probabilities of {classes} classes for {high:,}×{wide:,} pixels take {size:,} bytes, more than "
            f"{LARGEST:,}: write masks and overlays alone"
        )
