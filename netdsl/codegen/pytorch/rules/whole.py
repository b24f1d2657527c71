"""PyTorch spellings of whole numbers and of conversions."""

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.arithmetic import is_number
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
from netdsl.ops.whole import Ceil, FloorDiv, Floored, Remainder, Round, To


@rules.lowers(FloorDiv)
def floor_div(op: FloorDiv) -> Spelling:
    """By `//`, through which autograd does not go, for whole numbers alone; `torch.div` takes a tensor first."""
    if op.result().dtype is not DType.FLOAT:
        return Spelling(call=Infix("{0} // {1}"))
    return Spelling(call=Infix(f'torch.div({dividend(op)}, {{1}}, rounding_mode="floor")', tight=True))


def dividend(op: FloorDiv | Remainder) -> str:
    """A number as a tensor, of the kind of a real divisor."""
    kind = ", dtype={1}.dtype" if op.b.type.dtype is DType.FLOAT else ""
    return f"torch.as_tensor({{0}}{kind})" if is_number(op.a) and not is_number(op.b) else "{0}"


@rules.lowers(Remainder)
def remainder(op: Remainder) -> Spelling:
    """Through a number's `%` by a tensor autograd does not go."""
    real = op.result().dtype is DType.FLOAT
    return Spelling(call=Infix(f"{dividend(op) if real else '{0}'} % {{1}}"))


@rules.lowers(Floored, Ceil, Round)
def rounded(op: Floored | Ceil | Round) -> Spelling:
    return Spelling(call=Made(f"torch.{op.name}", (Operand(),)))


@rules.lowers(To)
def to(op: To) -> Spelling:
    """Real numbers are made by a layer, since only a module knows of which kind its numbers are."""
    if op.in_place():
        return Spelling(call=Infix("{0}", tight=True))
    if op.kind == "float":
        return Spelling(module=Made("Real"), support=("Real",))
    return Spelling(call=Infix(f"{{0}}.{'long' if op.kind == 'int' else 'bool'}()", tight=True))
