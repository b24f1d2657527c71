"""PyTorch spellings of fully connected layers and look-up tables."""

from netdsl.codegen.python.measures import Numbers, dim
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import starts, unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
from netdsl.ops.linear import Embedding, Gather, Linear, ScatterAdd
from netdsl.ops.weighed import LinearWith


@rules.lowers(Linear)
def linear(op: Linear) -> Spelling:
    made = Made("nn.Linear", (op.in_features, op.features), unlike(bias=(op.bias, True)))
    return Spelling(module=made, init=starts(op))


@rules.lowers(LinearWith)
def linear_with(op: LinearWith) -> Spelling:
    return Spelling(call=Made("F.linear", tuple(map(Operand, range(2 + (op.bias is not None))))))


@rules.lowers(Embedding)
def embedding(op: Embedding) -> Spelling:
    return Spelling(module=Made("nn.Embedding", (op.count, op.width)), init=starts(op))


@rules.lowers(Gather)
def gather(op: Gather) -> Spelling:
    table, places, axis = op.table.type.batched, op.places.type.batched, dim(op.along, op.table)
    if op.like_embedding and op.table.type.dtype is DType.FLOAT:
        return Spelling(call=Made("F.embedding", (Operand(1), Operand(0))))
    if table and places:
        return Spelling(call=Made("look_up_each", (Operand(0), Operand(1), axis)), support=("look_up_each",))
    front = f".movedim({axis}, 0)" if places and axis else ""
    return Spelling(call=Infix(f"look_up({{0}}, {{1}}, {axis}){front}", tight=True), support=("look_up",))


@rules.lowers(ScatterAdd)
def scatter_add(op: ScatterAdd) -> Spelling:
    numbers, function = Numbers(), "add_up_each" if op.each else "add_up"
    size, axis = numbers.size(op.size, (op.values, op.places)), dim(op.along, op.values)
    call = Infix(f"{function}({{0}}, {{1}}, {size}, {axis})", tuple(numbers.values), tight=True)
    return Spelling(call=call, support=(function,))
