"""Losses: the mean over a batch, and what each score is given of it."""

from __future__ import annotations

from netdsl.lesson.algebra import (
    Everywhere,
    Factors,
    Formula,
    Indicator,
    Letter,
    Minus,
    Numeral,
    OnAxes,
    SumOver,
    called,
    letters_of,
    times,
)
from netdsl.lesson.wording.table import Board, Worded, says, summed
from netdsl.ops.loss import (
    L1,
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    ClassLoss,
    CrossEntropy,
    Hinge,
    Huber,
    Mse,
    MultiMargin,
    Nll,
    PairLoss,
    SmoothL1,
)

P, T = Letter("p"), Letter("q")
ONE = Numeral(1)

LEFT_OUT = -100
"""The label that PyTorch leaves out where nothing is said, and that no data has."""


def _mean(op: PairLoss, board: Board, each: Formula) -> Formula:
    """One number for a batch: the sum of what each score costs, over their number."""
    kind = op.x.type
    return summed(each, kind, tuple(range(kind.rank + 1))) / board.count(op.x)


def _target(op: PairLoss, board: Board) -> Formula:
    """The labels beside scores that have one axis more, of size 1."""
    label, rank = board.letter("label"), op.x.type.rank + 1
    return OnAxes(label, (0, *range(2, rank)), rank) if op.lone else label


def _pair(op: PairLoss, board: Board, each: Formula, slope: Formula, of_label: Formula) -> Worded:
    """The loss, with the slope of what one score costs in the score and in the label."""
    count = board.count(op.x)
    where = (("q", _target(op, board)),) if op.lone else ()
    return Worded(
        _mean(op, board, each),
        {"x": _share(board, slope) / count, "label": _share(board, of_label) / count},
        where,
    )


def _share(board: Board, slope: Formula) -> Formula:
    """A slope times what arrives at the loss, numbers first."""
    if isinstance(slope, Minus):
        return -_share(board, slope.term)
    first = slope.factors if isinstance(slope, Factors) else (slope,)
    return times(first[0], board.dy, *first[1:]) if isinstance(first[0], Numeral) else times(board.dy, slope)


def _names(op: PairLoss, board: Board) -> tuple[Formula, Formula]:
    return board.letter("x"), T if op.lone else board.letter("label")


@says(Mse)
def mse(op: Mse, board: Board) -> Worded:
    x, t = _names(op, board)
    return _pair(op, board, (x - t) ** 2, times(Numeral(2), x - t), -times(Numeral(2), x - t))


@says(L1)
def l1(op: L1, board: Board) -> Worded:
    x, t = _names(op, board)
    sign = called("sign", x - t)
    return _pair(op, board, called("|", x - t), sign, -sign)


@says(Huber)
def huber(op: Huber, board: Board) -> Worded:
    x, t = _names(op, board)
    delta, size = Numeral(op.delta), called("|", x - t)
    near = ((x - t) ** 2 / Numeral(2)) * Indicator(size, "≤", delta)
    far = times(delta, size - Numeral(op.delta / 2)) * Indicator(size, ">", delta)
    slope = called("max", Numeral(-op.delta), called("min", x - t, delta))
    return _pair(op, board, near + far, slope, -slope)


@says(SmoothL1)
def smooth_l1(op: SmoothL1, board: Board) -> Worded:
    """As `huber`, over its width; of no width the absolute difference."""
    x, t = _names(op, board)
    size, beta = called("|", x - t), Numeral(op.beta)
    if not op.beta:
        return _pair(op, board, size, called("sign", x - t), -called("sign", x - t))
    near = ((x - t) ** 2 / Numeral(2 * op.beta)) * Indicator(size, "≤", beta)
    far = (size - Numeral(op.beta / 2)) * Indicator(size, ">", beta)
    slope = called("max", Numeral(-1), called("min", (x - t) / beta, ONE))
    return _pair(op, board, near + far, slope, -slope)


@says(Hinge)
def hinge(op: Hinge, board: Board) -> Worded:
    x, label = _names(op, board)
    sign, margin = Letter("s"), Numeral(op.margin)
    where = ("s", Numeral(2) * Indicator(label, ">", Numeral(0)) - ONE)
    each = called("max", Numeral(0), margin - sign * x)
    found = _pair(op, board, each, -(sign * Indicator(sign * x, "<", margin)), ONE)
    return Worded(found.y, {"x": found.gradients["x"]}, (*found.where, where))


@says(BinaryCrossEntropyWithLogits)
def with_logits(op: BinaryCrossEntropyWithLogits, board: Board) -> Worded:
    x, t = _names(op, board)
    each = -(t * called("log", P) + (ONE - t) * called("log", ONE - P))
    found = _pair(op, board, each, P - t, -x)
    return Worded(found.y, found.gradients, (*found.where, ("p", called("σ", x))))


@says(BinaryCrossEntropy)
def binary(op: BinaryCrossEntropy, board: Board) -> Worded:
    p, t = _names(op, board)
    each = -(t * called("log", p) + (ONE - t) * called("log", ONE - p))
    return _pair(op, board, each, (p - t) / (p * (ONE - p)), called("log", ONE - p) - called("log", p))


def _counts(op: ClassLoss, board: Board) -> tuple[Formula, Formula, tuple[tuple[str, Formula | str], ...]]:
    """What a label counts as, how much all do, and what the letter for it stands for; 1 where none is left out."""
    axis, rank = op.along + 1, op.label.type.rank
    if op.ignore == LEFT_OUT:
        axes = range(op.x.type.rank + 1)
        return ONE, board.count(op.x, tuple(a for a in axes if a != axis)), ()
    counts = Letter("c")
    which = Indicator(board.letter("label"), "≠", Numeral(op.ignore))
    return Everywhere(counts, (axis,)), SumOver(counts, tuple(range(rank + 1)), letters_of(rank)), (("c", which),)


@says(CrossEntropy)
def cross_entropy(op: CrossEntropy, board: Board) -> Worded | None:
    if op.weight is not None:
        return None
    kind, axis = op.x.type, op.along + 1
    x, label = board.letter("x"), board.letter("label")
    counts, count, where = _counts(op, board)
    target: Formula = called("onehot", label, axis=axis, size=board.size(op.classes))
    if op.smoothing:
        target = times(Numeral(1 - op.smoothing), target) + Numeral(op.smoothing) / Numeral(board.size(op.classes))
    y = -summed(times(counts, T, called("log", P)), kind, tuple(range(kind.rank + 1))) / count
    slope = times(board.dy, counts, P - T) / count
    return Worded(y, {"x": slope}, (*where, ("p", called("softmax", x, axis=axis)), ("q", target)))


@says(Nll)
def nll(op: Nll, board: Board) -> Worded | None:
    if op.weight is not None:
        return None
    kind = op.x.type
    counts, count, where = _counts(op, board)
    target = called("onehot", board.letter("label"), axis=op.along + 1, size=board.size(op.classes))
    y = -summed(times(counts, T, board.letter("x")), kind, tuple(range(kind.rank + 1))) / count
    return Worded(y, {"x": -(times(board.dy, counts, T) / count)}, (*where, ("q", target)))


@says(MultiMargin)
def multi_margin(op: MultiMargin, board: Board) -> Worded:
    """`s` is the score of the right class, `h` 1 for each other class within the margin."""
    x, kind, own, other = board.letter("x"), op.x.type, Letter("s"), Letter("h")
    count = board.count(op.x)
    short = Numeral(op.margin) + x - own
    wrong = ONE - T
    where = (
        ("q", called("onehot", board.letter("label"), axis=1, size=board.size(op.x.shape[0]))),
        ("s", summed(T * x, kind, (1,), keep=True)),
        ("h", wrong * Indicator(short, ">", Numeral(0))),
    )
    y = summed(wrong * called("max", Numeral(0), short), kind, (0, 1)) / count
    slope = other - T * summed(other, kind, (1,), keep=True)
    return Worded(y, {"x": times(board.dy, slope) / count}, where)
