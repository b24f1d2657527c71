"""A convolution as the matrix that it is: a row for each output, a column for each input, a tap or 0 in every place.

`y = C · x`, with both written out as one column, and what it gives its input is `Cᵀ · ∂J/∂y`; a transposed convolution
has the two the other way round, which is why it is called so (Dumoulin and Visin, "A guide to convolution arithmetic
for deep learning", 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from math import prod

from netdsl.analysis.quantities import grouped
from netdsl.base.record import record
from netdsl.dims import at
from netdsl.lesson.extents import SizesGiven
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.windows import meeting

OUTPUTS, INPUTS = 16, 25
"""A matrix of more is described, not written."""

Tap = tuple[int, ...]
"""The place of a number in the kernel, an index an axis."""


@record
class ConvMatrix:
    """The matrix of one channel: `taps[row][column]` is the tap that stands there, None for 0."""

    taps: tuple[tuple[Tap | None, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.taps), len(self.taps[0])

    def transposed(self) -> ConvMatrix:
        return ConvMatrix(tuple(zip(*self.taps, strict=True)))

    def lines(self) -> list[str]:
        """Written between brackets: `⎡w00 w01   0⎤`."""
        cells = [["0" if tap is None else tap_text(tap) for tap in row] for row in self.taps]
        width = max(len(cell) for row in cells for cell in row)
        rows = [" ".join(cell.rjust(width) for cell in row) for row in cells]
        if len(rows) == 1:
            return [f"[{rows[0]}]"]
        ends = [("⎡", "⎤"), *[("⎢", "⎥")] * (len(rows) - 2), ("⎣", "⎦")]
        return [f"{left}{row}{right}" for row, (left, right) in zip(rows, ends, strict=True)]


def tap_text(tap: Tap) -> str:
    """`w02`; with a comma where an index has two digits."""
    return "w" + ("" if max(tap) < 10 else ",").join(map(str, tap))


@record
class SlidingKernel:
    """A convolution of one or more channels at some sizes: `fine` is what its windows lie on, `coarse` how many."""

    fine: tuple[int, ...]
    coarse: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    channels: tuple[int, int]
    """On the coarse side, and on the fine side."""
    groups: int = 1

    def axis(self, axis: int) -> Iterator[tuple[int, int, int]]:
        """Along an axis: a window, a tap of it that lies inside, and the place where."""
        for window, tap in product(range(self.coarse[axis]), range(self.kernels[axis])):
            place = window * self.strides[axis] + tap * self.dilations[axis] - self.before[axis]
            if 0 <= place < self.fine[axis]:
                yield window, tap, place

    def windows(self, axis: int, tap: int) -> int:
        """How many windows along an axis have a tap inside."""
        offset = tap * self.dilations[axis] - self.before[axis]
        return meeting(offset, self.coarse[axis], self.strides[axis], self.fine[axis])

    @property
    def shape(self) -> tuple[int, int]:
        """Of the whole matrix: rows and columns."""
        return self.channels[0] * prod(self.coarse), self.channels[1] * prod(self.fine)

    @property
    def filled(self) -> int:
        """How many places of the whole matrix hold a tap."""
        positions = prod(sum(map(partial(self.windows, axis), range(k))) for axis, k in enumerate(self.kernels))
        return positions * self.channels[0] * self.channels[1] // self.groups

    def matrix(self) -> ConvMatrix:
        """Of one channel each."""
        rows: list[list[Tap | None]] = [[None] * prod(self.fine) for _ in range(prod(self.coarse))]
        for found in product(*(tuple(self.axis(axis)) for axis in range(len(self.fine)))):
            windows, taps, places = zip(*found, strict=True)
            rows[_flat(windows, self.coarse)][_flat(places, self.fine)] = taps
        return ConvMatrix(tuple(map(tuple, rows)))


def _flat(place: Sequence[int], shape: Sequence[int]) -> int:
    """The number of a place, counted row by row."""
    number = 0
    for index, size in zip(place, shape, strict=True):
        number = number * size + index
    return number


def sliding(op: Conv | ConvTranspose, sizes: SizesGiven) -> SlidingKernel:
    """A convolution at some sizes; of a transposed one the windows lie on what it makes."""
    read = tuple(at(size, sizes) for size in op.x.type.spatial)
    made = tuple(at(size, sizes) for size in op.result().spatial)
    turned = isinstance(op, ConvTranspose)
    fine, coarse = (made, read) if turned else (read, made)
    channels = (op.in_channels, op.channels) if turned else (op.channels, op.in_channels)
    before = tuple(side for side, _ in op.pads)
    return SlidingKernel(fine, coarse, op.kernels, op.strides, op.dilations, before, channels, op.groups)


def _zeros(filled: int, places: int) -> str:
    """Which share of the places hold no tap, in per cent; 100 only where none does."""
    share = f"{100 * (1 - filled / places):.3g}"
    if share != "100" or not filled:
        return share
    return "more than 99.99" if filled * 10_000 < places else "more than 99.9"


def picture(op: Op, sizes: SizesGiven) -> tuple[str, ...]:
    """A convolution as a matrix, and its transpose; of one that is not small only what it would be like."""
    if not isinstance(op, Conv | ConvTranspose):
        return ()
    found = sliding(op, sizes)
    rows, columns = found.shape
    zeros = f"{_zeros(found.filled, rows * columns)} % zeros"
    bias = " + b" if op.bias else ""
    turned = isinstance(op, ConvTranspose)
    forward, back = ("Cᵀ", "C") if turned else ("C", "Cᵀ")
    size = f"C [{grouped(rows)} × {grouped(columns)}]"
    said = f"as one matrix {size}, {zeros}: y = {forward} · x{bias}, ∂J/∂x = {back} · ∂J/∂y"
    outputs, inputs = (columns, rows) if turned else (rows, columns)
    if found.channels != (1, 1) or outputs > OUTPUTS or inputs > INPUTS:
        return (said,)
    matrix = found.matrix()
    return (said, "C =", *matrix.lines(), "Cᵀ =", *matrix.transposed().lines())
