"""Multiply-accumulates of gradients: of each product those of the factors that learn, each as many as the product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import mul
from typing import NamedTuple

from netdsl.dims import Extent
from netdsl.ops.arithmetic import Matmul
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.weighed import Weighed


class ProductBack(NamedTuple):
    """The factors of a contraction, whose product it takes forward, and how many gradients take that again."""

    contraction: tuple[Extent, ...]
    gradients: int


def gradient_macs(op: Op, learns: Sequence[bool], trained: bool) -> Extent:
    """Multiply-accumulates of an operation's gradients for one sample.

    `learns` says of each operand whether anything is learned in it or before it, `trained` whether the operation's own
    weights are. Raises `NotImplementedError` of an operation that does not state its own.
    """
    total: Extent = 0
    for contraction, gradients in products_back(op, learns, trained):
        if gradients:
            total = total + gradients * reduce(mul, contraction, 1)
    return total


def products_back(op: Op, learns: Sequence[bool], trained: bool) -> Iterator[ProductBack]:
    """Each contraction of an operation, those of a recurrent layer by what they multiply."""
    found = dict(zip(op.operands(), learns, strict=True))
    match op:
        case Recurrence():
            yield from _through_time(op, found[op.x], trained)
        case MultiheadAttention():
            inside = [found[value] or trained for value in (op.q, op.keys, op.values)]
            read = (inside[0] + inside[1], (any(learns) or trained) + inside[2])
            projected = [found[value] + trained for value in (op.q, op.keys, op.values)]
            last = (any(learns) or trained) + trained
            yield from map(ProductBack, op.contractions(), (*projected, *read, last))
        case Attention():
            shares = any(found[value] for value in (op.q, op.k, op.bias) if value is not None)
            times = (found[op.q] + found[op.k], shares + found[op.v])
            yield from map(ProductBack, op.contractions(), times)
        case Matmul() | Weighed():
            yield from (ProductBack(factors, sum(learns[:2])) for factors in op.contractions())
        case _:
            many = any(learns) + trained if op.weights() else 2 * any(learns)
            yield from (ProductBack(factors, many) for factors in op.contractions())


def _through_time(op: Recurrence, learns: bool, trained: bool) -> Iterator[ProductBack]:
    """What comes in first may learn nothing; what layers and steps hand on does where anything does."""
    inner = learns or trained
    for layer in range(op.layers):
        rows = (op.x.shape[0], op.directions, op.gates, op.hidden)
        yield ProductBack((*rows, op.reads(layer)), (inner if layer else learns) + trained)
        yield ProductBack((*rows, op.hidden), inner + trained)
