"""ONNX nodes of summaries."""

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.ops.reduce import Argmax, Mean, OneHot, ReduceMax, ReduceMin, Sum

OPERATORS = {"mean": "ReduceMean", "sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}


@rules.lowers(Mean, Sum, ReduceMax, ReduceMin)
def reduction(op: Mean | Sum | ReduceMax | ReduceMin, inputs: Sequence[str], build: Builder) -> Any:
    axes = build.ints(*(a + op.x.type.batched for a in op.along))
    return build.node(OPERATORS[op.name], [inputs[0], axes], keepdims=int(op.keep))


@rules.lowers(Argmax)
def argmax(op: Argmax, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("ArgMax", inputs, axis=op.along + op.x.type.batched, keepdims=0)


@rules.lowers(OneHot)
def one_hot(op: OneHot, inputs: Sequence[str], build: Builder) -> Any:
    operands = [inputs[0], build.ints(op.classes), build.constant([0.0, 1.0])]
    return build.node("OneHot", operands, axis=op.along + op.x.type.batched)
