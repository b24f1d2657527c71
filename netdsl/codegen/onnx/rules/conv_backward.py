"""ONNX nodes of the backward forms of convolutions. Spellings were chosen by `benchmarks/conv_weight_gradient.py`."""

from collections.abc import Sequence
from itertools import product as pairs
from typing import Any

import numpy as np

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.codegen.onnx.rules.conv import axes, both_sides, patches, rim, taken
from netdsl.codegen.onnx.rules.resize_backward import along
from netdsl.dims import Extent
from netdsl.ops import windows
from netdsl.ops.base import Window, fixed
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.conv_backward import (
    ConvBiasGradient,
    ConvInputGradient,
    ConvTransposeInputGradient,
    ConvWeightGradient,
    LocalInputGradient,
    LocalWeightGradient,
)
from netdsl.tensors import TensorType


@rules.lowers(ConvBiasGradient)
def conv_bias_gradient(op: ConvBiasGradient, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("ReduceSum", [inputs[0], build.ints(0, *axes(op.dy.type.rank - 1))], keepdims=0)


# ---------------------------------------------------------------- input

WIDE = 400
"""Positions from which an image outweighs the filters: turning them round pays, and so does a product a sample."""


DEEP = 2**15
"""Filters times channels from which a map of open size is taken to be small: deep layers stand behind the poolings."""


def _wide(conv: Conv | ConvTranspose, dy: TensorType) -> bool:
    """Whether the maps outweigh the filters; where sizes are open, the depth of the layer tells."""
    area = windows.product(dy.spatial)
    return area >= WIDE if isinstance(area, int) else conv.channels * conv.in_channels // conv.groups < DEEP


@rules.lowers(ConvInputGradient)
def conv_input_gradient(op: ConvInputGradient, inputs: Sequence[str], build: Builder) -> Any:
    """A convolution with the filters turned round where the stride is 1, else a transposed convolution.

    Against the transposed one it took on the CPU (`benchmarks/conv_input_gradient.py`) 0.64 of the time for ResNet's
    3x3 at 56, 0.77 at 28, 0.96 at 14, 1.23 at 7; 0.79 for AlexNet's second, 0.60 for a 1x1 at 28.
    """
    conv = op.of
    turned = [d * (k - 1) for k, d in zip(conv.kernels, conv.dilations, strict=True)]
    rests = [(t - before, t - after) for t, (before, after) in zip(turned, conv.pads, strict=True)]
    if set(conv.strides) == {1} and _wide(conv, op.dy.type) and all(min(rest) >= 0 for rest in rests):
        filters = _turned(op, inputs[1], build)
        return build.node(
            "Conv", [inputs[0], filters], kernel_shape=conv.kernels, dilations=conv.dilations,
            group=conv.groups, pads=both_sides(tuple(rests)),
        )  # fmt: skip
    return _transposed(op, inputs, build)


def _turned(op: ConvInputGradient, weight: str, build: Builder) -> Any:
    """`[O, C / g, K…]` as `[C, O / g, K…]` with the taps in reverse order."""
    groups, (filters, channels, *kernels), rank = op.of.groups, op.weight.shape, len(op.of.kernels)
    if groups > 1:
        weight = build.node("Reshape", [weight, build.ints(groups, filters // groups, channels, *kernels)])  # type: ignore[arg-type]
        weight = build.node("Transpose", [weight], perm=[0, 2, 1, *axes(rank, 3)])
        weight = build.node("Reshape", [weight, build.ints(groups * channels, filters // groups, *kernels)])  # type: ignore[arg-type]
    else:
        weight = build.node("Transpose", [weight], perm=[1, 0, *axes(rank)])
    if windows.count(op.of.kernels) == 1:
        return weight
    backwards = build.ints(*[-1] * rank)
    ends = build.ints(*(-1 - k for k in op.of.kernels))
    return build.node("Slice", [weight, backwards, ends, build.ints(*axes(rank)), backwards])


def _transposed(op: ConvInputGradient, inputs: Sequence[str], build: Builder) -> Any:
    """The attributes alone where sizes are known; else the full result, cut at run time.

    The last `rest` positions of a padded axis belong to no window. They are within the far padding or get zeros.
    """
    conv, sizes = op.of, op.x.type.spatial
    settings = {"kernel_shape": conv.kernels, "strides": conv.strides}
    settings |= {"dilations": conv.dilations, "group": conv.groups}
    rests = [_left_over(w) for w in conv.windows()]
    extra = [
        before - after + rest if isinstance(rest, int) else -1
        for rest, (before, after) in zip(rests, conv.pads, strict=True)
    ]
    if all(0 <= more < stride for more, stride in zip(extra, conv.strides, strict=True)):
        pads = both_sides(tuple((before, before) for before, _ in conv.pads))
        return build.node("ConvTranspose", inputs[:2], pads=pads, output_padding=extra, **settings)
    most = [rest if isinstance(rest, int) else s - 1 for rest, s in zip(rests, conv.strides, strict=True)]
    cut = [min(before, max(0, after - rest)) for rest, (before, after) in zip(most, conv.pads, strict=True)]
    whole = build.node("ConvTranspose", inputs[:2], pads=[*cut, *cut], **settings)
    short = [max(0, rest - after + c) for rest, (_, after), c in zip(most, conv.pads, cut, strict=True)]
    whole = rim(whole, [0] * len(short), short, build)
    return taken(whole, [before - c for c, (before, _) in zip(cut, conv.pads, strict=True)], sizes, build)


def _left_over(window: Window) -> Extent:
    """How many positions at the far side of a padded axis no window reaches."""
    return 0 if window.stride == 1 else (window.size + window.before + window.after - window.reach) % window.stride


@rules.lowers(ConvTransposeInputGradient)
def conv_transpose_input_gradient(op: ConvTransposeInputGradient, inputs: Sequence[str], build: Builder) -> Any:
    conv = op.of
    made = build.node(
        "Conv", inputs[:2], kernel_shape=conv.kernels, strides=conv.strides, dilations=conv.dilations,
        group=conv.groups, pads=both_sides(conv.pads),
    )  # fmt: skip
    if all(extra < stride for extra, stride in zip(conv.extra, conv.strides, strict=True)):
        return made
    return taken(made, [0] * len(conv.kernels), op.x.type.spatial, build)


# ---------------------------------------------------------------- weight

LANES = 16
"""Channels from which the product with those of one tap fills the processor's vectors."""


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
    wide, strided = _wide(conv, op.dy.type), set(conv.strides) != {1}
    unfolded = strided or (taps > 1 and groups == 1 and (channels < LANES or not wide))
    if unfolded:
        x, channels = _unfolded(op, x, channels, build), channels * taps
    if not wide:
        dy, x = (build.node("Transpose", [name], perm=[1, 0, *axes(len(conv.kernels))]) for name in (dy, x))
    dys, xs = ([dy], [x]) if unfolded else _crossed(conv, dy, x, build)
    product = _by_sample if wide else _over_batch
    parts = [product(d, filters, r, channels, groups, build) for d, r in pairs(dys, xs)]
    shape = build.ints(*op.result().shape)  # type: ignore[arg-type]
    if len(parts) > 1:
        rows = [build.node("Reshape", [part, build.ints(1, -1)]) for part in parts]
        parts = [build.node("Transpose", [build.node("Concat", rows, axis=0)], perm=[1, 0])]
    return build.node("Reshape", [parts[0], shape])


def _swapped(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """A convolution with batch and channels swapped, whose filter is the outgoing gradient."""
    conv, rank = op.of, len(op.of.kernels)
    swap = [1, 0, *axes(rank)]
    dy, x = (build.node("Transpose", [name], perm=swap) for name in inputs)
    made = build.node("Conv", [x, dy], strides=conv.dilations, dilations=conv.strides, pads=both_sides(conv.pads))
    return build.node("Transpose", [taken(made, [0] * rank, conv.kernels, build)], perm=swap)


def _unfolded(op: ConvWeightGradient, x: str, channels: int, build: Builder) -> Any:
    """`[N, C K…, O…]`: what every window reads, by a convolution with filters that are 1 at one tap."""
    conv, taps = op.of, windows.count(op.of.kernels)
    ones = np.tile(np.eye(taps).reshape(taps, 1, *conv.kernels), (channels, 1, *[1] * len(conv.kernels)))
    made = build.node(
        "Conv", [x, build.constant(ones)], kernel_shape=conv.kernels, strides=conv.strides, dilations=conv.dilations,
        group=channels, pads=both_sides(conv.pads),
    )  # fmt: skip
    if all(extra < stride for extra, stride in zip(_extra(conv), conv.strides, strict=True)):
        return made
    return taken(made, [0] * len(conv.kernels), op.dy.type.spatial, build)


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


def _by_sample(dy: str, filters: int, x: str, channels: int, groups: int, build: Builder) -> Any:
    """`[G, O / G, C / G]`: one product for each sample, added up."""
    dy = build.node("Reshape", [dy, build.ints(0, *_split(filters, groups), -1)])
    x = build.node("Reshape", [x, build.ints(0, *_split(channels, groups), -1)])
    last = [0, 2, 1] if groups == 1 else [0, 1, 3, 2]
    made = build.node("MatMul", [dy, build.node("Transpose", [x], perm=last)])
    return build.node("ReduceSum", [made, build.ints(0)], keepdims=0)


def _over_batch(dy: str, filters: int, x: str, channels: int, groups: int, build: Builder) -> Any:
    """`[G, O / G, C / G]` of values whose channels lie outside the batch: one product over everything else."""
    dy = build.node("Reshape", [dy, build.ints(*_split(filters, groups), -1)])
    x = build.node("Reshape", [x, build.ints(*_split(channels, groups), -1)])
    if groups == 1:
        return build.node("Gemm", [dy, x], transB=1)
    return build.node("MatMul", [dy, build.node("Transpose", [x], perm=[0, 2, 1])])


def _split(channels: int, groups: int) -> list[int]:
    """The axes of the channels, groups in front where there are several."""
    return [channels] if groups == 1 else [groups, channels // groups]


# ---------------------------------------------------------------- filters that differ from place to place


@rules.lowers(LocalWeightGradient)
def local_weight_gradient(op: LocalWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    layer = op.of
    positions, taps = windows.count(layer.positions), layer.in_channels * windows.count(layer.kernels)
    reads = build.node("Reshape", [patches(layer, inputs[1], build), build.ints(positions, -1, taps)])
    dy = build.node("Reshape", [inputs[0], build.ints(0, layer.channels, positions)])
    made = build.node("MatMul", [build.node("Transpose", [dy], perm=[2, 1, 0]), reads])
    return build.node("Reshape", [made, build.ints(*op.result().shape)])  # type: ignore[arg-type]


@rules.lowers(LocalInputGradient)
def local_input_gradient(op: LocalInputGradient, inputs: Sequence[str], build: Builder) -> Any:
    """What every place read gets its share, then the places are added back one axis after the other."""
    layer, rank = op.of, len(op.of.sizes)
    positions, taps = windows.count(layer.positions), layer.in_channels * windows.count(layer.kernels)
    dy = build.node("Reshape", [inputs[0], build.ints(0, layer.channels, positions)])
    filters = build.node("Reshape", [inputs[1], build.ints(positions, layer.channels, taps)])
    made = build.node("MatMul", [build.node("Transpose", [dy], perm=[2, 0, 1]), filters])
    made = build.node("Reshape", [made, build.ints(*layer.positions, -1, layer.in_channels, *layer.kernels)])
    pairs = [axis for i in range(rank) for axis in (i, rank + 2 + i)]
    made = build.node("Transpose", [made], perm=[rank, rank + 1, *pairs])
    sides = [o * k for o, k in zip(layer.positions, layer.kernels, strict=True)]
    made = build.node("Reshape", [made, build.ints(0, 0, *sides)])
    for axis, window in enumerate(layer.windows()):
        places = window.stride * np.arange(layer.positions[axis])[:, None] + np.arange(window.kernel) - window.before
        back = np.equal(np.arange(window.size)[:, None], places.ravel())
        made = along(made, axis, rank, build.constant(back), build)
    return made
