"""What makes images larger or smaller without weights: each axis becomes another by a matrix that never changes."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.lesson.algebra import AxisWeights, Formula, Letter, Transposed
from netdsl.lesson.wording.moving import by_matrix
from netdsl.lesson.wording.table import Board, Worded, says
from netdsl.ops.resize import Resize, Unpool

X = Letter("x")

WAYS = {
    "nearest": "its row i has 1 at the place {given}·i/{made}, rounded down",
    "bilinear": "its row i weighs the two places around (i + ½)·{given}/{made} − ½, the nearer the more",
    "corners": "its row i weighs the two places around i·({given} − 1)/({made} − 1), the nearer the more",
    "first": "its row i has 1 at i/{factor} where that is whole",
}
"""What a matrix is, by how it is made."""


def axis_by_axis(board: Board, given: Sequence[int], made: Sequence[int], way: str, what: str) -> Worded:
    """`y = A · x · Bᵀ`: a matrix for each axis of an image, one for a sequence, three for a volume."""
    matrices = [AxisWeights(name, way, m, g) for name, g, m in zip("ABC"[: len(given)], given, made, strict=True)]
    words = [what.format(given=f"{g:,}", made=f"{m:,}", factor=m // g or 1) for g, m in zip(given, made, strict=True)]
    where = tuple((m.name, f"[{m.made:,} × {m.given:,}], {text}") for m, text in zip(matrices, words, strict=True))
    if len(matrices) == 1:
        (along,) = matrices
        return Worded(X @ Transposed(along), {"x": board.dy @ along}, where)
    if len(matrices) > 2:
        y: Formula = X
        dx = board.dy
        for axis, matrix in enumerate(matrices, 2):
            y, dx = by_matrix(y, matrix, axis, 5), by_matrix(dx, Transposed(matrix), axis, 5)
        return Worded(y, {"x": dx}, where)
    rows, columns = matrices
    return Worded(rows @ X @ Transposed(columns), {"x": Transposed(rows) @ board.dy @ columns}, where)


@says(Resize)
def resize(op: Resize, board: Board) -> Worded:
    way = "corners" if op.align_corners else op.mode
    return axis_by_axis(board, board.shape(op.x)[1:], tuple(map(board.size, op.sizes)), way, WAYS[way])


@says(Unpool)
def unpool(op: Unpool, board: Board) -> Worded:
    given = board.shape(op.x)[1:]
    made = tuple(size * factor for size, factor in zip(given, op.factors, strict=True))
    way = "nearest" if op.mode == "nearest" else "first"
    return axis_by_axis(board, given, made, way, WAYS[way])
