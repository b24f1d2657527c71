"""ONNX nodes of the backward forms of numbers put in order."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.backward.sort import ReturnedTo


@rules.lowers(ReturnedTo)
def returned_to(op: ReturnedTo, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, places, x = inputs
    zeros = build.node("ConstantOfShape", [build.shape_of(x)])
    return build.node("ScatterElements", [zeros, places, dy], axis=op.axis + op.x.type.batched)
