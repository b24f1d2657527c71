"""Sizes that many conventions count by, of operations whose sizes are numbers: all of one sample."""

from __future__ import annotations

from math import prod

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.normalize import Lrn
from netdsl.ops.pool import Avgpool, Maxpool
from netdsl.ops.recurrent import Gru, Lstm, Recurrence
from netdsl.ops.windows import even, spread_padding


def numbers(shape: tuple[Extent, ...]) -> tuple[int, ...]:
    """A shape whose sizes are numbers."""
    return tuple(whole(size) for size in shape)


def whole(size: Extent) -> int:
    assert isinstance(size, int)
    return size


def elements(value: Value | TensorType) -> int:
    """How many numbers a value holds."""
    return whole((value if isinstance(value, TensorType) else value.type).elements)


def result_of(op: Op) -> TensorType:
    """Its only result, or the first."""
    made = op.result()
    return made[0] if isinstance(made, tuple) else made


def made(op: Op) -> int:
    """How many numbers it gives."""
    return elements(result_of(op))


def read(op: Op) -> int:
    """How many numbers its first input holds."""
    return elements(next(iter(op.operands())))


def macs(op: Op) -> int:
    """Multiply-accumulates as a report has them."""
    return whole(op.macs())


def bias(op: Op) -> int:
    return whole(op.bias_adds())


def params(op: Op) -> int:
    """Numbers in its weights, buffers left out."""
    return sum(w.elements for w in op.weights() if not w.buffer)


def convolved(op: Conv | ConvTranspose) -> int:
    """Multiply-accumulates as if each output position read a whole window, whichever way round it goes."""
    return made(op) * (op.in_channels // op.groups) * prod(op.kernels)


def pool_read(op: Maxpool | Avgpool) -> int:
    """What a pool reads, with the padding that is a step of its own in PyTorch."""
    if op.simple_pads():
        return read(op)
    sizes = zip(numbers(op.x.type.spatial), op.pads, strict=True)
    return whole(op.x.type.channels) * prod(size + before + after for size, (before, after) in sizes)


def lrn_read(op: Lrn) -> int:
    """What the pool inside it reads: neighbours on either side of the channels are added."""
    channels, *places = numbers(op.x.shape)
    return (channels + op.size - 1) * prod(places)


def dense_attention(op: Attention | MultiheadAttention) -> int:
    """The two products of attention, every query with every key."""
    scores = elements(op.scores())
    if isinstance(op, MultiheadAttention):
        return 2 * scores // op.heads * op.width
    return scores * (whole(op.q.shape[-1]) + whole(op.v.shape[-1]))


def projections(op: MultiheadAttention) -> int:
    """Multiply-accumulates before and after the attention."""
    return sum(prod(numbers(factors)) for i, factors in enumerate(op.contractions()) if i not in (3, 4))


def widths(op: Recurrence) -> list[tuple[int, int]]:
    """Of each layer the numbers in either matrix of one direction."""
    rows = op.gates * op.hidden
    return [(rows * op.reads(layer), rows * op.hidden) for layer in range(op.layers)]


def steps(op: Recurrence) -> int:
    return whole(op.x.shape[0])


def hidden_work(op: Recurrence) -> int:
    """Operations a unit and step that ptflops and its kin add for what a cell does with its gates."""
    return op.hidden * (10 if isinstance(op, Lstm) else 7 if isinstance(op, Gru) else 1)


def padded_by_word(op: Conv) -> bool:
    """Whether PyTorch is told to pad it by the word `same`: unevenly, at stride 1."""
    same = set(op.strides) == {1} and op.pads == spread_padding("same", op.kernels, op.dilations)
    return same and not even(op.pads)


def plain(op: MultiheadAttention) -> bool:
    """Whether it is written as `nn.MultiheadAttention` itself."""
    return op.whole and op.mask is None and op.aligned >= op.causal and op.result().rank == 2
