"""How ptflops counts: by operators of PyTorch (`aten`), or by modules and calls of functions (`pytorch`)."""

from __future__ import annotations

from netdsl.conventions.fvcore import native
from netdsl.conventions.rule import MOVES, Convention, NoNumber, nothing
from netdsl.conventions.sizes import (
    bias,
    hidden_work,
    lrn_read,
    macs,
    made,
    plain,
    pool_read,
    projections,
    read,
    steps,
    whole,
    widths,
)
from netdsl.ops.activation import Elu, Gelu, LeakyRelu, PRelu, Relu, Relu6, Silu, Softmax
from netdsl.ops.arithmetic import Matmul
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn
from netdsl.ops.resize import Resize, Unpool
from netdsl.ops.weighed import ConvWith, LinearWith

ATEN = Convention(
    "ptflops-aten", "ptflops 0.7.5 (backend aten)", "MACs", "macs",
    "multiply-accumulates and additions of a bias, by the operators that PyTorch runs on a CPU; of one sample",
    {}, one_sample=True,
)  # fmt: skip

PYTORCH = Convention(
    "ptflops-pytorch", "ptflops 0.7.5 (backend pytorch, its default)", "MACs", "macs",
    "with additions of a bias and so many MACs an element of norms, pools and activations, of which those that are "
    "modules count twice: as a module and as the function it calls; of one sample",
    {}, exact_types=True, one_sample=True,
)  # fmt: skip

UNSEEN = "has no rule for the operation"
ATEN.overlooks(Op, why=UNSEEN)
PYTORCH.overlooks(Op, why=UNSEEN)
ATEN.ignores(*MOVES)
PYTORCH.ignores(*MOVES)
ATEN.fails(
    Attention, why="which operators PyTorch makes of an attention depends on the machine, and ptflops counts those"
)
ATEN.overlooks(Lstm, why="sees nothing of a recurrent layer that PyTorch runs as one operator")


@ATEN.counts(
    Conv, ConvTranspose, LocallyConnected, Linear, ConvWith, LinearWith, why="counts the additions of a bias too"
)
def operators(op: Op) -> int:
    return macs(op) + (0 if isinstance(op, LocallyConnected) else bias(op))


@ATEN.counts(Gru, Rnn, why="counts the additions of both biases too")
def unrolled(op: Recurrence) -> int:
    """Step by step, as PyTorch runs it on a CPU."""
    return macs(op) + (2 * op.gates * whole(op.units) if op.biases else 0)


@ATEN.counts(Matmul, why="counts multiply-accumulates")
def product(op: Matmul) -> int:
    return macs(op)


@PYTORCH.counts(Conv, ConvTranspose, Linear, why="counts the additions of a bias too")
def modules(op: Op) -> int:
    return macs(op) + bias(op)


def once(op: Op) -> int:
    return read(op)


@PYTORCH.counts(Relu, Elu, Gelu, PRelu, why="counts 1 an element, and again for the function it calls", called=once)
def activation(op: Op) -> int:
    return 2 * read(op)


@PYTORCH.counts(LeakyRelu, why="counts 1 an element", called=nothing)
def leaky(op: LeakyRelu) -> int:
    return read(op)


@PYTORCH.counts(Relu6, Silu, Softmax, why="counts 1 an element")
def function(op: Op) -> int:
    return read(op)


def pooled_once(op: Maxpool | Avgpool) -> int:
    return pool_read(op)


@PYTORCH.counts(
    Maxpool, Avgpool, why="counts 1 an input element, and again for the function it calls", called=pooled_once
)
def pool(op: Maxpool | Avgpool) -> int:
    return 2 * pool_read(op)


@PYTORCH.counts(
    AdaptiveAvgpool, AdaptiveMaxpool, GlobalMaxpool,
    why="counts 1 an input element, and again for the function it calls", called=once,
)  # fmt: skip
def adaptive(op: Op) -> int:
    return 2 * read(op)


def mean(op: GlobalAvgpool) -> int:
    """Written as a mean over axes, which it does not see."""
    return read(op) if op.keep else 0


@PYTORCH.counts(GlobalAvgpool, why="counts 1 an input element, and again for the function it calls", called=mean)
def global_mean(op: GlobalAvgpool) -> int:
    return 2 * read(op)


@PYTORCH.counts(Batchnorm, Groupnorm, why="counts a norm as 2 an element, 1 without scale and shift")
def norm(op: Batchnorm | Groupnorm) -> int:
    return read(op) * (2 if op.affine else 1)


@PYTORCH.counts(Instancenorm, why="counts a norm as 2 an element, 1 without scale and shift", called=nothing)
def instancenorm(op: Instancenorm) -> int:
    return read(op) * (2 if op.affine else 1)


@PYTORCH.counts(Layernorm, why="counts a layer norm as 1 an element")
def layernorm(op: Layernorm) -> int:
    return read(op)


@PYTORCH.counts(Lrn, why="counts the products, sums and the pool that it is made of")
def lrn(op: Lrn) -> int:
    return 3 * read(op) + lrn_read(op)


def resized_once(op: Resize | Unpool) -> int:
    return made(op) if isinstance(op, Resize) or op.mode == "nearest" else 0


@PYTORCH.counts(Resize, Unpool, why="counts 1 an output, and again for the function it calls", called=resized_once)
def resize(op: Resize | Unpool) -> int:
    twice = 1 if isinstance(op, Resize) and op.like is not None else 2
    return twice * resized_once(op)


@PYTORCH.counts(Lstm, Gru, Rnn, why="counts both biases and the gates' own arithmetic")
def recurrence(op: Recurrence) -> int:
    each = sum(x + h + hidden_work(op) + 2 * op.gates * op.hidden * (op.biases > 0) for x, h in widths(op))
    return 0 if op.biases == 1 else each * op.directions * steps(op)


@ATEN.counts(MultiheadAttention, why="sees nothing of an attention that PyTorch runs as one operator")
def fused(op: MultiheadAttention) -> int:
    if native(op):
        return 0
    if not plain(op):
        raise NoNumber("which operators PyTorch makes of an attention depends on the machine, and ptflops counts those")
    return projections(op) + bias(op)


@PYTORCH.counts(MultiheadAttention, why="counts the softmax, a scaling of queries and the biases too")
def attention(op: MultiheadAttention) -> int:
    if not op.whole:
        return projections(op) + bias(op)
    if not plain(op):
        return 0  # written as a class of its own
    queries, keys, values = (whole(value.shape[-2]) for value in (op.q, op.keys, op.values))
    projected = queries * op.width**2 + keys * op.key_width**2 + values * op.value_width**2
    biases = (queries + keys + values) * op.width if op.bias[0] else 0
    heads = queries * keys * (op.width // op.heads + 1 + op.value_width // op.heads) * op.heads
    return queries * op.width + projected + biases + heads + queries * op.value_width * (op.value_width + 1)
