"""PyTorch spellings of comparisons and choices."""

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.arithmetic import is_number
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
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
    """Where no tensor of real numbers tells of which kind the module's are, a layer does."""
    told = any(v.type.dtype is DType.FLOAT and not is_number(v) for v in (op.a, op.b))
    if op.result().dtype is DType.FLOAT and not told:
        return Spelling(module=Made("Real"), support=("Real",), use="{m}(torch.where({0}, {1}, {2}))")
    return Spelling(call=Made("torch.where", (Operand(0), Operand(1), Operand(2))))
