"""Metrics: what is counted over a whole set and divided once, never a mean of batch means."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from netdsl.base.arrays import Array
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.axes import Axis, float_of, product, samples_of, without
from netdsl.ops.base import Numbering, Op, Requirement, fixed
from netdsl.ops.fields import ChoiceKind, Count, Float, Int, derived
from netdsl.ops.loss import SCALAR, class_axis_of, class_numbers, classes_match

Counts = dict[str, Array]


class Metric(Op, abstract=True):
    """A measure of scores against class numbers. It is no part of an emitted network.

    `counts` counts one batch (numpy arrays, the batch axis in front); the counts of all batches are added up and
    `value` makes one number of the totals, NaN when nothing was counted.
    """

    no_gradient: ClassVar[str] = "counts, so nothing can be learned from it; a loss such as `cross_entropy` can"

    x: Value
    label: Value
    ignore: Int = -100
    axis: Axis = None

    along: int = derived()

    def prepare(self) -> None:
        samples_of(self.x, self.name)
        samples_of(self.label, self.name, "label")
        float_of(self.x, self.name)
        class_numbers(self.label, self.name)
        self.along = class_axis_of(self.x, self.label, self.axis, self.name)

    def requirements(self) -> Iterator[Requirement]:
        yield from classes_match(self.x, self.label, self.along)

    def result(self) -> TensorType:
        return SCALAR

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        """One comparison a score."""
        return self.x.type.elements

    def windows(self) -> None:
        return None

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.label, self.labels, self.ignore),)

    @property
    def labels(self) -> Extent:
        """How many classes labels may name: those with a score, two where one score tells two apart."""
        scored = self.x.shape[self.along]
        return max(scored, 2) if isinstance(scored, int) else scored

    @property
    def positions(self) -> Extent:
        """How many labels one sample has."""
        return product(without(self.x.shape, self.along))

    def counts(self, scores: Array, labels: Array) -> Counts:
        """What this batch adds to the totals; `scores` and `labels` are numpy arrays."""
        raise NotImplementedError(f"{self.name} does not say what it counts")

    def value(self, totals: Mapping[str, Array]) -> float:
        """The measure, from the sums of all counts."""
        raise NotImplementedError(f"{self.name} does not say what its counts mean")

    def columns(self, scores: Array, labels: Array) -> tuple[Array, Array]:
        """`[positions, classes]` and `[positions]` of a batch, without what is to be ignored.

        `ValueError` when a label that counts is no class.
        """
        import numpy as np

        rows = np.moveaxis(np.asarray(scores), self.along + 1, -1)
        classes = rows.shape[-1]
        rows, flat = rows.reshape(-1, classes), np.asarray(labels).reshape(-1)
        valid = flat != self.ignore
        rows, flat = rows[valid], flat[valid]
        if flat.size and (flat.min() < 0 or flat.max() >= max(classes, 2)):
            wrong = flat[(flat < 0) | (flat >= max(classes, 2))][0]
            raise ValueError(f"{self.name} met the label {wrong}, but there are {classes} classes")
        return rows, flat


class Share(Metric, abstract=True):
    """The share of positions that are right."""

    def right(self, rows: Array, labels: Array) -> Array:
        """For each position whether it counts as right."""
        raise NotImplementedError

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        rows, flat = self.columns(scores, labels)
        return {"right": np.array([self.right(rows, flat).sum()]), "seen": np.array([flat.size])}

    def value(self, totals: Mapping[str, Array]) -> float:
        right, seen = (int(totals[k].sum()) for k in ("right", "seen"))
        return right / seen if seen else float("nan")


class Accuracy(Share):
    """The share of labels that have the highest score. One score alone says class 1 when it is above `threshold`."""

    example: ClassVar[str] = "(logits [10], label int[]) -> accuracy"

    threshold: Float = 0.0
    ignore: Int = -100
    axis: Axis = None

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


class Miou(Metric):
    """The mean over classes of intersection over union of predicted and labelled positions (Everingham et al., 2010).

    Counted over the whole set: rows of the confusion matrix are labels, columns predictions. The class `ignore` has no
    part in the mean; predicted elsewhere it is a miss. A class that is neither labelled nor predicted is `absent`:
    `skip` leaves it out of the mean (Cityscapes), `zero` and `one` give it that.
    """

    example: ClassVar[str] = "(scores [21, 8, 8], label int[8, 8]) -> miou"

    ignore: Int = 255
    absent: Annotated[str, ChoiceKind(("skip", "zero", "one"))] = "skip"
    axis: Axis = None

    classes: int = derived()

    def prepare(self) -> None:
        super().prepare()
        self.classes = fixed(self.x.shape[self.along], "the number of classes of `miou`")

    def counts(self, scores: Array, labels: Array) -> Counts:
        import numpy as np

        rows, flat = self.columns(scores, labels)
        classes = max(self.classes, 2)
        pairs = flat.astype(np.int64) * classes + predicted(rows, 0.0)
        return {"confusion": np.bincount(pairs, minlength=classes**2).reshape(classes, classes)}

    def value(self, totals: Mapping[str, Array]) -> float:
        shares = self.shares(totals)
        found = [s for s in shares if s is not None]
        if self.absent != "skip":
            counted = len(shares) - (0 <= self.ignore < len(shares))
            found += [float(self.absent == "one")] * (counted - len(found))
        return sum(found) / len(found) if found else float("nan")

    def shares(self, totals: Mapping[str, Array]) -> list[float | None]:
        """Intersection over union of each class, None for one that is absent or ignored."""
        confusion = totals["confusion"]
        both = confusion.diagonal()
        either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
        pairs = enumerate(zip(both, either, strict=True))
        return [float(b) / float(e) if e and number != self.ignore else None for number, (b, e) in pairs]


def predicted(rows: Array, threshold: float) -> Array:
    """The class of each row of scores: the highest, or for one score alone whether it is above the threshold."""
    if rows.shape[1] == 1:
        return (rows[:, 0] > threshold).astype("int64")
    found: Array = rows.argmax(axis=1)
    return found
