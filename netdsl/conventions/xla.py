"""How XLA counts the plain formulas: its cost analysis of what JAX lowers, before anything is optimised."""

from __future__ import annotations

from netdsl.conventions.inside import inside
from netdsl.conventions.products import stated
from netdsl.conventions.rule import MOVES, Convention, NoNumber
from netdsl.conventions.sizes import bias, elements, made, numbers, read, whole
from netdsl.ops.activation import (
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    LeakyRelu,
    LogSoftmax,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from netdsl.ops.arithmetic import Add, Div, Matmul, Maximum, Minimum, Mul, Sub
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn
from netdsl.ops.pool import AdaptiveAvgpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.resize import Unpool

XLA = Convention(
    "xla", "XLA's cost analysis (jaxlib 0.10.2)", "flops", "flops",
    "two a multiply-accumulate whose tap is no padding, the bias, and what is done element by element; exp, log and "
    "their like apart",
    {}, spelt=False,
)  # fmt: skip

XLA.ignores(*MOVES, Unpool, Tanh)
XLA.fails(Recurrence, why="XLA counts the body of a loop once, however many steps it runs")


@XLA.counts(
    Relu, Sigmoid, Silu, Batchnorm, Layernorm, Groupnorm, Instancenorm, Maxpool, Avgpool, GlobalAvgpool,
    GlobalMaxpool, Add, Sub, Mul, Div, Minimum, Maximum, why="counts elementwise operations as the report does",
)  # fmt: skip
def alike(op: Op) -> int:
    return whole(op.pointwise())


@XLA.counts(Lrn, why="counts elementwise operations as the report does")
def lrn(op: Lrn) -> int:
    if op.size > whole(op.x.type.channels):
        raise NoNumber("XLA counts a window that is larger than its axis in a way that is not known")
    return whole(op.pointwise())


@XLA.counts(Conv, ConvTranspose, why="leaves out the taps that fall on padding")
def convolution(op: Conv | ConvTranspose) -> int:
    return 2 * inside(op, op) + bias(op)


@XLA.counts(Linear, Matmul, why="counts two a multiply-accumulate and the bias")
def product(op: Linear | Matmul) -> int:
    return 2 * stated(op) + bias(op)


@XLA.counts(AdaptiveAvgpool, why="counts 1 an input element")
def adaptive(op: AdaptiveAvgpool) -> int:
    if op.windows() is None:
        raise NoNumber("pooling to a size that does not divide has no plain formula in JAX")
    return read(op) if read(op) != made(op) else 0


EACH = {Relu6: 2, LeakyRelu: 3, Elu: 4, Hardsigmoid: 4, Hardswish: 5, Softplus: 6}


@XLA.counts(*EACH, why="counts comparisons and choices as operations of their own")
def piecewise(op: Op) -> int:
    return read(op) * EACH[type(op)]


@XLA.counts(Gelu, why="counts the polynomials that make an erf: 66 an element, and 8 with a tanh")
def gelu(op: Gelu) -> int:
    return read(op) * (8 if op.approximate == "tanh" else 66)


@XLA.counts(Softmax, LogSoftmax, why="counts a softmax over n as 4n − 1")
def softmax(op: Softmax | LogSoftmax) -> int:
    size = numbers(op.x.shape)[op.along]
    return read(op) // size * (4 * size - 1) if size else 0


@XLA.counts(Attention, why="counts a softmax over n as 4n − 1, and a scaling of the scores")
def attention(op: Attention) -> int:
    if op.causal or op.bias is not None:
        raise NoNumber("what hides keys has no single plain formula in JAX")
    return 2 * stated(op) + _scored(op)


@XLA.counts(MultiheadAttention, why="counts a softmax over n as 4n − 1, and a scaling of the scores")
def multihead(op: MultiheadAttention) -> int:
    if op.causal or op.mask is not None:
        raise NoNumber("what hides keys has no single plain formula in JAX")
    return 2 * stated(op) + bias(op) + _scored(op)


def _scored(op: Attention | MultiheadAttention) -> int:
    """What a row of scores is scaled, and made probabilities by."""
    scores, keys = elements(op.scores()), whole(op.scores().shape[-1])
    return 5 * scores - scores // keys
