"""ONNX nodes of fully connected layers and look-up tables."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.ranges import or_nan, within
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.linear import Embedding, Gather, Linear, ScatterAdd
from netdsl.ops.weighed import LinearWith


@rules.lowers(Linear)
def linear(op: Linear, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return _weighted(op, [inputs[0], build.weight("weight"), *([build.weight("bias")] if op.bias else [])], build)


@rules.lowers(LinearWith)
def linear_with(op: LinearWith, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return _weighted(op, inputs, build)


def _weighted(op: Linear | LinearWith, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """The sums of what comes in by a weight, and a bias where there is one."""
    x, weight, *bias = inputs
    if op.x.type.rank == 1 and op.x.type.batched:
        return build.node("Gemm", [x, weight, *bias], transB=1)
    product = build.node("MatMul", [x, build.node("Transpose", [weight], perm=[1, 0])])
    return build.node("Add", [product, *bias]) if bias else product


@rules.lowers(Embedding)
def embedding(op: Embedding, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    safe, known = within(inputs[0], op.count, build)
    rows = build.node("Gather", [build.weight("weight"), safe], axis=0)
    return or_nan(build.node("Unsqueeze", [known, build.ints(-1)]), rows, build)


@rules.lowers(Gather)
def gather(op: Gather, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    places, known = within(inputs[1], op.count, build)
    found = _each(op, inputs[0], places, build) if op.each else _looked_up(op, inputs[0], places, build)
    known = _beside(known, op.places.type, op.along, op.table.type.rank - op.along - 1, build)
    if op.table.type.dtype is DType.FLOAT:
        return or_nan(known, found, build)
    nothing = build.constant(-1, "int64") if op.table.type.dtype is DType.INT else build.constant(False, "bool")
    return build.node("Where", [known, found, nothing])


def _beside(known: TensorName, kind: TensorType, along: int, behind: int, build: Builder) -> TensorName:
    """What is known of each place, with the axes of items in front of it and behind."""
    last = kind.batched + along * kind.batched + kind.rank
    spread = [*range(1, 1 + along * kind.batched), *range(last, last + behind)]
    return build.node("Unsqueeze", [known, build.ints(*spread)]) if spread else known


def _looked_up(op: Gather, table: TensorName, places: TensorName, build: Builder) -> TensorName:
    """Parts of one table for all samples, or the same parts of every sample's."""
    found = build.node("Gather", [table, places], axis=op.along + op.table.type.batched)
    if not op.places.type.batched or not op.along:
        return found
    rank = op.result().rank + 1
    return build.node("Transpose", [found], perm=[op.along, *(a for a in range(rank) if a != op.along)])


def _each(op: Gather, table: TensorName, places: TensorName, build: Builder) -> TensorName:
    """Parts of each sample's table by its own numbers."""
    rank, along, wide = op.table.type.rank, op.along, op.places.type.rank
    if along:
        first = [0, along + 1, *range(1, along + 1), *range(along + 2, rank + 1)]
        table = build.node("Transpose", [table], perm=first)
    found = build.node("GatherND", [table, build.node("Unsqueeze", [places, build.ints(-1)])], batch_dims=1)
    if not along:
        return found
    moved = [*range(1 + wide, 1 + wide + along), *range(1, 1 + wide), *range(1 + wide + along, rank + wide)]
    return build.node("Transpose", [found], perm=[0, *moved])


@rules.lowers(ScatterAdd)
def scatter_add(op: ScatterAdd, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    values, made, behind = inputs[0], op.result(), op.values.type.rank - op.end
    places, known = within(inputs[1], op.size, build)
    values = or_nan(_beside(known, op.places.type, op.along, behind, build), values, build)
    batch = [build.shape_of(values, 0, 1)] if made.batched else []
    zeros = build.node("ConstantOfShape", [build.extents(*batch, *made.shape)])
    return added_up(zeros, places, values, op.along, op.places.type, made, build)


def added_up(
    zeros: TensorName, places: TensorName, items: TensorName, along: int, kind: TensorType, made: TensorType,
    build: Builder,
) -> TensorName:  # fmt: skip
    """Items at places of `kind` added to the `zeros` of a tensor like `made`: one scatter along an axis.

    Places that samples share a tensor by lie behind one another on it.
    """
    own, batched = made.batched, kind.batched
    axis, rank = along + own, made.rank + own
    if batched and not own and axis:  # [N, before, places, after] -> [before, N, places, after]
        count = made.rank + kind.rank
        items = build.node("Transpose", [items], perm=[*range(1, axis + 1), 0, *range(axis + 1, count)])
    after = build.shape_of(zeros, axis + 1)
    items = build.node(
        "Reshape", [items, build.extents(*([build.shape_of(zeros, 0, axis)] if axis else []), -1, after)]
    )
    front = [build.shape_of(places, 0, 1)] if own and batched else [1] * own
    places = build.node("Reshape", [places, build.extents(*front, *(1,) * along, -1, *(1,) * (rank - axis - 1))])
    places = build.node("Expand", [places, build.shape_of(items)])
    return build.node("ScatterElements", [zeros, places, items], axis=axis, reduction="add")
