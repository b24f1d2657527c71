"""How the flops profiler of DeepSpeed counts, as its extract flops-profiler does: by wrapping functions of PyTorch."""

from __future__ import annotations

from math import prod

from netdsl.conventions.fvcore import native
from netdsl.conventions.rule import MOVES, Convention, NoNumber
from netdsl.conventions.sizes import (
    bias,
    hidden_work,
    lrn_read,
    macs,
    numbers,
    padded_by_word,
    pool_read,
    projections,
    read,
    steps,
    widths,
)
from netdsl.ops.activation import Elu, Gelu, LeakyRelu, PRelu, Relu, Relu6, Silu, Softmax
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn
from netdsl.ops.resize import Resize, Unpool
from netdsl.ops.weighed import ConvWith, LinearWith

TOOL = "flops-profiler 0.1.2 (extract of DeepSpeed)"
FLOPS = Convention(
    "deepspeed", TOOL, "flops", "flops",
    "two a multiply-accumulate, the bias of convolutions alone, and so many an element of norms, pools and activations",
    {}, outermost_unseen=True,
)  # fmt: skip
MACS = Convention(
    "deepspeed-macs", TOOL, "MACs", "macs", "multiply-accumulates of convolutions and linear layers", {},
    outermost_unseen=True,
)  # fmt: skip

for each in (FLOPS, MACS):
    each.overlooks(Op, why="wraps no function that it calls")
    each.ignores(*MOVES)
    each.fails(
        ConvTranspose,
        why="flops-profiler ends with a NameError at a transposed convolution: a misspelt name in its code",
    )
FLOPS.fails(LocallyConnected, why="it is not known how flops-profiler counts the products of unshared filters")


def countable(op: Conv) -> None:
    """Padding by a word is more than it can read."""
    if padded_by_word(op):
        raise NoNumber("flops-profiler ends with a TypeError at a convolution whose padding is the word `same`")


@MACS.counts(Conv, why="counts multiply-accumulates")
def conv_macs(op: Conv) -> int:
    countable(op)
    return macs(op)


@MACS.counts(Linear, ConvWith, LinearWith, why="counts multiply-accumulates")
def linear_macs(op: Op) -> int:
    return macs(op)


@FLOPS.counts(Conv, why="counts two a multiply-accumulate and the bias")
def conv(op: Conv) -> int:
    countable(op)
    return 2 * macs(op) + bias(op)


@FLOPS.counts(ConvWith, why="counts two a multiply-accumulate and the bias")
def conv_with(op: ConvWith) -> int:
    return 2 * macs(op) + bias(op)


@FLOPS.counts(Linear, LinearWith, why="counts two a multiply-accumulate, and no addition of a bias")
def linear(op: Op) -> int:
    return 2 * macs(op)


@FLOPS.counts(Relu, PRelu, Elu, LeakyRelu, Silu, Gelu, Softmax, why="counts 1 an element")
def activation(op: Op) -> int:
    return read(op)


@FLOPS.counts(Relu6, why="misses a relu6 that is a module", called=activation)
def clipped(op: Relu6) -> int:
    return 0


@FLOPS.counts(Batchnorm, why="counts a batch norm as 2 an element, 1 without scale and shift")
def batchnorm(op: Batchnorm) -> int:
    return read(op) * (2 if op.affine else 1)


@FLOPS.counts(Layernorm, Groupnorm, Instancenorm, why="counts a norm as 5 an element, 4 without scale and shift")
def norm(op: Layernorm | Groupnorm | Instancenorm) -> int:
    return read(op) * (5 if op.affine else 4)


@FLOPS.counts(Maxpool, Avgpool, why="counts 1 an input element")
def pool(op: Maxpool | Avgpool) -> int:
    return pool_read(op)


@FLOPS.counts(AdaptiveAvgpool, AdaptiveMaxpool, GlobalMaxpool, why="counts 1 an input element")
def adaptive(op: Op) -> int:
    return read(op)


def mean(op: GlobalAvgpool) -> int:
    return read(op) if op.keep else 0


@FLOPS.counts(GlobalAvgpool, why="counts 1 an input element", called=mean)
def global_mean(op: GlobalAvgpool) -> int:
    return read(op)


@FLOPS.counts(Lrn, why="counts the products, sums and the pool that it is made of")
def lrn(op: Lrn) -> int:
    return 3 * read(op) + lrn_read(op)


def interpolated(op: Resize | Unpool) -> int:
    """As a call of a function, which reads sizes without channels, and forgets to multiply by a scale."""
    if isinstance(op, Unpool):
        return 0 if op.mode != "nearest" else _scaled(op, op.factors)
    if op.scale is None:
        return prod(numbers(op.sizes))
    return _scaled(op, op.scale)


def _scaled(op: Op, factors: tuple[float, ...]) -> int:
    if len(set(factors)) > 1:
        raise NoNumber("flops-profiler ends with a TypeError where axes are enlarged differently")
    return read(op)


def interpolated_macs(op: Resize | Unpool) -> int:
    return 0 * interpolated(op)


@MACS.counts(Resize, Unpool, why="wraps no function that it calls", called=interpolated_macs)
def resize_macs(op: Resize | Unpool) -> int:
    return 0 * resize(op)


@FLOPS.counts(Resize, Unpool, why="counts an upsampling by its sizes alone", called=interpolated)
def resize(op: Resize | Unpool) -> int:
    if isinstance(op, Unpool) and op.mode != "nearest":
        return 0
    if isinstance(op, Resize) and op.like is not None:
        return interpolated(op)
    raise NoNumber("flops-profiler ends with a TypeError at a module that enlarges")


@FLOPS.counts(Lstm, Gru, Rnn, why="counts one a multiply-accumulate, both biases and the gates' own arithmetic")
def recurrence(op: Recurrence) -> int:
    each = sum(x + h + hidden_work(op) + 2 * op.gates * op.hidden * (op.biases > 0) for x, h in widths(op))
    return 0 if op.biases == 1 else each * op.directions * steps(op)


@FLOPS.counts(MultiheadAttention, why="sees the projections of an attention at most, not the attention")
def attention(op: MultiheadAttention) -> int:
    return 2 * attention_macs(op)


@MACS.counts(MultiheadAttention, why="sees the projections of an attention at most, not the attention")
def attention_macs(op: MultiheadAttention) -> int:
    return 0 if native(op) else projections(op)
