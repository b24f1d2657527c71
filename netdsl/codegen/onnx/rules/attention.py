"""ONNX nodes of attention, in ordinary operators."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.dims import Dim
from netdsl.ops.attention import Attention, MultiheadAttention


def match(q: TensorName, k: TensorName, causal: bool, rank: int, build: Builder) -> TensorName:
    """`softmax(q k')` of queries scaled already, on tensors of that run-time rank; `k` is transposed here."""
    turned = build.node("Transpose", [k], perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = build.node("MatMul", [q, turned])
    if causal:
        steps = build.shape_of(q, rank - 2, rank - 1)
        hidden = build.node("Expand", [build.constant(float("-inf")), build.extents(steps, steps)])
        later = build.node("Trilu", [hidden, build.constant(1, "int64")], upper=1)
        scores = build.node("Add", [scores, later])
    return build.node("Softmax", [scores], axis=-1)


def attend(
    q: TensorName, k: TensorName, v: TensorName, scale: TensorName, causal: bool, rank: int, build: Builder
) -> TensorName:
    """`softmax(q k' * scale) v`."""
    return build.node("MatMul", [match(build.node("Mul", [q, scale]), k, causal, rank, build), v])


@rules.lowers(Attention)
def attention(op: Attention, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    q, k, v = inputs
    rank = op.q.type.rank + op.q.type.batched
    width = op.q.shape[-1]
    if isinstance(width, Dim):
        root = build.node("Sqrt", [as_real(build.shape_of(q, rank - 1), build)])
        scale = build.node("Reciprocal", [root])
    else:
        scale = build.constant(width**-0.5)
    return attend(q, k, v, scale, op.causal, rank, build)


@rules.lowers(MultiheadAttention)
def multihead_attention(op: MultiheadAttention, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    keys = inputs[0] if op.k is None else inputs[1]
    values = keys if op.v is None else inputs[-1]
    projected = zip((inputs[0], keys, values), _matrices(op, build), _biases(op, build), strict=True)
    q, k, v = (_heads(op, _linear(x, weight, bias, build), build) for x, weight, bias in projected)
    mixed = attend(q, k, v, build.constant((op.width // op.heads) ** -0.5), op.causal, 4, build)
    joined = build.node("Reshape", [build.node("Transpose", [mixed], perm=[0, 2, 1, 3]), build.ints(0, 0, -1)])
    bias = build.weight("out_proj.bias") if op.bias else None
    return _linear(joined, build.weight("out_proj.weight"), bias, build)


def _matrices(op: MultiheadAttention, build: Builder) -> Sequence[TensorName]:
    if op.packed:
        return build.nodes("Split", [build.weight("in_proj_weight")], 3, axis=0, num_outputs=3)
    return [build.weight(f"{which}_proj_weight") for which in "qkv"]


def _biases(op: MultiheadAttention, build: Builder) -> Sequence[TensorName | None]:
    if not op.bias:
        return (None, None, None)
    return build.nodes("Split", [build.weight("in_proj_bias")], 3, axis=0, num_outputs=3)


def _linear(x: TensorName, weight: TensorName, bias: TensorName | None, build: Builder) -> TensorName:
    product = build.node("MatMul", [x, build.node("Transpose", [weight], perm=[1, 0])])
    return build.node("Add", [product, bias]) if bias else product


def _heads(op: MultiheadAttention, x: TensorName, build: Builder) -> TensorName:
    """`[N, T, E] -> [N, heads, T, E / heads]`."""
    apart = build.node("Reshape", [x, build.ints(0, 0, op.heads, op.width // op.heads)])
    return build.node("Transpose", [apart], perm=[0, 2, 1, 3])
