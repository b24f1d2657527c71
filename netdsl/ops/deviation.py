"""Metrics of numbers against numbers: how far off they are over a whole set."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netdsl.base.arrays import Array
from netdsl.dims import Extent
from netdsl.ops.axes import float_of, samples_of
from netdsl.ops.base import Requirement
from netdsl.ops.loss import lone_score, one_shape
from netdsl.ops.measure import Counts, SquaredDifference, ratio
from netdsl.ops.metric import Metric


class NumberMetric(Metric, abstract=True):
    """A measure of two values of one shape, from sums over all their elements; `[1]` may stand against no axes."""

    def prepare(self) -> None:
        samples_of(self.x, self.name)
        samples_of(self.label, self.name, "label")
        float_of(self.x, self.name)

    def requirements(self) -> Iterator[Requirement]:
        yield from one_shape(self.x, self.label, self.name)

    def pointwise(self) -> Extent:
        """A difference, its size, and a sum."""
        return 3 * self.x.type.elements

    @property
    def lone(self) -> bool:
        """True when `x` has one axis more than the labels, of size 1."""
        return lone_score(self.x, self.label)

    def pair(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """Both as `[samples, elements]` in float64."""
        rows = (given.reshape(len(given), -1).astype("float64") for given in (scores, labels))
        x, label = rows
        return x, label


class Mae(NumberMetric):
    """The mean of absolute differences; the lower, the better. As a loss it is `l1`."""

    example: ClassVar[str] = "(x [8], label [8]) -> mae"
    higher_is_better: ClassVar[bool] = False

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        x, label = self.pair(scores, labels)
        return {"total": np.array([np.abs(x - label).sum()]), "seen": np.array([x.size])}

    def value(self, totals: Mapping[str, Array]) -> float:
        return ratio(totals["total"].sum(), totals["seen"].sum())


class Rmse(SquaredDifference, NumberMetric):
    """The root of the mean of squared differences over the whole set; the lower, the better."""

    example: ClassVar[str] = "(x [8], label [8]) -> rmse"

    def value(self, totals: Mapping[str, Array]) -> float:
        return float(super().value(totals) ** 0.5)


class R2(NumberMetric):
    """The share of the labels' variance that is explained: 1 less squared differences over those from their mean.

    Of several elements a sample it is the mean over them, each over all samples. Where labels do not vary it is 1 if
    they are met exactly and 0 if not. NaN with fewer than two samples.
    """

    name: ClassVar[str] = "r2"
    example: ClassVar[str] = "(x [8], label [8]) -> r2"

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        x, label = self.pair(scores, labels)
        found = {"off": np.square(x - label), "sum": label, "square": np.square(label)}
        return {k: v.sum(axis=0) for k, v in found.items()} | {"seen": np.array([len(x)])}

    def value(self, totals: Mapping[str, Array]) -> float:
        import numpy as np

        seen = float(totals["seen"].sum())
        if seen < 2:
            return float("nan")
        whole = totals["square"] - np.square(totals["sum"]) / seen
        flat = whole <= 1e-14 * totals["square"]  # what rounding leaves of labels that are all one
        shares = 1 - totals["off"] / np.where(flat, 1.0, whole)
        return float(np.where(flat, (totals["off"] == 0).astype(float), shares).mean())
