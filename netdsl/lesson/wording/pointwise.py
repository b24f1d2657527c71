"""What is done element by element to one value: activations, functions, dropout."""

from __future__ import annotations

from collections.abc import Callable

from netdsl.lesson.algebra import Formula, Indicator, Letter, Numeral, called
from netdsl.lesson.wording.table import Board, Worded, per_channel, says, summed
from netdsl.ops.activation import (
    Detach,
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from netdsl.ops.arithmetic import Abs, Clamp, Cos, Exp, Log, Neg, Sin, Sqrt
from netdsl.ops.base import Op
from netdsl.ops.dropout import Dropout, DropPath, SpatialDropout

X, Y = Letter("x"), Letter("y")
ZERO, ONE, HALF = Numeral(0), Numeral(1), Numeral(0.5)
POSITIVE, REST = Indicator(X, ">", ZERO), Indicator(X, "≤", ZERO)
INSIDE = Indicator(X, ">", Numeral(-3)) * Indicator(X, "<", Numeral(3))

SLOPES: dict[type[Op], tuple[Formula, Callable[[Formula], Formula]]] = {
    Relu: (called("max", ZERO, X), lambda dy: dy * POSITIVE),
    Relu6: (
        called("min", called("max", ZERO, X), Numeral(6)),
        lambda dy: dy * Indicator(X, ">", ZERO) * Indicator(X, "<", Numeral(6)),
    ),
    Sigmoid: (called("σ", X), lambda dy: dy * Y * (ONE - Y)),
    Tanh: (called("tanh", X), lambda dy: dy * (ONE - Y**2)),
    Silu: (X * called("σ", X), lambda dy: dy * called("σ", X) * (ONE + X * (ONE - called("σ", X)))),
    Softplus: (called("log", ONE + called("exp", X)), lambda dy: dy * called("σ", X)),
    Hardsigmoid: (
        called("min", called("max", ZERO, X / Numeral(6) + HALF), ONE),
        lambda dy: (dy * INSIDE) / Numeral(6),
    ),
    Hardswish: (
        (X * called("min", called("max", ZERO, X + Numeral(3)), Numeral(6))) / Numeral(6),
        lambda dy: dy * (Indicator(X, "≥", Numeral(3)) + (X / Numeral(3) + HALF) * INSIDE),
    ),
    Exp: (called("exp", X), lambda dy: dy * Y),
    Log: (called("log", X), lambda dy: dy / X),
    Sqrt: (called("√", X), lambda dy: dy / (Numeral(2) * Y)),
    Sin: (called("sin", X), lambda dy: dy * called("cos", X)),
    Cos: (called("cos", X), lambda dy: -(dy * called("sin", X))),
    Abs: (called("|", X), lambda dy: dy * called("sign", X)),
    Neg: (-X, lambda dy: -dy),
    Identity: (X, lambda dy: dy),
}
"""What has no settings: the result, and what the input is given of what arrives."""


def _plain(op: Op, board: Board) -> Worded:
    y, slope = SLOPES[type(op)]
    return Worded(y, {"x": slope(board.dy)})


says(*SLOPES)(_plain)


@says(Detach)
def detach(op: Detach, board: Board) -> Worded:
    return Worded(X, {})


@says(LeakyRelu)
def leaky_relu(op: LeakyRelu, board: Board) -> Worded:
    slope = POSITIVE + Numeral(op.slope) * REST
    return Worded(X * slope, {"x": board.dy * slope})


@says(PRelu)
def prelu(op: PRelu, board: Board) -> Worded:
    rank = op.x.type.rank
    weight = per_channel("W", rank) if op.slopes > 1 else Letter("W")
    axes = tuple(i for i in range(rank + 1) if op.slopes == 1 or i != 1)
    falling = board.dy * X * REST
    return Worded(
        X * POSITIVE + weight * X * REST,
        {"x": board.dy * (POSITIVE + weight * REST), "weight": summed(falling, op.x.type, axes)},
    )


@says(Elu)
def elu(op: Elu, board: Board) -> Worded:
    alpha = Numeral(op.alpha)
    falling = alpha * (called("exp", X) - ONE) * REST
    return Worded(X * POSITIVE + falling, {"x": board.dy * (POSITIVE + alpha * called("exp", X) * REST)})


@says(Gelu)
def gelu(op: Gelu, board: Board) -> Worded | None:
    if op.approximate != "none":
        return None
    share, density = called("Φ", X), called("φ", X)
    what = "the standard normal distribution, φ its density"
    return Worded(X * share, {"x": board.dy * (share + X * density)}, (("Φ", what),))


@says(Clamp)
def clamp(op: Clamp, board: Board) -> Worded:
    y: Formula = X
    slope = board.dy
    if op.low is not None:
        y, slope = called("max", Numeral(op.low), y), slope * Indicator(X, "≥", Numeral(op.low))
    if op.high is not None:
        y, slope = called("min", y, Numeral(op.high)), slope * Indicator(X, "≤", Numeral(op.high))
    return Worded(y, {"x": slope})


@says(Dropout, SpatialDropout, DropPath)
def dropout(op: Dropout, board: Board) -> Worded:
    if not op.rate:
        return Worded(X, {"x": board.dy})
    mask = Letter("m")
    whole = {SpatialDropout: " for a whole channel", DropPath: " for a whole sample"}.get(type(op), "")
    what = f"0 with probability {op.rate:g}, else {1 / (1 - op.rate):.4g}{whole}; drawn anew at each step"
    return Worded(mask * X, {"x": board.dy * mask}, (("m", what),))


@says(Softmax)
def softmax(op: Softmax, board: Board) -> Worded:
    kind, axes = op.x.type, (op.along + int(op.x.type.batched),)
    y = called("exp", X) / summed(called("exp", X), kind, axes, keep=True)
    return Worded(y, {"x": Y * (board.dy - summed(board.dy * Y, kind, axes, keep=True))})


@says(LogSoftmax)
def log_softmax(op: LogSoftmax, board: Board) -> Worded:
    kind, axes = op.x.type, (op.along + int(op.x.type.batched),)
    y = X - called("log", summed(called("exp", X), kind, axes, keep=True))
    return Worded(y, {"x": board.dy - called("exp", Y) * summed(board.dy, kind, axes, keep=True)})
