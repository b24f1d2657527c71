"""ONNX nodes of the backward forms of convolutions, those of shared weights apart (`conv_weight_gradient.py`)."""

from collections.abc import Sequence

import numpy as np

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.onnx.rules.backward.base import per_channel
from netdsl.codegen.onnx.rules.backward.resize import along
from netdsl.codegen.onnx.rules.conv import axes, both_sides, patches, rim, taken
from netdsl.codegen.onnx.rules.unfold import has_readers, readers, rests, swap, wide
from netdsl.dims import Extent
from netdsl.ops import windows
from netdsl.ops.backward.base import fixed_shape
from netdsl.ops.backward.conv import (
    ConvBiasGradient,
    ConvInputGradient,
    ConvTransposeInputGradient,
    LocalInputGradient,
    LocalWeightGradient,
)
from netdsl.ops.base import Window


@rules.lowers(ConvBiasGradient)
def conv_bias_gradient(op: ConvBiasGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return per_channel("ReduceSum", inputs[0], op.dy.type.rank, build)


@rules.lowers(ConvInputGradient)
def conv_input_gradient(op: ConvInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """A convolution with the filters turned round where the stride is 1, else a transposed convolution.

    Against the transposed one it took on the CPU (`benchmarks/conv_input_gradient.py`) 0.64 of the time for ResNet's
    3x3 at 56, 0.77 at 28; 0.79 for AlexNet's second, 0.60 for a 1x1 at 28.
    """
    conv = op.of
    if has_readers(conv, op.dy.type, build):
        return _from_readers(op, inputs, build)
    around = rests(conv)
    if set(conv.strides) == {1} and wide(conv, op.dy.type) and all(min(rest) >= 0 for rest in around):
        return build.node(
            "Conv", [inputs[0], _turned(op, inputs[1], build)], kernel_shape=conv.kernels, dilations=conv.dilations,
            group=conv.groups, pads=both_sides(around),
        )  # fmt: skip
    return _transposed(op, inputs, build)


def _from_readers(op: ConvInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """One product over taps and filters."""
    filters, channels, rank = op.of.channels, op.of.in_channels, len(op.of.kernels)
    weight = build.node("Transpose", [build.node("Reshape", [inputs[1], build.ints(filters, -1)])], perm=[1, 0])
    weight = build.node("Reshape", [weight, build.ints(channels, -1)])
    made = build.node("Gemm", [weight, readers(op.of, op.dy, inputs[0], build)], transB=1)
    return swap(build.node("Reshape", [made, build.extents(channels, -1, *op.x.type.spatial)]), rank, build)


def _turned(op: ConvInputGradient, weight: TensorName, build: Builder) -> TensorName:
    """`[O, C / g, K…]` as `[C, O / g, K…]` with the taps in reverse order."""
    groups, (filters, channels, *kernels), rank = op.of.groups, fixed_shape(op.weight.type), len(op.of.kernels)
    if groups > 1:
        weight = build.node("Reshape", [weight, build.ints(groups, filters // groups, channels, *kernels)])
        weight = build.node("Transpose", [weight], perm=[0, 2, 1, *axes(rank, 3)])
        weight = build.node("Reshape", [weight, build.ints(groups * channels, filters // groups, *kernels)])
    else:
        weight = swap(weight, rank, build)
    if windows.count(op.of.kernels) == 1:
        return weight
    backwards = build.ints(*[-1] * rank)
    ends = build.ints(*(-1 - k for k in op.of.kernels))
    return build.node("Slice", [weight, backwards, ends, build.ints(*axes(rank)), backwards])


def _transposed(op: ConvInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """The attributes alone where sizes are known; else the full result, cut at run time.

    The last `rest` positions of a padded axis belong to no window. They are within the far padding or get zeros.
    """
    conv, sizes = op.of, op.x.type.spatial
    settings: dict[str, NodeSetting] = {"kernel_shape": conv.kernels, "strides": conv.strides}
    settings |= {"dilations": conv.dilations, "group": conv.groups}
    left = [_left_over(w) for w in conv.windows()]
    extra = [
        before - after + rest if isinstance(rest, int) else -1
        for rest, (before, after) in zip(left, conv.pads, strict=True)
    ]
    if all(0 <= more < stride for more, stride in zip(extra, conv.strides, strict=True)):
        pads = both_sides(tuple((before, before) for before, _ in conv.pads))
        return build.node("ConvTranspose", inputs[:2], pads=pads, output_padding=extra, **settings)
    most = [rest if isinstance(rest, int) else s - 1 for rest, s in zip(left, conv.strides, strict=True)]
    cut = [min(before, max(0, after - rest)) for rest, (before, after) in zip(most, conv.pads, strict=True)]
    whole = build.node("ConvTranspose", inputs[:2], pads=[*cut, *cut], **settings)
    short = [max(0, rest - after + c) for rest, (_, after), c in zip(most, conv.pads, cut, strict=True)]
    whole = rim(whole, [0] * len(short), short, build)
    return taken(whole, [before - c for c, (before, _) in zip(cut, conv.pads, strict=True)], sizes, build)


def _left_over(window: Window) -> Extent:
    """How many positions at the far side of a padded axis no window reaches."""
    return 0 if window.stride == 1 else (window.size + window.before + window.after - window.reach) % window.stride


@rules.lowers(ConvTransposeInputGradient)
def conv_transpose_input_gradient(
    op: ConvTransposeInputGradient, inputs: Sequence[TensorName], build: Builder
) -> TensorName:
    conv = op.of
    made = build.node(
        "Conv", inputs[:2], kernel_shape=conv.kernels, strides=conv.strides, dilations=conv.dilations,
        group=conv.groups, pads=both_sides(conv.pads),
    )  # fmt: skip
    if all(extra < stride for extra, stride in zip(conv.extra, conv.strides, strict=True)):
        return made
    return taken(made, [0] * len(conv.kernels), op.x.type.spatial, build)


# ---------------------------------------------------------------- filters that differ from place to place


@rules.lowers(LocalWeightGradient)
def local_weight_gradient(op: LocalWeightGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    layer = op.of
    positions, taps = windows.count(layer.positions), layer.in_channels * windows.count(layer.kernels)
    reads = build.node("Reshape", [patches(layer, inputs[1], build), build.ints(positions, -1, taps)])
    dy = build.node("Reshape", [inputs[0], build.ints(0, layer.channels, positions)])
    made = build.node("MatMul", [build.node("Transpose", [dy], perm=[2, 1, 0]), reads])
    return build.node("Reshape", [made, build.ints(*fixed_shape(op.result()))])


@rules.lowers(LocalInputGradient)
def local_input_gradient(op: LocalInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
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
        back = np.equal(np.arange(layer.sizes[axis])[:, None], places.ravel())
        made = along(made, axis, rank, build.constant(back), build)
    return made
