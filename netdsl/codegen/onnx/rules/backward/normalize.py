"""ONNX nodes of the training forms and gradients of normalisation layers."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.backward.base import per_channel
from netdsl.codegen.onnx.rules.normalize import spread_out
from netdsl.ops.backward.normalize import (
    AlongChannels,
    BatchnormInputGradient,
    Centred,
    ChannelMean,
    ChannelSum,
    ChannelWindow,
    Deviation,
    Groups,
    Increment,
    InversePower,
    LayernormTraining,
    Running,
    StandardChannels,
)
from netdsl.ops.base import fixed


@rules.lowers(ChannelMean, ChannelSum)
def channel_reduction(op: ChannelMean | ChannelSum, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    kind = "ReduceMean" if isinstance(op, ChannelMean) else "ReduceSum"
    return per_channel(kind, inputs[0], op.x.type.rank, build)


@rules.lowers(Centred)
def centred(op: Centred, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Sub", [inputs[0], spread_out(inputs[1], op.x.type, build)])


def by_channel(
    x: TensorName, weight: TensorName, bias: TensorName, variance: TensorName, channels: int, eps: float, build: Builder
) -> TensorName:
    """One fused pass over `x`: the mean has been taken off already."""
    zeros = build.constant([0.0] * channels)
    return build.node("BatchNormalization", [x, weight, bias, zeros, variance], epsilon=eps)


@rules.lowers(StandardChannels)
def standard_channels(op: StandardChannels, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    d, variance, *affine = inputs
    channels = fixed(op.variance.shape[0], "the number of channels")
    weight = affine[0] if affine else build.constant([1.0] * channels)
    bias = affine[1] if len(affine) > 1 else build.constant([0.0] * channels)
    return by_channel(d, weight, bias, variance, channels, op.eps, build)


@rules.lowers(Deviation)
def deviation(op: Deviation, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    shifted = build.node("Add", [inputs[0], build.constant(op.eps)])
    return build.node("Reciprocal", [build.node("Sqrt", [shifted])])


def positions(x: TensorName, build: Builder) -> TensorName:
    """How many numbers one channel of the batch has, as a real number."""
    batch = build.node("ReduceProd", [build.shape_of(x, 0, 1)], keepdims=0)
    along = build.node("ReduceProd", [build.shape_of(x, 2)], keepdims=0)
    return build.node("Cast", [build.node("Mul", [batch, along])], to=1)


@rules.lowers(BatchnormInputGradient)
def batchnorm_input_gradient(op: BatchnormInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """`a dy + (b d + c)`, with the three numbers of each channel worked out first."""
    dy, d, variance, shift, spread, *weight = inputs
    inverse = deviation(Deviation(op.variance, eps=op.eps), [variance], build)
    a = build.node("Mul", [inverse, weight[0]]) if weight else inverse
    share = build.node("Neg", [build.node("Div", [a, positions(d, build)])])
    b = build.node("Mul", [build.node("Mul", [share, spread]), build.node("Mul", [inverse, inverse])])
    c = build.node("Mul", [share, shift])
    channels = fixed(op.variance.shape[0], "the number of channels")
    line = by_channel(d, b, c, build.constant([1.0] * channels), channels, 0.0, build)
    return build.node("Add", [build.node("Mul", [dy, spread_out(a, op.d.type, build)]), line])


@rules.lowers(Running)
def running(op: Running, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    old, batch, x = inputs
    if op.unbiased:
        count = positions(x, build)
        batch = build.node("Mul", [batch, build.node("Div", [count, build.node("Sub", [count, build.constant(1.0)])])])
    kept = build.node("Mul", [old, build.constant(1.0 - op.momentum)])
    return build.node("Add", [kept, build.node("Mul", [batch, build.constant(op.momentum)])])


@rules.lowers(Increment)
def increment(op: Increment, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Add", [inputs[0], build.constant(1, "int64")])


@rules.lowers(LayernormTraining)
def layernorm_training(op: LayernormTraining, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    x, *affine = inputs
    operands = affine or [build.node("Expand", [build.constant(1.0), build.shape_of(x, -op.axes)])]
    return build.nodes("LayerNormalization", [x, *operands], 3, axis=-op.axes, epsilon=op.eps)


@rules.lowers(Groups)
def groups(op: Groups, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Reshape", [inputs[0], build.ints(0, op.groups, -1)])


@rules.lowers(AlongChannels)
def along_channels(op: AlongChannels, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return spread_out(inputs[0], op.like.type, build)


@rules.lowers(ChannelWindow)
def channel_window(op: ChannelWindow, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """The channels as the height of an image of one channel, which is pooled."""
    flat = build.node("Reshape", [inputs[0], build.ints(0, 0, -1)])
    image = build.node("Unsqueeze", [flat, build.ints(1)])
    reach, pads = op.before + op.after + 1, [op.before, 0, op.after, 0]
    mean = build.node("AveragePool", [image], kernel_shape=[reach, 1], pads=pads, count_include_pad=1)
    return build.node("Reshape", [mean, build.shape_of(inputs[0])])


@rules.lowers(InversePower)
def inverse_power(op: InversePower, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Square roots where they do: onnxruntime's `Pow` takes one element after another."""
    x = inputs[0]
    if op.power == 0.75:
        root = build.node("Sqrt", [x])
        return build.node("Reciprocal", [build.node("Mul", [root, build.node("Sqrt", [root])])])
    return build.node("Pow", [x, build.constant(-op.power)])
