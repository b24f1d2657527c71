"""Whole sequences dealt out to splits, so that the labels are shared out as is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.masks import SEQUENCE

DRAWS = 1000
"""So many orders of the sequences are tried."""


def sequence_of(key: str, pattern: str) -> str:
    """The sequence of a picture: its folder, or what stands for `{sequence}` in a pattern of its name."""
    folder, _, name = key.rpartition("/")
    if not pattern:
        return folder
    found = re.fullmatch(_expression(pattern), name)
    if found is None:
        raise DataError(f"the name of {key} does not follow the pattern `{pattern}`")
    return f"{folder}/{found[1]}"


def _expression(pattern: str) -> str:
    """A pattern as a regular expression: `*` is anything, the name of a sequence as short as it can be."""
    parts = re.split(r"(\{sequence\}|\*)", pattern)
    return "".join({SEQUENCE: "(.+?)", "*": ".*?"}.get(part, re.escape(part)) for part in parts)


@dataclass(frozen=True)
class Dealt:
    """Which split each sequence belongs to, and how the labels are shared out by that."""

    owners: dict[str, int]
    """By sequence: the place of its split in the shares."""
    counts: Array
    """`[splits, classes]`: the labels of each class."""


def deal(counts: Mapping[str, Array], shares: Sequence[float], seed: int) -> Dealt:
    """Sequences to splits: of a thousand orders, each cut where the shares are reached, the one that comes closest.

    `counts` has the labels `[classes]` of each sequence. What is compared is the mean, over the classes that occur, of
    how far the shares of their labels are from those asked for. Every split with a share gets a sequence.
    """
    names = sorted(counts)
    wanted = np.asarray(shares, np.float64) / sum(shares)
    parts = int((wanted > 0).sum())
    if len(names) < parts:
        raise DataError(f"{len(names)} sequences cannot be dealt out to {parts} splits: say `split=picture`")
    table = np.stack([counts[name] for name in names]).astype(np.float64)
    occurring = table[:, table.sum(axis=0) > 0]
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(names)) for _ in range(DRAWS)]
    found = [_cut(occurring[order].sum(axis=1), wanted) for order in orders]
    best = min(range(DRAWS), key=lambda n: _distance(occurring[orders[n]], found[n], wanted))
    owners = np.empty(len(names), np.int64)
    owners[orders[best]] = found[best]
    shared = np.stack([table[owners == part].sum(axis=0) for part in range(len(wanted))])
    return Dealt(dict(zip(names, owners.tolist(), strict=True)), shared)


def _cut(sizes: Array, wanted: Array) -> Array:
    """The split of each sequence in an order: by where its middle lies in the labels of all."""
    total = max(sizes.sum(), 1.0)
    middles = (np.cumsum(sizes) - sizes / 2) / total
    owners = np.searchsorted(np.cumsum(wanted)[:-1], middles, side="right")
    present = np.flatnonzero(wanted > 0)
    for place, part in enumerate(present):  # a split without a sequence takes the next in order
        if not (owners == part).any():
            owners[len(owners) - len(present) + place] = part
    return np.asarray(owners)


def _distance(table: Array, owners: Array, wanted: Array) -> float:
    totals = table.sum(axis=0)
    apart = [np.abs(table[owners == part].sum(axis=0) / totals - share).mean() for part, share in enumerate(wanted)]
    missing = sum(not (owners == part).any() for part, share in enumerate(wanted) if share > 0)
    return float(sum(apart)) + missing * len(wanted)
