"""Where samples come from one at a time: as they are stored, and as the network takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.pictures.picture import Picture

Fields = dict[str, Array]


class SampleSource(Protocol):
    """The samples of a split by number. It travels to workers."""

    def stored(self, index: int) -> Fields:
        """A sample as it is kept: a picture `[c, h, w]` as bytes or as floats from 0 to 1, a mask `int64 [h, w]`."""

    def ready(self, sample: Fields) -> Fields:
        """The same as the network's inputs and losses want it: the size, channels, scale and layout of a picture."""


def as_input(sample: Fields, name: str, picture: Picture, masks: Sequence[str] = ()) -> Fields:
    """A picture called `name`, or the frames of a film, as the network takes it, and beside it what else there is.

    Masks, of the picture or of each frame, go to the same part and size.
    """
    planes = sample[name]
    found = picture.input(planes) if planes.ndim == 3 else np.stack([picture.input(frame) for frame in planes])
    return {**sample, name: found, **{mask: _masked(sample[mask], picture) for mask in masks}}


def _masked(mask: Array, picture: Picture) -> Array:
    return picture.mask(mask) if mask.ndim == 2 else np.stack([picture.mask(frame) for frame in mask])


@dataclass
class Finished:
    """Samples that a function gives as they are wanted: nothing of them is varied."""

    make: Callable[[int], Fields]

    def stored(self, index: int) -> Fields:
        return self.make(index)

    def ready(self, sample: Fields) -> Fields:
        return sample
