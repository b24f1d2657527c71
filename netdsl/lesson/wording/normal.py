"""Normalisations. What is learned of them is a scale γ and a shift β."""

from __future__ import annotations

from netdsl.dims.tensors import TensorType
from netdsl.lesson.algebra import Formula, Letter, Numeral, OnAxes, called, times
from netdsl.lesson.wording.table import Board, Worded, says, summed
from netdsl.ops.normalize import Batchnorm, Layernorm, Rmsnorm

X, HAT, SIGMA = Letter("x"), Letter("x̂"), Letter("σ")
AxisNumbers = tuple[int, ...]


def _scaled(kind: TensorType, own: AxisNumbers) -> tuple[Formula, Formula]:
    """Scale and shift beside an array whose axes `own` they have."""
    rank = kind.rank + int(kind.batched)
    return OnAxes(Letter("γ"), own, rank), OnAxes(Letter("β"), own, rank)


def _normalised(kind: TensorType, dy: Formula, over: AxisNumbers, own: AxisNumbers, eps: float, affine: bool) -> Worded:
    """`x̂ = (x − mean(x)) / σ` over some axes, with a scale and a shift along the axes `own`."""
    rest = tuple(axis for axis in range(kind.rank + int(kind.batched)) if axis not in own)
    gamma, beta = _scaled(kind, own)
    middle = X - summed(X, kind, over, keep=True, mean=True)
    sigma = called("√", summed(middle**2, kind, over, keep=True, mean=True) + Numeral(eps))
    came = times(gamma, dy) if affine else dy
    inner = came - summed(came, kind, over, keep=True, mean=True)
    inner = inner - HAT * summed(times(came, HAT), kind, over, keep=True, mean=True)
    found: dict[str, Formula] = {"x": inner / SIGMA}
    if affine:
        found |= {"weight": summed(times(dy, HAT), kind, rest), "bias": summed(dy, kind, rest)}
    return Worded(gamma * HAT + beta if affine else HAT, found, (("σ", sigma), ("x̂", middle / SIGMA)))


@says(Batchnorm)
def batchnorm(op: Batchnorm, board: Board) -> Worded:
    kind = op.x.type
    over = tuple(axis for axis in range(kind.rank + 1) if axis != 1)
    if not (op.frozen or board.frozen):
        return _normalised(kind, board.dy, over, (1,), op.eps, op.affine)
    gamma, beta = _scaled(kind, (1,))
    mean, spread = (OnAxes(Letter(name), (1,), kind.rank + 1) for name in ("running_mean", "running_var"))
    sigma = called("√", spread + Numeral(op.eps))
    where = (("σ", sigma), ("x̂", (X - mean) / SIGMA))
    if not op.affine:
        return Worded(HAT, {"x": board.dy / SIGMA}, where)
    found = {"x": times(gamma, board.dy) / SIGMA}
    found |= {"weight": summed(times(board.dy, HAT), kind, over), "bias": summed(board.dy, kind, over)}
    return Worded(gamma * HAT + beta, found, where)


@says(Layernorm)
def layernorm(op: Layernorm, board: Board) -> Worded:
    kind = op.x.type
    rank = kind.rank + int(kind.batched)
    own = tuple(range(rank - op.axes, rank))
    return _normalised(kind, board.dy, own, own, op.eps, op.affine)


@says(Rmsnorm)
def rmsnorm(op: Rmsnorm, board: Board) -> Worded:
    kind = op.x.type
    rank = kind.rank + int(kind.batched)
    own = tuple(range(rank - op.axes, rank))
    gamma, _ = _scaled(kind, own)
    sigma = called("√", summed(X**2, kind, own, keep=True, mean=True) + Numeral(op.added))
    came = times(gamma, board.dy) if op.affine else board.dy
    inner = came - HAT * summed(times(came, HAT), kind, own, keep=True, mean=True)
    found: dict[str, Formula] = {"x": inner / SIGMA}
    if op.affine:
        found["weight"] = summed(times(board.dy, HAT), kind, tuple(range(rank - op.axes)))
    return Worded(gamma * HAT if op.affine else HAT, found, (("σ", sigma), ("x̂", X / SIGMA)))
