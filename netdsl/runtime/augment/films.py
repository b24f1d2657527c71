"""Films under way through an `augment` row: each frame is a picture, and all are varied alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.data.samples import Fields

PICTURE, MASK = 3, 2
"""How many axes a picture and a mask have; a film and its masks have one more."""
MARK = "/"
"""Stands between the name of a film and the number of a frame."""


def apart(fields: Fields, names: Sequence[str], rank: int) -> tuple[str, ...]:
    """Takes films of these names apart into their frames, and says how the pictures (or masks) are called then."""
    found: list[str] = []
    for name in names:
        if fields[name].ndim == rank:
            found.append(name)
        else:
            film = fields.pop(name)
            frames = {f"{name}{MARK}{number}": frame for number, frame in enumerate(film)}
            fields.update(frames)
            found += frames
    return tuple(found)


def together(fields: Fields) -> Fields:
    """The same with frames in one array again, those without gaps in memory."""
    found: Fields = {}
    films: dict[str, list[Array]] = {}
    for name, value in fields.items():
        film, mark, _ = name.partition(MARK)
        if mark:
            films.setdefault(film, []).append(value)
        else:
            found[name] = np.asarray(value, order="C")
    return {**found, **{name: np.stack(frames) for name, frames in films.items()}}
