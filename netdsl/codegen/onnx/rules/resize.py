"""ONNX nodes of resizing and unpooling."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.onnx.rules.conv import require_batch
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.codegen.onnx.rules.ranges import or_nan, within
from netdsl.dims import Extent
from netdsl.ops.resize import MaxUnpool, PixelShuffle, PixelUnshuffle, Resize, Unpool

NEAREST: dict[str, NodeSetting] = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}


def enlarge(x: TensorName, factors: Sequence[int], build: Builder) -> TensorName:
    """Repeat every position a whole number of times."""
    return build.node("Resize", [x, "", build.constant([1.0, 1.0, *map(float, factors)])], **NEAREST)


@rules.lowers(Resize)
def resize(op: Resize, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "resize")
    factors = op.factors()
    if op.mode == "nearest" and factors and all(f.denominator == 1 for f in factors):
        return enlarge(inputs[0], [f.numerator for f in factors], build)
    sizes = build.shape_of(inputs[1], 2) if op.like is not None else build.extents(*op.sizes)
    if op.mode == "nearest":
        return _nearest(op, inputs[0], sizes, build)
    corners = "align_corners" if op.align_corners else "half_pixel"
    full = build.node("Concat", [build.shape_of(inputs[0], 0, 2), sizes], axis=0)
    return build.node("Resize", [inputs[0], "", "", full], mode="linear", coordinate_transformation_mode=corners)


def _nearest(op: Resize, x: TensorName, sizes: TensorName, build: Builder) -> TensorName:
    """Gather the positions that PyTorch takes: `floor(o * float32(H / O))`, which rounds where `Resize` would not."""
    for i in range(op.x.type.rank - 1):
        made = build.node("Slice", [sizes, build.ints(i), build.ints(i + 1)])
        given = build.shape_of(x, 2 + i, 3 + i)
        step = build.node("Div", [build.node("Cast", [given], to=1), build.node("Cast", [made], to=1)])
        place = build.node("Floor", [build.node("Mul", [build.node("Cast", [upto(made, build)], to=1), step])])
        last = build.node("Sub", [given, build.ints(1)])
        x = build.node("Gather", [x, build.node("Min", [build.node("Cast", [place], to=7), last])], axis=2 + i)
    return x


@rules.lowers(Unpool)
def unpool(op: Unpool, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "unpool")
    if op.mode == "nearest":
        return enlarge(inputs[0], op.factors, build)
    return nail(inputs[0], op.factors, op.result().spatial, build)


def nail(x: TensorName, factors: Sequence[int], sizes: Sequence[Extent], build: Builder) -> TensorName:
    """Each position at the front corner of a cell of zeros; `sizes` are those of the result."""
    rank = len(factors)
    cells = build.node("Unsqueeze", [x, build.ints(*(3 + 2 * i for i in range(rank)))])
    after = [n for factor in factors for n in (0, factor - 1)]
    spread = build.node("Pad", [cells, build.ints(*[0] * (2 + 2 * rank), 0, 0, *after)])
    return build.node("Reshape", [spread, build.extents(0, 0, *sizes)])


@rules.lowers(MaxUnpool)
def max_unpool(op: MaxUnpool, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Scatter into planes of zeros: unlike ONNX's `MaxUnpool` it counts within a channel, and runs everywhere.

    A plane for which some place is out of range is NaN wherever nothing else is put.
    """
    require_batch(op.x, "max_unpool")
    lead = build.shape_of(inputs[0], 0, 2)
    plane = build.shape_of(inputs[2], 2) if op.like is not None else build.extents(*op.sizes)
    shape = build.node("Concat", [lead, plane], axis=0)
    count = build.node("ReduceProd", [plane], keepdims=1)
    rows = build.ints(0, 0, -1)
    values, places = (build.node("Reshape", [name, rows]) for name in inputs[:2])
    places, known = within(places, count, build)
    marks = build.node("ReduceSum", [or_nan(known, build.constant(0.0), build), build.ints(2)], keepdims=1)
    empty = build.node("Expand", [marks, build.node("Concat", [lead, count], axis=0)])
    return build.node("Reshape", [build.node("ScatterElements", [empty, places, values], axis=2), shape])


@rules.lowers(PixelShuffle)
def pixel_shuffle(op: PixelShuffle, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("DepthToSpace", inputs, blocksize=op.factor, mode="CRD")


@rules.lowers(PixelUnshuffle)
def pixel_unshuffle(op: PixelUnshuffle, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    # SpaceToDepth puts a pixel's place in its cell before its channel; PyTorch the other way round
    square = op.factor**2
    gathered = build.node("SpaceToDepth", inputs, blocksize=op.factor)
    space = build.shape_of(gathered, 2)
    batch = build.shape_of(gathered, 0, 1)
    apart = build.node("Reshape", [gathered, build.extents(batch, square, -1, space)])
    swapped = build.node("Transpose", [apart], perm=[0, 2, 1, 3, 4])
    return build.node("Reshape", [swapped, build.extents(batch, -1, space)])
