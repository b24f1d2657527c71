"""What is made of two samples at the input's size."""

from __future__ import annotations

from math import sqrt

import numpy as np

from netdsl.recipe.augment import Cutmix, Mixup
from netdsl.runtime.augment.varied import VariedSample, blended, one_kind, plain_fields


def mixup(sample: VariedSample, other: VariedSample, stage: Mixup, channels: int) -> None:
    share = float(sample.draw.beta(stage.alpha, stage.alpha))
    for name in sample.pictures:
        first, second = one_kind(sample.fields[name], other.fields[name], channels)
        sample.fields[name] = blended(first, second, share)
    _mix_rest(sample, other, share)


def cutmix(sample: VariedSample, other: VariedSample, stage: Cutmix, channels: int) -> None:
    covered, (high, wide) = sqrt(1 - sample.draw.beta(stage.alpha, stage.alpha)), sample.size
    spans = []
    for side in (high, wide):
        half, centre = round(side * covered) // 2, int(sample.draw.integers(side))
        spans.append(slice(max(0, centre - half), min(side, centre + half)))
    for name in (*sample.pictures, *sample.masks):
        first, second = sample.fields[name], other.fields[name]
        if name in sample.pictures:
            first, second = one_kind(first, second, channels)
        made = np.array(first)
        made[..., spans[0], spans[1]] = second[..., spans[0], spans[1]]
        sample.fields[name] = made
    taken = (spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start)
    _mix_rest(sample, other, 1 - taken / (high * wide))


def _mix_rest(sample: VariedSample, other: VariedSample, share: float) -> None:
    """Real numbers are mixed; whole ones are those of one sample or of the other, all of them together."""
    first = sample.draw.random() < share
    for name, value in plain_fields(sample).items():
        theirs = other.fields[name]
        real = value.dtype.kind == "f"
        sample.fields[name] = blended(value, theirs, share).astype(value.dtype) if real else value if first else theirs
