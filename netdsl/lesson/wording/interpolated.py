"""What makes images larger or smaller without weights: each axis becomes another by a matrix that never changes."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.lesson.algebra import AxisWeights, Letter, Transposed
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


def axis_by_axis(board: Board, given: Sequence[int], made: Sequence[int], way: str, what: str) -> Worded | None:
    """`y = A · x · Bᵀ`: a matrix for each axis of an image, one for a sequence. Nothing of a volume."""
    if len(given) > 2:
        return None
    matrices = [AxisWeights(name, way, m, g) for name, g, m in zip("AB", given, made, strict=False)]
    words = [what.format(given=f"{g:,}", made=f"{m:,}", factor=m // g or 1) for g, m in zip(given, made, strict=True)]
    where = tuple((m.name, f"[{m.made:,} × {m.given:,}], {text}") for m, text in zip(matrices, words, strict=True))
    if len(matrices) == 1:
        (along,) = matrices
        return Worded(X @ Transposed(along), {"x": board.dy @ along}, where)
    rows, columns = matrices
    return Worded(rows @ X @ Transposed(columns), {"x": Transposed(rows) @ board.dy @ columns}, where)


@says(Resize)
def resize(op: Resize, board: Board) -> Worded | None:
    way = "corners" if op.align_corners else op.mode
    return axis_by_axis(board, board.shape(op.x)[1:], tuple(map(board.size, op.sizes)), way, WAYS[way])


@says(Unpool)
def unpool(op: Unpool, board: Board) -> Worded | None:
    given = board.shape(op.x)[1:]
    made = tuple(size * factor for size, factor in zip(given, op.factors, strict=True))
    way = "nearest" if op.mode == "nearest" else "first"
    return axis_by_axis(board, given, made, way, WAYS[way])
