"""Some samples of a data set as pictures, with their masks, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe.data import Data
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.tokens import Tokenized
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.data.sets import loader_of
from netdsl.runtime.data.vocabulary import END, NAMES
from netdsl.runtime.pictures.colours import Palette, colours_of, name_of, overlaid, palette, present
from netdsl.runtime.pictures.lettering import with_legend
from netdsl.runtime.pictures.picture import Picture, as_bytes, picture_for
from netdsl.runtime.pictures.sheet import CELL, titled_sheet, write_sheet
from netdsl.runtime.survey.count import Surveyed, inputs_of, loaded, own_data
from netdsl.runtime.survey.found import Shown, ShownSamples, spread, strip

WHITE = 255
LETTERS, LINES = 20, 4
"""Letters of a line under a sample, and how many lines there may be."""
WORDS = 16
"""So many words of a sample stand under it."""
BESIDE = 2
"""Pixels between a picture and its mask, for a hundred of its width."""


def write_samples(path: Path, data: Surveyed, count: int, split: str) -> int:
    """A sheet of some samples of a split, each with its mask laid over it beside it; how many there are on it.

    Raises `RunError` where there is nothing to see.
    """
    net = data if isinstance(data, Net) else None
    own = own_data(data)
    look = getattr(loader_of(own), "samples", None)
    found: ShownSamples = look(own, split, count) if look else _loaded_samples(own, net, split, count)
    if not found.samples:
        raise RunError(f"the data has no samples in its {split} split: choose another --split")
    colours = palette(found.classes, dict(enumerate(found.colours)))
    masks = [s.mask for s in found.samples if s.mask is not None]
    seen = sorted({n for mask in masks for n in present(mask) if n < len(found.classes)})
    pictures, titles = [_side_by_side(s, colours) for s in found.samples], [_title(s.name) for s in found.samples]
    sheet = titled_sheet(pictures, titles, CELL * max(_columns(s) for s in found.samples))
    write_sheet(path, with_legend(sheet, colours, seen) if seen else sheet)
    return len(found.samples)


def _title(name: str) -> tuple[str, ...]:
    """A name in lines; one without spaces is cut where it is drawn."""
    return tuple(wrap(name, LETTERS, max_lines=LINES, placeholder=" …", break_long_words=False)) or ("",)


def _columns(sample: Shown) -> int:
    """How many pictures of a usual width a sample is, side by side."""
    high, wide = map(int, sample.picture.shape[:2])
    return (1 + (sample.mask is not None) + len(sample.beside)) * max(1, round(wide / high / 2))


def _side_by_side(sample: Shown, colours: Palette) -> Array:
    """A sample, it under its mask, and what else there is of it; films one above the other."""
    picture = colours_of(sample.picture)
    shown = [picture, *([overlaid(picture, sample.mask, colours)] if sample.mask is not None else []), *sample.beside]
    axis = 0 if picture.shape[1] > 3 * picture.shape[0] else 1
    wide = max(1, picture.shape[axis] * BESIDE // 100)
    gap = np.full((wide, picture.shape[1], 3) if axis == 0 else (picture.shape[0], wide, 3), 255, np.uint8)
    return np.concatenate([part for one in shown for part in (gap, one)][1:], axis=axis)


def _loaded_samples(data: Data, net: Net | None, split: str, count: int) -> ShownSamples:
    """Samples as a net would get them, without what `mean` and `std` made of them."""
    inputs = inputs_of(data, net)
    if not isinstance(data, Images):
        raise RunError(f"`{data.name}` has no pictures to look at" + ": leave -o out" * isinstance(data, Tokenized))
    dataset = loaded(data, inputs, net)
    samples = dataset.split(split)
    places = spread(len(samples), count)
    fields = samples.fetch(np.array(places, np.int64))
    kept = picture_for(data, inputs[data.input_name(inputs)], data.sizes(inputs), {})
    each = [{name: values[n] for name, values in fields.items()} for n in range(len(places))]
    shown = [_shown(data, sample, kept, data.input_name(inputs)) for sample in each]
    for place, sample, one in zip(places, each, shown, strict=True):
        said = _said(sample.get("label"), dataset.classes, data.ignored())
        one.name = f"{place}: {said}" if said else str(place)
    return ShownSamples(shown, dataset.classes)


def _shown(data: Images, sample: Fields, kept: Picture, name: str) -> Shown:
    """A sample as a picture, a film as some of its frames, with its masks."""
    mean, std = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (kept.mean, kept.std))
    planes = sample[name].reshape(-1, kept.channels, kept.height, kept.width)
    frames = colours_of_all(as_bytes(planes * std + mean))
    label = sample.get("label")
    mask = label if label is not None and label.shape[-2:] == frames.shape[1:3] and label.ndim > 1 else None
    views = getattr(loader_of(data), "views", None)
    beside = views(data, sample, frames[0]) if views is not None else []
    if sample[name].ndim == 4:
        return Shown(strip(frames, WHITE), "", None if mask is None else strip(mask, 0), beside)
    return Shown(frames[0], "", mask, beside)


def colours_of_all(frames: Array) -> Array:
    """Frames of bytes `[T, h, w, 1 or 3]` in colours."""
    return np.stack([colours_of(frame) for frame in frames])


def _said(label: Array | None, names: Sequence[str], ignored: int | None) -> str:
    """The class of a sample in words, or those of its frames or steps."""
    if label is None or label.ndim > 1 or not names or label.dtype.kind not in "iu":
        return ""
    counted = [int(n) for n in label.reshape(-1)[:WORDS] if n >= 0 and n != ignored]
    return " ".join(name_of(n, names) for n in counted if name_of(n, names) != NAMES[END])
