"""Whole numbers and kinds of numbers: quotients that are rounded down, remainders, rounding, conversions.

`//` and `%` are those of Python: the quotient goes to minus infinity and the remainder has the sign of the divisor.
"""

from typing import Annotated, ClassVar

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.activation import Activation
from netdsl.ops.arithmetic import Mul, Neg, Pairwise
from netdsl.ops.base import Elementwise, Gradients, RuleError, Tape
from netdsl.ops.fields import ChoiceKind


class FloorDiv(Pairwise):
    """`a // b`, element by element: the quotient rounded down, so that -7 // 2 is -4; of whole numbers a whole number.

    Its gradient is zero. Whole numbers that are divided by 0 end the run on a CPU.
    """

    example: ClassVar[str] = "(a [8], b [8]) -> floor_div"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class Remainder(Pairwise):
    """`a % b`, element by element: what `//` leaves, with the sign of `b`, so that -7 % 2 is 1."""

    example: ClassVar[str] = "(a [8], b [8]) -> remainder"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        (dy,) = outgoing
        found = {"a": fit(tape, dy, self.a) if tape.wants("a") else None, "b": None}
        if tape.wants("b"):
            turns = tape(FloorDiv, self.a, self.b)
            found["b"] = tape(Neg, fit(tape, tape(Mul, (dy, turns)), self.b))
        return found


class Rounding(Activation, abstract=True):
    """A real number made whole, which stays a real number. Its gradient is zero."""

    def prepare(self) -> None:
        if self.x.type.dtype is not DType.FLOAT:
            message = f"`{self.name}` rounds real numbers, but its input is {self.x.type}"
            help = "whole numbers are round: leave it out" if self.x.type.dtype is DType.INT else None
            raise RuleError(message, code="wrong-kind", field="x", help=help)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class Floored(Rounding):
    """The largest whole number that is not above each element, as a real number; its gradient is zero."""

    name: ClassVar[str] = "floor"
    example: ClassVar[str] = "x [8] -> floor"


class Ceil(Rounding):
    """The smallest whole number that is not below each element, as a real number; its gradient is zero."""

    example: ClassVar[str] = "x [8] -> ceil"


class Round(Rounding):
    """The nearest whole number of each element, as a real number; halves go to the even one. Its gradient is zero."""

    example: ClassVar[str] = "x [8] -> round"


class To(Elementwise):
    """The same numbers of another `kind`: `float`, `int` or `bool`.

    As a whole number a real one loses what stands behind the point; any number but 0 is true. Nothing is learned
    through `to(int)` and `to(bool)`, since only real numbers have a gradient.
    """

    example: ClassVar[str] = "x int[8] -> to(float)"
    positional: ClassVar[int] = 1
    flops_each: ClassVar[int] = 0

    kind: Annotated[str, ChoiceKind(tuple(DType))]

    def result(self) -> TensorType:
        return self.x.type.with_dtype(DType(self.kind))

    def in_place(self) -> bool:
        return self.x.type.dtype == self.kind

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": outgoing[0]} if self.kind == DType.FLOAT else {}
