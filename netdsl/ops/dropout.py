"""Dropout: noise while training, the identity afterwards."""

from typing import ClassVar

from netdsl.dims.tensors import DType, Value
from netdsl.ops.arithmetic import Mul
from netdsl.ops.base import Elementwise, Gradients, Tape, require_dtype, require_rank
from netdsl.ops.fields import Fraction
from netdsl.ops.windows import SPATIAL_RANKS


class Dropout(Elementwise):
    """While training, zero each element with probability `rate` and scale the rest by `1 / (1 - rate)`.

    Any shape (Hinton et al., 2012; Srivastava et al., 2014). Free at inference, where it is the identity.
    """

    example: ClassVar[str] = "features [4096] -> dropout(0.5)"
    positional: ClassVar[int] = 1
    training_differs: ClassVar[bool] = True
    flops_each: ClassVar[int] = 0
    drawn_axes: ClassVar[int | None] = None
    """How many axes of a sample are drawn for, the others staying together; all of them where nothing is said."""

    rate: Fraction = 0.5

    def prepare(self) -> None:
        require_dtype(self.x, DType.FLOAT, f"`{self.name}` needs real numbers")

    def in_place(self) -> bool:
        return True

    def training(self, tape: Tape) -> tuple[Value, ...] | None:
        from netdsl.ops.backward.dropout import KeepMask

        if not self.rate:
            return None
        seed, place = tape.seed()
        mask = tape(KeepMask, self.x, seed, place=place, rate=self.rate, axes=self.drawn())
        tape.save("mask", mask)
        return (tape(Mul, (self.x, mask)),)

    def drawn(self) -> int:
        """How many axes of a sample the mask has numbers of its own for."""
        return self.x.type.rank if self.drawn_axes is None else self.drawn_axes

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (outgoing[0], tape.saved("mask"))) if self.rate else outgoing[0]}


class SpatialDropout(Dropout):
    """As `dropout`, but whole channels at a time: `[C, …]` with one to three spatial axes (Tompson et al., 2015)."""

    example: ClassVar[str] = "image [16, 8, 8] -> spatial_dropout(0.2)"
    needs_batch: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ("dropout2d",)
    drawn_axes: ClassVar[int | None] = 1

    def prepare(self) -> None:
        super().prepare()
        require_rank(self.x, SPATIAL_RANKS, "`spatial_dropout` needs [channels, …] with one to three spatial axes")


class DropPath(Dropout):
    """As `dropout`, but whole samples at a time: stochastic depth, where a shortcut leads past what is dropped.

    Any shape (Huang, Sun, Liu, Sedra and Weinberger, 2016): `x + (x -> inner -> drop_path(0.1))`. EfficientNet and its
    like call it drop connect.
    """

    example: ClassVar[str] = "image [16, 8, 8] -> drop_path(0.1)"
    needs_batch: ClassVar[bool] = True
    drawn_axes: ClassVar[int | None] = 0
