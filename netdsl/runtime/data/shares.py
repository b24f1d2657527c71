"""Which samples are held out: shares drawn by a seed, of each class alike where there are classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.tables import Divided


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


def divided(data: Divided, count: int, labels: Array | None, name: str) -> dict[str, Array]:
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
