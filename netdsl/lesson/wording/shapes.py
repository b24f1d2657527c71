"""What moves numbers about, and what sums them up along axes."""

from __future__ import annotations

from netdsl.lesson.algebra import (
    AxesMoved,
    AxisPart,
    Everywhere,
    Formula,
    Letter,
    Numeral,
    PutBack,
    Rearranged,
    called,
    times,
)
from netdsl.lesson.wording.table import Board, Worded, fitted, says, summed
from netdsl.ops.compare import Where
from netdsl.ops.cut import Slice
from netdsl.ops.recurrent import Last
from netdsl.ops.reduce import Mean, Reduction, Sum, Variance
from netdsl.ops.shape import Concat, Flatten, Reshape, Reshaping, Squeeze, Transpose, Unsqueeze
from netdsl.ops.value import PerSample

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


@says(Slice)
def cut(op: Slice, board: Board) -> Worded | None:
    axis, first, stop, size = op.along, *map(board.size, (op.first, op.stop, op.size))
    if op.step != 1:
        return None
    axis += int(op.x.type.batched)
    return Worded(AxisPart(X, axis, first, stop), {"x": PutBack(board.dy, axis, first, stop, size)})


@says(Last)
def last(op: Last, board: Board) -> Worded:
    axis, size = int(op.x.type.batched), board.size(op.x.shape[0])
    one = Everywhere(board.dy, (axis,))
    return Worded(
        Rearranged(AxisPart(X, axis, size - 1, size), "without that axis"),
        {"x": PutBack(one, axis, size - 1, size, size)},
    )


@says(PerSample)
def per_sample(op: PerSample, board: Board) -> Worded:
    return Worded(Everywhere(X, (0,)), {"x": summed(board.dy, op.result(), (0,))})


@says(Where)
def where(op: Where, board: Board) -> Worded:
    chosen, a, b = board.letter("condition"), board.letter("a"), board.letter("b")
    rest = Numeral(1) - chosen
    found = {
        "a": fitted(board.dy * chosen, op.result(), op.a.type),
        "b": fitted(board.dy * rest, op.result(), op.b.type),
    }
    return Worded(chosen * a + rest * b, found, (("condition", "1 where it holds, else 0"),))


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


@says(Variance)
def variance(op: Variance, board: Board) -> Worded:
    """Of the mean nothing comes back: what lies around it adds up to nothing."""
    start = int(op.x.type.batched)
    axes = tuple(axis + start for axis in op.along)
    count = board.count(op.x, axes)
    most: Formula = count - Numeral(1) if op.unbiased else count
    away = X - summed(X, op.x.type, axes, keep=True, mean=True)
    y = summed(away**2, op.x.type, axes, keep=op.keep, mean=not op.unbiased)
    dy = Everywhere(board.dy, () if op.keep else axes)
    return Worded(y / most if op.unbiased else y, {"x": times(Numeral(2), dy, away) / most})


@says(Mean, Sum)
def along(op: Reduction, board: Board) -> Worded:
    start = int(op.x.type.batched)
    axes = tuple(axis + start for axis in op.along)
    mean = isinstance(op, Mean)
    dy = board.dy / board.count(op.x, axes) if mean else board.dy
    y = summed(X, op.x.type, axes, keep=op.keep, mean=mean)
    return Worded(y, {"x": Everywhere(dy, () if op.keep else axes)})
