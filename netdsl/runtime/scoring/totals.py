"""Sums and counts over a whole set: losses and metrics are added up batch by batch, and divided once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.ops.measure import EACH

MOST_ROWS = 2**30
"""Bytes that one metric may keep of all positions together."""


@dataclass
class RunningTotals:
    """What has been added up so far: each loss times its weight, the weights, and the counts of each metric.

    Sums are numbers, or whatever adds up like them: those of PyTorch stay on the device until asked for.
    """

    losses: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, dict[str, Array]] = field(default_factory=dict)
    """Sums by metric and name."""
    rows: dict[str, dict[str, list[Array]]] = field(default_factory=dict)
    """What metrics keep of each position, by metric and name: pieces in order."""

    def add_loss(self, name: str, value: object, weight: object) -> None:
        """Add a batch's mean times what it was divided by, and that."""
        self.losses[name] = self.losses.get(name, 0.0) + value
        self.weights[name] = self.weights.get(name, 0.0) + weight

    def add_counts(self, name: str, counts: Mapping[str, Array]) -> None:
        """Add what a metric counted; `RunError` where that is not what it counted before, or more than can be kept."""
        own, kept = self.counts.setdefault(name, {}), self.rows.setdefault(name, {})
        before = {*own, *kept}
        if before and before != counts.keys():
            raise RunError(f"what has been counted so far for {name} is not what it counts: begin anew")
        for key, value in counts.items():
            if key.startswith(EACH):
                _append(kept.setdefault(key, []), value, name)
            elif key not in own:
                own[key] = value
            elif own[key].shape == value.shape:
                own[key] = own[key] + value
            else:
                raise RunError(f"what has been counted so far for {name} is of another shape: begin anew")

    def counted(self, name: str) -> dict[str, Array]:
        """All that a metric has counted, rows in one piece."""
        found = {key: joined(pieces) for key, pieces in self.rows.get(name, {}).items()}
        return {**self.counts[name], **found}

    def add(self, other: RunningTotals) -> None:
        """Add another process's totals."""
        for name, value in other.losses.items():
            self.add_loss(name, value, other.weights[name])
        for name in other.counts:
            self.add_counts(name, other.counted(name))

    def settled(self) -> RunningTotals:
        """The same with plain numbers, so that it can travel between processes."""
        settled = RunningTotals(counts=self.counts, rows=self.rows)
        settled.losses.update((n, float(v)) for n, v in self.losses.items())
        settled.weights.update((n, float(v)) for n, v in self.weights.items())
        return settled

    def means(self) -> dict[str, float]:
        """Each loss over everything added up; NaN where nothing counted."""
        settled = self.settled()
        pairs = {n: (float(v), float(settled.weights[n])) for n, v in settled.losses.items()}
        return {n: value / weight if weight else math.nan for n, (value, weight) in pairs.items()}

    def arrays(self) -> dict[str, Array]:
        """For a checkpoint."""
        found: dict[str, Array] = {}
        for kind, held in (("loss", self.losses), ("weight", self.weights)):
            found |= {f"{kind}/{n}": np.array(float(v), np.float64) for n, v in held.items()}
        for name in self.counts:
            found |= {f"count/{name}/{k}": np.array(v) for k, v in self.counted(name).items()}
        return found

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> RunningTotals:
        totals = RunningTotals()
        for key, value in arrays.items():
            kind, _, name = key.partition("/")
            if kind == "count":
                metric, what = name.rsplit("/", 1)
                totals.counts.setdefault(metric, {})
                if what.startswith(EACH):
                    totals.rows.setdefault(metric, {})[what] = [np.asarray(value)]
                else:
                    totals.counts[metric][what] = np.asarray(value)
            else:
                (totals.losses if kind == "loss" else totals.weights)[name] = float(value)
        return totals


def _append(pieces: list[Array], piece: Array, name: str) -> None:
    """Put rows behind those that are kept; pieces are joined so that each is longer than the next."""
    if pieces and pieces[0].shape[1:] != piece.shape[1:]:
        raise RunError(f"what has been kept so far for {name} is of another shape: begin anew")
    pieces.append(piece)
    while len(pieces) > 1 and len(pieces[-2]) <= len(pieces[-1]):
        pieces[-2:] = [np.concatenate(pieces[-2:])]
    if sum(p.nbytes for p in pieces) > MOST_ROWS:
        raise RunError(
            f"{name} keeps every score of a split, and these are more than {MOST_ROWS >> 30} GB: "
            "with `bins` it counts them instead, as in `auc(bins=1000)`"
        )


def joined(pieces: list[Array]) -> Array:
    """Rows in one piece, which takes the place of the pieces."""
    if len(pieces) > 1:
        pieces[:] = [np.concatenate(pieces)]
    return pieces[0]
