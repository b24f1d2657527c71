"""Normalisations: what they read, and the statistics that they made."""

from __future__ import annotations

from netdsl.fitting.ledger import times
from netdsl.fitting.rules.elementwise import dense
from netdsl.fitting.rules.table import OpUse, keeps, product_of, rows_of
from netdsl.fitting.tape import FULL, Lying, Tensor
from netdsl.ops.base import Op
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn, Normalize, Rmsnorm


def _learned(use: OpUse[Op]) -> list[Tensor]:
    """Scale and shift, without running statistics."""
    return [w for name, w in use.weights.items() if not name.startswith(("running_", "num_"))]


@keeps(Batchnorm)
def batchnorm(use: OpUse[Batchnorm]) -> Tensor:
    weights = _learned(use)
    if use.op.frozen:
        return use.tape.call(use.x, *weights, saves=[use.x, *weights])
    statistics = (2 * FULL * use.op.channels, 0)
    return use.tape.call(use.x, *weights, saves=[use.x], extra=[statistics], layout=dense(use.x))


@keeps(Layernorm)
def layernorm(use: OpUse[Layernorm]) -> Tensor:
    x = use.tape.high(use.x)[0] if use.tape.card else use.x
    many = product_of(use.op.x.shape[-use.op.axes :])
    statistics = times(rows_of(use.x, many), 2 * (FULL if use.tape.card else x.width))
    x = use.tape.whole(x)
    return use.tape.call(x, *_learned(use), saves=[x], extra=[statistics])


@keeps(Rmsnorm)
def rmsnorm(use: OpUse[Rmsnorm]) -> Tensor:
    many = product_of(use.op.x.shape[-use.op.axes :])
    statistics = times(rows_of(use.x, many), FULL)
    apart = [use.x.size] if _learned(use) and not use.tape.card else []  # scaled in a step of its own
    return use.tape.call(use.x, *_learned(use), saves=[use.x], extra=[statistics, *apart])


@keeps(Groupnorm)
def groupnorm(use: OpUse[Groupnorm]) -> Tensor:
    x = use.tape.high(use.x)[0] if use.tape.card else use.x
    statistics = (0, 2 * use.op.groups * (FULL if use.tape.card else x.width))
    x = use.tape.whole(x)
    return use.tape.call(x, *_learned(use), saves=[x], extra=[statistics])


@keeps(Instancenorm)
def instancenorm(use: OpUse[Instancenorm]) -> Tensor:
    statistics = (0, 2 * FULL * use.op.channels)
    return use.tape.call(use.x, *_learned(use), saves=[use.x], extra=[statistics])


@keeps(Lrn)
def lrn(use: OpUse[Lrn]) -> Tensor:
    """Squares are padded, averaged, scaled, raised to a power and divided by, each a tensor of its own."""
    t, x = use.tape, use.x
    channels = product_of(use.op.x.shape[:1])
    padded = times(rows_of(x, channels), channels + use.op.size - 1)
    square = t.call(x, saves=[x])
    rim = t.call(square, count=padded)
    mean = t.call(rim, count=x.count, saves=[rim])
    scaled = t.call(mean)
    shifted = t.call(scaled)
    if t.card:
        (shifted,) = t.high(shifted)
    raised = t.call(shifted, saves=[shifted])
    return t.call(x, raised, width=max(x.width, raised.width), saves=[x, raised])


@keeps(Normalize)
def normalize(use: OpUse[Normalize]) -> Tensor:
    """The norm, clipped from below, is what is divided by."""
    t, x = use.tape, use.x
    rows = rows_of(x, product_of([use.op.x.shape[use.op.along]]))
    norm = t.call(x, count=rows, saves=[x], saves_result=True)
    clipped = t.call(norm, saves=[norm])
    spread = t.view(clipped, count=x.count, layout=Lying.CUT)
    return t.call(x, spread, saves=[x, clipped])
