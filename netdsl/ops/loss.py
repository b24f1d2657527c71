"""Losses: scores and labels of a batch in, one number out, the mean over the batch as PyTorch takes it."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.activation import Sigmoid
from netdsl.ops.arithmetic import Add, Clamp, Div, Log, Mul, Neg, Sub
from netdsl.ops.axes import Axis, find_axis, float_of, is_one, product, rank_at_least, samples_of, without
from netdsl.ops.base import Gradients, Numbering, Op, Requirement, RuleError, Tape
from netdsl.ops.fields import FloatKind, Fraction, Int, ListKind, NonNegative, derived
from netdsl.ops.measure import SquaredDifference
from netdsl.ops.shape import Squeeze, Unsqueeze

SCALAR = TensorType((), DType.FLOAT, batched=False)
"""One number for a whole batch."""

SLOPE = "is a slope already, of which no other is taken"

ClassWeights = Annotated[tuple[float, ...] | None, ListKind(FloatKind(0.0))]


def class_axis_of(x: Value, label: Value, axis: int | None, name: str) -> int:
    """The axis of `x` that holds the classes: all its other axes are those of `label`.

    An image has them in front (`[C, H, W]` with `int[H, W]`), a sequence at the end (`[T, C]` with `int[T]`).
    """
    rank_at_least(x, 1, name)
    if axis is not None:
        return find_axis(axis, x.type.rank, name)
    sequence = x.type.rank == 2 and label.type.rank == 1 and x.shape[0] == label.shape[0]
    return 1 if sequence else 0


def classes_match(x: Value, label: Value, axis: int) -> Iterator[Requirement]:
    """The scores have one axis more than the labels, and the others agree."""
    message = f"scores {x.type} need a label {TensorType(without(x.shape, axis), DType.INT)}, not {label.type}"
    yield Requirement(x.type.rank, "==", label.type.rank + 1, message, field="label")
    if x.type.rank == label.type.rank + 1:
        for left, right in zip(without(x.shape, axis), label.shape, strict=True):
            yield Requirement(left, "==", right, message, field="label")


def class_numbers(label: Value, name: str) -> None:
    """Refuse labels that are not class numbers."""
    if label.type.dtype is not DType.INT:
        marks = label.type.dtype is DType.FLOAT and label.type.rank > 0
        several = "where of several classes each holds or not, `binary_cross_entropy_with_logits` and `f1` read it"
        raise RuleError(
            f"`{name}` needs class numbers, but its label is {label.type}", code="wrong-kind", field="label",
            help=several if marks else None,
        )  # fmt: skip


class Loss(Op, abstract=True):
    """One number for a batch."""

    def result(self) -> TensorType:
        return SCALAR

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def windows(self) -> None:
        return None


class ClassLoss(Loss, abstract=True):
    """A loss of scores against class numbers. Positions labelled `ignore` count nowhere, not in the mean either.

    With `weight`, one number a class, the mean is weighted too, as in PyTorch.
    """

    x: Value
    label: Value
    ignore: Int = -100
    weight: ClassWeights = None
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
        if self.weight is not None:
            message = f"there are {self.classes} classes, but {len(self.weight)} weights"
            yield Requirement(self.classes, "==", len(self.weight), message, field="weight")

    @property
    def classes(self) -> Extent:
        return self.x.shape[self.along]

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.label, self.classes, self.ignore),)

    @property
    def positions(self) -> Extent:
        """How many labels one sample has."""
        return product(without(self.x.shape, self.along))

    def rest(self) -> dict[str, Any]:
        """Its settings, for the gradient."""
        return {f.name: getattr(self, f.name) for f in self.settings()}


class CrossEntropy(ClassLoss):
    """Minus the log-probability of the right class, from scores: softmax is inside.

    `smoothing` gives that share of the target to all classes alike (Szegedy et al., 2015). Counts log_softmax and a
    sum: `4n - 1` FLOPs and `n + 1` transcendentals a label.
    """

    example: ClassVar[str] = "(logits [10], label int[]) -> cross_entropy"

    smoothing: Fraction = 0.0
    axis: Axis = None

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(CrossEntropyGradient, outgoing[0], self.x, self.label, **self.rest())}

    def pointwise(self) -> Extent:
        return self.positions * (4 * self.classes - 1)

    def transcendentals(self) -> Extent:
        return self.positions * (self.classes + 1)


class CrossEntropyGradient(ClassLoss):
    """How each score changes the loss: softmax minus target, over the number (or weight) of labels that count."""

    internal: ClassVar[bool] = True
    no_gradient: ClassVar[str] = SLOPE

    dy: Value  # type: ignore[misc]  # inputs in front, settings behind, as they are read
    x: Value
    label: Value
    ignore: Int = -100
    weight: ClassWeights = None
    axis: Axis = None
    smoothing: Fraction = 0.0

    def result(self) -> TensorType:
        return self.x.type


class NllGradient(ClassLoss):
    """How each log-probability changes the loss: minus the share of its label at the right class, else 0."""

    internal: ClassVar[bool] = True
    no_gradient: ClassVar[str] = SLOPE

    dy: Value  # type: ignore[misc]  # inputs in front, settings behind, as they are read
    x: Value
    label: Value
    ignore: Int = -100
    weight: ClassWeights = None
    axis: Axis = None

    def result(self) -> TensorType:
        return self.x.type


class Nll(ClassLoss):
    """Minus the log-probability of the right class, from log-probabilities: what `log_softmax` gives."""

    example: ClassVar[str] = "(scores [10], label int[]) -> nll"

    def pointwise(self) -> Extent:
        return self.positions

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(NllGradient, outgoing[0], self.x, self.label, **self.rest())}


class Counted(Loss):
    """How much the labels of a batch count together: one each or the weight of its class, `ignore` nothing.

    What the mean of a loss with these settings was divided by.
    """

    internal: ClassVar[bool] = True
    no_gradient: ClassVar[str] = "counts, so nothing can be learned from it"

    label: Value
    ignore: Int = -100
    weight: ClassWeights = None

    @property
    def classes(self) -> int | None:
        """How many classes there are, as far as that is known."""
        return None if self.weight is None else len(self.weight)


def lone_score(x: Value, label: Value) -> bool:
    """True when `x` has one axis more than the labels, of size 1."""
    return x.type.rank == label.type.rank + 1 and is_one(x.shape[0])


def one_shape(x: Value, label: Value, name: str) -> Iterator[Requirement]:
    """Two values agree in shape, or one score a sample stands against labels without axes."""
    message = f"`{name}` compares values of one shape, not {x.type} and {label.type}"
    shape = x.shape[1:] if lone_score(x, label) else x.shape
    classes = x.type.rank == label.type.rank + 1 and label.type.dtype is DType.INT
    help = "scores are held against class numbers by `cross_entropy`" if classes else None
    yield Requirement(len(shape), "==", label.type.rank, message, field="label", help=help)
    for left, right in zip(shape, label.shape, strict=False):
        yield Requirement(left, "==", right, message, field="label")


class PairLoss(Loss, abstract=True):
    """A loss of two values of one shape, the mean over all elements.

    One score a sample (`[1]`) may stand against labels without axes (`int[]`).
    """

    flops_each: ClassVar[int] = 3
    transcendentals_each: ClassVar[int] = 0
    classes: ClassVar[int | None] = None
    """How many classes whole numbers as labels tell apart; None where they are numbers like any other.

    Where there are two, a real number is the share of the second: from 0 to 1.
    """
    of_probabilities: ClassVar[bool] = False
    """Whether `x` is one as well."""

    x: Value
    label: Value

    def prepare(self) -> None:
        samples_of(self.x, self.name)
        samples_of(self.label, self.name, "label")
        float_of(self.x, self.name)

    def numberings(self) -> tuple[Numbering, ...]:
        named = self.classes is not None and self.label.type.dtype is DType.INT
        return (Numbering(self.label, self.classes),) if named else ()  # type: ignore[arg-type]

    def probabilities(self) -> tuple[Value, ...]:
        target = (self.label,) if self.classes is not None and self.label.type.dtype is DType.FLOAT else ()
        return (self.x, *target) if self.of_probabilities else target

    @property
    def lone(self) -> bool:
        """True when `x` has one axis more than the labels, of size 1."""
        return lone_score(self.x, self.label)

    def requirements(self) -> Iterator[Requirement]:
        yield from one_shape(self.x, self.label, self.name)

    def pointwise(self) -> Extent:
        return self.x.type.elements * self.flops_each

    def transcendentals(self) -> Extent:
        return self.x.type.elements * self.transcendentals_each

    def target(self, tape: Tape) -> Value:
        """The labels with the axis of size 1 that the scores have."""
        return tape(Unsqueeze, self.label, 0) if self.lone else self.label

    def of_label(self, tape: Tape, slope: Value) -> Value:
        """The gradient of the labels from that of each element."""
        return tape(Squeeze, slope, 0) if self.lone else slope

    def of_difference(self, tape: Tape, slope: Value, share: Value) -> Gradients:
        """The gradients of a mean of something that depends on `x - label` alone, whose slope there is given."""
        found = tape(Mul, (slope, share))
        return {"x": found, "label": self.of_label(tape, tape(Neg, found)) if tape.wants("label") else None}


def share_of(tape: Tape, dy: Value | None, x: Value) -> Value:
    """What one element has in a mean over all."""
    from netdsl.ops.backward.reduce import Elements

    return tape(Div, dy, tape(Elements, x))


class BinaryCrossEntropy(PairLoss):
    """Minus the log-probability of labels 0 and 1, from probabilities: what `sigmoid` gives.

    A label may be any number from 0 to 1, the share of 1. NaN where a probability or a label is none.
    """

    example: ClassVar[str] = "(p [8], label [8]) -> binary_cross_entropy"
    classes: ClassVar[int | None] = 2
    of_probabilities: ClassVar[bool] = True
    flops_each: ClassVar[int] = 6
    transcendentals_each: ClassVar[int] = 2

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.loss import BinaryCrossEntropySlope

        slope, share = tape(BinaryCrossEntropySlope, self.x, self.target(tape)), share_of(tape, outgoing[0], self.x)
        found = {"x": tape(Mul, (slope, share))}
        if tape.wants("label"):
            miss = tape(Log, tape(Sub, tape.number(1.0), self.x))
            found["label"] = self.of_label(tape, tape(Mul, (tape(Sub, miss, tape(Log, self.x)), share)))
        return found


class BinaryCrossEntropyWithLogits(PairLoss):
    """Minus the log-probability of labels 0 and 1, from scores: sigmoid is inside, computed without overflow.

    A label may be any number from 0 to 1, the share of 1. NaN where one is none.
    """

    example: ClassVar[str] = "(logits [8], label [8]) -> binary_cross_entropy_with_logits"
    classes: ClassVar[int | None] = 2
    flops_each: ClassVar[int] = 6
    transcendentals_each: ClassVar[int] = 2

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.loss import Probability

        share = share_of(tape, outgoing[0], self.x)
        target = tape(Probability, self.target(tape))
        found = {"x": tape(Mul, (tape(Sub, tape(Sigmoid, self.x), target), share))}
        if tape.wants("label"):
            found["label"] = self.of_label(tape, tape(Neg, tape(Mul, (self.x, share))))
        return found


class Mse(PairLoss, SquaredDifference):
    """The mean of squared differences. It may stand in a `metric` row too: over a set it is the mean over all."""

    example: ClassVar[str] = "(x [8], label [8]) -> mse"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        share = share_of(tape, outgoing[0], self.x)
        return self.of_difference(tape, tape(Sub, self.x, self.target(tape)), tape(Add, (share, share)))


class L1(PairLoss):
    """The mean of absolute differences."""

    example: ClassVar[str] = "(x [8], label [8]) -> l1"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import Sign

        sign = tape(Sign, tape(Sub, self.x, self.target(tape)))
        return self.of_difference(tape, sign, share_of(tape, outgoing[0], self.x))


class Huber(PairLoss):
    """The mean of half the squared differences up to `delta`, and of `delta (|d| - delta / 2)` beyond (Huber, 1964).

    6 FLOPs an element.
    """

    example: ClassVar[str] = "(x [8], label [8]) -> huber"
    flops_each: ClassVar[int] = 6

    delta: NonNegative = 1.0

    def prepare(self) -> None:
        super().prepare()
        if self.delta == 0:
            raise RuleError("`delta` is above 0", field="delta", help="absolute differences are `l1`")

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        difference = tape(Sub, self.x, self.target(tape))
        slope = tape(Clamp, difference, -self.delta, self.delta)
        return self.of_difference(tape, slope, share_of(tape, outgoing[0], self.x))


class SmoothL1(PairLoss):
    """The mean of `d^2 / (2 beta)` up to `beta`, and of `|d| - beta / 2` beyond (Girshick, 2015): `huber` over `beta`.

    With `beta=0` it is `l1`. 7 FLOPs an element.
    """

    example: ClassVar[str] = "(x [8], label [8]) -> smooth_l1"
    name: ClassVar[str] = "smooth_l1"
    flops_each: ClassVar[int] = 7

    beta: NonNegative = 1.0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import Sign

        difference = tape(Sub, self.x, self.target(tape))
        if self.beta:
            slope = tape(Clamp, tape(Div, difference, tape.number(self.beta)), -1.0, 1.0)
        else:
            slope = tape(Sign, difference)
        return self.of_difference(tape, slope, share_of(tape, outgoing[0], self.x))


class Hinge(PairLoss):
    """The mean of `max(0, margin - y * x)` where y is 1 for a positive label and -1 for any other.

    So labels may be 0 and 1 or -1 and 1 (Cortes and Vapnik, 1995).
    """

    example: ClassVar[str] = "(score [1], label int[1]) -> hinge"

    margin: NonNegative = 1.0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.loss import HingeSlope

        slope = tape(HingeSlope, self.x, self.target(tape), self.margin)
        return {"x": tape(Mul, (slope, share_of(tape, outgoing[0], self.x)))}


class MultiMargin(Loss):
    """The hinge loss of several classes: the mean over them of `max(0, margin - s[right] + s[other])`.

    `[C]` with `int[]` (Weston and Watkins, 1999). As in PyTorch the sum is divided by C.
    """

    example: ClassVar[str] = "(scores [10], label int[]) -> multi_margin"

    x: Value
    label: Value
    margin: NonNegative = 1.0

    def prepare(self) -> None:
        samples_of(self.x, self.name)
        samples_of(self.label, self.name, "label")
        float_of(self.x, self.name)
        class_numbers(self.label, self.name)
        if self.x.type.rank != 1:
            message = f"`multi_margin` needs one score a class, but its input is {self.x.type}"
            raise RuleError(message, code="wrong-rank", field="x")

    def requirements(self) -> Iterator[Requirement]:
        yield from classes_match(self.x, self.label, 0)

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.label, self.x.shape[0]),)

    def pointwise(self) -> Extent:
        return self.x.type.elements * 4

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.loss import MultiMarginSlope

        slope = tape(MultiMarginSlope, self.x, self.label, self.margin)
        return {"x": tape(Mul, (slope, share_of(tape, outgoing[0], self.x)))}
