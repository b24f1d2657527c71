"""What is found in a data set: counts by class and split, sizes, samples to look at. Loaders give it of their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.labelmaps import Colour

FRAMES = 6
"""So many frames of a film are shown."""


@dataclass
class SplitCount:
    """One split: its samples, the labels of each class, and those that do not count."""

    samples: int
    counts: list[int] = field(default_factory=list)
    spared: int = 0


@dataclass
class PictureSizes:
    """Height and width of the smallest, the median and the largest picture, by their areas, of so many."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    pictures: int


def sizes_of(found: Sequence[tuple[int, int]]) -> PictureSizes | None:
    """The smallest, median and largest of some heights and widths."""
    ordered = sorted(found, key=lambda size: (size[0] * size[1], size))
    return PictureSizes(ordered[0], ordered[len(ordered) // 2], ordered[-1], len(ordered)) if ordered else None


def sizes_in(files: Sequence[Path], most: int, what: str = "looking at pictures") -> PictureSizes | None:
    """The sizes of about so many picture files, spread evenly, by their heads; a bar says `what` is done."""
    from netdsl.runtime.data.imagefile import stored_size
    from netdsl.runtime.data.tallies import tallied

    return sizes_of(list(tallied(files[:: 1 + len(files) // most], stored_size, what)))


@dataclass
class FoundFile:
    """A file that a data set is known to have, and what there is of it."""

    name: str
    bytes: int
    """As published, unpacked."""
    packed: int
    """As published, packed; 0 where it is not."""
    md5: str
    """Of the packed file, as published; nothing where that is not known."""
    state: str
    """What there is, in words."""


@dataclass
class Survey:
    """What a data set holds."""

    classes: tuple[str, ...]
    unit: str
    """What is counted: pixels, samples or labels; nothing where there are no classes."""
    splits: dict[str, SplitCount]
    sizes: PictureSizes | None = None
    notes: list[str] = field(default_factory=list)
    colours: tuple[Colour | None, ...] = ()
    """By class: the colour that a label map gives it."""
    groups: tuple[str, ...] = ()
    """By class: its class at the coarsest level of a label map."""
    data: str = ""
    """The declaration, as an author would write it."""
    fields: dict[str, str] = field(default_factory=dict)
    """The fields of a sample, with their types."""
    files: list[FoundFile] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As a document."""
        splits = {
            name: {
                "samples": own.samples, "not_counted": own.spared,
                "classes": dict(zip(self.classes, own.counts, strict=False)),
            }
            for name, own in self.splits.items()
        }  # fmt: skip
        groups = dict(zip(self.classes, self.groups, strict=False)) if any(self.groups) else {}
        return {
            "data": self.data, "fields": self.fields, "sizes": self.sizes and vars(self.sizes), "counted": self.unit,
            "splits": splits, "groups": groups, "files": [vars(file) for file in self.files], "notes": self.notes,
        }  # fmt: skip


@dataclass
class Shown:
    """A sample to look at."""

    picture: Array
    """Bytes `[h, w, 1 or 3]`."""
    name: str
    mask: Array | None = None
    """`[h, w]` class numbers, where every pixel has one."""
    beside: list[Array] = field(default_factory=list)
    """More pictures of it, bytes `[h, w, 3]`."""


@dataclass
class ShownSamples:
    """Some samples of one split, and what their classes are called and painted like."""

    samples: list[Shown]
    classes: tuple[str, ...]
    colours: tuple[Colour | None, ...] = ()


def strip(frames: Array, gap: int) -> Array:
    """Some frames of a film `[T, h, w, …]`, spread evenly, side by side, with the number `gap` between them."""
    between = np.full((frames.shape[1], max(1, frames.shape[2] // 32), *frames.shape[3:]), gap, frames.dtype)
    parts = [part for place in spread(len(frames), FRAMES) for part in (frames[place], between)]
    return np.concatenate(parts[:-1], axis=1)


def spread(count: int, wanted: int) -> list[int]:
    """Places of so many of `count` samples, from the first to the last."""
    places = np.linspace(0, max(count - 1, 0), min(count, wanted))
    return [int(place) for place in places.round()]
