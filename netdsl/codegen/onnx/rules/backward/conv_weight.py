"""ONNX nodes of the weight gradient of a convolution, spelt by shape.

What ordinary operators make of it, measured by `benchmarks/conv_weight_gradient.py` on the CPU with two threads. On
CUDA a convolution by the outgoing gradient pays nowhere: 2.4 ms for ResNet's 3x3 at 56, where the product takes 0.2.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.conv import both_sides, taken
from netdsl.codegen.onnx.rules.unfold import LANES, has_readers, laid, readers, rests, swap, unfold, wide
from netdsl.ops import windows
from netdsl.ops.backward.base import fixed_shape
from netdsl.ops.backward.conv import ConvWeightGradient
from netdsl.ops.base import fixed
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.windows import Sides

MANY = 25
"""Taps from which a convolution by the outgoing gradient pays. For 3x3 over two channels unfolding takes 0.4 of it."""


@rules.lowers(ConvWeightGradient)
def conv_weight_gradient(op: ConvWeightGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Few channels under many taps: a convolution by the outgoing gradient. Else one matrix product.

    For it the taps are laid side by side: all of those that read `x`, or on wide maps (where that is much) some beside
    `x` and the others beside `dy`.
    """
    conv, (dy, x) = op.of, inputs
    filters, channels = (fixed(v.type.channels, "the number of channels of a convolution") for v in (op.dy, op.x))
    taps, groups = windows.count(conv.kernels), conv.groups
    if groups == 1 and taps >= max(MANY, 4 * channels) and not build.cuda:
        return _swapped(op, inputs, build)
    if has_readers(conv, op.dy.type, build):
        return _from_readers(op, inputs, build)
    large = wide(conv, op.dy.type)
    if large and _can_cross(conv) and (groups > 1 or channels >= LANES or taps == 1):
        return _crossed(op, filters, channels, inputs, build)
    if taps > 1 or set(conv.strides) != {1} or any(map(any, conv.pads)):
        x = _unfolded(op, x, channels, build)
    if not large:
        dy, x = (swap(name, len(conv.kernels), build) for name in (dy, x))
    made = _product(dy, filters, x, channels * taps, op, build)
    return build.node("Reshape", [made, build.ints(*fixed_shape(op.result()))])


def _swapped(op: ConvWeightGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """A convolution with batch and channels swapped, whose filter is the outgoing gradient."""
    conv, rank = op.of, len(op.of.kernels)
    dy, x = (swap(name, rank, build) for name in inputs)
    made = build.node("Conv", [x, dy], strides=conv.dilations, dilations=conv.strides, pads=both_sides(conv.pads))
    return swap(taken(made, [0] * rank, conv.kernels, build), rank, build)


def _from_readers(op: ConvWeightGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """One product over positions and samples, with what the input gradient has laid side by side already."""
    conv = op.of
    x = build.node("Reshape", [swap(inputs[1], len(conv.kernels), build), build.ints(conv.in_channels, -1)])
    made = build.node("Gemm", [x, readers(conv, op.dy, inputs[0], build)])
    made = build.node("Transpose", [build.node("Reshape", [made, build.ints(-1, conv.channels)])], perm=[1, 0])
    return build.node("Reshape", [made, build.ints(*fixed_shape(op.result()))])


def _unfolded(op: ConvWeightGradient, x: TensorName, channels: int, build: Builder) -> TensorName:
    """`[N, C K…, O…]`: what every window reads."""
    made = unfold(x, channels, op.of, build)
    if all(extra < stride for extra, stride in zip(_extra(op.of), op.of.strides, strict=True)):
        return made
    return taken(made, [0] * len(op.of.kernels), op.dy.type.spatial, build)


def _extra(conv: Conv | ConvTranspose) -> tuple[int, ...]:
    """How many positions at the far end of an axis may belong to no window: the `output_padding`."""
    return conv.extra if isinstance(conv, ConvTranspose) else (0,) * len(conv.kernels)


def _can_cross(conv: Conv | ConvTranspose) -> bool:
    """Whether every position of `x` is read through a padding that a convolution can have."""
    return set(conv.strides) == {1} and not any(_extra(conv)) and all(min(rest) >= 0 for rest in rests(conv))


def _crossed(
    op: ConvWeightGradient, filters: int, channels: int, inputs: Sequence[TensorName], build: Builder
) -> TensorName:
    """`dy` once for each tap of the first spatial axis, `x` once for each of the others: a 3x3 is three by three.

    Reading row `i` and column `j` of a window is reading `x` moved by `j` beside `dy` moved back by `i`.
    """
    conv, (dy, x) = op.of, inputs
    first, *others = conv.kernels
    none: Sides = ((0, 0),) * len(others)
    if first > 1:
        pads = (rests(conv)[0], *none)
        dy = laid(dy, filters, (first, *[1] * len(others)), conv.dilations, pads, build, backwards=True)
    if windows.count(others) > 1:
        x = laid(x, channels, (1, *others), conv.dilations, ((0, 0), *conv.pads[1:]), build)
    made = _product(dy, filters * first, x, channels * windows.count(others), op, build)
    made = build.node("Reshape", [made, build.ints(filters, first, channels // conv.groups, -1)])
    shape = build.ints(*fixed_shape(op.result()))
    return build.node("Reshape", [build.node("Transpose", [made], perm=[0, 2, 1, 3]), shape])


def _product(
    dy: TensorName, rows: int, x: TensorName, columns: int, op: ConvWeightGradient, build: Builder
) -> TensorName:
    """`[G, rows / G, columns / G]`: sample by sample on wide maps, else over the batch, which then lies inside."""
    groups, large = op.of.groups, wide(op.of, op.dy.type)
    sample = [0] * large
    dy = build.node("Reshape", [dy, build.ints(*sample, *_split(rows, groups), -1)])
    x = build.node("Reshape", [x, build.ints(*sample, *_split(columns, groups), -1)])
    if not large and groups == 1:
        return build.node("Gemm", [dy, x], transB=1)
    rank = 2 + large + (groups > 1)
    made = build.node("MatMul", [dy, build.node("Transpose", [x], perm=[*range(rank - 2), rank - 1, rank - 2])])
    return build.node("ReduceSum", [made, build.ints(0)], keepdims=0) if large else made


def _split(channels: int, groups: int) -> list[int]:
    """The axes of the channels, groups in front where there are several."""
    return [channels] if groups == 1 else [groups, channels // groups]
