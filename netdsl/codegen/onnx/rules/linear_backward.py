"""ONNX nodes of the backward forms of fully connected layers and look-up tables."""

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.ops.linear_backward import LinearInputGradient, LinearWeightGradient


@rules.lowers(LinearInputGradient)
def linear_input_gradient(op: LinearInputGradient, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("MatMul", inputs)


@rules.lowers(LinearWeightGradient)
def linear_weight_gradient(op: LinearWeightGradient, inputs: Sequence[str], build: Builder) -> Any:
    dy, x = inputs
    if op.dy.type.rank + op.dy.type.batched > 2:
        dy = build.node("Reshape", [dy, build.ints(-1, op.dy.shape[-1])])  # type: ignore[arg-type]
        x = build.node("Reshape", [x, build.ints(-1, op.x.shape[-1])])  # type: ignore[arg-type]
    return build.node("Gemm", [dy, x], transA=1)
