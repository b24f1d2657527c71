"""ONNX nodes of pooling."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.onnx.rules.conv import both_sides, require_batch
from netdsl.dims import Extent
from netdsl.ops.pool import (
    AdaptiveAvgpool,
    AdaptiveMaxpool,
    Avgpool,
    GlobalAvgpool,
    GlobalMaxpool,
    Maxpool,
    bins,
)


def window_of(op: Maxpool | Avgpool) -> dict[str, NodeSetting]:
    """The attributes that both sliding pools have."""
    return {
        "kernel_shape": op.kernels, "strides": op.strides, "pads": both_sides(op.pads), "ceil_mode": int(op.ceil)
    }  # fmt: skip


@rules.lowers(Maxpool)
def maxpool(op: Maxpool, inputs: Sequence[TensorName], build: Builder) -> TensorName | tuple[TensorName, TensorName]:
    require_batch(op.x, "maxpool")
    if not op.indices:
        return build.node("MaxPool", inputs, dilations=op.dilations, **window_of(op))
    pooled, places = build.nodes("MaxPool", inputs, 2, dilations=op.dilations, **window_of(op))
    # ONNX counts through batch and channels too; PyTorch and `max_unpool` count within a channel.
    plane = build.node("ReduceProd", [build.shape_of(inputs[0], 2)], keepdims=1)
    return pooled, build.node("Mod", [places, plane])


@rules.lowers(Avgpool)
def avgpool(op: Avgpool, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "avgpool")
    return build.node("AveragePool", inputs, count_include_pad=int(op.count_padding), **window_of(op))


@rules.lowers(GlobalAvgpool, GlobalMaxpool)
def global_pool(op: GlobalAvgpool | GlobalMaxpool, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    mean = isinstance(op, GlobalAvgpool)
    if op.keep and op.x.type.batched:
        return build.node("GlobalAveragePool" if mean else "GlobalMaxPool", inputs)
    axes = build.ints(*range(1 - op.x.type.rank, 0))
    return build.node("ReduceMean" if mean else "ReduceMax", [inputs[0], axes], keepdims=int(op.keep))


@rules.lowers(AdaptiveAvgpool, AdaptiveMaxpool)
def adaptive(op: AdaptiveAvgpool | AdaptiveMaxpool, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """One global or sliding pool where the sizes divide; else exactly, one axis after the other."""
    require_batch(op.x, op.name)
    mean = isinstance(op, AdaptiveAvgpool)
    kind = "AveragePool" if mean else "MaxPool"
    if set(op.sizes) == {1}:
        return build.node(f"Global{kind}", inputs)
    windows = op.windows()
    if windows is not None:
        kernels = [window.kernel for window in windows]
        return build.node(kind, inputs, kernel_shape=kernels, strides=kernels)
    x = inputs[0]
    for axis, (size, parts) in enumerate(zip(op.x.type.spatial, op.sizes, strict=True), start=2):
        along = _means if mean else _maxima
        x = along(x, axis, op.x.type.rank + 1, size, parts, build)
    return x


def _means(x: TensorName, axis: int, rank: int, size: Extent, parts: int, build: Builder) -> TensorName:
    """Averages along one axis as a product with a matrix of shares."""
    perm = [i for i in range(rank) if i != axis] + [axis]
    last = axis == rank - 1
    moved = x if last else build.node("Transpose", [x], perm=perm)
    product = build.node("MatMul", [moved, shares(x, axis, size, parts, build)])
    return product if last else build.node("Transpose", [product], perm=[perm.index(i) for i in range(rank)])


def shares(x: TensorName, axis: int, size: Extent, parts: int, build: Builder) -> TensorName:
    """`[size, parts]`: which share of each part a position of that axis of `x` is."""
    if not isinstance(size, int):
        return _shares(build.shape_of(x, axis, axis + 1), parts, build)
    stretches = bins(size, parts)
    return build.constant([[float(a <= i < b) / (b - a) for a, b in stretches] for i in range(size)])


def _maxima(x: TensorName, axis: int, rank: int, size: Extent, parts: int, build: Builder) -> TensorName:
    """Maxima along one axis: gather every stretch, the short ones with their last position repeated."""
    places = reads(x, axis, size, parts, build)
    gathered = build.node("Gather", [x, places], axis=axis)
    return build.node("ReduceMax", [gathered, build.ints(axis + 1)], keepdims=0)


def reads(x: TensorName, axis: int, size: Extent, parts: int, build: Builder) -> TensorName:
    """`[parts, longest]`: the positions of each part of that axis of `x`, the last one repeated in short parts."""
    if not isinstance(size, int):
        return _places(build.shape_of(x, axis, axis + 1), parts, build)
    stretches = bins(size, parts)
    longest = max(b - a for a, b in stretches)
    return build.constant([[min(a + i, b - 1) for i in range(longest)] for a, b in stretches], "int64")


def _stretches(size: TensorName, parts: int, build: Builder) -> tuple[TensorName, TensorName]:
    """`bins` of a size that is known only at run time."""
    total, first = build.ints(parts), build.ints(*range(parts))
    start = build.node("Div", [build.node("Mul", [first, size]), total])
    reach = build.node("Mul", [build.ints(*range(1, parts + 1)), size])
    end = build.node("Div", [build.node("Add", [reach, build.ints(parts - 1)]), total])
    return start, end


def upto(stop: TensorName, build: Builder) -> TensorName:
    """0, 1, … below a number that is known at run time."""
    scalar = build.node("Squeeze", [stop])
    return build.node("Range", [build.constant(0, "int64"), scalar, build.constant(1, "int64")])


def _shares(size: TensorName, parts: int, build: Builder) -> TensorName:
    start, end = _stretches(size, parts, build)
    place = build.node("Unsqueeze", [upto(size, build), build.ints(1)])
    inside = build.node("And", [build.node("GreaterOrEqual", [place, start]), build.node("Less", [place, end])])
    length = build.node("Cast", [build.node("Sub", [end, start])], to=1)
    return build.node("Div", [build.node("Cast", [inside], to=1), length])


def _places(size: TensorName, parts: int, build: Builder) -> TensorName:
    start, end = _stretches(size, parts, build)
    longest = build.node("ReduceMax", [build.node("Sub", [end, start])], keepdims=0)
    column = build.ints(1)
    reach = build.node("Add", [build.node("Unsqueeze", [start, column]), upto(longest, build)])
    last = build.node("Unsqueeze", [build.node("Sub", [end, column]), column])
    return build.node("Min", [reach, last])
