"""ONNX nodes of the backward forms of images read between their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.dims import Extent
from netdsl.ops.backward.sample import GridSampleGradient

REAL, WHOLE = 1, 7


class SampledAxis:
    """Along one axis of the image, for all positions [N, P]: the pixels that are read, their weights and slopes."""

    def __init__(self, op: GridSampleGradient, place: TensorName, size: Extent, build: Builder) -> None:
        self.build = build
        self.last = build.node("Sub", [build.extents(size), build.ints(1)])
        count = as_real(build.extents(size), build)
        if op.of.align_corners:
            count = build.node("Sub", [count, build.constant(1.0)])
        self.scale = build.node("Mul", [count, build.constant(0.5)])
        at = build.node("Mul", [build.node("Add", [place, build.constant(1.0)]), self.scale])
        at = at if op.of.align_corners else build.node("Sub", [at, build.constant(0.5)])
        self.inside: TensorName | None = None
        turned: TensorName | None = None
        if op.of.pad == "reflect":
            at, turned = self.reflected(at, as_real(build.extents(size), build), op.of.align_corners)
        if op.of.pad != "zeros":
            kept = build.node("Min", [build.node("Max", [at, build.constant(0.0)]), as_real(self.last, build)])
            self.inside, at = as_real(build.node("Equal", [kept, at]), build), kept
        if turned is not None and self.inside is not None:
            self.inside = build.node("Mul", [self.inside, turned])
        self.nearest = op.of.mode == "nearest"
        self.first = build.node("Round" if self.nearest else "Floor", [at])
        self.far = build.node("Sub", [at, self.first])

    def reflected(self, at: TensorName, count: TensorName, aligned: bool) -> tuple[TensorName, TensorName]:
        """A place that goes back and forth within the image, and -1 where it goes back while the position goes on."""
        build, one = self.build, self.build.constant(1.0)
        low = build.constant(0.0 if aligned else -0.5)
        span = build.node("Sub", [count, one]) if aligned else count
        away = build.node("Sub", [at, low])
        far = build.node("Abs", [away])
        laps = build.node("Floor", [build.node("Div", [far, span])])
        rest = build.node("Sub", [far, build.node("Mul", [laps, span])])
        two = build.constant(2.0)
        odd = build.node("Sub", [laps, build.node("Mul", [build.node("Floor", [build.node("Div", [laps, two])]), two])])
        back = build.node("Mul", [odd, build.node("Sub", [span, build.node("Mul", [rest, two])])])
        sign = build.node("Sub", [one, build.node("Mul", [odd, two])])
        turned = build.node("Where", [build.node("Less", [away, build.constant(0.0)]), build.node("Neg", [sign]), sign])
        return build.node("Add", [build.node("Add", [rest, back]), low]), turned

    def pixel(self, step: int) -> tuple[TensorName, TensorName]:
        """The number of the pixel at either side, moved into the image, and 1 where it was there already."""
        build = self.build
        place = build.node("Cast", [self.first], to=WHOLE)
        place = build.node("Add", [place, build.ints(step)]) if step else place
        safe = build.node("Min", [build.node("Max", [place, build.ints(0)]), self.last])
        return safe, as_real(build.node("Equal", [safe, place]), build)

    def weight(self, step: int) -> TensorName:
        """How much of the pixel at either side is read."""
        return self.far if step else self.build.node("Sub", [self.build.constant(1.0), self.far])

    def slope(self, total: TensorName) -> TensorName:
        """The gradient of a position from that of its place among the pixels."""
        scaled = self.build.node("Mul", [total, self.scale])
        return self.build.node("Mul", [scaled, self.inside]) if self.inside is not None else scaled


@rules.lowers(GridSampleGradient)
def grid_sample_gradient(
    op: GridSampleGradient, inputs: Sequence[TensorName], build: Builder
) -> tuple[TensorName, TensorName]:
    """For each of the four pixels around a position: its share of `dy`, and how the position moves with it."""
    dy, x, grid = inputs
    rows = build.node("Transpose", [_flat(x, build)], perm=[0, 2, 1])  # [N, H * W, C]
    outgoing = build.node("Transpose", [_flat(dy, build)], perm=[0, 2, 1])  # [N, P * Q, C]
    places = build.node("Reshape", [grid, build.ints(0, -1, 2)])
    across, down = (
        SampledAxis(op, build.node("Gather", [places, build.constant(i, "int64")], axis=2), size, build)
        for i, size in enumerate(reversed(op.x.type.spatial))
    )
    dx = build.node("ConstantOfShape", [build.shape_of(rows)])
    moves: list[list[TensorName]] = [[], []]
    for j, i in product((0,) if across.nearest else (0, 1), repeat=2):
        (column, beside), (row, below) = across.pixel(i), down.pixel(j)
        seen = build.node("Mul", [beside, below])
        number = build.node("Add", [build.node("Mul", [row, build.extents(op.x.type.spatial[1])]), column])
        weight = seen
        if not across.nearest:
            weight = build.node("Mul", [seen, build.node("Mul", [across.weight(i), down.weight(j)])])
            moved = _moved(outgoing, rows, number, seen, build)
            for found, side, other in ((moves[0], i, down.weight(j)), (moves[1], j, across.weight(i))):
                slope = build.node("Mul", [moved, other])
                found.append(slope if side else build.node("Neg", [slope]))
        dx = _added(dx, number, build.node("Mul", [outgoing, _wide(weight, build)]), build)
    back = build.node("Reshape", [build.node("Transpose", [dx], perm=[0, 2, 1]), build.shape_of(x)])
    if across.nearest:
        return back, build.node("ConstantOfShape", [build.shape_of(grid)])
    pair = [
        _wide(line.slope(build.node("Sum", found)), build) for line, found in zip((across, down), moves, strict=True)
    ]
    return back, build.node("Reshape", [build.node("Concat", pair, axis=2), build.shape_of(grid)])


def _flat(image: TensorName, build: Builder) -> TensorName:
    return build.node("Reshape", [image, build.ints(0, 0, -1)])


def _wide(name: TensorName, build: Builder) -> TensorName:
    return build.node("Unsqueeze", [name, build.ints(2)])


def _moved(dy: TensorName, rows: TensorName, number: TensorName, seen: TensorName, build: Builder) -> TensorName:
    """How much the loss changes with the weight of the pixel that a position reads: [N, P * Q]."""
    found = build.node("GatherND", [rows, _wide(number, build)], batch_dims=1)
    total = build.node("ReduceSum", [build.node("Mul", [dy, found]), build.ints(2)], keepdims=0)
    return build.node("Mul", [total, seen])


def _added(dx: TensorName, number: TensorName, items: TensorName, build: Builder) -> TensorName:
    places = build.node("Expand", [_wide(number, build), build.shape_of(items)])
    return build.node("ScatterElements", [dx, places, items], axis=1, reduction="add")
