"""The stages of an `augment` row carried out in order: what they draw follows from seed, epoch and sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import netdsl.recipe.augment as declared
import netdsl.runtime.augment.geometry as geometry
import netdsl.runtime.augment.mixing as mixing
import netdsl.runtime.augment.photometry as photometry
from netdsl.dims.tensors import TensorType
from netdsl.recipe.augment import Augmentation
from netdsl.runtime.augment.films import MASK, PICTURE, apart, together
from netdsl.runtime.augment.randaugment import rand_augment
from netdsl.runtime.augment.varied import VariedSample
from netdsl.runtime.data.samples import Fields, SampleSource
from netdsl.runtime.pictures.picture import Picture

STREAM = 2
"""Sets these draws apart from those that order an epoch."""

CHANGES: dict[type[Augmentation], Callable[[VariedSample, Any], None]] = {
    declared.Flip: geometry.flip,
    declared.Scale: geometry.scale,
    declared.RandomCrop: geometry.crop,
    declared.Rotate: geometry.rotate,
    declared.Shear: geometry.shear,
    declared.Shift: geometry.shift,
    declared.ColourJitter: photometry.colour,
    declared.Grey: photometry.grey,
    declared.Blur: photometry.blur,
    declared.Grain: photometry.noise,
    declared.Erase: photometry.erase,
    declared.Cutout: photometry.cutout,
    declared.RandAugment: rand_augment,
}
MIXES: dict[type[Augmentation], Callable[[VariedSample, VariedSample, Any, int], None]] = {
    declared.Mixup: mixing.mixup,
    declared.Cutmix: mixing.cutmix,
}


@dataclass(frozen=True)
class Varying:
    """An `augment` row with all that does not depend on the data."""

    stages: tuple[Augmentation, ...]
    seed: int
    holes: int
    """What a mask has where nothing is."""


def applies(stage: Augmentation, draw: np.random.Generator) -> bool:
    """Whether a stage is carried out for a sample: for its `share` of them, without one for all."""
    share: float | None = getattr(stage, "share", None)
    return share is None or draw.random() < share


def picture_behind(picture: Picture, stages: Sequence[Augmentation], type: TensorType) -> Picture:
    """What pictures become that were varied: at the size of the last window, where the input leaves it open."""
    asked = declared.asked_size(stages)
    stored = picture.stored[1:] if picture.stored is not None else None
    if asked is not None and type.rank > 1:
        height, width = asked[1]
        picture = replace(picture, height=height, width=width, shape=(*picture.shape[:-2], height, width))
    size = declared.made_size(stages, stored, (picture.height, picture.width))
    return picture if size is not None and size == stored else replace(picture, stored=None)


@dataclass(frozen=True)
class Augment:
    """An `augment` row in force for a data set. It travels to workers."""

    row: Varying
    pictures: tuple[str, ...]
    masks: tuple[str, ...]
    picture: Picture
    """What the pictures become."""
    count: int
    """How many samples there are, of which a second is drawn."""
    near: Callable[[int, int], int] | None = None
    """`(sample, number drawn) -> second`, where that is to lie near the first."""

    def __call__(self, source: SampleSource, index: int, epoch: int) -> Fields:
        """A sample as the network takes it, in an epoch."""
        draw = np.random.default_rng([self.row.seed, epoch, STREAM, index])
        sample = self.varied(source, index, draw, self.row.stages)
        return source.ready(together(sample.fields))

    def varied(
        self,
        source: SampleSource,
        index: int,
        draw: np.random.Generator,
        stages: Sequence[Augmentation],
        mix: bool = True,
    ) -> VariedSample:
        """A sample behind some stages; without `mix` those are left out that take a second one."""
        fields = dict(source.stored(index))
        pictures, masks = apart(fields, self.pictures, PICTURE), apart(fields, self.masks, MASK)
        sample = VariedSample(fields, pictures, masks, self.row.holes, draw)
        for place, stage in enumerate(stages):
            if (stage.mixes and not mix) or not applies(stage, draw):
                continue
            if isinstance(stage, declared.ResizedCrop):
                geometry.resized_crop(sample, stage, (self.picture.height, self.picture.width))
            elif not stage.mixes:
                CHANGES[type(stage)](sample, stage)
            else:
                number = int(draw.integers(self.count))
                second = number if self.near is None else self.near(index, number)
                other = self.varied(source, second, draw, stages[:place], mix=False)
                MIXES[type(stage)](self._fitted(sample), self._fitted(other), stage, self.picture.channels)
        sample.settle()
        return sample

    def _fitted(self, sample: VariedSample) -> VariedSample:
        """At the size of the input."""
        sample.settle()
        sample.change(self.picture.fitted, self.picture.mask)
        return sample
