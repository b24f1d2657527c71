"""ONNX nodes of numbers put in order: `TopK` takes the first of equal ones first."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.sort import Sort, TopK


@rules.lowers(TopK)
def top_k(op: TopK, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    axis = op.along + op.x.type.batched
    return build.nodes("TopK", [inputs[0], build.ints(op.k)], 2, axis=axis, largest=int(op.largest))


@rules.lowers(Sort)
def sort(op: Sort, inputs: Sequence[TensorName], build: Builder) -> TensorName | tuple[TensorName, ...]:
    axis = op.along + op.x.type.batched
    given = [inputs[0], build.extents(op.size)]
    results = build.nodes("TopK", given, 2, axis=axis, largest=int(op.descending))
    return results if op.indices else results[0]
