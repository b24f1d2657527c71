"""PyTorch spellings of recurrent layers."""

from typing import Any

from netdsl.codegen.python.measures import dim
from netdsl.codegen.python.spelling import Infix, Made, Spelling
from netdsl.codegen.pytorch.rules.conv import starts, unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.recurrent import Gru, Last, Lstm, Recurrence, Reverse, Rnn

ONE_BIAS = "OneBias"
"""What begins the name of the class that drops the second bias vector of each gate."""


def fused(op: Recurrence, **more: tuple[Any, Any]) -> Spelling:
    kind = op.name.upper()
    keywords = unlike(
        num_layers=(op.layers, 1), **more, bias=(op.biases > 0, True), bidirectional=(op.bidirectional, False)
    )
    own = f"{ONE_BIAS}{kind}"
    support = ("drop_hidden_biases", own) if op.biases == 1 else ()
    module = Made(own if support else f"nn.{kind}", (op.features, op.hidden), {**keywords, "batch_first": True})
    return Spelling(module=module, use="{m}({0})[0]", support=support, init=starts(op))


@rules.lowers(Rnn)
def rnn(op: Rnn) -> Spelling:
    return fused(op, nonlinearity=(op.activation, "tanh"))


@rules.lowers(Lstm, Gru)
def gated(op: Lstm | Gru) -> Spelling:
    return fused(op)


@rules.lowers(Last)
def last(op: Last) -> Spelling:
    return Spelling(call=Infix("{0}[:, -1]" if op.x.type.batched else "{0}[-1]", tight=True))


@rules.lowers(Reverse)
def reverse(op: Reverse) -> Spelling:
    return Spelling(call=Infix(f"{{0}}.flip({dim(0, op.x)})", tight=True))
