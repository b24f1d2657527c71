"""Which samples are held out: shares drawn by a seed, of each class alike where there are classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.runtime.data.cells import CategoryColumn, quoted
from netdsl.runtime.data.folders import FOLDERS
from netdsl.runtime.data.sets import SPLITS

CALLED = {name: split for split, names in FOLDERS.items() for name in names}
"""The split that a name says: of a file, or in a row's cell."""


class HeldOut(Protocol):
    """Data that says which shares of it are held out."""

    validation: float
    test: float
    seed: int


def stratified(labels: Array, shares: tuple[float, float], seed: int) -> dict[str, Array]:
    """Numbers of the samples of each split; every class gives the same shares to validation and test."""
    parts: dict[str, list[Array]] = {"train": [], "validation": [], "test": []}
    generator = np.random.default_rng(seed)
    for label in np.unique(labels):
        own = generator.permutation(np.flatnonzero(labels == label))
        held, tested = (round(len(own) * s) for s in shares)
        parts["validation"].append(own[:held])
        parts["test"].append(own[held : held + tested])
        parts["train"].append(own[held + tested :])
    return {name: np.sort(np.concatenate(p)) for name, p in parts.items()}


def in_order(count: int) -> dict[str, Array]:
    """Numbers of samples that are drawn one after the other: a tenth for each of validation and test, at the end."""
    held = max(1, count // 10)
    return dict(zip(SPLITS, np.split(np.arange(count), [count - 2 * held, count - held]), strict=True))


def divided(data: HeldOut, count: int, labels: Array | None, name: str) -> dict[str, Array]:
    """Numbers of the samples of each split; `DataError` where a share that is asked for gives none."""
    kinds = np.zeros(count, np.int64) if labels is None else labels
    shares = (data.validation, data.test)
    parts: Mapping[str, Array] = stratified(kinds, shares, data.seed) if count else {}
    for split, share in zip(("validation", "test"), shares, strict=True):
        if share and not len(parts.get(split, ())):
            of = f"of {count:,} samples" if labels is None else f"of each class of {count:,} samples"
            raise DataError(f"{name}: {split}={share:g} {of} is none: say `{split}=0` to hold none out, or more")
    if not len(parts.get("train", ())):
        raise DataError(f"{name}: no samples are left to train on")
    return dict(parts)


def called(column: CategoryColumn) -> dict[str, Array]:
    """Numbers of the rows of each split, as a column says it; `DataError` names a row that says something else."""
    strange = next((name for name in column.known if name not in CALLED), None)
    if strange is not None:
        what = f"`{column.name}` is {quoted(strange)}, which is neither train, validation nor test"
        raise column.file.wrong(column.known[strange], what)
    whose = np.array([CALLED[name] for name in column.codes])[np.concatenate(column.parts)]
    return {name: np.flatnonzero(whose == name) for name in SPLITS}
