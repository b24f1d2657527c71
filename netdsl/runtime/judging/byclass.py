"""Scores class by class, from what was counted, and at the levels of a hierarchy of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe import Data
from netdsl.recipe.data.labelmaps import LabelMap, read_map
from netdsl.recipe.data.masks import Paired
from netdsl.runtime.pictures.colours import name_of

Portion = float | None
"""A share of something, None of nothing."""


class ClassScore(TypedDict):
    """The scores of one class; those of one that is neither labelled nor predicted are None."""

    name: str
    labelled: int
    predicted: int
    precision: Portion
    recall: Portion
    f1: Portion
    iou: Portion


class LevelScore(TypedDict):
    """The scores at one level of a hierarchy."""

    level: int
    classes: int
    miou: Portion
    accuracy: Portion


def by_class(counts: Mapping[str, Array], names: Sequence[str]) -> list[ClassScore]:
    """The scores of each class in the order of their numbers."""
    both, labelled, guessed = tallies_of(counts)
    found: list[ClassScore] = []
    for number, (b, t, g) in enumerate(zip(both.tolist(), labelled.tolist(), guessed.tolist(), strict=True)):
        there = bool(t or g)
        found.append(
            ClassScore(
                name=name_of(number, names),
                labelled=t,
                predicted=g,
                precision=_share(b, g, there),
                recall=_share(b, t, there),
                f1=_share(2 * b, t + g, there),
                iou=_share(b, t + g - b, there),
            )
        )
    return found


def tallies_of(counts: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """By class how often it is labelled and predicted, labelled, predicted."""
    if "confusion" not in counts:
        return counts["both"], counts["labelled"], counts["predicted"]
    confusion = counts["confusion"]
    return confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)


def _share(above: float, below: float, there: bool) -> Portion:
    """A share; 0 where a class is there and has nothing to divide by."""
    return (above / below if below else 0.0) if there else None


def by_level(confusion: Array, data: Data | None) -> tuple[list[LevelScore], list[str]]:
    """The scores at each coarser level of the data's label map, and what is to be known of others.

    Classes are merged in the confusion matrix of the level that was learned; what a coarser level does not count is
    left out, of labels and of predictions. A level that the learned one does not decide has none.
    """
    known = map_of(data)
    if known is None or not isinstance(data, Paired):
        return [], []
    own = known.at(data.level)
    if len(confusion) != len(known.levels[own]):
        return [], []
    found, notes = [], []
    for level in reversed(range(own)):
        try:
            coarser = known.by_number(level, own)
        except DataError as error:
            notes.append(f"no score at level {level + 1}: {error}")
            continue
        merged = merge(confusion, [coarser.get(n) for n in range(len(confusion))], len(known.levels[level]))
        found.append(_scored(level + 1, merged))
    return found, notes


def map_of(data: Data | None) -> LabelMap | None:
    """The label map that data is read by."""
    if not isinstance(data, Paired) or not data.map:
        return None
    return data.known_map() or read_map(Path(data.map))


def merge(confusion: Array, becomes: Sequence[int | None], classes: int) -> Array:
    """`[classes, classes]`: the same counts with classes made one; those that become none are left out."""
    kept = [n for n, other in enumerate(becomes) if other is not None]
    places = np.array([becomes[n] for n in kept], np.int64)
    made = np.zeros((classes, classes), confusion.dtype)
    np.add.at(made, (places[:, None], places[None]), confusion[np.ix_(kept, kept)])
    return made


def _scored(level: int, confusion: Array) -> LevelScore:
    found = by_class({"confusion": confusion}, ())
    shares = [score["iou"] for score in found if score["iou"] is not None]
    total = int(confusion.sum())
    return LevelScore(
        level=level,
        classes=len(confusion),
        miou=sum(shares) / len(shares) if shares else None,
        accuracy=int(confusion.trace()) / total if total else None,
    )
