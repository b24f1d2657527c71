"""Metrics of classes: what is counted over a whole set and divided once, never a mean of batch means."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netdsl.base.arrays import Array
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import Axis, find_axis, float_of, product, rank_at_least, samples_of, without
from netdsl.ops.base import Numbering, Op, Requirement, RuleError
from netdsl.ops.fields import Count, Float, Int, derived
from netdsl.ops.loss import SCALAR, class_axis_of, class_numbers, classes_match
from netdsl.ops.measure import Counts, Measure, ratio


class Metric(Measure, Op, abstract=True):
    """A measure of what a net gives. It is no part of an emitted network."""

    no_gradient: ClassVar[str] = "counts, so nothing can be learned from it; a loss such as `cross_entropy` can"

    x: Value
    label: Value

    def result(self) -> TensorType:
        return SCALAR

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        """One comparison a score."""
        return self.x.type.elements

    def windows(self) -> None:
        return None


class ClassMetric(Metric, abstract=True):
    """A measure of scores against class numbers.

    One that is `apart` may also read a mark for each score, in the shape of the scores: then every class is decided by
    itself, and a mark above one half says yes.
    """

    apart: ClassVar[bool] = False
    """Whether each score may have a mark of its own."""

    ignore: Int = -100
    axis: Axis = None

    along: int = derived()
    marked: bool = derived()
    """Whether each score has a mark of its own, in place of one class number for all classes."""

    def prepare(self) -> None:
        samples_of(self.x, self.name)
        samples_of(self.label, self.name, "label")
        float_of(self.x, self.name)
        self.marked = self.apart and self.label.type.rank == self.x.type.rank
        if self.marked:
            rank_at_least(self.x, 1, self.name)
            self.along = 0 if self.axis is None else find_axis(self.axis, self.x.type.rank, self.name)
            return
        class_numbers(self.label, self.name)
        self.along = class_axis_of(self.x, self.label, self.axis, self.name)

    def requirements(self) -> Iterator[Requirement]:
        if not self.marked:
            yield from classes_match(self.x, self.label, self.along)
            return
        message = f"`{self.name}` takes a mark for each score: {self.x.type} and {self.label.type} differ in shape"
        for left, right in zip(self.x.shape, self.label.shape, strict=True):
            yield Requirement(left, "==", right, message, field="label")

    def numberings(self) -> tuple[Numbering, ...]:
        if self.marked and self.label.type.dtype is not DType.INT:
            return ()
        return (Numbering(self.label, self.labels, self.ignore),)

    def probabilities(self) -> tuple[Value, ...]:
        return (self.label,) if self.marked and self.label.type.dtype is DType.FLOAT else ()

    @property
    def labels(self) -> Extent:
        """How many classes labels may name: those with a score, two where one score tells two apart."""
        scored = 2 if self.marked else self.x.shape[self.along]
        return max(scored, 2) if isinstance(scored, int) else scored

    @property
    def positions(self) -> Extent:
        """How many labels one sample has."""
        return product(without(self.x.shape, self.along))

    @property
    def lone(self) -> bool:
        """Whether one score tells two classes apart."""
        return not self.marked and self.x.shape[self.along] == 1

    def columns(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """`[positions, classes]` and `[positions]` of a batch, without what is to be ignored.

        `ValueError` when a label that counts is no class.
        """
        rows = self.rows(scores)
        classes, flat = max(rows.shape[1], 2), labels.reshape(-1)
        valid = flat != self.ignore
        rows, flat = rows[valid], flat[valid]
        if flat.size and (flat.min() < 0 or flat.max() >= classes):
            wrong = flat[(flat < 0) | (flat >= classes)][0]
            raise ValueError(f"{self.name} met the label {wrong}, but there are {rows.shape[1]} classes")
        return rows, flat

    def marks(self, labels: Array) -> tuple[Array, Array]:
        """Which marks say yes and which count, `[positions, classes]` of truth values.

        `ValueError` when one that counts is not from 0 to 1.
        """
        flat = self.rows(labels)
        valid = flat != self.ignore
        wrong = flat[valid & ~((flat >= 0) & (flat <= 1))]
        if wrong.size:
            raise ValueError(f"{self.name} met the mark {wrong[0]}, but marks are from 0 to 1")
        return (flat > 0.5) & valid, valid

    def rows(self, scores: Array) -> Array:
        """`[positions, classes]`."""
        import numpy as np

        rows = np.moveaxis(scores, self.along + 1, -1)
        return rows.reshape(-1, rows.shape[-1])


class Share(ClassMetric, abstract=True):
    """The share of positions that are right."""

    def right(self, rows: Array, labels: Array) -> Array:
        """For each position whether it counts as right."""
        raise NotImplementedError

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        rows, flat = self.columns(scores, labels)
        return {"right": np.array([self.right(rows, flat).sum()]), "seen": np.array([flat.size])}

    def value(self, totals: Mapping[str, Array]) -> float:
        return ratio(totals["right"].sum(), totals["seen"].sum())


class Accuracy(Share):
    """The share of labels that have the highest score. One score alone says class 1 when it is above `threshold`.

    With a mark for each score it is the share of decisions that are right.
    """

    example: ClassVar[str] = "(logits [10], label int[]) -> accuracy"
    apart: ClassVar[bool] = True

    threshold: Float = 0.0
    ignore: Int = -100
    axis: Axis = None

    def counts(self, scores: Array, labels: Array) -> Counts:
        if not self.marked:
            return super().counts(scores, labels)
        import numpy as np

        yes, valid = self.marks(labels)
        right = ((self.rows(scores) > self.threshold) == yes) & valid
        return {"right": np.array([right.sum()]), "seen": np.array([valid.sum()])}

    def right(self, rows: Array, labels: Array) -> Array:
        found: Array = predicted(rows, self.threshold) == labels
        return found


class PixelAccuracy(Accuracy):
    """The share of labelled pixels that have the right class."""

    example: ClassVar[str] = "(scores [21, 8, 8], label int[8, 8]) -> pixel_accuracy"

    ignore: Int = 255
    axis: Axis = None


class TopKAccuracy(Share):
    """The share of labels that are among the `k` highest scores. Among equal scores the lower class comes first."""

    name: ClassVar[str] = "top_k_accuracy"
    example: ClassVar[str] = "(logits [10], label int[]) -> top_k_accuracy(5)"
    positional: ClassVar[int] = 1

    k: Count = 5
    ignore: Int = -100
    axis: Axis = None

    def requirements(self) -> Iterator[Requirement]:
        yield from super().requirements()
        classes = self.x.shape[self.along]
        message = f"`top_k_accuracy({self.k})` needs at least {self.k} classes, not {classes}"
        yield Requirement(classes, ">=", self.k, message, code="wrong-setting", field="k")

    def right(self, rows: Array, labels: Array) -> Array:
        import numpy as np

        own = np.take_along_axis(rows, labels[:, None], axis=1)
        earlier = np.arange(rows.shape[1]) < labels[:, None]
        ahead = ((rows > own) | ((rows == own) & earlier)).sum(axis=1)
        found: Array = (ahead < self.k) & ~np.isnan(own[:, 0])
        return found


class Perplexity(ClassMetric):
    """The exponential of the mean `cross_entropy` of all labels that count, from scores: the lower, the better.

    A net that gives n classes the same score has n.
    """

    example: ClassVar[str] = "(scores [5, 96], label int[5]) -> perplexity"
    higher_is_better: ClassVar[bool] = False

    def prepare(self) -> None:
        super().prepare()
        if self.lone:
            raise RuleError("`perplexity` needs a score for each class, and there is one score", field="x")

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        rows, flat = self.columns(scores, labels)
        logs = log_softmax(rows)
        return {"surprise": -logs[np.arange(len(flat)), flat].sum(keepdims=True), "seen": np.array([flat.size])}

    def value(self, totals: Mapping[str, Array]) -> float:
        import numpy as np

        with np.errstate(over="ignore"):
            return float(np.exp(ratio(totals["surprise"].sum(), totals["seen"].sum())))


def predicted(rows: Array, threshold: float) -> Array:
    """The class of each row of scores: the highest, or for one score alone whether it is above the threshold."""
    if rows.shape[1] == 1:
        return (rows[:, 0] > threshold).astype("int64")
    found: Array = rows.argmax(axis=1)
    return found


def sigmoid(scores: Array) -> Array:
    """The share that each score alone gives its class."""
    import numpy as np

    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-scores)))


def log_softmax(rows: Array) -> Array:
    """The logarithms of the softmax of `[positions, classes]`, in float64."""
    import numpy as np

    wide = rows.astype(np.float64)
    below = wide - wide.max(axis=1, keepdims=True, initial=-np.inf)
    found: Array = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return found
