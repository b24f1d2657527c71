"""ONNX nodes of summaries."""

from collections.abc import Sequence

import numpy as np

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.dims import Extent
from netdsl.ops.reduce import Argmax, Cumsum, Mean, OneHot, ReduceMax, ReduceMin, Sum, Variance

OPERATORS = {"mean": "ReduceMean", "sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}


@rules.lowers(Mean, Sum, ReduceMax, ReduceMin)
def reduction(op: Mean | Sum | ReduceMax | ReduceMin, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    axes = build.ints(*(a + op.x.type.batched for a in op.along))
    return build.node(OPERATORS[op.name], [inputs[0], axes], keepdims=int(op.keep))


@rules.lowers(Variance)
def variance(op: Variance, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Of what is left without the mean: `E[x²] - E[x]²` loses all digits where the mean is large."""
    axes = build.ints(*(a + op.x.type.batched for a in op.along))
    d = build.node("Sub", [inputs[0], build.node("ReduceMean", [inputs[0], axes], keepdims=1)])
    squares = build.node("Mul", [d, d])
    if not op.unbiased:
        return build.node("ReduceMean", [squares, axes], keepdims=int(op.keep))
    sizes = build.extents(*(op.x.shape[a] for a in op.along))
    count = build.node("ReduceProd", [build.node("Cast", [sizes], to=1)], keepdims=0)
    total = build.node("ReduceSum", [squares, axes], keepdims=int(op.keep))
    return build.node("Div", [total, build.node("Sub", [count, build.constant(1.0)])])


@rules.lowers(Cumsum)
def cumsum(op: Cumsum, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    axis = build.constant(op.along + op.x.type.batched, "int64")
    return build.node("CumSum", [inputs[0], axis], reverse=int(op.reverse))


@rules.lowers(Argmax)
def argmax(op: Argmax, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("ArgMax", inputs, axis=op.along + op.x.type.batched, keepdims=0)


WRITTEN = 1 << 16
"""So many class numbers are written out; more are counted when the model runs."""


def class_numbers(size: Extent, axis: int, rank: int, build: Builder) -> TensorName:
    """0, 1, 2 … below the size, laid along that one of `rank` axes."""
    shape = [1] * rank
    shape[axis] = -1
    if isinstance(size, int) and size <= WRITTEN:
        return build.constant(np.arange(size).reshape(shape), "int64")
    if isinstance(size, int):
        end = build.constant(size, "int64")
    else:
        end = build.node("Squeeze", [build.extents(size), build.ints(0)])
    numbers = build.node("Range", [build.constant(0, "int64"), end, build.constant(1, "int64")])
    return build.node("Reshape", [numbers, build.ints(*shape)])


def belongs(label: TensorName, size: Extent, axis: int, rank: int, build: Builder) -> TensorName:
    """Whether a label is the class: truth values of that rank. A quarter of the time of `OneHot` on the CPU."""
    row = build.node("Unsqueeze", [label, build.ints(axis)])
    return build.node("Equal", [row, class_numbers(size, axis, rank, build)])


def hot(label: TensorName, size: Extent, axis: int, rank: int, build: Builder) -> TensorName:
    """1.0 at the class of each label."""
    return build.node("Cast", [belongs(label, size, axis, rank, build)], to=1)


@rules.lowers(OneHot)
def one_hot(op: OneHot, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    kind = op.x.type
    return hot(inputs[0], op.classes, op.along + kind.batched, kind.rank + kind.batched + 1, build)
