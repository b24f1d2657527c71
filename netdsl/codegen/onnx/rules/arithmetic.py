"""ONNX nodes of arithmetic. ONNX mixes no kinds of numbers, so whole ones become real beside real ones."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.dims.tensors import DType
from netdsl.ops.arithmetic import (
    Abs,
    Add,
    Clamp,
    Cos,
    Div,
    Exp,
    Log,
    Matmul,
    Maximum,
    Minimum,
    Mul,
    Neg,
    Power,
    Sin,
    Sqrt,
    Sub,
)
from netdsl.ops.base import Op

FLOAT = 1
"""TensorProto.FLOAT"""

PAIRS = {"sub": "Sub", "div": "Div", "power": "Pow", "maximum": "Max", "minimum": "Min"}


def as_real(name: TensorName, build: Builder) -> TensorName:
    """The tensor as float32."""
    return build.node("Cast", [name], to=FLOAT)


def alike(op: Op, real: bool, inputs: Sequence[TensorName], build: Builder) -> list[TensorName]:
    """The inputs, whole numbers as real ones when the result is real."""
    kinds = [v.type.dtype for v in op.operands()]
    return [
        as_real(name, build) if real and kind is not DType.FLOAT else name
        for name, kind in zip(inputs, kinds, strict=True)
    ]


@rules.lowers(Add, Mul)
def bundle(op: Add | Mul, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    total, *others = alike(op, op.result().dtype is DType.FLOAT, inputs, build)
    for other in others:
        total = build.node("Add" if isinstance(op, Add) else "Mul", [total, other])
    return total


@rules.lowers(Sub, Div, Power, Maximum, Minimum)
def pair(op: Sub | Div | Power | Maximum | Minimum, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    sides = alike(op, op.result().dtype is DType.FLOAT, inputs, build)
    return build.node(PAIRS[op.name], sides)


@rules.lowers(Exp, Log, Sqrt, Sin, Cos, Abs, Neg)
def function(op: Exp | Log | Sqrt | Sin | Cos | Abs | Neg, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node(op.name.capitalize(), inputs)


@rules.lowers(Clamp)
def clamp(op: Clamp, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    kind = "int64" if op.whole else "float32"
    bounds = ["" if b is None else build.constant(b, kind) for b in (op.low, op.high)]
    return build.node("Clip", [inputs[0], *(bounds if bounds[1] else bounds[:1])])


@rules.lowers(Matmul)
def matmul(op: Matmul, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("MatMul", inputs)
