"""Comparisons, what joins truth values, and the choice between two values by them."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.arithmetic import Pairwise
from netdsl.ops.axes import broadcast, meet
from netdsl.ops.base import Elementwise, Gradients, Op, Requirement, RuleError, Tape


def truth_of(value: Value, name: str, field: str) -> None:
    """Refuse numbers where truth values are meant."""
    if value.type.dtype is not DType.BOOL:
        message = f"`{name}` takes truth values, but its input is {value.type}"
        help = "a comparison gives such, as in `x > 0`, and so does `to(bool)`"
        raise RuleError(message, code="wrong-kind", field=field, help=help)


def one_kind(a: Value, b: Value, name: str) -> None:
    """Refuse a number beside a truth value."""
    if (a.type.dtype is DType.BOOL) is not (b.type.dtype is DType.BOOL):
        message = f"`{name}` takes two numbers or two truth values, not {a.type} and {b.type}"
        help = "truth values as numbers are 0 and 1: `to(float)`, `to(int)`"
        raise RuleError(message, code="wrong-kind", field="b", help=help)


class Truth(Pairwise, abstract=True):
    """A truth value for each pair of elements. It has no gradient: nothing is learned through it."""

    def result(self) -> TensorType:
        return super().result().with_dtype(DType.BOOL)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class Less(Truth):
    """Whether `a < b`, element by element. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> less"


class LessEqual(Truth):
    """Whether `a <= b`, element by element. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> less_equal"


class Greater(Truth):
    """Whether `a > b`, element by element. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> greater"


class GreaterEqual(Truth):
    """Whether `a >= b`, element by element. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> greater_equal"


class Same(Truth, abstract=True):
    """A comparison that truth values have too."""

    def prepare(self) -> None:
        one_kind(self.a, self.b, self.name)


class Equal(Same):
    """Whether `a == b`, element by element, of numbers or of truth values. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> equal"


class NotEqual(Same):
    """Whether `a != b`, element by element, of numbers or of truth values. Nothing is learned through it."""

    example: ClassVar[str] = "(a [8], b [8]) -> not_equal"


class Joined(Truth, abstract=True):
    """Two truth values joined."""

    def prepare(self) -> None:
        truth_of(self.a, self.name, "a")
        truth_of(self.b, self.name, "b")


class LogicalAnd(Joined):
    """Whether both are true, element by element: `a and b`."""

    example: ClassVar[str] = "(a bool[8], b bool[8]) -> logical_and"


class LogicalOr(Joined):
    """Whether one of the two is true, or both, element by element: `a or b`."""

    example: ClassVar[str] = "(a bool[8], b bool[8]) -> logical_or"


class LogicalNot(Elementwise):
    """Whether it is not true, element by element: `not x`."""

    example: ClassVar[str] = "x bool[8] -> logical_not"

    def prepare(self) -> None:
        truth_of(self.x, self.name, "x")

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class Where(Op):
    """`a` where the condition is true, `b` elsewhere, element by element. Shapes meet as in `add`.

    What is not chosen has no gradient, and the condition none at all.
    """

    example: ClassVar[str] = "(condition bool[8], a [8], b [8]) -> where"
    broadcasts: ClassVar[bool] = True

    condition: Value
    a: Value
    b: Value

    def prepare(self) -> None:
        truth_of(self.condition, self.name, "condition")
        one_kind(self.a, self.b, self.name)

    def requirements(self) -> Iterator[Requirement]:
        yield from meet(self.a.type, self.b.type, self.name, ("a", "b"))
        yield from meet(self.condition.type, broadcast([self.a.type, self.b.type]), self.name, ("condition", "a"))

    def result(self) -> TensorType:
        chosen = broadcast([self.a.type, self.b.type])
        return broadcast([chosen, self.condition.type])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        (dy,), zero = outgoing, tape.number(0.0)
        return {
            "a": fit(tape, tape(Where, self.condition, dy, zero), self.a) if tape.wants("a") else None,
            "b": fit(tape, tape(Where, self.condition, zero, dy), self.b) if tape.wants("b") else None,
        }
