"""ONNX nodes of what only training steps are written with."""

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.ops.step import BatchMean, Correction, Select, SquaredNorm

FLOAT, DOUBLE = 1, 11
"""TensorProto.FLOAT and DOUBLE"""


@rules.lowers(SquaredNorm)
def squared_norm(op: SquaredNorm, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("ReduceSumSquare", inputs, keepdims=0)


@rules.lowers(Correction)
def correction(op: Correction, inputs: Sequence[str], build: Builder) -> Any:
    steps = build.node("Cast", inputs, to=DOUBLE)
    left = build.node("Pow", [build.constant(op.beta, "float64"), steps])
    return build.node("Cast", [build.node("Sub", [build.constant(1.0, "float64"), left])], to=FLOAT)


@rules.lowers(Select)
def select(op: Select, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("Where", inputs)


@rules.lowers(BatchMean)
def batch_mean(op: BatchMean, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("ReduceMean", inputs, keepdims=0)
