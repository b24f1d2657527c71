"""ONNX nodes of attention, in ordinary operators."""

from collections.abc import Sequence
from dataclasses import dataclass

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.axes import is_one
from netdsl.ops.backward.attention import Match
from netdsl.ops.base import fixed

LOWEST = -3.4028234663852886e38
"""What stands for a score that is masked: less than any other, and no infinity, so that a row of it has a softmax."""


@dataclass(frozen=True)
class ScoreRules:
    """What queries may read: `bias` is added to their scores, or where it `masks` says which keys they read."""

    causal: bool = False
    aligned: bool = True
    """Whether there are as many queries as keys."""
    bias: TensorName | None = None
    masks: bool = False


def score_rules(op: Attention | Match, bias: Sequence[TensorName]) -> ScoreRules:
    masks = op.bias is not None and op.bias.type.dtype is DType.BOOL
    return ScoreRules(op.causal, op.q.shape[-2] == op.k.shape[-2], bias[0] if bias else None, masks)


def match(q: TensorName, k: TensorName, rank: int, within: ScoreRules, build: Builder) -> TensorName:
    """`softmax(q k')` of queries scaled already; `k`, of that run-time rank, is transposed here."""
    turned = build.node("Transpose", [k], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = build.node("MatMul", [q, turned])
    if within.bias is not None and not within.masks:
        scores = build.node("Add", [scores, within.bias])
    if within.causal:
        scores = build.node("Add", [scores, _later(q, k, within.aligned, build)])
    if within.bias is None or not within.masks:
        return build.node("Softmax", [scores], axis=-1)
    found = build.node("Softmax", [build.node("Where", [within.bias, scores, build.constant(LOWEST)])], axis=-1)
    return build.node("Where", [within.bias, found, build.constant(0.0)])  # a query that may read nothing


def _later(q: TensorName, k: TensorName, aligned: bool, build: Builder) -> TensorName:
    """Minus infinity where a key comes after a query, which stands at the end of the keys, else zero."""
    queries, keys, one = build.shape_of(q, -2, -1), build.shape_of(k, -2, -1), build.constant(1, "int64")
    hidden = build.node("Expand", [build.constant(float("-inf")), build.extents(queries, queries if aligned else keys)])
    more = one if aligned else build.node("Add", [build.node("Squeeze", [build.node("Sub", [keys, queries])]), one])
    return build.node("Trilu", [hidden, more], upper=1)


def attend(
    q: TensorName, k: TensorName, v: TensorName, scale: TensorName, rank: int, within: ScoreRules, build: Builder
) -> TensorName:
    """`softmax(q k' * scale) v`, of keys with that run-time rank."""
    return build.node("MatMul", [match(build.node("Mul", [q, scale]), k, rank, within, build), v])


@rules.lowers(Attention)
def attention(op: Attention, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    q, k, v, *bias = inputs
    scale, rank = _scale(op, q, build), op.k.type.rank + op.k.type.batched
    if op.groups == 1:
        return attend(q, k, v, scale, rank, score_rules(op, bias), build)
    bias = [_with_groups(op.bias.type, op.groups, bias[0], build)] if op.bias is not None else []
    q, k, v = _apart(q, op.q.type, op.groups, build), _alone(k, op.k.type, build), _alone(v, op.v.type, build)
    made = attend(q, k, v, scale, rank + 1, score_rules(op, bias), build)
    heads = fixed(op.result().shape[-3], "the heads")
    return build.node("Reshape", [made, build.extents(build.shape_of(made, 0, -4), heads, build.shape_of(made, -2))])


def _scale(op: Attention, q: TensorName, build: Builder) -> TensorName:
    width = op.q.shape[-1]
    if op.scale is not None:
        return build.constant(op.scale)
    if isinstance(width, Dim):
        return build.node("Reciprocal", [build.node("Sqrt", [as_real(build.shape_of(q, -1), build)])])
    return build.constant(width**-0.5)


def _apart(x: TensorName, type: TensorType, groups: int, build: Builder) -> TensorName:
    """Heads in groups, which are an axis of their own: before it lie the heads that a group reads."""
    heads = fixed(type.shape[-3], "the heads") // groups
    shape = build.extents(build.shape_of(x, 0, -3), heads, groups, build.shape_of(x, -2))
    return build.node("Reshape", [x, shape])


def _alone(x: TensorName, type: TensorType, build: Builder) -> TensorName:
    """With an axis of size 1 in place of the groups."""
    return build.node("Unsqueeze", [x, build.ints(-3)]) if type.rank > 2 else x


def _with_groups(type: TensorType, groups: int, bias: TensorName, build: Builder) -> TensorName:
    same = type.rank < 3 or is_one(type.shape[-3])
    return _alone(bias, type, build) if same else _apart(bias, type, groups, build)


@rules.lowers(MultiheadAttention)
def multihead_attention(op: MultiheadAttention, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    keys = inputs[0] if op.k is None else inputs[1]
    values = keys if op.v is None else inputs[2]
    projected = zip((inputs[0], keys, values), _matrices(op, build), _biases(op, build), strict=True)
    q, k, v = (_linear(x, weight, bias, build) for x, weight, bias in projected)
    ranks = [value.type.rank + value.type.batched for value in (op.q, op.keys, op.values)]
    groups = op.heads // op.few
    if groups == 1:
        q, k, v = (_heads(x, op.heads, rank, build) for x, rank in zip((q, k, v), ranks, strict=True))
    else:
        q = _heads(q, op.heads, ranks[0], build, groups)
        k, v = (_heads(x, op.few, rank, build, 1) for x, rank in zip((k, v), ranks[1:], strict=True))
    rank = ranks[1] + (1 if groups == 1 else 2)
    mixed = attend(q, k, v, build.constant((op.width // op.heads) ** -0.5), rank, _within(op, inputs, build), build)
    made = _joined(op, mixed, build)
    bias = build.weight("out_proj.bias") if op.bias[-1] else None
    return _linear(made, build.weight("out_proj.weight"), bias, build)


def _within(op: MultiheadAttention, inputs: Sequence[TensorName], build: Builder) -> ScoreRules:
    if op.mask is None:
        return ScoreRules(op.causal, op.aligned)
    mask = inputs[3] if op.heads == op.few else _with_groups(op.mask.type, op.heads // op.few, inputs[3], build)
    return ScoreRules(op.causal, op.aligned, mask, op.mask.type.dtype is DType.BOOL)


def _matrices(op: MultiheadAttention, build: Builder) -> Sequence[TensorName]:
    if op.packed:
        return build.nodes("Split", [build.weight("in_proj_weight")], 3, axis=0, num_outputs=3)
    return [build.weight(f"{which}_proj{'_' if op.whole else '.'}weight") for which in "qkv"]


def _biases(op: MultiheadAttention, build: Builder) -> Sequence[TensorName | None]:
    if not op.whole:
        return [
            build.weight(f"{which}_proj.bias") if bias else None for which, bias in zip("qkv", op.bias, strict=False)
        ]
    if not op.bias[0]:
        return (None, None, None)
    return build.nodes("Split", [build.weight("in_proj_bias")], 3, axis=0, num_outputs=3)


def _linear(x: TensorName, weight: TensorName, bias: TensorName | None, build: Builder) -> TensorName:
    product = build.node("MatMul", [x, build.node("Transpose", [weight], perm=[1, 0])])
    return build.node("Add", [product, bias]) if bias else product


def _heads(x: TensorName, heads: int, rank: int, build: Builder, groups: int | None = None) -> TensorName:
    """`[…, T, E] -> […, heads, T, E / heads]`, or with `groups` `[…, heads / groups, groups, T, E / heads]`."""
    parts = [heads] if groups is None else [heads // groups, groups]
    last = rank - 2 + len(parts)
    apart = build.node("Reshape", [x, build.ints(*(0,) * (rank - 1), *parts, -1)])
    return build.node("Transpose", [apart], perm=[*range(rank - 2), *range(rank - 1, last + 1), rank - 2, last + 1])


def _joined(op: MultiheadAttention, mixed: TensorName, build: Builder) -> TensorName:
    """Heads side by side again: `[…, heads, T, E / heads] -> […, T, E]`."""
    kind = op.result()
    rank, parts = kind.rank + kind.batched, 1 if op.heads == op.few else 2
    last = rank - 2 + parts
    turned = build.node("Transpose", [mixed], perm=[*range(rank - 2), last, *range(rank - 2, last), last + 1])
    return build.node("Reshape", [turned, build.ints(*(0,) * (rank - 1), -1)])
