"""Layers with weights, and look-up tables."""

from __future__ import annotations

from netdsl.fitting.rules.table import OpUse, count_of, keeps
from netdsl.fitting.tape import FULL, Tensor
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Embedding, Gather, Linear, ScatterAdd
from netdsl.ops.weighed import ConvWith, LinearWith
from netdsl.ops.windows import even, spread_padding


def _pads(op: Conv) -> bool:
    """Whether its padding is a step of its own."""
    same = set(op.strides) == {1} and op.pads == spread_padding("same", op.kernels, op.dilations)
    return not even(op.pads) and not same


def _padded(use: OpUse[Op], layer: Conv | LocallyConnected) -> Tensor:
    count = count_of(layer.x.type)
    for axis, (before, after) in enumerate(layer.pads, 1):
        size = layer.x.type.shape[axis]
        assert isinstance(size, int)
        count = (count[0] // size * (size + before + after), count[1] // size * (size + before + after))
    return use.tape.call(use.x, count=count)


@keeps(Conv, ConvTranspose)
def conv(use: OpUse[Conv | ConvTranspose]) -> Tensor:
    x = _padded(use, use.op) if isinstance(use.op, Conv) and _pads(use.op) else use.x
    x, *weights = use.tape.low(x, *use.trained())
    x = use.tape.whole(x)
    return use.tape.call(x, *weights, count=use.count, width=x.width, saves=[x, weights[0]])


@keeps(ConvWith)
def conv_with(use: OpUse[ConvWith]) -> Tensor:
    x = use.x if even(use.op.layer.pads) else _padded(use, use.op.layer)
    x, *weights = use.tape.low(x, *use.xs[1:])
    return use.tape.call(x, *weights, count=use.count, width=x.width, saves=[x, weights[0]])


@keeps(LocallyConnected)
def locally_connected(use: OpUse[LocallyConnected]) -> Tensor:
    t, op = use.tape, use.op
    x = use.x if not any(map(any, op.pads)) else _padded(use, op)
    taps = op.in_channels
    for kernel in op.kernels:
        taps *= kernel
    places = 1
    for many in op.positions:
        places *= many
    filters, *bias = use.trained()
    patches = t.call(x, count=(0, places * taps), saves=())
    patches, filters = t.low(patches, filters)
    saved = [patches, *([filters] if patches.learns else [])]
    out = t.call(patches, filters, count=use.count, width=patches.width, saves=saved)
    return out if not bias else t.call(out, *bias, width=max(out.width, FULL))


def product(use: OpUse[Op], x: Tensor, *weights: Tensor) -> Tensor:
    """`x` times a matrix, which are both kept."""
    x, matrix, *bias = use.tape.low(x, *weights)
    x = use.tape.whole(x)
    saved = [*([x] if matrix.learns else []), *([matrix] if x.learns else [])]
    return use.tape.call(x, matrix, *bias, count=use.count, width=x.width, saves=saved)


@keeps(Linear)
def linear(use: OpUse[Linear]) -> Tensor:
    return product(use, use.x, *use.trained())


@keeps(LinearWith)
def linear_with(use: OpUse[LinearWith]) -> Tensor:
    return product(use, *use.xs)


@keeps(Embedding)
def embedding(use: OpUse[Embedding]) -> Tensor:
    (table,) = use.trained()
    return use.tape.call(table, count=use.count, saves=[use.x])


@keeps(Gather)
def gather(use: OpUse[Gather]) -> Tensor:
    table, places = use.xs
    if not table.real:
        return use.tape.unlearned(table, use.count, table.width)
    return use.tape.call(table, count=use.count, saves=[places])


@keeps(ScatterAdd)
def scatter_add(use: OpUse[ScatterAdd]) -> Tensor:
    values, places = use.xs
    return use.tape.call(values, count=use.count, saves=[places])
