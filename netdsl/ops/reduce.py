"""Summaries along axes, and the step between whole numbers and scores."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.arithmetic import Div, Mul, Sub
from netdsl.ops.axes import (
    Axes,
    Axis,
    class_axis,
    find_axis,
    float_of,
    number_of,
    product,
    rank_at_least,
    with_axis,
    without,
    without_axes,
)
from netdsl.ops.base import Elementwise, Follows, Gradients, Mingled, Op, Reading, Requirement, RuleError, Tape, Window
from netdsl.ops.fields import Bool, Count, Int, derived
from netdsl.ops.shape import Unsqueeze


class Reduction(Op, abstract=True):
    """One number for all along some axes: `axis=0`, `axis=(1, 2)`, or all axes when none is said."""

    x: Value
    axis: Axes = None
    keep: Bool = False

    along: tuple[int, ...] = derived()

    def prepare(self) -> None:
        number_of(self.x, self.name)
        rank = self.x.type.rank
        named = range(rank) if self.axis is None else self.axis
        self.along = tuple(sorted({find_axis(a, rank, self.name) for a in named}))
        if not self.along:
            raise RuleError(f"`{self.name}` needs at least one axis", code="wrong-rank", field="x")

    def result(self) -> TensorType:
        kept = [1 if i in self.along else size for i, size in enumerate(self.x.shape)]
        return self.x.type.with_shape(*(s for i, s in enumerate(kept) if self.keep or i not in self.along))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return self.x.type.elements - self.result().elements

    def windows(self) -> tuple[Window, ...] | None:
        return () if self.along == (0,) and self.keep else None

    def reading(self, place: int, result: int = 0) -> Reading:
        return without_axes(self.x.type.rank, () if self.keep else self.along, self.along)

    def kept(self, tape: Tape, value: Value | None) -> Value:
        """A result with an axis of size 1 where one was summed up."""
        assert value is not None
        for axis in () if self.keep else self.along:
            value = tape(Unsqueeze, value, axis)
        return value

    def repeated(self, tape: Tape, value: Value | None) -> Value:
        """A result in the shape of the input."""
        from netdsl.ops.backward.base import ExpandTo

        return tape(ExpandTo, self.kept(tape, value), self.x)


class Mean(Reduction):
    """The mean along axes. One FLOP an input element, the quotient included."""

    example: ClassVar[str] = "image [64, 7, 7] -> mean(axis=(1, 2)) -> [64]"

    def prepare(self) -> None:
        float_of(self.x, self.name)
        super().prepare()

    def pointwise(self) -> Extent:
        return self.x.type.elements

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.reduce import Positions

        share = tape(Div, outgoing[0], tape(Positions, self.x, self.along))
        return {"x": self.repeated(tape, share)}


class Variance(Reduction):
    """The mean square of what is left when the mean along axes is taken off; with `unbiased` n - 1 divide the sum.

    Four FLOPs an input element. The standard deviation is its root: `variance(axis=0) -> sqrt`.
    """

    example: ClassVar[str] = "image [64, 7, 7] -> variance(axis=(1, 2)) -> [64]"

    unbiased: Bool = False

    def prepare(self) -> None:
        float_of(self.x, self.name)
        super().prepare()

    def requirements(self) -> Iterator[Requirement]:
        if self.unbiased:
            count = product([self.x.shape[axis] for axis in self.along])
            message = (
                f"an unbiased variance is one of two numbers or more, but these axes of {self.x.type} have {count}"
            )
            help = "leave `unbiased` out, or take more axes"
            yield Requirement(count, ">=", 2, message, code="size-not-positive", field="unbiased", help=help)

    def pointwise(self) -> Extent:
        return 4 * self.x.type.elements

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.reduce import Positions

        mean = tape(Mean, self.x, axis=self.along, keep=True)
        count = tape(Positions, self.x, self.along)
        share = tape(Div, tape.number(2.0), tape(Sub, count, tape.number(1.0)) if self.unbiased else count)
        slope = tape(Mul, (tape(Sub, self.x, mean), share))
        return {"x": tape(Mul, (slope, self.kept(tape, outgoing[0])))}


class Sum(Reduction):
    """The sum along axes."""

    example: ClassVar[str] = "tokens [16, 8] -> sum(axis=0) -> [8]"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": self.repeated(tape, outgoing[0])}


def extreme_gradient(op: Reduction, tape: Tape, dy: Value | None, y: Value) -> Value:
    """The gradient shared evenly among the elements that are the largest (or smallest), as PyTorch's amax does."""
    from netdsl.ops.backward.base import Matches

    taken = tape(Matches, op.x, op.kept(tape, y))
    share = tape(Div, op.kept(tape, dy), tape(Sum, taken, axis=op.along, keep=True))
    return tape(Mul, (taken, share))


class ReduceMax(Reduction):
    """The largest along axes."""

    example: ClassVar[str] = "tokens [16, 8] -> reduce_max(axis=0) -> [8]"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": extreme_gradient(self, tape, outgoing[0], results[0])}


class ReduceMin(Reduction):
    """The smallest along axes."""

    example: ClassVar[str] = "tokens [16, 8] -> reduce_min(axis=0) -> [8]"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": extreme_gradient(self, tape, outgoing[0], results[0])}


class Cumsum(Elementwise):
    """At each position along an axis the sum of all up to its own, or with `reverse` of all from its own on.

    The axis is 0 unless said, the steps of a sequence. Whole numbers stay whole.
    """

    example: ClassVar[str] = "sequence [16, 8] -> cumsum -> [16, 8]"

    axis: Int = 0
    reverse: Bool = False

    along: int = derived()

    def prepare(self) -> None:
        number_of(self.x, self.name)
        rank_at_least(self.x, 1, self.name)
        self.along = find_axis(self.axis, self.x.type.rank, self.name)

    def pointwise(self) -> Extent:
        return product(without(self.x.shape, self.along)) * (self.x.shape[self.along] - 1)

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        mingled = Mingled((self.along,), growing=not self.reverse)
        return tuple(mingled if i == self.along else Follows(i) for i in range(self.x.type.rank))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Cumsum, outgoing[0], self.along, not self.reverse)}


class Argmax(Op):
    """Where the largest lies along an axis, as a whole number: the predicted class.

    The axis is the last of one or two, else the channels (axis 0).
    """

    example: ClassVar[str] = "scores [10, 8, 8] -> argmax -> int[8, 8]"
    no_gradient: ClassVar[str] = "jumps from one class to the next and has no gradient; `softmax` is its smooth form"

    x: Value
    axis: Axis = None

    along: int = derived()

    def prepare(self) -> None:
        number_of(self.x, self.name)
        rank = self.x.type.rank
        rank_at_least(self.x, 1, self.name)
        self.along = class_axis(rank) if self.axis is None else find_axis(self.axis, rank, self.name)

    def result(self) -> TensorType:
        return self.x.type.with_shape(*without(self.x.shape, self.along)).with_dtype(DType.INT)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        """The comparisons: one less than there are candidates."""
        return product(without(self.x.shape, self.along)) * (self.x.shape[self.along] - 1)

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return without_axes(self.x.type.rank, (self.along,), (self.along,))


class OneHot(Op):
    """A class number as a vector of zeros with a one at its place, as real numbers, on a new axis (the last).

    A number below 0 or from `classes` on has no place: all zeros.
    """

    example: ClassVar[str] = "tokens int[16] -> one_hot(96) -> [16, 96]"
    no_gradient: ClassVar[str] = "has no gradient: class numbers are no scores; `softmax` is its smooth form"
    positional: ClassVar[int] = 1

    x: Value
    classes: Count
    axis: Int = -1

    along: int = derived()

    def prepare(self) -> None:
        if self.x.type.dtype is not DType.INT:
            raise RuleError(
                f"`one_hot` reads whole numbers, but its input is {self.x.type}",
                code="wrong-kind", field="x", help="declare the input with `int`, as in `input label int[]`",
            )  # fmt: skip
        self.along = find_axis(self.axis, self.x.type.rank + 1, self.name)

    def result(self) -> TensorType:
        shape = (*self.x.shape[: self.along], self.classes, *self.x.shape[self.along :])
        return self.x.type.with_shape(*shape).with_dtype(DType.FLOAT)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return with_axis(self.x.type.rank, self.along)
