"""Points of a polynomial, and points of clouds, rings and spirals, drawn from a seed."""

from __future__ import annotations

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.points import CLOUDS, RINGS, Curve, Points
from netdsl.runtime.data.sets import SPLITS, Dataset, InMemory, Request

TURN = 2 * np.pi


def curve(data: Curve) -> tuple[Array, Array]:
    """`float32 [count, 1]` each: where, and the value there."""
    draw = np.random.default_rng(data.seed)
    x = draw.uniform(-1, 1, (data.count, 1))
    value = np.polynomial.polynomial.polyval(x, np.array(data.coefficients))
    return x.astype(np.float32), (value + data.noise * draw.standard_normal(x.shape)).astype(np.float32)


def points(data: Points) -> tuple[Array, Array]:
    """`float32 [count, 2]` and the class of each, `int64 [count]`."""
    draw = np.random.default_rng(data.seed)
    label = draw.integers(data.classes, size=data.count)
    share = label / data.classes
    if data.figure == CLOUDS:
        radius, angle = np.ones(data.count), TURN * share
    elif data.figure == RINGS:
        radius, angle = (label + 1) / data.classes, TURN * draw.random(data.count)
    else:
        radius = np.sqrt(draw.random(data.count))
        angle = TURN * (share + 0.75 * radius)
    place = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (place + data.noise * draw.standard_normal(place.shape)).astype(np.float32), label


def load(data: Curve | Points, request: Request) -> Dataset:
    made, label = curve(data) if isinstance(data, Curve) else points(data)
    held, tested = (round(data.count * share) for share in (data.validation, data.test))
    ends = [data.count - held - tested, data.count - tested]
    parts = zip(SPLITS, np.split(made, ends), np.split(label, ends), strict=True)
    splits = {split: InMemory({request.name: own, "label": answer}) for split, own, answer in parts}
    empty = next((name for name in ("validation", "test") if getattr(data, name) and not len(splits[name])), None)
    if empty is not None:
        raise DataError(f"`{data.name}`: `{empty}={getattr(data, empty):g}` of {data.count:,} points is none")
    return Dataset(dict(splits), data.class_names())
