"""ONNX nodes of the weight gradient of a convolution, spelt by shape.

What ordinary operators make of it, measured by `benchmarks/conv_weight_gradient.py` on the CPU with two threads.
"""

from collections.abc import Sequence
from itertools import product as pairs
from typing import Any

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.codegen.onnx.rules.conv import axes, both_sides, taken
from netdsl.codegen.onnx.rules.unfold import has_readers, readers, swap, unfold, wide
from netdsl.ops import windows
from netdsl.ops.base import fixed
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.conv_backward import ConvWeightGradient

LANES = 16
"""Channels from which the product with those of one tap fills the processor's vectors."""

NARROW = 64
"""Filters below which those of several taps are multiplied together: 0.81 to 0.93 of the time."""


@rules.lowers(ConvWeightGradient)
def conv_weight_gradient(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """Few channels under many taps: a convolution by the outgoing gradient. Else matrix products.

    What the taps read is laid side by side where that is little (strides, few channels, small maps), else one tap is
    taken after the other; wide maps are multiplied sample by sample, small ones over the whole batch.
    """
    conv, (dy, x) = op.of, inputs
    filters, channels = (fixed(v.type.channels, "the number of channels of a convolution") for v in (op.dy, op.x))
    taps, groups = windows.count(conv.kernels), conv.groups
    if groups == 1 and 4 * channels <= taps:
        return _swapped(op, inputs, build)
    if has_readers(conv, op.dy.type):
        return _from_readers(op, inputs, build)
    large, strided = wide(conv, op.dy.type), set(conv.strides) != {1}
    unfolded = strided or (taps > 1 and groups == 1 and channels < LANES)
    if unfolded:
        x, channels = _unfolded(op, x, channels, build), channels * taps
    if not large:
        dy, x = (swap(name, len(conv.kernels), build) for name in (dy, x))
    dys, xs = ([dy], [x]) if unfolded else _crossed(conv, dy, x, build)
    sizes = [0] * large
    dys = [build.node("Reshape", [d, build.ints(*sizes, *_split(filters, groups), -1)]) for d in dys]
    xs = [build.node("Reshape", [r, build.ints(*sizes, *_split(channels, groups), -1)]) for r in xs]
    if groups == 1 and filters < NARROW:
        dys = [_joined(dys, build)]
    product = _by_sample if large else _over_batch
    columns = [_joined([product(d, r, groups, build) for d in dys], build) for r in xs]
    if unfolded or taps == 1:
        return build.node("Reshape", [columns[0], build.ints(*op.result().shape)])  # type: ignore[arg-type]
    return _sorted(op, columns, build)


def _sorted(op: ConvWeightGradient, columns: Sequence[str], build: Builder) -> Any:
    """The weight from one product for each tap of the last axes: `[G, K O / G, C / G]` with the first axis's taps."""
    groups, shape = op.of.groups, op.result().shape
    filters, channels, first, *_ = shape
    rows = build.ints(1, groups, first, filters // groups, channels)  # type: ignore[arg-type]
    parts = [build.node("Reshape", [column, rows]) for column in columns]
    whole = parts[0] if len(parts) == 1 else build.node("Concat", parts, axis=0)
    return build.node("Reshape", [build.node("Transpose", [whole], perm=[1, 3, 4, 2, 0]), build.ints(*shape)])  # type: ignore[arg-type]


def _joined(parts: Sequence[str], build: Builder) -> Any:
    """Values under one another, as rows of one matrix."""
    return parts[0] if len(parts) == 1 else build.node("Concat", list(parts), axis=-2)


def _swapped(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """A convolution with batch and channels swapped, whose filter is the outgoing gradient."""
    conv, rank = op.of, len(op.of.kernels)
    dy, x = (swap(name, rank, build) for name in inputs)
    made = build.node("Conv", [x, dy], strides=conv.dilations, dilations=conv.strides, pads=both_sides(conv.pads))
    return swap(taken(made, [0] * rank, conv.kernels, build), rank, build)


def _from_readers(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """One product over positions and samples, with what the input gradient has laid side by side already."""
    conv = op.of
    x = build.node("Reshape", [swap(inputs[1], len(conv.kernels), build), build.ints(conv.in_channels, -1)])
    made = build.node("Gemm", [x, readers(conv, inputs[0], build)], transB=1)
    made = build.node("Transpose", [build.node("Reshape", [made, build.ints(-1, conv.channels)])], perm=[1, 0])
    return build.node("Reshape", [made, build.ints(*op.result().shape)])  # type: ignore[arg-type]


def _unfolded(op: ConvWeightGradient, x: str, channels: int, build: Builder) -> Any:
    """`[N, C K…, O…]`: what every window reads."""
    made = unfold(x, channels, op.of, build)
    if all(extra < stride for extra, stride in zip(_extra(op.of), op.of.strides, strict=True)):
        return made
    return taken(made, [0] * len(op.of.kernels), op.dy.type.spatial, build)


def _extra(conv: Conv | ConvTranspose) -> tuple[int, ...]:
    """How many positions at the far end of an axis may belong to no window: the `output_padding`."""
    return conv.extra if isinstance(conv, ConvTranspose) else (0,) * len(conv.kernels)


def _crossed(conv: Conv | ConvTranspose, dy: str, x: str, build: Builder) -> tuple[list[Any], list[Any]]:
    """`dy` moved along the first spatial axis for each tap of it, `x` along the others; every pair is one tap.

    Reading row `i` and column `j` of a window is reading `x` moved by `j` beside `dy` moved back by `i`. So a 3x3
    takes four copies and not nine, since the middle row and the middle column move nothing.
    """
    steps = [_steps(*axis) for axis in zip(conv.kernels, conv.dilations, conv.pads, _extra(conv), strict=True)]
    dys = [_moved(dy, 2, [(-before, -after)], build) for before, after in steps[0]]
    return dys, [_moved(x, 3, sides, build) for sides in pairs(*steps[1:])]


def _steps(kernel: int, dilation: int, pads: tuple[int, int], extra: int) -> list[tuple[int, int]]:
    """For each tap of an axis, what it reads beyond the two ends of it."""
    before, after = pads
    return [(before - i * dilation, after - (kernel - 1 - i) * dilation - extra) for i in range(kernel)]


def _moved(x: str, first: int, sides: Sequence[tuple[int, int]], build: Builder) -> Any:
    """Zeros before and after each axis from the `first` on; fewer than none take positions away."""
    if not any(map(any, sides)):
        return x
    return build.node("Pad", [x, build.ints(*both_sides(tuple(sides))), "", build.ints(*axes(len(sides), first))])


def _by_sample(dy: str, x: str, groups: int, build: Builder) -> Any:
    """The products of each sample, added up."""
    last = [0, 2, 1] if groups == 1 else [0, 1, 3, 2]
    made = build.node("MatMul", [dy, build.node("Transpose", [x], perm=last)])
    return build.node("ReduceSum", [made, build.ints(0)], keepdims=0)


def _over_batch(dy: str, x: str, groups: int, build: Builder) -> Any:
    """One product over everything but the channels, which lie outside the batch."""
    if groups == 1:
        return build.node("Gemm", [dy, x], transB=1)
    return build.node("MatMul", [dy, build.node("Transpose", [x], perm=[0, 2, 1])])


def _split(channels: int, groups: int) -> list[int]:
    """The axes of the channels, groups in front where there are several."""
    return [channels] if groups == 1 else [groups, channels // groups]
