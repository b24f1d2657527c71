"""Some samples of a data set as pictures, with their masks, on one sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe.data import Data
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.tokens import Tokenized
from netdsl.runtime.data.sets import loader_of
from netdsl.runtime.pictures.colours import Palette, colours_of, overlaid, palette, present
from netdsl.runtime.pictures.lettering import with_legend
from netdsl.runtime.pictures.picture import as_bytes, picture_for
from netdsl.runtime.pictures.sheet import CELL, titled_sheet, write_sheet
from netdsl.runtime.survey.count import Surveyed, inputs_of, loaded, own_data
from netdsl.runtime.survey.found import Shown, ShownSamples, spread

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
    pictures, titles = [_side_by_side(s, colours) for s in found.samples], [(s.name,) for s in found.samples]
    sheet = titled_sheet(pictures, titles, 2 * CELL if masks else CELL)
    write_sheet(path, with_legend(sheet, colours, seen) if seen else sheet)
    return len(found.samples)


def _side_by_side(sample: Shown, colours: Palette) -> Array:
    picture = colours_of(sample.picture)
    if sample.mask is None:
        return picture
    gap = np.full((len(picture), max(1, picture.shape[1] * BESIDE // 100), 3), 255, np.uint8)
    return np.concatenate([picture, gap, overlaid(picture, sample.mask, colours)], axis=1)


def _loaded_samples(data: Data, net: Net | None, split: str, count: int) -> ShownSamples:
    """Samples as a net would get them, without what `mean` and `std` made of them."""
    inputs = inputs_of(data, net)
    name = data.input_name(inputs)
    if not isinstance(data, Images):
        raise RunError(f"`{data.name}` has no pictures to look at" + ": leave -o out" * isinstance(data, Tokenized))
    dataset = loaded(data, inputs, net)
    samples = dataset.split(split)
    places = spread(len(samples), count)
    fields = samples.fetch(np.array(places, np.int64))
    kept = picture_for(data, inputs[name], data.sizes(inputs), {})
    planes = fields[name].reshape(-1, kept.channels, kept.height, kept.width)
    mean, std = (np.asarray(v, np.float32).reshape(1, -1, 1, 1) for v in (kept.mean, kept.std))
    made = planes * std + mean
    labels, names = fields["label"], dataset.classes
    rows = zip(places, as_bytes(made), labels, strict=True)
    if labels.ndim == 3:
        return ShownSamples([Shown(picture, str(place), mask) for place, picture, mask in rows], names)
    return ShownSamples([Shown(picture, f"{place}: {names[int(n)]}") for place, picture, n in rows], ())
