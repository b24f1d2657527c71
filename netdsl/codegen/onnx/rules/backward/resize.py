"""ONNX nodes of the backward forms of resizing and unpooling."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.codegen.onnx.rules.ranges import within
from netdsl.ops.backward.resize import GatherPlaces, NailsGradient, RepeatGradient, ResizeGradient
from netdsl.ops.resize import Resize
from netdsl.ops.windows import count


def along(x: TensorName, axis: int, rank: int, matrix: TensorName, build: Builder) -> TensorName:
    """`matrix [new, old]` times a spatial axis of `x [N, C, …]`, which becomes `new` long."""
    if axis == rank - 1:
        return build.node("MatMul", [x, build.node("Transpose", [matrix], perm=[1, 0])])
    if axis == rank - 2:
        return build.node("MatMul", [matrix, x])
    kept = [0] * (axis + 3)
    flat = build.node("Reshape", [x, build.ints(*kept, -1)])
    shape = build.node("Concat", [build.ints(*kept), build.shape_of(x, axis + 3)], axis=0)
    return build.node("Reshape", [build.node("MatMul", [matrix, flat]), shape])


def added_up(x: TensorName, factors: Sequence[int], build: Builder) -> TensorName:
    """The sum of each cell of `factors` positions."""
    mean = build.node("AveragePool", [x], kernel_shape=factors, strides=factors)
    return build.node("Mul", [mean, build.constant(float(count(tuple(factors))))])


@rules.lowers(ResizeGradient)
def resize_gradient(op: ResizeGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    resize = op.of
    factors = resize.factors()
    if resize.mode == "nearest" and factors and all(f.denominator == 1 for f in factors):
        return added_up(dy, [f.numerator for f in factors], build)
    rank = op.x.type.rank - 1
    for axis, (size, made) in enumerate(zip(op.x.type.spatial, op.dy.type.spatial, strict=True)):
        if isinstance(size, int) and size == made:
            continue
        old, new = (build.shape_of(name, 2 + axis, 3 + axis) for name in (x, inputs[0]))
        dy = along(dy, axis, rank, _shares(resize, old, new, build), build)
    return dy


def _shares(resize: Resize, old: TensorName, new: TensorName, build: Builder) -> TensorName:
    """`[old, new]`: the share that each position of the input has in each of the result."""
    places, column = upto(old, build), build.ints(1)
    position = build.node("Unsqueeze", [build.node("Cast", [places], to=1), column])
    source = _sources(resize, old, new, build)
    if resize.mode == "nearest":
        return build.node("Cast", [build.node("Equal", [position, source])], to=1)
    distance = build.node("Abs", [build.node("Sub", [source, position])])
    return build.node("Relu", [build.node("Sub", [build.constant(1.0), distance])])


def _sources(resize: Resize, old: TensorName, new: TensorName, build: Builder) -> TensorName:
    """Where on the input each position of the result lies, as a real number within the input."""
    given, made = (build.node("Cast", [name], to=1) for name in (old, new))
    position = build.node("Cast", [upto(new, build)], to=1)
    zero, half, one = (build.constant(v) for v in (0.0, 0.5, 1.0))
    last = build.node("Sub", [given, one])
    if resize.align_corners:
        steps = build.node("Max", [build.node("Sub", [made, one]), one])
        return build.node("Mul", [position, build.node("Div", [last, steps])])
    step = build.node("Div", [given, made])
    if resize.mode == "nearest":
        place = build.node("Floor", [build.node("Mul", [position, step])])
    else:
        middle = build.node("Mul", [build.node("Add", [position, half]), step])
        place = build.node("Max", [build.node("Sub", [middle, half]), zero])
    return build.node("Min", [place, last])


@rules.lowers(RepeatGradient)
def repeat_gradient(op: RepeatGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return added_up(inputs[0], op.of.factors, build)


@rules.lowers(NailsGradient)
def nails_gradient(op: NailsGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    rank = len(op.of.factors)
    starts, axes = build.ints(*[0] * rank), build.ints(*range(2, 2 + rank))
    return build.node("Slice", [inputs[0], starts, build.shape_of(inputs[0], 2), axes, build.ints(*op.of.factors)])


@rules.lowers(GatherPlaces)
def gather_places(op: GatherPlaces, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, places = (build.node("Reshape", [name, build.ints(0, 0, -1)]) for name in inputs)
    places, _ = within(places, build.shape_of(x, 2), build)
    return build.node("Reshape", [build.node("GatherElements", [x, places], axis=2), build.shape_of(inputs[1])])
