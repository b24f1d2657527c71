"""What a metric is, whatever it measures: something counted batch by batch, and one number made of all counts."""

from collections.abc import Mapping
from typing import ClassVar

from netdsl.base.arrays import Array

Counts = dict[str, Array]
"""What a batch adds, by name: sums, which are added up, and under names that begin with `EACH` rows, which are kept."""
EACH = "each_"
"""How the names of rows begin: an entry for each position, put behind those of the batches before."""


class Measure:
    """What a `metric` row may end in."""

    higher_is_better: ClassVar[bool] = True
    """Whether the best is the highest; else it is the lowest."""

    def counts(self, scores: Array, labels: Array) -> Counts:
        """What this batch adds to the totals; `scores` and `labels` are numpy arrays, the batch axis in front.

        `ValueError` when a label that counts is none.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it counts")

    def value(self, totals: Mapping[str, Array]) -> float:
        """The measure, from all counts joined; NaN when nothing was counted."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its counts mean")


class SquaredDifference(Measure):
    """The mean of squared differences over all elements of a set; the lower, the better."""

    higher_is_better: ClassVar[bool] = False

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        off = scores.reshape(-1).astype(np.float64) - labels.reshape(-1)
        return {"total": np.array([np.square(off).sum()]), "seen": np.array([off.size])}

    def value(self, totals: Mapping[str, Array]) -> float:
        return ratio(totals["total"].sum(), totals["seen"].sum())


def ratio(above: float, below: float) -> float:
    """A quotient, NaN without a divisor."""
    return float(above) / float(below) if below else float("nan")


__all__ = ["EACH", "Counts", "Measure", "SquaredDifference", "ratio"]
