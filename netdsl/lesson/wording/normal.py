"""Normalisations. What is learned of them is a scale γ and a shift β."""

from __future__ import annotations

from netdsl.dims.tensors import TensorType
from netdsl.lesson.algebra import (
    ElementAt,
    Formula,
    GroupMean,
    IndexPlace,
    IndexSum,
    Indicator,
    Letter,
    Numeral,
    OnAxes,
    Raised,
    called,
    letter,
    times,
)
from netdsl.lesson.wording.table import Board, Worded, says, summed
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn, Normalize, Rmsnorm

X, Y, HAT, SIGMA = Letter("x"), Letter("y"), Letter("x̂"), Letter("σ")
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


@says(Instancenorm)
def instancenorm(op: Instancenorm, board: Board) -> Worded:
    kind = op.x.type
    return _normalised(kind, board.dy, tuple(range(2, kind.rank + 1)), (1,), op.eps, op.affine)


@says(Groupnorm)
def groupnorm(op: Groupnorm, board: Board) -> Worded:
    """Means are of each group with all its positions."""
    kind, dy = op.x.type, board.dy
    gamma, beta = _scaled(kind, (1,))
    middle = X - GroupMean(X, op.groups)
    sigma = called("√", GroupMean(middle**2, op.groups) + Numeral(op.eps))
    came = times(gamma, dy) if op.affine else dy
    inner = came - GroupMean(came, op.groups) - HAT * GroupMean(times(came, HAT), op.groups)
    found: dict[str, Formula] = {"x": inner / SIGMA}
    rest = tuple(axis for axis in range(kind.rank + 1) if axis != 1)
    if op.affine:
        found |= {"weight": summed(times(dy, HAT), kind, rest), "bias": summed(dy, kind, rest)}
    each = op.channels // op.groups
    what = f"each of {op.groups} groups of {each} channels" + (" with all their places" if kind.rank > 1 else "")
    where: tuple[tuple[str, Formula | str], ...] = (("g", what), ("σ", sigma), ("x̂", middle / SIGMA))
    return Worded(gamma * HAT + beta if op.affine else HAT, found, where)


@says(Normalize)
def normalize(op: Normalize, board: Board) -> Worded:
    """Where a vector is shorter than `eps` it is divided by that, and its length has no part in the gradient."""
    kind, size, lower = op.x.type, Letter("s"), Numeral(op.eps)
    axes = (op.along + int(kind.batched),)
    length = called("√", summed(X**2, kind, axes, keep=True))
    along = Y * summed(board.dy * Y, kind, axes, keep=True)
    slope = board.dy - along * Indicator(size, ">", lower)
    return Worded(X / size, {"x": slope / size}, (("s", called("max", length, lower)),))


@says(Lrn)
def lrn(op: Lrn, board: Board) -> Worded:
    """Each number beside the squares of its neighbours; what it gives back goes to those that it is a neighbour of."""
    shares = Letter("e")
    channels, *sizes = board.shape(op.x)
    spots = tuple(letter(name) for name in "hij"[-len(sizes) :])
    here = (letter("n"), letter("k"), *spots)
    ranges = (("n", None), ("k", channels), ("u", op.size), *zip("hij"[-len(sizes) :], sizes, strict=True))
    reach = op.size // 2

    def near(term: Formula, sign: int) -> Formula:
        channel = IndexPlace((("k", 1), ("u", sign)), -sign * reach)
        return IndexSum(here, ElementAt(term, (letter("n"), channel, *spots)), ranges, (None, channels, *sizes))

    size, power = Letter("d"), Numeral(-op.beta)
    where = (
        ("d", Numeral(op.k) + times(Numeral(op.alpha), Letter("a")) / Numeral(op.size)),
        ("e", (board.dy * Y) / size),
    )
    first: tuple[tuple[str, Formula | str], ...] = (("a", near(X**2, 1)),)
    twice = Numeral(float(f"{2 * op.alpha * op.beta:.12g}"))  # without what binary fractions add to it
    factor = times(twice, X, Letter("c")) / Numeral(op.size)
    given = board.dy * Raised(size, power) - factor
    return Worded(X * Raised(size, power), {"x": given}, (*first, *where, ("c", near(shares, -1))))


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
