"""How fvcore counts, which traces a model and knows a few operators of PyTorch."""

from __future__ import annotations

from netdsl.conventions.rule import MOVES, Convention, NoNumber
from netdsl.conventions.sizes import elements, macs, made, padded_by_word, plain, projections, read, whole
from netdsl.ops.activation import Relu
from netdsl.ops.arithmetic import Clamp, Matmul
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm
from netdsl.ops.pool import AdaptiveAvgpool, GlobalAvgpool
from netdsl.ops.resize import MaxUnpool, Resize, Unpool
from netdsl.ops.sample import GridSample
from netdsl.ops.weighed import ConvWith, LinearWith

FVCORE = Convention(
    "fvcore", "fvcore 0.1.5.post20221221", "flops", "macs",
    "multiply-accumulates, and some normalisation, pooling and resizing as so many flops an element", {},
)  # fmt: skip

FVCORE.overlooks(Op, why="has no rule for the operation")
FVCORE.ignores(*MOVES, Relu, Clamp)


@FVCORE.counts(Conv, why="counts multiply-accumulates, and nothing where PyTorch pads by the word `same`")
def convolution(op: Conv) -> int:
    return 0 if padded_by_word(op) else macs(op)


@FVCORE.counts(Matmul, why="counts the first operand times the columns of the second")
def product(op: Matmul) -> int:
    return elements(op.a) * whole(op.b.shape[-1])


@FVCORE.counts(ConvTranspose, LocallyConnected, Linear, ConvWith, LinearWith, why="counts multiply-accumulates")
def products(op: Op) -> int:
    return macs(op)


def native(op: MultiheadAttention) -> bool:
    """Whether PyTorch runs it at inference as one operator of its own, into which no tool sees."""
    return plain(op) and op.joint and op.bias[0] and op.heads % 2 == 0


@FVCORE.counts(MultiheadAttention, why="sees the projections of an attention at most, not the attention")
def attention(op: MultiheadAttention) -> int:
    return 0 if native(op) else projections(op)


@FVCORE.counts(Batchnorm, why="counts a batch norm as 2 flops an element, 1 without scale and shift")
def batchnorm(op: Batchnorm) -> int:
    return read(op) * (2 if op.affine else 1)


@FVCORE.counts(Layernorm, Groupnorm, Instancenorm, why="counts a norm as 5 flops an element, 4 without scale and shift")
def norm(op: Layernorm | Groupnorm | Instancenorm) -> int:
    return read(op) * (5 if op.affine else 4)


@FVCORE.counts(AdaptiveAvgpool, why="counts pooling to a given size as 1 flop an input element (of images alone)")
def adaptive(op: AdaptiveAvgpool) -> int:
    return read(op) if op.x.type.rank == 3 else 0


def mean(op: GlobalAvgpool) -> int:
    """Written as a mean over axes, for which it has no rule."""
    return adaptive_global(op) if op.keep else 0


@FVCORE.counts(
    GlobalAvgpool, why="counts pooling to a given size as 1 flop an input element (of images alone)", called=mean
)
def adaptive_global(op: GlobalAvgpool) -> int:
    return read(op) if op.x.type.rank == 3 else 0


@FVCORE.counts(Resize, why="counts 1 flop an output of nearest, 4 of bilinear (of images alone)")
def resize(op: Resize) -> int:
    return made(op) * (4 if op.mode == "bilinear" else 1) if op.x.type.rank == 3 else 0


@FVCORE.counts(Unpool, why="counts 1 flop an output of nearest (of images alone)")
def unpool(op: Unpool) -> int:
    return made(op) if op.mode == "nearest" and op.x.type.rank == 3 else 0


@FVCORE.counts(MaxUnpool, why="has no rule for the operation")
def max_unpool(op: MaxUnpool) -> int:
    if op.size is None:
        raise NoNumber("PyTorch cannot trace `max_unpool` without a size, and fvcore ends with a TypeError")
    return 0


@FVCORE.counts(GridSample, why="counts 4 flops an output")
def grid_sample(op: GridSample) -> int:
    return 4 * made(op)
