"""How torchinfo counts: the numbers in the weights of each module without modules inside, times what it puts out."""

from __future__ import annotations

from netdsl.conventions.rule import MOVES, Convention, NoNumber
from netdsl.conventions.sizes import bias, convolved, params, plain, steps
from netdsl.dims.tensors import Value
from netdsl.ops.activation import PRelu
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Embedding, Linear
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Rmsnorm
from netdsl.ops.recurrent import Gru, Lstm, Recurrence, Rnn

TORCHINFO = Convention(
    "torchinfo", "torchinfo 1.8.0", "Mult-Adds", "macs",
    "the weights and biases of each module, times the positions of a convolution's output; a linear layer counts "
    "once a sample, however many positions it is applied to",
    {},
)  # fmt: skip

TORCHINFO.overlooks(Op, why="sees modules with weights alone")
TORCHINFO.ignores(*MOVES)


@TORCHINFO.counts(Conv, why="counts the bias of a convolution, too")
def convolution(op: Conv) -> int:
    return convolved(op) + bias(op)


@TORCHINFO.counts(ConvTranspose, why="counts a transposed convolution at its output grid, and its bias")
def transposed(op: ConvTranspose) -> int:
    return convolved(op) + bias(op)


@TORCHINFO.counts(Linear, why="counts a linear layer with its bias, once a sample whatever the number of positions")
def linear(op: Linear) -> int:
    return _once(op, op.x)


@TORCHINFO.counts(
    Batchnorm,
    Layernorm,
    Groupnorm,
    Instancenorm,
    Rmsnorm,
    PRelu,
    why="counts one multiply-add for each weight of a norm or a slope, whatever the number of positions",
)
def weights(op: Op) -> int:
    return _once(op, next(iter(op.operands())))


def _once(op: Op, x: Value) -> int:
    if not x.type.batched:
        raise NoNumber("torchinfo takes the first axis for the batch, which this row does not have")
    return params(op)


@TORCHINFO.counts(Embedding, LocallyConnected, why="counts the whole table of weights, once a sample")
def tables(op: Op) -> int:
    return params(op)


@TORCHINFO.counts(Lstm, Gru, Rnn, why="counts both biases of a recurrent layer")
def recurrence(op: Recurrence) -> int:
    return params(op) * steps(op)


@TORCHINFO.counts(
    MultiheadAttention,
    why="sees none of the products of an attention, and of its projections those that are modules, once a sample",
)
def attention(op: MultiheadAttention) -> int:
    if not op.whole:
        return params(op)
    return 0 if plain(op) else sum(w.elements for w in op.weights() if w.name.startswith("out_proj"))
