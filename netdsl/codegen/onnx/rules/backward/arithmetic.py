"""ONNX nodes of the backward forms of arithmetic."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import alike
from netdsl.ops.backward.arithmetic import PowerBaseGradient, PowerExponentGradient, Sign, Won


@rules.lowers(Won)
def won(op: Won, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, a, b = alike(op, True, inputs, build)
    zero = build.constant(0.0)
    if op.ties != "half":
        return build.node("Where", [build.node("Greater" if op.ties == "none" else "GreaterOrEqual", [a, b]), dy, zero])
    half = build.node("Mul", [dy, build.constant(0.5)])
    rest = build.node("Where", [build.node("Equal", [a, b]), half, zero])
    return build.node("Where", [build.node("Greater", [a, b]), dy, rest])


@rules.lowers(Sign)
def sign(op: Sign, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Sign", inputs)


@rules.lowers(PowerBaseGradient)
def power_base_gradient(op: PowerBaseGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, a, b = alike(op, True, inputs, build)
    slope = build.node("Mul", [b, build.node("Pow", [a, build.node("Sub", [b, build.constant(1.0)])])])
    flat = build.node("Equal", [b, build.constant(0.0)])
    return build.node("Where", [flat, build.constant(0.0), build.node("Mul", [dy, slope])])


@rules.lowers(PowerExponentGradient)
def power_exponent_gradient(op: PowerExponentGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, a, b, power = alike(op, True, inputs, build)
    zero = build.constant(0.0)
    growth = build.node("Mul", [power, build.node("Log", [a])])
    flat = build.node("And", [build.node("Equal", [a, zero]), build.node("GreaterOrEqual", [b, zero])])
    return build.node("Where", [flat, zero, build.node("Mul", [dy, growth])])
