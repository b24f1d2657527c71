"""What an evaluation found: losses, metrics, scores by class, and the samples that were judged worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe import Data
from netdsl.runtime.data.sets import Dataset
from netdsl.runtime.judging.byclass import by_class, by_level
from netdsl.runtime.judging.watching import LOSS, Scrutiny
from netdsl.runtime.pictures.colours import name_of

LISTED = 4096
"""Classes that a table of scores may have."""
FEW = 8
"""Numbers of a sample that are told."""

Recomputed = tuple[Array, Array, Array]
"""The main field of some samples, the scores that are read, and the labels."""
Answers = Callable[[Array], Recomputed]
"""By their places in the split: samples computed again."""


@dataclass
class Judged:
    """One sample with what the net says of it."""

    number: int
    loss: float
    image: Array
    """The main field, as the net reads it."""
    truth: Array
    guess: Array
    share: Array
    """What the net gives its guess, in the shape of that."""


@dataclass
class Judgement:
    """What was found on a split."""

    found: dict[str, Any]
    """As JSON has it."""
    watch: Scrutiny | None = None
    counts: Mapping[str, Array] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    data: Data | None = None
    picture: Mapping[str, Any] | None = None
    """How the main field was made of a picture, where it was."""
    worst: list[Judged] = field(default_factory=list)


def judgement(
    found: dict[str, Any],
    watch: Scrutiny,
    counts: Mapping[str, Array],
    dataset: Dataset,
    data: Data | None,
    answers: Answers,
    worst: int,
) -> Judgement:
    """All that is told of a split: `found` are losses and metrics, `counts` what was watched."""
    picture = dataset.facts.get("picture")
    names, data = (tuple(dataset.classes), data) if watch.reads_label else ((), None)
    made = Judgement(found, watch, counts, names, data, picture)
    if watch.of_classes and watch.classes <= LISTED:
        found["unit"] = watch.unit
        found["by_class"] = by_class(counts, made.classes)
    if "confusion" in counts:
        found["confusion"] = counts["confusion"].tolist()
        found |= _levels(counts["confusion"], data, found)
    if worst:
        made.worst = worst_of(watch, counts[LOSS], answers, worst)
        found["worst"] = [said_of(sample, watch, made.classes) for sample in made.worst]
    return made


def _levels(confusion: Array, data: Data | None, found: Mapping[str, Any]) -> dict[str, Any]:
    levels, notes = by_level(confusion, data)
    more: dict[str, Any] = {"levels": levels} if levels else {}
    return more | ({"notes": [*found.get("notes", ()), *notes]} if notes else {})


def worst_of(watch: Scrutiny, losses: Array, answers: Answers, count: int) -> list[Judged]:
    """The samples of the highest loss, the highest first, computed again to be looked at."""
    order = np.argsort(-losses, kind="stable")[:count]
    images, scores, labels = answers(order)
    guesses, shares, labels = *watch.guesses(scores), watch.numbers(labels)
    return [Judged(int(n), float(losses[n]), images[i], labels[i], guesses[i], shares[i]) for i, n in enumerate(order)]


def said_of(sample: Judged, watch: Scrutiny, names: Sequence[str]) -> dict[str, object]:
    """A sample as JSON has it: what it is and what it was taken for, where that is short."""
    said: dict[str, object] = {"sample": sample.number, "loss": sample.loss}
    if watch.marked and sample.truth.size <= LISTED and sample.truth.ndim == 1:
        return said | {"truth": _named(sample.truth, names), "guess": _named(sample.guess, names)}
    if watch.of_classes:
        if sample.truth.ndim:
            return said
        truth, guess = (name_of(int(v), names) for v in (sample.truth, sample.guess))
        return said | {"truth": truth, "guess": guess, "probability": float(sample.share)}
    if sample.truth.size <= FEW:
        return said | {"truth": sample.truth.reshape(-1).tolist(), "guess": sample.guess.reshape(-1).tolist()}
    return said


def _named(marks: Array, names: Sequence[str]) -> list[str]:
    return [name_of(int(n), names) for n in np.flatnonzero(marks > 0.5)]
