"""Sums and counts over a whole set: losses and metrics are added up batch by batch, and divided once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netdsl.base.arrays import Array


@dataclass
class RunningTotals:
    """What has been added up so far: each loss times its weight, the weights, and the counts of each metric.

    Sums are numbers, or whatever adds up like them: those of PyTorch stay on the device until asked for.
    """

    losses: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, dict[str, Array]] = field(default_factory=dict)

    def add_loss(self, name: str, value: object, weight: object) -> None:
        """Add a batch's mean times what it was divided by, and that."""
        self.losses[name] = self.losses.get(name, 0.0) + value
        self.weights[name] = self.weights.get(name, 0.0) + weight

    def add_counts(self, name: str, counts: Mapping[str, Array]) -> None:
        own = self.counts.setdefault(name, {})
        for key, value in counts.items():
            own[key] = own[key] + value if key in own else value

    def add(self, other: RunningTotals) -> None:
        """Add another process's totals."""
        for name, value in other.losses.items():
            self.add_loss(name, value, other.weights[name])
        for name, counts in other.counts.items():
            self.add_counts(name, counts)

    def settled(self) -> RunningTotals:
        """The same with plain numbers, so that it can travel between processes."""
        settled = RunningTotals(counts=self.counts)
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
        for name, counts in self.counts.items():
            found |= {f"count/{name}/{k}": np.array(v) for k, v in counts.items()}
        return found

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> RunningTotals:
        totals = RunningTotals()
        for key, value in arrays.items():
            kind, _, name = key.partition("/")
            if kind == "count":
                metric, what = name.rsplit("/", 1)
                totals.counts.setdefault(metric, {})[what] = np.asarray(value)
            else:
                (totals.losses if kind == "loss" else totals.weights)[name] = float(value)
        return totals
