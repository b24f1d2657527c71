"""ONNX nodes of the backward forms of pooling."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.backward.resize import along
from netdsl.codegen.onnx.rules.conv import require_batch, rim, taken
from netdsl.codegen.onnx.rules.pool import reads, shares, upto, window_of
from netdsl.codegen.onnx.rules.resize import enlarge, nail
from netdsl.dims import Extent
from netdsl.ops.backward.base import ScatterLike
from netdsl.ops.backward.pool import (
    AdaptiveAvgGradient,
    AdaptiveMaxGradient,
    AvgpoolGradient,
    GlobalMaxGradient,
    MaxpoolPlaces,
    MeanGradient,
    PlacesInChannel,
)
from netdsl.ops.base import Window
from netdsl.ops.pool import Avgpool
from netdsl.ops.windows import count


@rules.lowers(MaxpoolPlaces)
def maxpool_places(op: MaxpoolPlaces, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    """MaxPool's own indices name the first maximum of each window, as PyTorch does."""
    require_batch(op.x, "maxpool")
    return build.nodes("MaxPool", inputs, 2, dilations=op.of.dilations, **window_of(op.of))


@rules.lowers(PlacesInChannel)
def places_in_channel(op: PlacesInChannel, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    plane = build.node("ReduceProd", [build.shape_of(inputs[1], 2)], keepdims=1)
    return build.node("Mod", [inputs[0], plane])


@rules.lowers(ScatterLike)
def scatter_like(op: ScatterLike, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """One scatter over the whole batch.

    Medians on the CPU of `benchmarks/pool_gradient.py`, forward and backward together against this: comparing each
    cell with its window's place 3.2 (2x2), with its window's maximum 5 to 13, tap by tap 3.6 to 8, and 1.1 for a 3x3
    with stride 1.
    """
    dy, places, x = inputs
    line = build.ints(-1)
    zeros = build.node("ConstantOfShape", [build.node("ReduceProd", [build.shape_of(x)], keepdims=1)])
    flat = [zeros, build.node("Reshape", [places, line]), build.node("Reshape", [dy, line])]
    added = build.node("ScatterElements", flat, axis=0, reduction="add" if op.overlap else "none")
    return build.node("Reshape", [added, build.shape_of(x)])


# ---------------------------------------------------------------- means


@rules.lowers(AvgpoolGradient)
def avgpool_gradient(op: AvgpoolGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Each number repeated over its window, or where windows overlap an average over a grid of the numbers."""
    pool: Avgpool = op.of
    sizes, made = op.x.type.spatial, op.dy.type.spatial
    dy = _evened(pool, made, inputs[0], build)
    if pool.kernels == pool.strides and not any(map(any, pool.pads)) and not pool.ceil:
        share = build.node("Mul", [dy, build.constant(1 / count(pool.kernels))])
        repeated = enlarge(share, pool.kernels, build)
        rest = [size - n * k for size, n, k in zip(sizes, made, pool.kernels, strict=True)]
        if all(isinstance(r, int) and r == 0 for r in rest):
            return repeated
        zeros = [0] * len(rest)
        return build.node("Pad", [repeated, build.extents(0, 0, *zeros, 0, 0, *rest)])
    grid = [n * s for n, s in zip(made, pool.strides, strict=True)]
    spread = nail(dy, pool.strides, grid, build) if set(pool.strides) != {1} else dy
    befores = [k - 1 - before for k, (before, _) in zip(pool.kernels, pool.pads, strict=True)]
    afters = [k - 1 - after for k, (_, after) in zip(pool.kernels, pool.pads, strict=True)]
    lengths = [size + k - 1 for size, k in zip(sizes, pool.kernels, strict=True)]
    spread = rim(spread, befores, afters, build)
    if any(b + g + a != n for b, g, a, n in zip(befores, grid, afters, lengths, strict=True)):
        spread = taken(spread, [0] * len(lengths), lengths, build)
    return build.node("AveragePool", [spread], kernel_shape=pool.kernels)


def _evened(pool: Avgpool, made: Sequence[Extent], dy: TensorName, build: Builder) -> TensorName:
    """`dy` scaled as if every window divided by all its taps, where some see less because they hang over."""
    if not pool.ceil and (pool.count_padding or not any(map(any, pool.pads))):
        return dy
    for axis, (window, size) in enumerate(zip(pool.windows(), made, strict=True)):
        seen = _seen(window, size, pool.count_padding, build)
        scale = build.node("Div", [build.constant(float(window.kernel)), seen])
        after = len(made) - 1 - axis
        if after:
            scale = build.node("Unsqueeze", [scale, build.ints(*range(1, 1 + after))])
        dy = build.node("Mul", [dy, scale])
    return dy


def _seen(window: Window, made: Extent, padding: bool, build: Builder) -> TensorName:
    """How many positions of an axis each window divides by, with or without the padding."""
    first, end = (-window.before, window.size + window.after) if padding else (0, window.size)
    place = build.node("Mul", [upto(build.extents(made), build), build.constant(window.stride, "int64")])
    start = build.node("Add", [place, build.constant(-window.before, "int64")])
    stop = build.node("Min", [build.node("Add", [start, build.ints(window.kernel)]), build.extents(end)])
    begin = build.node("Max", [start, build.ints(first)])
    return build.node("Cast", [build.node("Sub", [stop, begin])], to=1)


@rules.lowers(AdaptiveAvgGradient)
def adaptive_avg_gradient(op: AdaptiveAvgGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    windows, rank = op.of.windows(), op.x.type.rank - 1
    if set(op.of.sizes) == {1}:
        return _repeated_mean(dy, x, build)
    if windows is not None:
        kernels = [window.kernel for window in windows]
        return enlarge(build.node("Mul", [dy, build.constant(1 / count(tuple(kernels)))]), kernels, build)
    for axis, (size, parts) in enumerate(zip(op.x.type.spatial, op.of.sizes, strict=True)):
        dy = along(dy, axis, rank, shares(x, 2 + axis, size, parts, build), build)
    return dy


@rules.lowers(MeanGradient)
def mean_gradient(op: MeanGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    ones = [1] * (op.x.type.rank - 1)
    if op.dy.type.rank < op.x.type.rank:
        dy = build.node("Unsqueeze", [dy, build.ints(*range(-len(ones), 0))])
    return _repeated_mean(dy, x, build)


def _repeated_mean(dy: TensorName, x: TensorName, build: Builder) -> TensorName:
    """`dy`, whose spatial axes are 1, over the number of positions of `x`, at each of them."""
    whole, one = build.shape_of(x), build.shape_of(dy)
    sizes = [build.node("ReduceProd", [name], keepdims=0) for name in (whole, one)]
    area = build.node("Div", sizes)
    return build.node("Expand", [build.node("Div", [dy, build.node("Cast", [area], to=1)]), whole])


# ---------------------------------------------------------------- maxima


def _first(same: TensorName, order: TensorName, beyond: TensorName, build: Builder) -> TensorName:
    """The lowest number of `order` along the last axis where `same` holds. (ArgMax need not take the first on CUDA.)"""
    return build.node("ReduceMin", [build.node("Where", [same, order, beyond]), build.ints(-1)], keepdims=1)


@rules.lowers(GlobalMaxGradient)
def global_max_gradient(op: GlobalMaxGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x, y = inputs
    front = op.x.type.batched + 1
    row = build.ints(*[0] * front, -1)
    line = build.node("Reshape", [x, row])
    top, share = (build.node("Reshape", [name, row]) for name in (y, dy))
    size = build.shape_of(line, front)
    order = upto(size, build)
    first = _first(build.node("Equal", [line, top]), order, size, build)
    made = build.node("Where", [build.node("Equal", [order, first]), share, build.constant(0.0)])
    return build.node("Reshape", [made, build.shape_of(x)])


@rules.lowers(AdaptiveMaxGradient)
def adaptive_max_gradient(op: AdaptiveMaxGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Every window gathered, its first maximum found, and the gradient added there, channel by channel."""
    dy, x = inputs
    rank = op.x.type.rank - 1
    tables = [
        reads(x, 2 + axis, size, parts, build)
        for axis, (size, parts) in enumerate(zip(op.x.type.spatial, op.of.sizes, strict=True))
    ]
    gathered = x
    for axis, table in enumerate(tables):
        gathered = build.node("Gather", [gathered, table], axis=2 + 2 * axis)
    perm = [0, 1, *(2 + 2 * i for i in range(rank)), *(3 + 2 * i for i in range(rank))]
    gathered = build.node("Transpose", [gathered], perm=perm)
    cells = build.node("Reshape", [gathered, build.ints(0, 0, count(op.of.sizes), -1)])
    same = build.node("Equal", [cells, build.node("ReduceMax", [cells, build.ints(-1)], keepdims=1)])
    plane = build.node("ReduceProd", [build.shape_of(x, 2)], keepdims=1)
    first = _first(same, _numbered(op, tables, x, build), plane, build)
    lead = build.shape_of(x, 0, 2)
    zeros = build.node("ConstantOfShape", [build.node("Concat", [lead, plane], axis=0)])
    rows = build.ints(0, 0, -1)
    flat = [zeros, build.node("Reshape", [first, rows]), build.node("Reshape", [dy, rows])]
    added = build.node("ScatterElements", flat, axis=2, reduction="add")
    return build.node("Reshape", [added, build.shape_of(x)])


def _numbered(op: AdaptiveMaxGradient, tables: Sequence[TensorName], x: TensorName, build: Builder) -> TensorName:
    """`[windows, cells]`: each cell's place within its channel, which grows in the order of the window."""
    rank, total = len(tables), ""
    for axis, table in enumerate(tables):
        others = [i for i in range(2 * rank) if i not in (axis, rank + axis)]
        table = build.node("Unsqueeze", [table, build.ints(*others)])
        if axis < rank - 1:
            step = build.node("ReduceProd", [build.shape_of(x, 3 + axis)], keepdims=1)
            table = build.node("Mul", [table, step])
        total = build.node("Add", [total, table]) if total else table
    return build.node("Reshape", [total, build.ints(count(op.of.sizes), -1)])
