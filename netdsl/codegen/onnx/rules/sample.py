"""ONNX nodes of positions, and of images read at them."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.dims import Extent
from netdsl.ops.sample import Grid, GridSample


@rules.lowers(Grid)
def grid(op: Grid, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    height, width = op.like.type.spatial
    size = build.extents(height, width)
    rows = build.node("Unsqueeze", [_centres(height, op.align_corners, build), build.ints(1)])
    columns = build.node("Unsqueeze", [_centres(width, op.align_corners, build), build.ints(0)])
    return build.node("Concat", [_last(columns, size, build), _last(rows, size, build)], axis=-1)


def _last(places: TensorName, size: TensorName, build: Builder) -> TensorName:
    return build.node("Unsqueeze", [build.node("Expand", [places, size]), build.ints(-1)])


def _centres(size: Extent, aligned: bool, build: Builder) -> TensorName:
    """Where the pixels of an axis lie from -1 to 1."""
    count = build.extents(size)
    places = build.node("Cast", [upto(count, build)], to=1)
    whole = build.node("Cast", [count], to=1)
    if aligned:
        whole = build.node("Sub", [whole, build.constant(1.0)])
    else:
        places = build.node("Add", [places, build.constant(0.5)])
    share = build.node("Div", [places, whole])
    return build.node("Sub", [build.node("Mul", [share, build.constant(2.0)]), build.constant(1.0)])


@rules.lowers(GridSample)
def grid_sample(op: GridSample, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    mode = "linear" if op.mode == "bilinear" else "nearest"
    corners, pad = int(op.align_corners), "reflection" if op.pad == "reflect" else op.pad
    return build.node("GridSample", inputs, mode=mode, padding_mode=pad, align_corners=corners)
