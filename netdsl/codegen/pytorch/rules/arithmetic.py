"""PyTorch spellings of arithmetic: operators where Python has them."""

from typing import Any

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import Value
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

SIGNS = {"add": "+", "mul": "*", "sub": "-", "div": "/", "power": "**", "matmul": "@"}
MOST_SIGNS = 100
"""Operators of one expression: Python reads a chain of thousands no more."""
OF_MANY = {"add": "sum", "mul": "math.prod"}


@rules.lowers(Add, Mul)
def bundle(op: Add | Mul) -> Spelling:
    if len(op.x) > MOST_SIGNS:
        return Spelling(call=Made(OF_MANY[op.name], (Operand(rest=True),)))
    places = (f"{{{i}}}" for i in range(len(op.x)))
    return Spelling(call=Infix(f" {SIGNS[op.name]} ".join(places)))


@rules.lowers(Sub, Div, Power, Matmul)
def pair(op: Sub | Div | Power | Matmul) -> Spelling:
    return Spelling(call=Infix(f"{{0}} {SIGNS[op.name]} {{1}}"))


def is_number(value: Value) -> bool:
    """True for what may be a plain Python number when it runs, which `torch.maximum` does not take."""
    return not value.type.batched and value.type.rank == 0


@rules.lowers(Maximum, Minimum)
def extreme(op: Maximum | Minimum) -> Spelling:
    bound = "min" if op.name == "maximum" else "max"
    if is_number(op.a) and is_number(op.b):
        return Spelling(call=Made("torch.clamp", (Made("torch.as_tensor", (Operand(0),)),), {bound: Operand(1)}))
    if is_number(op.a) or is_number(op.b):
        tensor, number = (1, 0) if is_number(op.a) else (0, 1)
        return Spelling(call=Made("torch.clamp", (Operand(tensor),), {bound: Operand(number)}))
    return Spelling(call=Made(f"torch.{op.name}", (Operand(0), Operand(1))))


@rules.lowers(Exp, Log, Sqrt, Sin, Cos, Abs)
def function(op: Exp | Log | Sqrt | Sin | Cos | Abs) -> Spelling:
    return Spelling(call=Made(f"torch.{op.name}", (Operand(),)))


@rules.lowers(Neg)
def negative(op: Neg) -> Spelling:
    return Spelling(call=Infix("-{0}"))


@rules.lowers(Clamp)
def clamp(op: Clamp) -> Spelling:
    bounds: dict[str, Any] = {"min": op.low, "max": op.high}
    given = {k: int(v) if op.whole and isinstance(v, float) else v for k, v in bounds.items() if v is not None}
    return Spelling(call=Made("torch.clamp", (Operand(),), given))
