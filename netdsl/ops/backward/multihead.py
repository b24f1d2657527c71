"""The training form and the gradient of attention with projections of its own."""

from collections.abc import Sequence

from netdsl.dims import Extent
from netdsl.dims.tensors import Value
from netdsl.ops.arithmetic import Add, Matmul
from netdsl.ops.attention import PROJECTIONS, MultiheadAttention
from netdsl.ops.backward.attention import attend, attend_gradient
from netdsl.ops.backward.base import SumTo
from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient
from netdsl.ops.base import Tape
from netdsl.ops.shape import Concat, Reshape, Split, Transpose


def multihead_training(tape: Tape, op: MultiheadAttention) -> Value:
    """Keeps its heads, and what its last projection reads."""
    heads = (op.heads, op.few, op.few)
    q, k, v = (_heads(tape, x, count) for x, count in zip(_projected(tape, op), heads, strict=True))
    for name, value in zip(("heads.q", "heads.k", "heads.v"), (q, k, v), strict=True):
        tape.save(name, value)
    joined = _joined(tape, attend(tape, (q, k, v, op.mask), op.causal, None, op.heads // op.few))
    tape.save("joined", joined)
    return _affine(tape, joined, tape.weight("out_proj.weight"), tape.weight("out_proj.bias") if op.bias[-1] else None)


def multihead_gradient(tape: Tape, op: MultiheadAttention, dy: Value) -> dict[str, Value]:
    """By input and weight."""
    found = {"out_proj.weight": tape(LinearWeightGradient, dy, tape.saved("joined"))}
    if op.bias[-1]:
        found["out_proj.bias"] = tape(SumTo, dy, tape.weight("out_proj.bias"))
    mixed = _heads(tape, tape(LinearInputGradient, dy, tape.weight("out_proj.weight")), op.heads)
    q, k, v = (tape.saved(f"heads.{which}") for which in "qkv")
    mask = op.mask if op.mask is not None and tape.wants("mask") else None
    heads = attend_gradient(tape, mixed, (q, k, v, mask), None, op.heads // op.few)
    parts = [_joined(tape, part) for part in heads[:3]]
    found |= {"mask": heads[3]} if mask is not None else {}
    return found | (_joint_gradient(tape, op, parts) if op.joint else _gradients(tape, op, parts))


def _heads(tape: Tape, x: Value, heads: int) -> Value:
    """`[…, T, E] -> […, heads, T, E / heads]`."""
    *more, steps, width = x.shape
    assert isinstance(width, int)
    rank = x.type.rank
    apart = tape(Reshape, x, (*more, steps, heads, width // heads))
    return tape(Transpose, apart, (*range(rank - 2), rank - 1, rank - 2, rank))


def _joined(tape: Tape, x: Value) -> Value:
    """`[…, heads, T, E / heads] -> […, T, E]`."""
    *more, heads, steps, width = x.shape
    rank = x.type.rank
    shape: tuple[Extent, ...] = (*more, steps, heads * width)
    return tape(Reshape, tape(Transpose, x, (*range(rank - 3), rank - 2, rank - 3, rank - 1)), shape)


def _affine(tape: Tape, x: Value, weight: Value, bias: Value | None) -> Value:
    """`W x + b` at each step."""
    product = tape(Matmul, x, tape(Transpose, weight))
    return product if bias is None else tape(Add, (product, bias))


def _projected(tape: Tape, op: MultiheadAttention) -> list[Value]:
    if op.joint:
        bias = tape.weight("in_proj_bias") if op.bias[0] else None
        whole = _affine(tape, op.q, tape.weight("in_proj_weight"), bias)
        return list(tape.several(Split, whole, 3, whole.type.rank - 1))
    weights, biases = _matrices(tape, op), _biases(tape, op)
    return [_affine(tape, *each) for each in zip((op.q, op.keys, op.values), weights, biases, strict=True)]


def _matrices(tape: Tape, op: MultiheadAttention) -> list[Value]:
    if op.packed:
        return list(tape.several(Split, tape.weight("in_proj_weight"), 3, 0))
    return [tape.weight(name) for name in _names(op)]


def _names(op: MultiheadAttention) -> list[str]:
    """The matrices of queries, keys and values, where each has its own."""
    return [f"{which}_proj_weight" if op.whole else f"{which}_proj.weight" for which in PROJECTIONS[:3]]


def _biases(tape: Tape, op: MultiheadAttention) -> list[Value | None]:
    if not op.whole:
        pairs = zip(PROJECTIONS[:3], op.bias, strict=False)
        return [tape.weight(f"{which}_proj.bias") if biased else None for which, biased in pairs]
    return list(tape.several(Split, tape.weight("in_proj_bias"), 3, 0)) if op.bias[0] else [None] * 3


def _joint_gradient(tape: Tape, op: MultiheadAttention, parts: Sequence[Value]) -> dict[str, Value]:
    whole = tape(Concat, tuple(parts), parts[0].type.rank - 1)
    found = {"in_proj_weight": tape(LinearWeightGradient, whole, op.q)}
    if op.bias[0]:
        found["in_proj_bias"] = tape(SumTo, whole, tape.weight("in_proj_bias"))
    if tape.wants("q"):
        found["q"] = tape(LinearInputGradient, whole, tape.weight("in_proj_weight"))
    return found


def _gradients(tape: Tape, op: MultiheadAttention, parts: Sequence[Value]) -> dict[str, Value]:
    read = (op.q, op.keys, op.values)
    matrices = [tape(LinearWeightGradient, dy, x) for dy, x in zip(parts, read, strict=True)]
    found = dict(zip(_names(op), matrices, strict=True))
    if op.packed:
        found = {"in_proj_weight": tape(Concat, tuple(matrices), 0)}
    sums = [b and tape(SumTo, dy, b) for dy, b in zip(parts, _biases(tape, op), strict=True)]
    if not op.whole:
        found |= {f"{which}_proj.bias": total for which, total in zip(PROJECTIONS[:3], sums, strict=True) if total}
    elif op.bias[0]:
        found["in_proj_bias"] = tape(Concat, tuple(total for total in sums if total), 0)
    return found | _input_gradients(tape, op, parts)


def _input_gradients(tape: Tape, op: MultiheadAttention, parts: Sequence[Value]) -> dict[str, Value]:
    """By input; one that stands for keys and values as well gets all of theirs."""
    keys = "q" if op.k is None else "k"
    values = keys if op.v is None else "v"
    found: dict[str, Value] = {}
    for field, dy, weight in zip(("q", keys, values), parts, _matrices(tape, op), strict=True):
        if tape.wants(field):
            own = tape(LinearInputGradient, dy, weight)
            found[field] = tape(Add, (found[field], own)) if field in found else own
    return found
