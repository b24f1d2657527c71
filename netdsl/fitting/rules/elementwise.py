"""Operations element by element: some gradients are made of the result, some of the operand, some of neither."""

from __future__ import annotations

from netdsl.fitting.rules.table import OpUse, keeps
from netdsl.fitting.tape import FULL, Lying, Tensor
from netdsl.ops.activation import (
    Detach,
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
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
from netdsl.ops.whole import Ceil, FloorDiv, Floored, Remainder, Round, To


def dense(x: Tensor) -> Lying:
    """How the result of an operation lies that goes through its operand element by element."""
    return Lying.WHOLE if x.layout is Lying.CUT else x.layout


@keeps(Relu, Sigmoid, Tanh)
def of_the_result(use: OpUse[Relu | Sigmoid | Tanh]) -> Tensor:
    return use.tape.call(use.x, saves_result=True, layout=dense(use.x))


@keeps(LeakyRelu, Relu6, Elu, Gelu, Silu, Hardswish, Hardsigmoid, Sin, Cos, Abs, Clamp)
def of_the_operand(use: OpUse[Op]) -> Tensor:
    return use.tape.call(use.x, saves=[use.x], layout=dense(use.x))


@keeps(Sqrt)
def root(use: OpUse[Sqrt]) -> Tensor:
    return use.tape.call(use.x, saves_result=True, back=use.x.size, layout=dense(use.x))


def _full_on_a_card(use: OpUse[Op]) -> Tensor:
    """The operand of what autocast computes in full precision on a card."""
    return use.tape.high(use.x)[0] if use.tape.card else use.x


@keeps(Exp)
def exponential(use: OpUse[Exp]) -> Tensor:
    return use.tape.call(_full_on_a_card(use), saves_result=True, layout=dense(use.x))


@keeps(Log, Softplus)
def logarithm(use: OpUse[Log | Softplus]) -> Tensor:
    x = _full_on_a_card(use)
    return use.tape.call(x, saves=[x], layout=dense(x))


@keeps(Softmax, LogSoftmax)
def softmax(use: OpUse[Softmax | LogSoftmax]) -> Tensor:
    return use.tape.call(_full_on_a_card(use), saves_result=True)


@keeps(PRelu)
def prelu(use: OpUse[PRelu]) -> Tensor:
    slopes = use.trained()
    if use.tape.half:
        slopes = [use.tape.cast(s, use.x.width) for s in slopes]
    return use.tape.call(use.x, *slopes, saves=[use.x], back=use.x.size, layout=dense(use.x))


@keeps(Neg)
def negative(use: OpUse[Neg]) -> Tensor:
    return use.tape.call(use.x, layout=dense(use.x))


@keeps(Identity)
def identity(use: OpUse[Identity]) -> Tensor:
    return use.x


@keeps(Detach)
def detach(use: OpUse[Detach]) -> Tensor:
    x = use.x
    return Tensor(x.storage, x.count, x.width, x.real, x.layout)


# ---------------------------------------------------------------- of several


def widest(xs: list[Tensor]) -> int:
    """Of the real numbers that go in, those of tensors before plain ones."""
    tensors = [x.width for x in xs if x.real and x.storage is not None]
    return max(tensors, default=FULL)


def pointwise(
    use: OpUse[Op], *xs: Tensor, saves: list[Tensor], saves_result: bool = False, shares: bool = False
) -> Tensor:
    """The result of operands that may be repeated along some axes."""
    if use.types[0].dtype.value != "float":
        return use.tape.unlearned(xs[0], use.count, use.types[0].dtype.size)
    return use.tape.call(
        *xs, count=use.count, width=widest(list(xs)), saves=[s for s in saves if s.storage is not None],
        layout=dense(xs[0]) if xs[0].count == use.count else Lying.WHOLE, saves_result=saves_result, shares=shares,
    )  # fmt: skip


@keeps(Add)
def add(use: OpUse[Add]) -> Tensor:
    total, *others = use.xs
    for other in others:
        total = pointwise(use, total, other, saves=[], shares=True)
    return total


@keeps(Sub)
def sub(use: OpUse[Sub]) -> Tensor:
    return pointwise(use, *use.xs, saves=[])


@keeps(Mul)
def mul(use: OpUse[Mul]) -> Tensor:
    total, *others = use.xs
    for other in others:
        saved = [x for x, y in ((total, other), (other, total)) if y.learns]
        total = pointwise(use, total, other, saves=saved)
    return total


@keeps(Div)
def div(use: OpUse[Div]) -> Tensor:
    a, b = use.xs
    return pointwise(use, a, b, saves=[b, *([a] if b.learns else [])])


@keeps(Power)
def power(use: OpUse[Power]) -> Tensor:
    a, b = use.tape.high(*use.xs) if use.tape.card else use.xs
    if b.storage is None:
        return pointwise(use, a, b, saves=[a])
    return pointwise(use, a, b, saves=[a, b], saves_result=True)


@keeps(Maximum, Minimum)
def extreme(use: OpUse[Maximum | Minimum]) -> Tensor:
    a, b = use.xs
    return pointwise(use, a, b, saves=[a, b])


@keeps(Matmul)
def matmul(use: OpUse[Matmul]) -> Tensor:
    a, b = use.tape.low(*use.xs)
    saved = [x for x, y in ((a, b), (b, a)) if y.learns]
    return use.tape.call(a, b, count=use.count, width=a.width, saves=saved)


@keeps(
    Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, LogicalAnd, LogicalOr, LogicalNot,
    FloorDiv, Remainder, Floored, Ceil, Round,
)  # fmt: skip
def steps(use: OpUse[Op]) -> Tensor:
    """What is flat almost everywhere: gradients of it are zeros."""
    if use.types[0].dtype.value == "float":
        saved = use.xs[1:] if isinstance(use.op, Remainder) else []
        return pointwise(use, *use.xs, saves=saved)
    return use.tape.unlearned(use.x, use.count, use.types[0].dtype.size)


@keeps(Where)
def where(use: OpUse[Where]) -> Tensor:
    return pointwise(use, *use.xs[1:], saves=[use.xs[0]])


@keeps(To)
def to(use: OpUse[To]) -> Tensor:
    if use.op.in_place():
        return use.x
    if use.types[0].dtype.value == "float":
        return use.tape.unlearned(use.x, use.count, FULL, real=True)
    return use.tape.unlearned(use.x, use.count, use.types[0].dtype.size)
