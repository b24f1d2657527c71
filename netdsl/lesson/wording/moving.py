"""What takes numbers to other places: rims, cuts, turns, stacks, pixels out of channels, and sums up to a place."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.lesson.algebra import (
    AxesMoved,
    AxisPart,
    AxisWeights,
    ElementAt,
    Everywhere,
    Formula,
    IndexPlace,
    IndexSum,
    Letter,
    PutBack,
    Rearranged,
    Transposed,
    called,
    letter,
)
from netdsl.lesson.wording.table import Board, Worded, says
from netdsl.ops.cut import Crop, Pad, Roll
from netdsl.ops.recurrent import Reverse
from netdsl.ops.reduce import Cumsum
from netdsl.ops.resize import PixelShuffle, PixelUnshuffle
from netdsl.ops.shape import Stack

X, A = Letter("x"), "A"


def by_matrix(term: Formula, matrix: Formula, axis: int, rank: int) -> Formula:
    """Each row of a matrix times what lies along an axis of an array."""
    turned = matrix.term if isinstance(matrix, Transposed) else Transposed(matrix)
    if axis == rank - 1:
        return term @ turned
    if axis == rank - 2:
        return matrix @ term
    order = [*range(rank)]
    order[axis], order[-1] = order[-1], order[axis]
    return AxesMoved(AxesMoved(term, tuple(order)) @ turned, tuple(order))


@says(Pad)
def pad(op: Pad, board: Board) -> Worded | None:
    """With zeros; other rims are another sum."""
    if op.mode != "constant" or op.value:
        return None
    y: Formula = X
    dx, start = board.dy, int(op.x.type.batched) + 1
    for axis, (size, (before, after)) in enumerate(zip(board.shape(op.x)[1:], op.rims, strict=True), start):
        if before or after:
            y = PutBack(y, axis, before, before + size, before + size + after)
            dx = AxisPart(dx, axis, before, before + size)
    return Worded(y, {"x": dx})


@says(Crop)
def crop(op: Crop, board: Board) -> Worded:
    x = board.letter("x") if op.like is not None else X
    y, dx, start = x, board.dy, int(op.x.type.batched) + 1
    sizes = zip(board.shape(op.x)[1:], map(board.size, op.target), map(board.size, op.offsets), strict=True)
    for axis, (size, part, offset) in enumerate(sizes, start):
        if part != size:
            y = AxisPart(y, axis, offset, offset + part)
            dx = PutBack(dx, axis, offset, offset + part, size)
    return Worded(y, {"x": dx})


@says(Roll)
def roll(op: Roll, board: Board) -> Worded:
    """Each axis by a matrix that has its ones beside the diagonal."""
    start, sizes = int(op.x.type.batched), board.shape(op.x)
    y: Formula = X
    dx, where = board.dy, list[tuple[str, Formula | str]]()
    for name, (axis, shift) in zip("ABCDEFGH", op.moves, strict=False):
        size = sizes[axis]
        matrix = AxisWeights(name, f"on {shift % size}", size, size)
        y = by_matrix(y, matrix, axis + start, len(sizes) + start)
        dx = by_matrix(dx, Transposed(matrix), axis + start, len(sizes) + start)
        where.append((name, f"[{size:,} × {size:,}], its row i has 1 at the place i − {shift % size} modulo {size:,}"))
    return Worded(y, {"x": dx}, tuple(where))


@says(Stack)
def stack(op: Stack, board: Board) -> Worded:
    axis = op.along + int(op.result().batched)
    names = (board.letter(f"x{place}") for place in range(1, len(op.x) + 1))
    parts = (AxisPart(board.dy, axis, i, i + 1) for i in range(len(op.x)))
    y = called("joined", *(Everywhere(name, (axis,)) for name in names), axis=axis)
    return Worded(y, {"x": tuple(Rearranged(part, "without that axis") for part in parts)})


@says(Cumsum)
def cumsum(op: Cumsum, board: Board) -> Worded:
    """A sum to a place is a product with ones below the diagonal; what it gives back is the sum from there on."""
    way, side = ("from", "above") if op.reverse else ("to", "below")
    return _along(op.along, op.x.type.batched, board.shape(op.x), board, way, f"1 on the diagonal and {side} it")


@says(Reverse)
def reverse(op: Reverse, board: Board) -> Worded:
    return _along(0, op.x.type.batched, board.shape(op.x), board, "turned", "1 on the diagonal that rises")


def _along(axis: int, batched: bool, shape: Sequence[int], board: Board, way: str, words: str) -> Worded:
    size, rank = shape[axis], len(shape) + batched
    matrix = AxisWeights(A, way, size, size)
    y = by_matrix(X, matrix, axis + batched, rank)
    dx = by_matrix(board.dy, Transposed(matrix), axis + batched, rank)
    return Worded(y, {"x": dx}, ((A, f"[{size:,} × {size:,}], {words}, else 0"),))


@says(PixelShuffle)
def shuffle(op: PixelShuffle, board: Board) -> Worded:
    channels, height, width = board.shape(op.x)
    few, space = channels // op.factor**2, _spread(op.factor)
    deep = _deep(op.factor)
    ranges = _ranges(few, op.factor, height, width)
    large, small = (None, few, height * op.factor, width * op.factor), (None, channels, height, width)
    y = IndexSum(space, ElementAt(X, deep), ranges, large)
    return Worded(y, {"x": IndexSum(deep, ElementAt(board.dy, space), ranges, small)})


@says(PixelUnshuffle)
def unshuffle(op: PixelUnshuffle, board: Board) -> Worded:
    channels, tall, wide = board.shape(op.x)
    height, width, space = tall // op.factor, wide // op.factor, _spread(op.factor)
    deep = _deep(op.factor)
    ranges = _ranges(channels, op.factor, height, width)
    large, small = (None, channels, tall, wide), (None, channels * op.factor**2, height, width)
    y = IndexSum(deep, ElementAt(X, space), ranges, small)
    return Worded(y, {"x": IndexSum(space, ElementAt(board.dy, deep), ranges, large)})


def _spread(factor: int) -> tuple[IndexPlace, ...]:
    """Where a number lies in space: `[n, c, 2i+u, 2j+v]`."""
    rows, columns = (IndexPlace(((i, factor), (u, 1))) for i, u in ("iu", "jv"))
    return letter("n"), letter("c"), rows, columns


def _deep(factor: int) -> tuple[IndexPlace, ...]:
    """Where it lies in the channels: `[n, 4c+2u+v, i, j]`."""
    return letter("n"), IndexPlace((("c", factor**2), ("u", factor), ("v", 1))), letter("i"), letter("j")


def _ranges(channels: int, factor: int, height: int, width: int) -> tuple[tuple[str, int | None], ...]:
    return ("n", None), ("c", channels), ("u", factor), ("v", factor), ("i", height), ("j", width)
