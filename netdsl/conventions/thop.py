"""How thop counts, which hooks the modules that it has in a table."""

from __future__ import annotations

from math import prod

from netdsl.conventions.rule import MOVES, Convention, nothing
from netdsl.conventions.sizes import convolved, macs, made, numbers, projections, read, steps
from netdsl.ops.activation import LeakyRelu, PRelu, Relu, Relu6, Softmax
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.cut import Pad
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Instancenorm, Layernorm
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn
from netdsl.ops.resize import Resize, Unpool

THOP = Convention(
    "thop", "thop 0.1.1", "MACs", "macs",
    "no bias, a transposed convolution at its output grid (the product of its strides times as many), and some modules "
    "without products as so many MACs an element; it sees modules, not calls of functions",
    {}, exact_types=True,
)  # fmt: skip

THOP.overlooks(Op, why="has no module of this kind in its table")
THOP.ignores(*MOVES, Pad)
THOP.ignores(Relu, Relu6, LeakyRelu, Maxpool, AdaptiveMaxpool, GlobalMaxpool, why="counts comparisons as nothing")


@THOP.counts(Conv, Linear, why="counts multiply-accumulates")
def products(op: Conv | Linear) -> int:
    return macs(op)


@THOP.counts(
    ConvTranspose, why="counts a transposed convolution at its output grid, the product of its strides times as many"
)
def transposed(op: ConvTranspose) -> int:
    return convolved(op)


@THOP.counts(Batchnorm, Layernorm, why="counts a norm as 4 an element, 2 without scale and shift")
def norm(op: Batchnorm | Layernorm) -> int:
    return read(op) * (4 if op.affine else 2)


@THOP.counts(Instancenorm, why="counts a norm as 4 an element, 2 without scale and shift", called=nothing)
def instancenorm(op: Instancenorm) -> int:
    return read(op) * (4 if op.affine else 2)


@THOP.counts(PRelu, why="counts 1 an element")
def prelu(op: PRelu) -> int:
    return read(op)


@THOP.counts(Softmax, why="counts a softmax over n as 3n − 1", called=nothing)
def softmax(op: Softmax) -> int:
    size = numbers(op.x.shape)[op.along]
    return read(op) // size * (3 * size - 1) if size else 0


@THOP.counts(Avgpool, why="counts a mean as 1 for each output", called=nothing)
def avgpool(op: Avgpool) -> int:
    return made(op)


@THOP.counts(AdaptiveAvgpool, why="counts a mean as its window and 1 more for each output", called=nothing)
def adaptive(op: AdaptiveAvgpool) -> int:
    return _of_means(numbers(op.x.type.spatial), op.sizes, made(op))


@THOP.counts(GlobalAvgpool, why="counts a mean as its window and 1 more for each output", called=nothing)
def global_mean(op: GlobalAvgpool) -> int:
    sizes = numbers(op.x.type.spatial)
    return _of_means(sizes, (1,) * len(sizes), made(op))


def _of_means(sizes: tuple[int, ...], parts: tuple[int, ...], outputs: int) -> int:
    """In floating point, and cut off, as thop reckons."""
    return int((prod(size / part for size, part in zip(sizes, parts, strict=True)) + 1) * outputs)


@THOP.counts(Resize, why="counts 1 an output of nearest, 5 of linear, 11 of bilinear", called=nothing)
def resize(op: Resize) -> int:
    if op.like is not None:
        return 0
    each = {1: 5, 2: 11, 3: 0}[op.x.type.rank - 1] if op.mode == "bilinear" else 1
    return made(op) * each


@THOP.counts(Unpool, why="counts 1 an output of nearest", called=nothing)
def unpool(op: Unpool) -> int:
    return made(op) if op.mode == "nearest" else 0


@THOP.counts(Lstm, Gru, Rnn, why="counts a hidden unit more for each gate, both biases and the gates' own arithmetic")
def recurrence(op: Recurrence) -> int:
    gates, hidden = op.gates, op.hidden
    own = hidden * (gates + (4 if gates > 1 else 0)) + 2 * gates * hidden * (op.biases > 0)
    each = sum(gates * hidden * (op.reads(layer) + hidden) + own for layer in range(op.layers))
    return 0 if op.biases == 1 else each * op.directions * steps(op)


@THOP.counts(MultiheadAttention, why="sees the projections of an attention where they are modules, not the attention")
def attention(op: MultiheadAttention) -> int:
    return 0 if op.whole else projections(op)
