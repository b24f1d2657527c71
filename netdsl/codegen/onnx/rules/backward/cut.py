"""ONNX nodes of the backward forms of cutting and padding."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.cut import END
from netdsl.dims import Extent
from netdsl.ops.backward.cut import Fold, Stretch, Surround

BEGIN = -(2**63)
"""An index before the beginning of any axis."""


@rules.lowers(Surround)
def surround(op: Surround, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    batch = [0] * op.x.type.batched
    return build.node("Pad", [inputs[0], build.extents(*batch, *op.before, *batch, *op.after)])


@rules.lowers(Stretch)
def stretch(op: Stretch, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """A new axis holds each number and its zeros; read as one, the two axes are the stretched one."""
    axis, rank = op.axis + op.x.type.batched, op.x.type.rank + op.x.type.batched
    apart = build.node("Unsqueeze", [inputs[0], build.ints(axis + 1)])
    pads = [0] * (2 * rank + 2)
    pads[rank + 1 + axis + 1] = op.step - 1
    filled = build.node("Pad", [apart, build.ints(*pads)])
    sizes = [build.shape_of(inputs[0], 0, axis)] if axis else []
    sizes += [build.ints(-1)]
    sizes += [build.shape_of(inputs[0], axis + 1)] if axis + 1 < rank else []
    joined = build.node("Reshape", [filled, build.extents(*sizes)])
    return build.node("Slice", [joined, build.ints(0), build.extents(op.size), build.ints(axis)])


@rules.lowers(Fold)
def fold(op: Fold, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    name = inputs[0]
    for i, (before, after) in enumerate(op.rims, start=1):
        if before or after:
            name = _fold_axis(op, name, i, before, after, build)
    return name


def _fold_axis(op: Fold, name: TensorName, i: int, before: int, after: int, build: Builder) -> TensorName:
    """The middle of an axis with both rims added: a mirrored rim turned over, a repeated one summed up at the edge."""
    axis, mirror = i + op.x.type.batched, op.mode == "reflect"
    last, near = op.like.shape[i] - 1, int(mirror)
    total = _part(name, axis, before, -after if after else END, 1, build)
    if before:
        piece = _part(name, axis, before - 1, BEGIN, -1, build) if mirror else _sum(name, axis, 0, before, build)
        placed = _placed(op, piece, axis, near, last - (before if mirror else 0), build)
        total = build.node("Add", [total, placed])
    if after:
        piece = _part(name, axis, -1, -after - 1, -1, build) if mirror else _sum(name, axis, -after, END, build)
        placed = _placed(op, piece, axis, last - (after if mirror else 0), near, build)
        total = build.node("Add", [total, placed])
    return total


def _part(name: TensorName, axis: int, start: int, end: int, step: int, build: Builder) -> TensorName:
    return build.node("Slice", [name, build.ints(start), build.ints(end), build.ints(axis), build.ints(step)])


def _sum(name: TensorName, axis: int, start: int, end: int, build: Builder) -> TensorName:
    return build.node("ReduceSum", [_part(name, axis, start, end, 1, build), build.ints(axis)], keepdims=1)


def _placed(op: Fold, piece: TensorName, axis: int, before: Extent, after: Extent, build: Builder) -> TensorName:
    """A piece of an axis among zeros."""
    rank = op.x.type.rank + op.x.type.batched
    pads: list[Extent] = [0] * (2 * rank)
    pads[axis], pads[rank + axis] = before, after
    return build.node("Pad", [piece, build.extents(*pads)])
