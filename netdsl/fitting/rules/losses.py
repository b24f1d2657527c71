"""Losses, which are computed in full precision."""

from __future__ import annotations

from netdsl.fitting.ledger import Growing
from netdsl.fitting.rules.table import OpUse, keeps
from netdsl.fitting.tape import Tensor
from netdsl.ops.base import Op
from netdsl.ops.loss import (
    L1,
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    CrossEntropy,
    Hinge,
    Huber,
    Mse,
    MultiMargin,
    Nll,
    SmoothL1,
)

ONE: Growing = (1, 0)


@keeps(CrossEntropy)
def cross_entropy(use: OpUse[CrossEntropy]) -> Tensor:
    t, (scores, labels) = use.tape, use.xs
    logs = t.call(t.whole(scores), saves_result=True)
    return t.call(logs, count=ONE, saves=[logs, labels])


@keeps(Nll)
def nll(use: OpUse[Nll]) -> Tensor:
    scores, labels = use.xs
    return use.tape.call(scores, count=ONE, saves=[scores, labels])


def _real(use: OpUse[Op]) -> Tensor:
    """Labels as real numbers."""
    labels = use.xs[1]
    return labels if labels.real else use.tape.unlearned(labels, labels.count, 4, real=True)


@keeps(Huber)
def huber(use: OpUse[Huber]) -> Tensor:
    labels = _real(use)
    return use.tape.call(use.x, labels, count=ONE, saves=[use.x, labels])


@keeps(Mse, L1, SmoothL1)
def distance(use: OpUse[Mse | L1 | SmoothL1]) -> Tensor:
    """The mean stands in the memory that the differences were in."""
    labels = _real(use)
    return use.tape.call(use.x, labels, count=ONE, saves=[use.x, labels], extra=[use.x.size])


@keeps(BinaryCrossEntropyWithLogits)
def with_logits(use: OpUse[BinaryCrossEntropyWithLogits]) -> Tensor:
    labels = _real(use)
    return use.tape.call(use.x, labels, count=ONE, saves=[use.x, labels], work=use.x.size)


@keeps(BinaryCrossEntropy)
def probabilities(use: OpUse[BinaryCrossEntropy]) -> Tensor:
    labels = _real(use)
    t = use.tape
    known = t.unlearned(use.x, use.x.count, 1)
    x = t.call(use.x, saves=[known])
    held = t.call(labels) if not labels.learns else labels
    return t.call(x, held, count=ONE, saves=[x, held])


@keeps(MultiMargin)
def multi_margin(use: OpUse[MultiMargin]) -> Tensor:
    return use.tape.call(use.x, count=ONE, saves=use.xs)


@keeps(Hinge)
def margin(use: OpUse[Hinge]) -> Tensor:
    t, scores = use.tape, use.x
    signs = t.unlearned(scores, scores.count, 4, real=True)
    product = t.call(scores, saves=[signs])
    rest = t.call(product)
    bent = t.call(rest, saves_result=True)
    return t.call(bent, count=ONE)
