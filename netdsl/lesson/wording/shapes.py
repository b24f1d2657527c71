"""What moves numbers about, and what sums them up along axes."""

from __future__ import annotations

from netdsl.lesson.algebra import AxesMoved, AxisPart, Everywhere, Formula, Letter, Rearranged, called
from netdsl.lesson.wording.table import Board, Worded, says, summed
from netdsl.ops.reduce import Mean, Reduction, Sum
from netdsl.ops.shape import Concat, Flatten, Reshape, Reshaping, Squeeze, Transpose, Unsqueeze

X = Letter("x")


@says(Flatten, Reshape, Squeeze, Unsqueeze)
def reshaped(op: Reshaping, board: Board) -> Worded:
    return Worded(Rearranged(X, "in another shape"), {"x": Rearranged(board.dy, "in the shape of x")})


@says(Transpose)
def transpose(op: Transpose, board: Board) -> Worded:
    start = int(op.x.type.batched)
    order = (*range(start), *(axis + start for axis in op.axes))
    back = tuple(order.index(axis) for axis in range(len(order)))
    return Worded(AxesMoved(X, order), {"x": AxesMoved(board.dy, back)})


@says(Concat)
def concat(op: Concat, board: Board) -> Worded:
    found: list[Formula] = []
    start, axis = 0, op.along + int(op.result().batched)
    for value in op.x:
        stop = start + board.shape(value)[op.along]
        found.append(AxisPart(board.dy, axis, start, stop))
        start = stop
    names = tuple(board.letter(f"x{place}") for place in range(1, len(op.x) + 1))
    return Worded(called("joined", *names, axis=axis), {"x": tuple(found)})


@says(Mean, Sum)
def along(op: Reduction, board: Board) -> Worded:
    start = int(op.x.type.batched)
    axes = tuple(axis + start for axis in op.along)
    mean = isinstance(op, Mean)
    dy = board.dy / board.count(op.x, axes) if mean else board.dy
    y = summed(X, op.x.type, axes, keep=op.keep, mean=mean)
    return Worded(y, {"x": Everywhere(dy, () if op.keep else axes)})
