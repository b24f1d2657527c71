"""ONNX nodes of what only training steps are written with."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.step import BatchMean, Both, Correction, Finite, Rescale, Select, SquaredNorm

FLOAT, DOUBLE = 1, 11
"""TensorProto.FLOAT and DOUBLE"""


@rules.lowers(SquaredNorm)
def squared_norm(op: SquaredNorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("ReduceSumSquare", inputs, keepdims=0)


@rules.lowers(Correction)
def correction(op: Correction, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    steps = build.node("Cast", inputs, to=DOUBLE)
    left = build.node("Pow", [build.constant(op.beta, "float64"), steps])
    return build.node("Cast", [build.node("Sub", [build.constant(1.0, "float64"), left])], to=FLOAT)


@rules.lowers(Select)
def select(op: Select, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Where", inputs)


@rules.lowers(Finite)
def finite(op: Finite, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """No comparison with NaN holds."""
    return build.node("Less", [build.node("Abs", inputs), build.constant(float("inf"))])


@rules.lowers(Both)
def both(op: Both, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("And", inputs)


LARGEST_SCALE = 2.0**127
INTERVAL = 2000


@rules.lowers(Rescale)
def rescale(op: Rescale, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, TensorName]:
    scale, steps, finite = inputs
    longer = build.node("Add", [steps, build.constant(1.0)])
    long = build.node("GreaterOrEqual", [longer, build.constant(float(INTERVAL))])
    doubled = build.node("Min", [build.node("Mul", [scale, build.constant(2.0)]), build.constant(LARGEST_SCALE)])
    grown = build.node("Where", [long, doubled, scale])
    following = build.node("Where", [finite, grown, build.node("Mul", [scale, build.constant(0.5)])])
    none = build.constant(0.0)
    return following, build.node("Where", [finite, build.node("Where", [long, none, longer]), none])


@rules.lowers(BatchMean)
def batch_mean(op: BatchMean, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("ReduceMean", inputs, keepdims=0)
