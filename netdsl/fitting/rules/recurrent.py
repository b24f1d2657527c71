"""Recurrent layers: what kernels keep for all steps."""

from __future__ import annotations

from netdsl.fitting.ledger import NOTHING, Growing, plus, times
from netdsl.fitting.rules.table import OpUse, keeps, product_of
from netdsl.fitting.tape import FULL, Lying, Tensor
from netdsl.ops.base import Op
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn

UNITS = {"rnn": (0, 1), "gru": (3, 4)}
"""Numbers that each unit keeps at a step on a CPU: products of all steps at once, and what steps make themselves."""

PAGES = 7 * 4096 // 2
"""Bytes by which its seven parts are rounded up to pages, on average."""

CARD = {"rnn": 1, "lstm": 6, "gru": 5}
"""As much of what cuDNN reserves: gates, states, and what goes into them."""


@keeps(Rnn, Lstm, Gru)
def recurrent(use: OpUse[Rnn | Lstm | Gru]) -> Tensor:
    """Each layer reads the sequence with its steps in front, which is a copy, once for both directions."""
    t, op = use.tape, use.op
    steps = product_of(op.x.shape[:1])
    x = t.call(use.x, shares=True) if op.x.type.batched else use.x
    for layer in range(op.layers):
        x = _layer(use, op, x, layer, steps)
    return t.view(x, layout=Lying.TURNED)


def _layer(use: OpUse[Op], op: Recurrence, x: Tensor, layer: int, steps: int) -> Tensor:
    t = use.tape
    suffixes = op.suffixes(layer)
    own = [name for name in use.weights if name.endswith(suffixes)]
    x, *low = t.low(x, *(use.weights[name] for name in own))
    count = (0, steps * op.hidden * op.directions)
    kept = plus(*[_kept(use, op, layer, steps, x.width) for _ in suffixes])
    whole = t.card or op.name == "lstm"  # else each step is a call of its own, and its result is what is kept
    through = [weight.size for name, weight in zip(own, low, strict=True) if name.startswith("weight_hh")]
    back = NOTHING if whole else times(plus(*through), 2)  # a step's gradient beside the sum, and then that of both
    return t.call(x, *low, count=count, width=x.width, saves=[x, *low], saves_result=whole, extra=[kept], back=back)


def _kept(use: OpUse[Op], op: Recurrence, layer: int, steps: int, width: int) -> Growing:
    unit = (0, steps * op.hidden * width)
    if not use.tape.records:
        return NOTHING
    if use.tape.card:
        return times(unit, CARD[op.name])
    if op.name == "lstm":
        return _workspace(op, op.reads(layer), steps, width)
    return times(unit, sum(UNITS[op.name]))


def _workspace(op: Recurrence, reads: int, steps: int, width: int) -> Growing:
    """What oneDNN keeps of an LSTM: gates, states and their gradients, lines of them rounded up and never at a stride
    that caches dislike (its `get_good_ld` and `set_workspace_sizes`)."""
    wide = max(reads, op.hidden)
    states = 2 * _line(wide, width) * width + _line(wide, FULL) * FULL + 2 * _line(op.hidden, FULL) * FULL
    gates = _line(4 * op.hidden, width) * width
    return PAGES, steps * gates + 2 * (steps + 1) * states + steps * op.hidden * width


def _line(numbers: int, width: int) -> int:
    rounded = -(-numbers // (64 // width)) * (64 // width)
    return rounded + 64 // width if rounded % 256 == 0 else rounded
