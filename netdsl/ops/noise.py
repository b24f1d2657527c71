"""Noise: numbers that are drawn, in training or whenever a net runs."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from netdsl.base.record import record
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.base import Gradients, Op, Reading, Tape, aligned, require_dtype
from netdsl.ops.fields import Bool, ChoiceKind, Kind, is_int

DISTRIBUTIONS = ("normal", "uniform", "gumbel")


@record
class FixedSizes(Kind):
    """The size of each axis; an open size comes with an arrow that has it."""

    says = "fixed sizes such as `[64]`"

    def read(self, value: object) -> tuple[int, ...]:
        sizes = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not all(is_int(n) and n >= 1 for n in sizes):
            raise self.refuse(value)
        return sizes


class Noise(Op):
    """Numbers drawn anew for each sample and each step of training; 0 at inference, unless `always` asks for them.

    Any shape, of which the sizes alone are read; `noise(normal, [64])` gives each sample another one. `normal` has mean
    0 and variance 1, `uniform` lies from 0 up to 1, `gumbel` is the standard Gumbel distribution, by which `argmax` of
    scores becomes a draw from their softmax (Gumbel, 1954). What is the same for all samples has one noise for all.
    Nothing is learned through it. What drawing costs is not counted.
    """

    example: ClassVar[str] = "image [1, 8, 8] -> noise(normal)"
    positional: ClassVar[int] = 2
    training_differs: ClassVar[bool] = True
    needs_batch: ClassVar[bool] = True

    x: Value
    kind: Annotated[str, ChoiceKind(DISTRIBUTIONS)]
    shape: Annotated[tuple[int, ...] | None, FixedSizes()] = None
    always: Bool = False

    def prepare(self) -> None:
        needs = "`noise` takes its shape from real numbers"
        require_dtype(self.x, DType.FLOAT, needs, help="make them real first: `x -> to(float) -> noise(…)`")

    def result(self) -> TensorType:
        return self.x.type if self.shape is None else self.x.type.with_shape(*self.shape)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return super().pointwise() if self.always else 0

    def windows(self) -> tuple[()] | None:
        return () if self.shape is None else None

    def reading(self, place: int, result: int = 0) -> Reading:
        return aligned(self.x.shape, self.x.shape) if self.shape is None else super().reading(place, result)

    def training(self, tape: Tape) -> tuple[Value, ...]:
        from netdsl.ops.backward.noise import Drawn

        seed, place = tape.seed()
        return (tape(Drawn, self.x, seed, place=place, kind=self.kind, shape=self.shape),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


def draws(ops: Iterable[object]) -> bool:
    """Whether some of them draw numbers whenever they run, so that what a net gives depends on a seed."""
    return any(isinstance(op, Noise) and op.always for op in ops)
