"""The training form of attention, its gradient, and what it keeps for that."""

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.activation import softmax_gradient
from netdsl.ops.arithmetic import Div, Matmul, Mul, Sqrt
from netdsl.ops.axes import broadcast, is_one
from netdsl.ops.backward.arithmetic import fit, turned
from netdsl.ops.backward.base import Backward, ReshapeLike
from netdsl.ops.backward.reduce import Positions
from netdsl.ops.base import Tape, fixed
from netdsl.ops.fields import Bool
from netdsl.ops.shape import Reshape, Unsqueeze

AttentionOperands = tuple[Value, Value, Value, Value | None]
"""Queries, keys, values, and what is added to the scores or masks them."""


class Match(Backward):
    """How much each query reads of each key: `softmax(q k' + bias)`; a causal one reads none that come later."""

    q: Value
    k: Value
    bias: Value | None = None
    causal: Bool = False

    def result(self) -> TensorType:
        sides = [value.type.with_shape(*value.shape[:-2]) for value in (self.q, self.k)]
        met = broadcast(sides)
        return met.with_shape(*met.shape, self.q.shape[-2], self.k.shape[-2])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.result().shape, self.q.shape[-1]),)


def attend(tape: Tape, read: AttentionOperands, causal: bool, scale: float | None, groups: int = 1) -> Value:
    """The training form of attention: keeps what it multiplies, and how much each query reads of each key."""
    q, k, v, bias = read
    scaled = q if scale == 1.0 else tape(Mul, (q, scale_of(tape, q, scale)))
    if groups > 1:
        scaled, k, v = _apart(tape, scaled, groups), _alone(tape, k), _alone(tape, v)
        bias = None if bias is None else _with_groups(tape, bias, groups)
    match = tape(Match, scaled, k, bias, causal)
    for name, value in (("q", scaled), ("k", k), ("v", v), ("bias", bias), ("match", match)):
        if value is not None:
            tape.save(name, value)
    made = tape(Matmul, match, v)
    return tape(Reshape, made, _together(made, groups)) if groups > 1 else made


def attend_gradient(
    tape: Tape, dy: Value | None, read: AttentionOperands, scale: float | None, groups: int = 1
) -> list[Value]:
    """Gradients of queries, keys, values, and of a bias where `read` names one."""
    assert dy is not None
    q, k, v, match = map(tape.saved, ("q", "k", "v", "match"))
    if groups > 1:
        dy = _apart(tape, dy, groups)
    scores = softmax_gradient(tape, tape(Matmul, dy, turned(tape, v)), match, match.type.rank - 1)
    dq = fit(tape, tape(Matmul, scores, k), q)
    dq = dq if scale == 1.0 else tape(Mul, (dq, scale_of(tape, read[0], scale)))
    dk = fit(tape, tape(Matmul, turned(tape, scores), q), k)
    dv = fit(tape, tape(Matmul, turned(tape, match), dy), v)
    found = [dq, dk, dv] if read[3] is None else [dq, dk, dv, fit(tape, scores, tape.saved("bias"))]
    wanted = [value for value in read if value is not None]
    return [d if d.type == x.type else tape(ReshapeLike, d, x) for d, x in zip(found, wanted, strict=True)]


def scale_of(tape: Tape, q: Value, scale: float | None) -> Value:
    """What queries are multiplied by: `1 / sqrt(d)` of those that are d wide, unless it is said."""
    width = q.shape[-1]
    if scale is not None:
        return tape.number(scale)
    if isinstance(width, int):
        return tape.number(width**-0.5)
    return tape(Div, tape.number(1.0), tape(Sqrt, tape(Positions, q, (q.type.rank - 1,))))


def _apart(tape: Tape, x: Value, groups: int) -> Value:
    """Heads in groups that read one head of keys: `[…, heads, T, d] -> […, heads / groups, groups, T, d]`."""
    *more, heads, steps, width = x.shape
    return tape(Reshape, x, (*more, fixed(heads, "the heads") // groups, groups, steps, width))


def _together(x: Value, groups: int) -> tuple[Extent, ...]:
    """The shape of what such groups made, side by side again."""
    *more, heads, _, steps, width = x.shape
    return (*more, heads * groups, steps, width)


def _alone(tape: Tape, x: Value) -> Value:
    """Keys or values with an axis of size 1 in place of the groups."""
    return tape(Unsqueeze, x, x.type.rank - 2) if x.type.rank > 2 else x


def _with_groups(tape: Tape, bias: Value, groups: int) -> Value:
    same = bias.type.rank < 3 or is_one(bias.shape[-3])
    return _alone(tape, bias) if same else _apart(tape, bias, groups)
