"""ONNX nodes of the backward forms of activations."""

from collections.abc import Sequence
from math import pi

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.backward.activation import Between, Choose, GeluGradient, HardswishGradient

CUBIC = 0.044715
"""The share of the cube in gelu's formula with tanh."""


@rules.lowers(Choose)
def choose(op: Choose, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, above, below = inputs
    return build.node("Where", [build.node("Greater", [x, build.constant(0.0)]), above, below])


@rules.lowers(Between)
def between(op: Between, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    equal = "OrEqual" if op.closed else ""
    sides = []
    if op.low is not None:
        sides.append(build.node(f"Greater{equal}", [x, build.constant(op.low)]))
    if op.high is not None:
        sides.append(build.node(f"Less{equal}", [x, build.constant(op.high)]))
    inside = sides[0] if len(sides) == 1 else build.node("And", sides)
    return build.node("Where", [inside, dy, build.constant(0.0)])


@rules.lowers(HardswishGradient)
def hardswish_gradient(op: HardswishGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    slope = build.node("Add", [_times(x, 1 / 3, build), build.constant(0.5)])
    rising = build.node("Less", [x, build.constant(3.0)])
    most = build.node("Where", [rising, build.node("Mul", [dy, slope]), dy])
    return build.node("Where", [build.node("Greater", [x, build.constant(-3.0)]), most, build.constant(0.0)])


@rules.lowers(GeluGradient)
def gelu_gradient(op: GeluGradient, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    dy, x = inputs
    slope = _slope_of_tanh_form(x, build) if op.approximate == "tanh" else _slope_of_gelu(x, build)
    return build.node("Mul", [dy, slope])


def _slope_of_gelu(x: TensorName, build: Builder) -> TensorName:
    error = build.node("Erf", [_times(x, 0.5**0.5, build)])
    below = _times(build.node("Add", [error, build.constant(1.0)]), 0.5, build)
    bell = build.node("Exp", [_times(build.node("Mul", [x, x]), -0.5, build)])
    density = _times(bell, (2 * pi) ** -0.5, build)
    return build.node("Add", [below, build.node("Mul", [x, density])])


def _slope_of_tanh_form(x: TensorName, build: Builder) -> TensorName:
    """`(1 + t) / 2 + x (1 - t^2) u' / 2` with `t = tanh(u)` and `u = sqrt(2 / pi) (x + 0.044715 x^3)`."""
    one, root = build.constant(1.0), (2 / pi) ** 0.5
    square = build.node("Mul", [x, x])
    curve = build.node("Mul", [x, build.node("Add", [_times(square, root * CUBIC, build), build.constant(root)])])
    t = build.node("Tanh", [curve])
    rising = build.node("Add", [_times(square, 3 * root * CUBIC, build), build.constant(root)])
    rest = build.node("Mul", [build.node("Sub", [one, build.node("Mul", [t, t])]), build.node("Mul", [x, rising])])
    return _times(build.node("Add", [build.node("Add", [t, one]), rest]), 0.5, build)


def _times(x: TensorName, factor: float, build: Builder) -> TensorName:
    return build.node("Mul", [x, build.constant(factor)])
