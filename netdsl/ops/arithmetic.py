"""Arithmetic of two or more values, element by element, and the product of matrices.

Shapes meet as in numpy, with one promise more: values of samples must have equal ranks, so that no axis is ever taken
for another's batch. Numbers and free params may have fewer axes.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import broadcast, float_of, meet, number_of
from netdsl.ops.base import (
    EVERYTHING,
    FEATURES,
    Elementwise,
    Follows,
    Gradients,
    Op,
    Reading,
    Requirement,
    RuleError,
    Tape,
    aligned,
)
from netdsl.ops.declared import Values
from netdsl.ops.fields import FloatKind
from netdsl.ops.shape import Unsqueeze


class Variadic(Op, abstract=True):
    """An operation on two or more values at once, one FLOP an element for every value after the first."""

    broadcasts: ClassVar[bool] = True

    x: Values

    def prepare(self) -> None:
        if len(self.x) < 2:
            raise RuleError(f"`{self.name}` takes two or more values", code="wrong-inputs", field="x")
        for value in self.x:
            number_of(value, self.name)

    def requirements(self) -> Iterator[Requirement]:
        so_far = self.x[0].type
        for value in self.x[1:]:
            yield from meet(so_far, value.type, self.name, ("x", "x"))
            so_far = broadcast([so_far, value.type])

    def result(self) -> TensorType:
        return broadcast([v.type for v in self.x])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return self.result().elements * (len(self.x) - 1)


class Add(Variadic):
    """The sum of values: a residual connection (He et al., 2015)."""

    example: ClassVar[str] = "(a [8], b [8]) -> add"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        return {"x": tuple(fit(tape, outgoing[0], v) for v in self.x)}


class Mul(Variadic):
    """The product of values, element by element: a gate, a scale."""

    example: ClassVar[str] = "(a [8], b [8]) -> mul"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        (dy,) = outgoing
        others = (tuple(v for j, v in enumerate(self.x) if j != i) for i in range(len(self.x)))
        return {"x": tuple(fit(tape, tape(Mul, (dy, *rest)), v) for v, rest in zip(self.x, others, strict=True))}


class Pairwise(Op, abstract=True):
    """An operation on two values, element by element."""

    broadcasts: ClassVar[bool] = True
    flops_each: ClassVar[int] = 1
    transcendentals_each: ClassVar[int] = 0

    a: Value
    b: Value

    def prepare(self) -> None:
        number_of(self.a, self.name, "a")
        number_of(self.b, self.name, "b")

    def requirements(self) -> Iterator[Requirement]:
        yield from meet(self.a.type, self.b.type, self.name, ("a", "b"))

    def result(self) -> TensorType:
        return broadcast([self.a.type, self.b.type])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return self.result().elements * self.flops_each

    def transcendentals(self) -> Extent:
        return self.result().elements * self.transcendentals_each


class Sub(Pairwise):
    """`a - b`, element by element."""

    example: ClassVar[str] = "(a [8], b [8]) -> sub"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        (dy,) = outgoing
        return {"a": fit(tape, dy, self.a), "b": tape(Neg, fit(tape, dy, self.b))}


class Div(Pairwise):
    """`a / b`, element by element, always a real number."""

    example: ClassVar[str] = "(a [8], b [8]) -> div"

    def result(self) -> TensorType:
        return super().result().with_dtype(DType.FLOAT)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit

        scaled = tape(Div, outgoing[0], self.b)
        return {
            "a": fit(tape, scaled, self.a),
            "b": fit(tape, tape(Neg, tape(Mul, (scaled, results[0]))), self.b) if tape.wants("b") else None,
        }


class Power(Pairwise):
    """`a` to the power `b`, element by element. One transcendental an element."""

    example: ClassVar[str] = "(a [8], b [8]) -> power"
    flops_each: ClassVar[int] = 0
    transcendentals_each: ClassVar[int] = 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import PowerBaseGradient, PowerExponentGradient, fit

        (dy,) = outgoing
        base = tape(PowerBaseGradient, dy, self.a, self.b) if tape.wants("a") else None
        exponent = tape(PowerExponentGradient, dy, self.a, self.b, results[0]) if tape.wants("b") else None
        return {
            "a": None if base is None else fit(tape, base, self.a),
            "b": None if exponent is None else fit(tape, exponent, self.b),
        }


def share_of(tape: Tape, dy: Value | None, own: Value, larger: Value, smaller: Value) -> Value:
    """What a minimum or maximum owes one of its values: `dy` where that value was taken.

    Equal values have half each; beside one number the value has it all, as PyTorch's clamp does.
    """
    from netdsl.ops.backward.arithmetic import Won, fit

    other = smaller if own is larger else larger
    lone, met = (v.type.rank == 0 and not v.type.batched for v in (own, other))
    ties = "half" if lone == met else "none" if lone else "all"
    return fit(tape, tape(Won, dy, larger, smaller, ties), own)


class Minimum(Pairwise):
    """The smaller of two values, element by element."""

    example: ClassVar[str] = "(a [8], b [8]) -> minimum"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        (dy,) = outgoing
        return {
            "a": share_of(tape, dy, self.a, self.b, self.a) if tape.wants("a") else None,
            "b": share_of(tape, dy, self.b, self.a, self.b) if tape.wants("b") else None,
        }


class Maximum(Pairwise):
    """The larger of two values, element by element (a maxout of two, Goodfellow et al., 2013)."""

    example: ClassVar[str] = "(a [8], b [8]) -> maximum"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        (dy,) = outgoing
        return {
            "a": share_of(tape, dy, self.a, self.a, self.b) if tape.wants("a") else None,
            "b": share_of(tape, dy, self.b, self.b, self.a) if tape.wants("b") else None,
        }


class Function(Elementwise, abstract=True):
    """One transcendental of a real number."""

    flops_each: ClassVar[int] = 0
    transcendentals_each: ClassVar[int] = 1

    def prepare(self) -> None:
        float_of(self.x, self.name)


class Exp(Function):
    """`e` to the power of each element."""

    example: ClassVar[str] = "x [8] -> exp"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (outgoing[0], results[0]))}


class Log(Function):
    """The natural logarithm of each element."""

    example: ClassVar[str] = "x [8] -> log"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Div, outgoing[0], self.x)}


class Sqrt(Function):
    """The square root of each element."""

    example: ClassVar[str] = "x [8] -> sqrt"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Div, outgoing[0], tape(Add, (results[0], results[0])))}


class Sin(Function):
    """The sine of each element, in radians."""

    example: ClassVar[str] = "x [8] -> sin"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (outgoing[0], tape(Cos, self.x)))}


class Cos(Function):
    """The cosine of each element, in radians."""

    example: ClassVar[str] = "x [8] -> cos"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Neg, tape(Mul, (outgoing[0], tape(Sin, self.x))))}


class Abs(Elementwise):
    """Each element without its sign."""

    example: ClassVar[str] = "x [8] -> abs"

    def prepare(self) -> None:
        number_of(self.x, self.name)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import Sign

        return {"x": tape(Mul, (outgoing[0], tape(Sign, self.x)))}


class Neg(Elementwise):
    """Each element with the other sign: `-x`."""

    example: ClassVar[str] = "x [8] -> neg"

    def prepare(self) -> None:
        number_of(self.x, self.name)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Neg, outgoing[0])}


class Clamp(Elementwise):
    """Each element, no smaller than `low` and no larger than `high`; one of the two may be left out."""

    example: ClassVar[str] = "x [8] -> clamp(-1, 1)"
    positional: ClassVar[int] = 2

    low: Annotated[float | None, FloatKind()] = None
    high: Annotated[float | None, FloatKind()] = None

    def prepare(self) -> None:
        number_of(self.x, self.name)
        if self.low is None and self.high is None:
            raise RuleError("`clamp` needs `low` or `high`", field="low", help="write `clamp(0, 1)` or `clamp(high=6)`")
        for field, bound in (("low", self.low), ("high", self.high)):
            if self.whole and bound is not None and bound % 1:
                message = f"`{field}` of whole numbers is a whole number, not {bound:g}"
                raise RuleError(message, field=field, help="make real numbers of them first: `to(float)`")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise RuleError(f"`low` is {self.low:g}, which is above `high`, {self.high:g}", field="high")

    @property
    def whole(self) -> bool:
        return self.x.type.dtype is DType.INT

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Between

        return {"x": tape(Between, outgoing[0], self.x, self.low, self.high, closed=True)}


class Matmul(Op):
    """The product of matrices: `[…, M, K]` by `[…, K, N]` gives `[…, M, N]`. Axes before the last two meet as in `add`.

    A vector `[K]` may be multiplied by a `param` `[K, N]`.
    """

    example: ClassVar[str] = "(a [4, 8], b [8, 2]) -> matmul"
    broadcasts: ClassVar[bool] = True

    a: Value
    b: Value

    def prepare(self) -> None:
        for field, value in (("a", self.a), ("b", self.b)):
            float_of(value, self.name, field)
            vector = value is self.a and not self.b.type.batched
            if value.type.rank < (1 if vector else 2):
                raise RuleError(
                    f"`matmul` multiplies matrices, but one is {value.type}", code="wrong-rank", field=field
                )
        if self.a.type.rank == 1 and self.b.type.rank > 2:
            raise RuleError(
                f"`matmul` multiplies a vector by one matrix, not by {self.b.type}", code="wrong-rank", field="b"
            )

    def _leading(self) -> tuple[TensorType, TensorType]:
        return self.a.type.with_shape(*self.a.shape[:-2]), self.b.type.with_shape(*self.b.shape[:-2])

    def requirements(self) -> Iterator[Requirement]:
        message = f"`matmul` cannot multiply {self.a.type} by {self.b.type}"
        help = "the columns of the first must be as many as the rows of the second: `transpose` one of them?"
        yield Requirement(self.a.shape[-1], "==", self.b.shape[-2], message, field="b", help=help)
        if self.a.type.rank > 1:
            yield from meet(*self._leading(), self.name, ("a", "b"))

    def result(self) -> TensorType:
        met = broadcast(self._leading())
        return met.with_shape(*met.shape, *self.a.shape[-2:-1], self.b.shape[-1])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.result().shape, self.a.shape[-1]),)

    def pointwise(self) -> Extent:
        return 0

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        operand, other = ((self.a, self.b), (self.b, self.a))[place]
        rank, made = operand.type.rank, self.result().rank
        summed = FEATURES if not other.type.batched else EVERYTHING
        rows = aligned(operand.shape[:-2], self.result().shape[:-2])
        return (*rows, *((Follows(made - 2), summed), (summed, Follows(made - 1)))[place]) if rank > 1 else (summed,)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.arithmetic import fit, turned

        (dy,) = outgoing
        assert dy is not None
        return {
            "a": fit(tape, tape(Matmul, dy, turned(tape, self.b)), self.a) if tape.wants("a") else None,
            "b": self._gradient_of_b(tape, dy) if tape.wants("b") else None,
        }

    def _gradient_of_b(self, tape: Tape, dy: Value) -> Value:
        from netdsl.ops.backward.arithmetic import fit, turned
        from netdsl.ops.backward.linear import LinearWeightGradient

        fixed = isinstance(self.a.shape[-1], int) and isinstance(dy.shape[-1], int)
        if fixed and not self.b.type.batched and self.b.type.rank == 2:
            # one matrix for all samples and positions: a single product sums over them
            return tape(LinearWeightGradient, self.a, dy)
        if self.a.type.rank == 1:
            return fit(tape, tape(Matmul, tape(Unsqueeze, self.a, 1), tape(Unsqueeze, dy, 0)), self.b)
        return fit(tape, tape(Matmul, turned(tape, self.a), dy), self.b)
