"""Metrics of what is labelled, what is predicted, and what is both, class by class: IoU, precision, recall, F1."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from netdsl.base.arrays import Array
from netdsl.ops.axes import Axis
from netdsl.ops.base import RuleError, fixed
from netdsl.ops.fields import ChoiceKind, Float, Int, IntKind, Ints, derived
from netdsl.ops.measure import Counts, ratio
from netdsl.ops.metric import ClassMetric, predicted

OneClass = Annotated[int | None, IntKind(0)]
Absent = Annotated[str, ChoiceKind(("skip", "zero", "one"))]
Average = Annotated[str, ChoiceKind(("macro", "micro", "weighted"))]
Tallies = tuple[Array, Array, Array]
"""By class: how many positions are labelled and predicted so, labelled so, predicted so."""


class Tallied(ClassMetric, abstract=True):
    """A share of each class, and the mean of these.

    A share is `times` what is both over a sum of what is both, labelled and predicted, each taken as often as `over`
    says. Of a class that is neither labelled nor predicted `absent` says what counts; any other share without a
    divisor is 0. The class `ignore` has no part in the mean; predicted elsewhere it is a miss.
    """

    times: ClassVar[int] = 1
    over: ClassVar[tuple[int, int, int]]
    labelled_only: ClassVar[bool] = False
    """Whether classes that are predicted and never labelled are absent as well."""

    absent: Absent = "skip"
    threshold: Float = 0.0
    ignore: Int = -100
    axis: Axis = None

    classes: int = derived()
    """How many classes are counted, of which one score tells two apart."""

    def prepare(self) -> None:
        super().prepare()
        scored = fixed(self.x.shape[self.along], f"the number of classes of `{self.name}`")
        self.classes = 2 if self.lone else scored

    @property
    def counted(self) -> tuple[int, ...]:
        """The classes that have a part in the mean."""
        return tuple(c for c in range(self.classes) if self.marked or c != self.ignore)

    def counts(self, scores: Array, labels: Array) -> Counts:
        both, labelled, guessed = self.tallies(scores, labels)
        return {"both": both, "labelled": labelled, "predicted": guessed}

    def tallies(self, scores: Array, labels: Array) -> Tallies:
        """What a batch adds, `[classes]` each."""
        if self.marked:
            yes, valid = self.marks(labels)
            guess = (self.rows(scores) > self.threshold) & valid
            return (yes & guess).sum(axis=0), yes.sum(axis=0), guess.sum(axis=0)
        rows, flat = self.columns(scores, labels)
        return tallied(flat, predicted(rows, self.threshold), self.classes)

    def value(self, totals: Mapping[str, Array]) -> float:
        return self.mean((totals["both"], totals["labelled"], totals["predicted"]))

    def mean(self, tallies: Tallies) -> float:
        """The measure, from the tallies of a whole set: the mean over classes."""
        shares, there = self.shares(tallies)
        found = [float(shares[c]) for c in self.counted if there[c]]
        if self.absent != "skip":
            found += [self.filling] * (len(self.counted) - len(found))
        return ratio(sum(found), len(found))

    def fractions(self, tallies: Tallies) -> tuple[Array, Array]:
        """What stands above and below the line, `[classes]` each."""
        both, labelled, guessed = tallies
        times = self.over
        return self.times * both, times[0] * both + times[1] * labelled + times[2] * guessed

    def shares(self, tallies: Tallies) -> tuple[Array, Array]:
        """The share of each class, 0 where there is no divisor, and which classes are not absent."""
        import numpy as np

        above, below = self.fractions(tallies)
        _, labelled, guessed = tallies
        there = labelled > 0 if self.labelled_only else (labelled > 0) | (guessed > 0)
        return np.divide(above, below, out=np.zeros(len(above)), where=below != 0), there

    @property
    def filling(self) -> float:
        """What a class that is absent counts."""
        return {"skip": float("nan"), "zero": 0.0, "one": 1.0}[self.absent]


class MeanAccuracy(Tallied):
    """The mean over labelled classes of the share of their labels that are predicted so: balanced accuracy."""

    example: ClassVar[str] = "(logits [10], label int[]) -> mean_accuracy"
    over: ClassVar[tuple[int, int, int]] = (0, 1, 0)
    labelled_only: ClassVar[bool] = True


class Miou(Tallied):
    """The mean over classes of intersection over union of predicted and labelled positions (Everingham et al., 2010).

    Counted over the whole set. The class `ignore` has no part in the mean; predicted elsewhere it is a miss. A class
    that is neither labelled nor predicted is `absent`: `skip` leaves it out of the mean (Cityscapes), `zero` and `one`
    give it that. `merge` makes classes one before they are counted, as at a level of a hierarchy: of four classes
    `[0, 0, 1, -1]` makes two, and positions that are labelled as the last count nowhere.
    """

    example: ClassVar[str] = "(scores [21, 8, 8], label int[8, 8]) -> miou"
    over: ClassVar[tuple[int, int, int]] = (-1, 1, 1)

    merge: Ints = ()
    absent: Absent = "skip"
    threshold: Float = 0.0
    ignore: Int = 255
    axis: Axis = None

    def prepare(self) -> None:
        super().prepare()
        if not self.merge:
            return
        if len(self.merge) != self.classes:
            message = f"there are {self.classes} classes, but `merge` says of {len(self.merge)} what they become"
            raise RuleError(message, field="merge")
        left = set(self.merge) - {-1}
        if left != set(range(len(left))):
            message = "`merge` says for each class the number of another, counted from 0 without a gap, or -1 for none"
            raise RuleError(message, field="merge")
        self.classes = len(left)

    @property
    def counted(self) -> tuple[int, ...]:
        return tuple(range(self.classes)) if self.merge else super().counted

    def tallies(self, scores: Array, labels: Array) -> Tallies:
        import numpy as np

        rows, flat = self.columns(scores, labels)
        guess = predicted(rows, self.threshold)
        if self.merge:
            table = np.array(self.merge)
            flat, guess = table[flat], table[guess]
            flat, guess = flat[flat >= 0], guess[flat >= 0]
        return tallied(flat, guess, self.classes)


class Mdice(Tallied):
    """The mean over classes of Dice, twice the intersection over the sum of predicted and labelled positions (1945).

    It is the `f1` of pixels; classes that are absent, or ignored, are as in `miou`.
    """

    example: ClassVar[str] = "(scores [21, 8, 8], label int[8, 8]) -> mdice"
    times: ClassVar[int] = 2
    over: ClassVar[tuple[int, int, int]] = (0, 1, 1)

    ignore: Int = 255
    axis: Axis = None


class Averaged(Tallied, abstract=True):
    """What may be of one class alone, or averaged otherwise."""

    apart: ClassVar[bool] = True

    average: Average = "macro"
    only: OneClass = None
    absent: Absent = "skip"
    threshold: Float = 0.0
    ignore: Int = -100
    axis: Axis = None

    def prepare(self) -> None:
        super().prepare()
        if self.only is not None and self.average != "macro":
            raise RuleError("`only` measures one class, and leaves nothing to average", field="average")
        if self.only is None and self.average == "macro" and self.lone:
            self.only = 1
        if self.only is not None and self.only >= self.classes:
            message = f"there is no class {self.only}: classes are 0 to {self.classes - 1}"
            raise RuleError(message, field="only")

    def mean(self, tallies: Tallies) -> float:
        above, below = self.fractions(tallies)
        shares, there = self.shares(tallies)
        kept = list(self.counted)
        if self.only is not None:
            return float(shares[self.only]) if there[self.only] else self.filling
        if self.average == "micro":
            return ratio(above[kept].sum(), below[kept].sum())
        if self.average == "weighted":
            return ratio((shares * tallies[1])[kept].sum(), tallies[1][kept].sum())
        return super().mean(tallies)


class Precision(Averaged):
    """The share of what is predicted to be a class that is labelled so.

    `macro` is the mean over classes, `micro` the share of all predictions, `weighted` the mean by labels of each class.
    `only` measures one class; one score alone is measured for class 1, which it says when it is above `threshold`.
    With a mark for each score every class is decided by itself.
    """

    example: ClassVar[str] = "(logits [10], label int[]) -> precision"
    over: ClassVar[tuple[int, int, int]] = (0, 0, 1)


class Recall(Averaged):
    """The share of what is labelled as a class that is predicted so; settings are as in `precision`."""

    example: ClassVar[str] = "(logits [10], label int[]) -> recall"
    over: ClassVar[tuple[int, int, int]] = (0, 1, 0)


class F1(Averaged):
    """Twice what is both labelled and predicted over the sum of either (van Rijsbergen, 1979): of pixels, Dice.

    Of a class it is the harmonic mean of `precision` and `recall`; settings are as in `precision`.
    """

    name: ClassVar[str] = "f1"
    example: ClassVar[str] = "(logits [10], label int[]) -> f1"
    times: ClassVar[int] = 2
    over: ClassVar[tuple[int, int, int]] = (0, 1, 1)


class Iou(Averaged):
    """Intersection over union of predicted and labelled positions: of the class `only`, or of all together.

    `average=weighted` gives the frequency weighted IoU, `micro` that of all positions; the mean over classes is `miou`.
    One score alone, or a mark for each, is measured for what it says yes to.
    """

    example: ClassVar[str] = "(scores [21, 8, 8], label int[8, 8]) -> iou(only=1)"
    over: ClassVar[tuple[int, int, int]] = (-1, 1, 1)

    ignore: Int = 255
    axis: Axis = None

    def prepare(self) -> None:
        super().prepare()
        if self.only is None and self.average == "macro" and not self.marked:
            help = "write `iou(only=1)` for one of them, `miou` for their mean, or `iou(average=weighted)`"
            raise RuleError("`iou` is of one class, and here are several", field="only", help=help)


def tallied(labels: Array, guesses: Array, classes: int) -> Tallies:
    """The tallies of class numbers `[positions]`, of which each counts; a guess of -1 is of no class."""
    import numpy as np

    both = np.bincount(labels[labels == guesses], minlength=classes)
    return both, np.bincount(labels, minlength=classes), np.bincount(guesses[guesses >= 0], minlength=classes)
