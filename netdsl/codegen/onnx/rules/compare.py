"""ONNX nodes of comparisons and choices."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import alike, as_real
from netdsl.dims.tensors import DType, Value
from netdsl.ops.compare import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    NotEqual,
    Where,
)

OPERATORS = {
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "equal": "Equal", "not_equal": "Equal", "logical_and": "And", "logical_or": "Or", "logical_not": "Not",
}  # fmt: skip


def is_real(*values: Value) -> bool:
    """Whether one of some values is real, so that the others become so."""
    return any(v.type.dtype is DType.FLOAT for v in values)


@rules.lowers(Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual)
def comparison(
    op: Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual, inputs: Sequence[TensorName], build: Builder
) -> TensorName:
    found = build.node(OPERATORS[op.name], alike(op, is_real(op.a, op.b), inputs, build))
    return build.node("Not", [found]) if isinstance(op, NotEqual) else found


@rules.lowers(LogicalAnd, LogicalOr, LogicalNot)
def logic(op: LogicalAnd | LogicalOr | LogicalNot, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node(OPERATORS[op.name], inputs)


@rules.lowers(Where)
def where(op: Where, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Of truth values by their own operators: onnxruntime has no `Where` for them."""
    if op.a.type.dtype is DType.BOOL:
        first = build.node("And", inputs[:2])
        return build.node("Or", [first, build.node("And", [build.node("Not", inputs[:1]), inputs[2]])])
    chosen = zip((op.a, op.b), inputs[1:], strict=True)
    real = is_real(op.a, op.b)
    sides = [as_real(name, build) if real and v.type.dtype is not DType.FLOAT else name for v, name in chosen]
    return build.node("Where", [inputs[0], *sides])
