"""PyTorch spellings of comparisons and choices."""

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
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

SIGNS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "logical_and": "&", "logical_or": "|",
}  # fmt: skip


@rules.lowers(Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, LogicalAnd, LogicalOr)
def truth(
    op: Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual | LogicalAnd | LogicalOr,
) -> Spelling:
    return Spelling(call=Infix(f"{{0}} {SIGNS[op.name]} {{1}}"))


@rules.lowers(LogicalNot)
def logical_not(op: LogicalNot) -> Spelling:
    return Spelling(call=Infix("~{0}"))


@rules.lowers(Where)
def where(op: Where) -> Spelling:
    return Spelling(call=Made("torch.where", (Operand(0), Operand(1), Operand(2))))
