"""ONNX nodes of the backward forms of fully connected layers and look-up tables."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.linear import added_up
from netdsl.codegen.onnx.rules.ranges import within
from netdsl.ops.backward.base import fixed_shape
from netdsl.ops.backward.linear import EmbeddingGradient, GatherGradient, LinearInputGradient, LinearWeightGradient
from netdsl.ops.base import fixed


@rules.lowers(LinearInputGradient)
def linear_input_gradient(op: LinearInputGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("MatMul", inputs)


@rules.lowers(LinearWeightGradient)
def linear_weight_gradient(op: LinearWeightGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    if op.dy.type.rank + op.dy.type.batched != 2:
        dy = build.node("Reshape", [dy, build.ints(-1, fixed(op.dy.shape[-1], "the features"))])
        x = build.node("Reshape", [x, build.ints(-1, fixed(op.x.shape[-1], "the features"))])
    return build.node("Gemm", [dy, x], transA=1)


FEW = 128
"""Rows of a table up to which a product with one-hot rows is faster than a scatter."""


@rules.lowers(EmbeddingGradient)
def embedding_gradient(op: EmbeddingGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """One product for a short table, else one scatter of single numbers.

    The product took 0.87 of the scatter's time for 100 rows and 0.27 for 50, but 3.2 times as long for 1000 and 18
    for 10000. A scatter of single numbers along one axis took 0.6 to 0.9 of one of rows (`ScatterElements`). The
    faster `ScatterND` is wrong: on the CPU its threads add to one row at the same time and lose sums.
    """
    (count, width), line = fixed_shape(op.weight.type), build.ints(-1)
    places = build.node("Reshape", [inputs[1], line])
    rows = build.node("Reshape", [inputs[0], build.ints(-1, width)])
    if count <= FEW:
        symbols = build.constant([[i] for i in range(count)], "int64")
        hot = build.node("Cast", [build.node("Equal", [symbols, places])], to=1)
        return build.node("MatMul", [hot, rows])
    places, _ = within(places, count, build)  # a gradient that comes back through a row of NaN is NaN as well
    starts = build.node("Unsqueeze", [build.node("Mul", [places, build.constant(width, "int64")]), build.ints(1)])
    cells = build.node("Add", [starts, build.ints(*range(width))])
    zeros = build.node("ConstantOfShape", [build.ints(count * width)])
    flat = [zeros, build.node("Reshape", [cells, line]), build.node("Reshape", [rows, line])]
    added = build.node("ScatterElements", flat, axis=0, reduction="add")
    return build.node("Reshape", [added, build.ints(count, width)])


@rules.lowers(GatherGradient)
def gather_gradient(op: GatherGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, places, table = inputs
    places, _ = within(places, op.table.shape[op.axis], build)
    zeros = build.node("ConstantOfShape", [build.shape_of(table)])
    return added_up(zeros, places, dy, op.axis, op.places.type, op.table.type, build)
