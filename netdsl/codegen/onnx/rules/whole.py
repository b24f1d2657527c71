"""ONNX nodes of whole numbers and of conversions."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import alike
from netdsl.dims.tensors import DType
from netdsl.ops.whole import Ceil, FloorDiv, Floored, Remainder, Round, To

KINDS = {"float": 1, "int": 7, "bool": 9}
"""TensorProto.FLOAT, INT64 and BOOL"""


@rules.lowers(FloorDiv)
def floor_div(op: FloorDiv, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """`Div` of whole numbers cuts towards zero, so what the remainder leaves is divided, which comes out even."""
    real = op.result().dtype is DType.FLOAT
    a, b = alike(op, real, inputs, build)
    if not real:
        return build.node("Div", [build.node("Sub", [a, build.node("Mod", [a, b])]), b])
    rest, low = _cut(a, b, build)
    even = build.node("Div", [build.node("Sub", [a, rest]), b])
    down = build.node("Round", [build.node("Sub", [even, build.node("Cast", [low], to=1)])])
    none = build.node("Equal", [b, build.constant(0.0)])
    return build.node("Where", [none, build.node("Div", [a, b]), down])


@rules.lowers(Remainder)
def remainder(op: Remainder, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """`Mod` has the sign of the divisor for whole numbers alone."""
    real = op.result().dtype is DType.FLOAT
    a, b = alike(op, real, inputs, build)
    if not real:
        return build.node("Mod", [a, b])
    rest, low = _cut(a, b, build)
    return build.node("Where", [low, build.node("Add", [rest, b]), rest])


def _cut(a: TensorName, b: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """What division towards zero leaves, and whether it has the other sign than the divisor."""
    rest = build.node("Mod", [a, b], fmod=1)
    return rest, build.node("Less", [build.node("Mul", [build.node("Sign", [rest]), b]), build.constant(0.0)])


@rules.lowers(Floored, Ceil, Round)
def rounded(op: Floored | Ceil | Round, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node(op.name.capitalize(), inputs)


@rules.lowers(To)
def to(op: To, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    if op.in_place():
        return build.node("Identity", inputs)
    return build.node("Cast", inputs, to=KINDS[op.kind])
