"""Multiply-accumulates that leave out taps on padding: what is multiplied by a zero that was never there."""

from __future__ import annotations

from math import prod

from netdsl.conventions.products import stated
from netdsl.conventions.rule import Convention
from netdsl.conventions.sizes import macs, numbers, result_of, whole
from netdsl.ops.base import Op, Window
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.weighed import ConvWith
from netdsl.ops.windows import meeting

INSIDE = Convention(
    "inside", "netdsl", "MACs", "macs",
    "multiply-accumulates whose tap falls inside the image, where the column MACs counts padding as if dense",
    {}, spelt=False,
)  # fmt: skip

WHY = "leaves out the taps that fall on padding"


@INSIDE.counts(Op, why="counts multiply-accumulates")
def dense(op: Op) -> int:
    return stated(op)


@INSIDE.counts(Conv, LocallyConnected, ConvTranspose, why=WHY)
def taps_inside(op: Conv | LocallyConnected | ConvTranspose) -> int:
    return inside(op, op)


@INSIDE.counts(ConvWith, why=WHY)
def given_weights(op: ConvWith) -> int:
    return inside(op, op.layer)


def inside(op: Op, layer: Op) -> int:
    """The multiply-accumulates of `op` without those that the windows of `layer` have outside: exact."""
    windows = layer.windows() or ()
    sizes = numbers(result_of(op).spatial)
    found = [taps(window, size) for window, size in zip(windows, sizes, strict=True)]
    starts = [whole(w.size) if w.transposed else size for w, size in zip(windows, sizes, strict=True)]
    every = prod(start * window.kernel for window, start in zip(windows, starts, strict=True))
    return macs(op) // every * prod(found) if every else 0


def taps(window: Window, result: int) -> int:
    """How many pairs of a position and a tap of its window meet a position on the other side, along one axis."""
    if window.transposed:
        positions, step, bound = whole(window.size), window.up, result
    else:
        positions, step, bound = result, window.stride, whole(window.size)
    return sum(meeting(tap * window.dilation - window.before, positions, step, bound) for tap in range(window.kernel))
