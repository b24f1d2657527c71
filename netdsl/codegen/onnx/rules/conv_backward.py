"""ONNX nodes of the backward forms of convolutions. Spellings were chosen by `benchmarks/conv_weight_gradient.py`."""

from collections.abc import Sequence
from itertools import product
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

THIN = 4
"""Channels up to which a convolution by the outgoing gradient is best."""


@rules.lowers(ConvWeightGradient)
def conv_weight_gradient(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """One of three spellings by shape.

    Medians on the CPU, two threads, against a convolution with batch and channels swapped: one product a tap and
    sample 0.31 for ResNet's 3x3 at 56, 0.42 at 28, 0.80 at 14, 0.91 at 7, 0.10 to 0.19 for 1x1, 0.38 for U-Net at 64,
    0.68 for AlexNet's second, 0.35 depthwise, but 4.1 for AlexNet's 11x11 and 3.0 for ResNet's 7x7 on three channels,
    whose taps are many and thin. One product a tap over the whole batch 0.62 at 14 and 0.49 at 7. All taps unfolded
    for a single product were between the two, with a copy as many times the input as there are taps.
    """
    channels = op.x.type.channels
    if op.of.groups == 1 and isinstance(channels, int) and channels <= THIN:
        return _swapped(op, inputs, build)
    if windows.count(op.of.kernels) == 1 or _wide(op.of, op.dy.type):
        return _by_sample(op, inputs, build)
    return _over_batch(op, inputs, build)


def _swapped(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """A convolution with batch and channels swapped, whose filter is the outgoing gradient."""
    conv, rank = op.of, len(op.of.kernels)
    swap = [1, 0, *axes(rank)]
    dy, x = (build.node("Transpose", [name], perm=swap) for name in inputs)
    made = build.node("Conv", [x, dy], strides=conv.dilations, dilations=conv.strides, pads=both_sides(conv.pads))
    return build.node("Transpose", [taken(made, [0] * rank, conv.kernels, build)], perm=swap)


def _read(op: ConvWeightGradient, x: str, build: Builder) -> list[Any]:
    """What each tap reads of `x`, whose first two axes may lie either way."""
    conv = op.of
    taps = list(product(*map(range, conv.kernels)))
    befores, afters = zip(*conv.pads, strict=True)
    x = rim(x, befores, afters, build)
    if len(taps) == 1 and set(conv.strides) == {1} and op.dy.type.spatial == op.x.type.spatial:
        return [x]
    places = [[i * d for i, d in zip(tap, conv.dilations, strict=True)] for tap in taps]
    strides = conv.strides if set(conv.strides) != {1} else ()
    return [taken(x, place, op.dy.type.spatial, build, strides) for place in places]


def _by_sample(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """One batched matrix product a tap, added up over samples."""
    groups = _split(op)
    dy = build.node("Reshape", [inputs[0], build.ints(0, *groups[0], -1)])
    parts = []
    for tap in _read(op, inputs[1], build):
        read = build.node("Reshape", [tap, build.ints(0, *groups[1], -1)])
        made = build.node("MatMul", [dy, build.node("Transpose", [read], perm=_last_swapped(len(groups[1]) + 2))])
        parts.append(build.node("ReduceSum", [made, build.ints(0)], keepdims=0))
    return _stacked(op, parts, build)


def _over_batch(op: ConvWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    """One matrix product a tap over all samples and positions, channels laid outside the batch first."""
    groups, swap = _split(op), [1, 0, *axes(len(op.of.kernels))]
    dy, x = (build.node("Transpose", [name], perm=swap) for name in inputs)
    dy = build.node("Reshape", [dy, build.ints(*groups[0], -1)])
    parts = []
    for tap in _read(op, x, build):
        read = build.node("Reshape", [tap, build.ints(*groups[1], -1)])
        if op.of.groups == 1:
            parts.append(build.node("Gemm", [dy, read], transB=1))
        else:
            parts.append(build.node("MatMul", [dy, build.node("Transpose", [read], perm=[0, 2, 1])]))
    return _stacked(op, parts, build)


def _split(op: ConvWeightGradient) -> tuple[list[int], list[int]]:
    """The channels of `dy` and of `x`, with the groups in front where there are several."""
    groups = op.of.groups
    sizes = [fixed(v.type.channels, "the number of channels of a convolution") for v in (op.dy, op.x)]
    made = [[size] if groups == 1 else [groups, size // groups] for size in sizes]
    return made[0], made[1]


def _last_swapped(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _stacked(op: ConvWeightGradient, parts: list[Any], build: Builder) -> Any:
    """`[O, C]` or `[G, O / G, C / G]` of every tap as the weight."""
    shape = build.ints(*op.result().shape)  # type: ignore[arg-type]
    if len(parts) == 1:
        return build.node("Reshape", [parts[0], shape])
    rank = 2 if op.of.groups == 1 else 3
    column = [build.node("Unsqueeze", [part, build.ints(rank)]) for part in parts]
    return build.node("Reshape", [build.node("Concat", column, axis=rank), shape])


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
