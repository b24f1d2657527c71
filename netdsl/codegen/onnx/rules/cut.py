"""ONNX nodes of cutting, padding and rolling."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.dims import Extent
from netdsl.dims.tensors import DType
from netdsl.ops.cut import Crop, Pad, Roll, Slice

END = 2**63 - 1
"""An index past the end of any axis."""


@rules.lowers(Slice)
def slice_(op: Slice, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    start: Extent = op.start
    end: Extent = END if op.end is None else op.end
    bounds = [build.extents(start), build.extents(end), build.ints(op.along + op.x.type.batched)]
    steps = [build.ints(op.step)] if op.step != 1 else []
    return build.node("Slice", [inputs[0], *bounds, *steps])


@rules.lowers(Crop)
def crop(op: Crop, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    first = 1 + op.x.type.batched
    axes = build.ints(*range(first, op.x.type.rank + op.x.type.batched))
    if op.margin is not None:
        starts = build.ints(*(before for before, _ in op.margins))
        ends = build.ints(*(-after if after else END for _, after in op.margins))
    else:
        starts, ends = _from_sizes(op, inputs, build, first)
    return build.node("Slice", [inputs[0], starts, ends, axes])


def _from_sizes(op: Crop, inputs: Sequence[TensorName], build: Builder, first: int) -> tuple[TensorName, TensorName]:
    """Where a crop begins and ends, computed when it runs unless all is known."""
    offsets, target = op.offsets, op.target
    if all(isinstance(s, int) for s in (*offsets, *target)):
        return build.extents(*offsets), build.extents(*(o + t for o, t in zip(offsets, target, strict=True)))
    length = build.extents(*target) if op.like is None else build.shape_of(inputs[1], 1 + op.like.type.batched)
    if op.offset is not None:
        starts = build.extents(*offsets)
    else:
        free = build.node("Sub", [build.shape_of(inputs[0], first), length])
        starts = build.node("Div", [free, build.ints(2)])
    return starts, build.node("Add", [starts, length])


MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@rules.lowers(Pad)
def pad(op: Pad, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    befores, afters = (list(side) for side in zip(*op.rims, strict=True))
    filling = _filling(op, build) if op.value else ""
    # With its axes named, onnxruntime does not take zeros for padding of a max-pooling that follows, which reads none.
    first = 1 + op.x.type.batched
    axes = build.ints(*range(first, first + len(befores)))
    return build.node("Pad", [inputs[0], build.ints(*befores, *afters), filling, axes], mode=MODES[op.mode])


def _filling(op: Pad, build: Builder) -> TensorName:
    return build.constant(int(op.value), "int64") if op.x.type.dtype is DType.INT else build.constant(op.value)


@rules.lowers(Roll)
def roll(op: Roll, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Two parts change places; along an axis of an open size, which may be shorter than the shift, a look-up."""
    x = inputs[0]
    for axis, shift in op.moves:
        size, place = op.x.shape[axis], axis + op.x.type.batched
        if not isinstance(size, int):
            x = build.node("Gather", [x, _rolled(size, shift, build)], axis=place)
        elif shift % size:
            first, along = build.ints(-shift % size), build.ints(place)
            head = build.node("Slice", [x, first, build.ints(END), along])
            x = build.node("Concat", [head, build.node("Slice", [x, build.ints(0), first, along])], axis=place)
    return build.node("Identity", [x]) if x == inputs[0] else x


def _rolled(size: Extent, shift: int, build: Builder) -> TensorName:
    """The position that comes to each position of an axis."""
    end = build.extents(size)
    return build.node("Mod", [build.node("Sub", [upto(end, build), build.constant(shift, "int64")]), end])
