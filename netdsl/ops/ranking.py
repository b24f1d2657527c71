"""Metrics of how scores rank positions: the areas under the ROC and the precision-recall curve, exact or in bins."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from netdsl.base.arrays import Array
from netdsl.ops.axes import Axis
from netdsl.ops.base import RuleError, fixed
from netdsl.ops.fields import Bool, ChoiceKind, Int, IntKind, derived
from netdsl.ops.measure import EACH, Counts, ratio
from netdsl.ops.metric import ClassMetric, log_softmax, sigmoid
from netdsl.ops.tally import OneClass

Bins = Annotated[int | None, IntKind(2)]
MOST_BINS = 65_536


class Ranking(ClassMetric, abstract=True):
    """A measure of each class against all others, from the order of its scores, and the mean of these.

    Classes that nothing can be told apart in are left out of the mean.
    """

    apart: ClassVar[bool] = True

    average: Annotated[str, ChoiceKind(("macro", "weighted"))] = "macro"
    only: OneClass = None
    bins: Bins = None
    raw: Bool = False
    ignore: Int = -100
    axis: Axis = None

    classes: int = derived()
    """How many classes are ranked: as many as there are scores."""

    def prepare(self) -> None:
        super().prepare()
        self.classes = fixed(self.x.shape[self.along], f"the number of classes of `{self.name}`")
        if self.bins is not None and self.bins > MOST_BINS:
            raise RuleError(f"`bins` is {MOST_BINS:,} at most", field="bins")
        if self.only is not None and self.average != "macro":
            raise RuleError("`only` measures one class, and leaves nothing to average", field="average")
        if self.only is not None and self.only >= self.classes:
            message = f"there is no score for class {self.only}: there are {self.classes}"
            raise RuleError(message, field="only")

    def of_order(self, yes: Array, no: Array) -> float:
        """The measure of one class from how often it is right and wrong at each score, `[scores]`, the highest first.

        NaN where nothing can be told apart.
        """
        raise NotImplementedError(f"{self.name} does not say what an order is worth")

    def counts(self, scores: Array, labels: Array) -> Counts:
        rows, yes, valid = self.ranked(scores, labels)
        if self.bins is None:
            return {f"{EACH}score": rows, f"{EACH}mark": yes.astype("int8") - ~valid}
        return self._binned(rows, yes, valid)

    def ranked(self, scores: Array, labels: Array) -> tuple[Array, Array, Array]:
        """Scores as they are ranked, which say yes and which count: `[positions, classes]` each."""
        import numpy as np

        if self.marked:
            yes, valid = self.marks(labels)
            return self._squashed(self.rows(scores).astype(np.float64)), yes, valid
        rows, flat = self.columns(scores, labels)
        first = 1 if self.lone else 0
        yes = flat[:, None] == np.arange(first, first + self.classes)
        rows = self._squashed(rows.astype(np.float64)) if self.lone or self.raw else np.exp(log_softmax(rows))
        return rows, yes, np.ones_like(yes)

    def _squashed(self, rows: Array) -> Array:
        """Scores that each stand alone, as numbers from 0 to 1 where bins need such."""
        return rows if self.raw or self.bins is None else sigmoid(rows)

    def _binned(self, rows: Array, yes: Array, valid: Array) -> Counts:
        """How many positions lie from each threshold to the next, `[classes, bins]`."""
        import numpy as np

        assert self.bins is not None
        steps = np.nan_to_num(np.clip(rows, 0, 1), nan=0.0) * (self.bins - 1)
        places = steps.astype(np.int64) + self.bins * np.arange(self.classes)
        size = self.bins * self.classes
        found = (np.bincount(places[which & valid], minlength=size) for which in (yes, ~yes))
        right, wrong = (counts.reshape(self.classes, self.bins) for counts in found)
        return {"yes": right, "no": wrong}

    def value(self, totals: Mapping[str, Array]) -> float:
        import numpy as np

        orders = list(self._orders(totals))
        found = np.array([self.of_order(yes, no) for yes, no in orders])
        if self.only is not None:
            return float(found[self.only])
        weights = np.array([yes.sum() if self.average == "weighted" else 1.0 for yes, _ in orders])
        told = ~np.isnan(found)
        return ratio((found * weights)[told].sum(), weights[told].sum())

    def _orders(self, totals: Mapping[str, Array]) -> Iterator[tuple[Array, Array]]:
        """Of each class how many positions say yes and no at each score, the highest first."""
        for number in range(self.classes):
            if self.bins is not None:
                yield totals["yes"][number, ::-1], totals["no"][number, ::-1]
            else:
                marks, scores = totals[f"{EACH}mark"][:, number], totals[f"{EACH}score"][:, number]
                yield in_order(scores[marks >= 0], marks[marks >= 0])


class Auc(Ranking):
    """The area under the ROC curve: how often a position of the class is ranked above one of no such class.

    Of several classes it is the mean over each against all others (`only` for one, `average=weighted` by labels), of
    scores made probabilities by softmax, unless `raw` says that they are to be taken as they are; one score alone is
    that of class 1. All scores of the set are kept and put in order: with `bins` they are counted at so many thresholds
    from 0 to 1 instead. A class that is never labelled, or always, has none and is left out.
    """

    example: ClassVar[str] = "(scores [1, 8, 8], label int[8, 8]) -> auc"

    def of_order(self, yes: Array, no: Array) -> float:
        pairs = float(yes.sum()) * float(no.sum())
        below = no.sum() - no.cumsum()
        return ratio((yes * (below + no / 2)).sum(), pairs)


class AveragePrecision(Ranking):
    """The area under the precision-recall curve, as a sum of steps: precision at each score by the recall it adds.

    Settings are as in `auc`; a class that is never labelled is left out.
    """

    example: ClassVar[str] = "(scores [1, 8, 8], label int[8, 8]) -> average_precision"

    def of_order(self, yes: Array, no: Array) -> float:
        import numpy as np

        right, all = yes.cumsum(), (yes + no).cumsum()
        shares = np.divide(right, all, out=np.zeros(len(all)), where=all > 0)
        return ratio((yes * shares).sum(), yes.sum())


def in_order(scores: Array, marks: Array) -> tuple[Array, Array]:
    """How many marks are 1 and 0 at each score, the highest first: equal scores are one. NaN comes last."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    scores, marks = scores[order], marks[order].astype(np.int64)
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]])) if len(scores) else np.zeros(0, int)
    if not len(starts):
        return starts, starts
    return np.add.reduceat(marks, starts), np.add.reduceat(1 - marks, starts)
