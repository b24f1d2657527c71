"""ONNX nodes of the backward forms of losses."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.ranges import or_nan, probable, within
from netdsl.codegen.onnx.rules.reduce import hot
from netdsl.dims.tensors import DType
from netdsl.ops.backward.loss import BinaryCrossEntropySlope, HingeSlope, MultiMarginSlope, Probability

LEAST = 1e-12
"""What PyTorch divides by at least, where a probability is 0 or 1."""


def real_labels(op: BinaryCrossEntropySlope | HingeSlope | Probability, name: TensorName, build: Builder) -> TensorName:
    label = op.x if isinstance(op, Probability) else op.label
    return name if label.type.dtype is DType.FLOAT else as_real(name, build)


@rules.lowers(Probability)
def probability(op: Probability, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return probable(real_labels(op, inputs[0], build), build)


@rules.lowers(BinaryCrossEntropySlope)
def binary_cross_entropy_slope(op: BinaryCrossEntropySlope, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, y = probable(inputs[0], build), probable(real_labels(op, inputs[1], build), build)
    spread = build.node("Mul", [x, build.node("Sub", [build.constant(1.0), x])])
    return build.node("Div", [build.node("Sub", [x, y]), build.node("Max", [spread, build.constant(LEAST)])])


@rules.lowers(HingeSlope)
def hinge_slope(op: HingeSlope, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, y = inputs[0], real_labels(op, inputs[1], build)
    positive = build.node("Greater", [y, build.constant(0.0)])
    signs = build.node("Where", [positive, build.constant(1.0), build.constant(-1.0)])
    short = build.node("Less", [build.node("Mul", [signs, x]), build.constant(op.margin)])
    return build.node("Where", [short, build.node("Neg", [signs]), build.constant(0.0)])


@rules.lowers(MultiMarginSlope)
def multi_margin_slope(op: MultiMarginSlope, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, label = inputs
    label, known = within(label, op.x.shape[0], build)
    own = build.node("GatherElements", [x, build.node("Unsqueeze", [label, build.ints(1)])], axis=1)
    reach = build.node("Add", [build.node("Sub", [x, own]), build.constant(op.margin)])
    short = as_real(build.node("Greater", [reach, build.constant(0.0)]), build)
    right = or_nan(build.node("Unsqueeze", [known, build.ints(1)]), hot(label, op.x.shape[0], 1, 2, build), build)
    wrong = build.node("Mul", [short, build.node("Sub", [build.constant(1.0), right])])
    number = build.node("ReduceSum", [wrong, build.ints(1)], keepdims=1)
    return build.node("Sub", [wrong, build.node("Mul", [right, number])])
