"""Products of matrices and look-ups."""

from __future__ import annotations

from netdsl.dims.tensors import TensorType
from netdsl.lesson.algebra import AsRows, Formula, Letter, Transposed, called
from netdsl.lesson.wording.table import Board, Worded, fitted, says, summed, worded
from netdsl.ops.arithmetic import Matmul
from netdsl.ops.linear import Embedding, Linear
from netdsl.ops.weighed import LinearWith

X, W, B = Letter("x"), Letter("W"), Letter("b")


@says(Linear)
def linear(op: Linear, board: Board) -> Worded:
    dy, kind = board.dy, op.result()
    y = X @ Transposed(W)
    found = {"x": dy @ W, "weight": Transposed(AsRows(dy)) @ AsRows(X)}
    if op.bias:
        found["bias"] = summed(dy, kind, tuple(range(kind.rank - 1 + int(kind.batched))))
    return Worded(y + B if op.bias else y, found)


@says(LinearWith)
def linear_with(op: LinearWith, board: Board) -> Worded | None:
    return worded(op.layer, board)


@says(Embedding)
def embedding(op: Embedding, board: Board) -> Worded:
    chosen = called("onehot", X, axis=-1, size=op.count)
    what = "1 at the place of each number of x: each ∂J/∂y is added to the row of W that the number names"
    return Worded(chosen @ W, {"weight": Transposed(AsRows(chosen)) @ AsRows(board.dy)}, (("onehot(x)", what),))


@says(Matmul)
def matmul(op: Matmul, board: Board) -> Worded | None:
    a, b, dy, kind = board.letter("a"), board.letter("b"), board.dy, op.result()
    if op.a.type.rank == 1 and op.b.type.rank != 2:
        return None
    flat = op.b.type.rank == 2 and not op.b.type.batched
    of_b: Formula = Transposed(AsRows(a)) @ AsRows(dy) if flat else matrices(Transposed(a) @ dy, kind, op.b.type)
    return Worded(a @ b, {"a": matrices(dy @ Transposed(b), kind, op.a.type), "b": of_b})


def matrices(gradient: Formula, result: TensorType, operand: TensorType) -> Formula:
    """A gradient summed over the stacks for which one matrix was repeated."""
    own = operand.shape[-2:]
    return fitted(gradient, result.with_shape(*result.shape[: result.rank - len(own)], *own), operand)
