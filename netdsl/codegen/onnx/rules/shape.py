"""ONNX nodes of joining and rearranging."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.dims import Dim, Extent
from netdsl.ops.shape import (
    Concat,
    Flatten,
    Reshape,
    Split,
    Squeeze,
    Stack,
    Tokens,
    Transpose,
    Unsqueeze,
)


@rules.lowers(Concat)
def concat(op: Concat, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Concat", inputs, axis=op.along + op.x[0].type.batched)


@rules.lowers(Stack)
def stack(op: Stack, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    axis = op.along + op.x[0].type.batched
    layers = [build.node("Unsqueeze", [name, build.ints(axis)]) for name in inputs]
    return build.node("Concat", layers, axis=axis)


@rules.lowers(Split)
def split(op: Split, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    axis, count = op.along + op.x.type.batched, len(op.sizes)
    if count == 1:
        return (build.node("Identity", inputs),)
    if isinstance(op.parts, int):
        return build.nodes("Split", inputs, count, axis=axis, num_outputs=count)
    return build.nodes("Split", [inputs[0], build.extents(*op.sizes)], count, axis=axis)


def flat(name: TensorName, keep: int, build: Builder) -> TensorName:
    """All run-time axes from `keep` on as one."""
    return build.node("Reshape", [name, build.ints(*(0,) * keep, -1)])


@rules.lowers(Flatten)
def flatten(op: Flatten, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    keep = op.begin + op.x.type.batched
    if keep == 1:
        return build.node("Flatten", inputs, axis=1)
    return flat(inputs[0], keep, build)


@rules.lowers(Reshape)
def reshape(op: Reshape, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, unknown = inputs[0], op.unknown
    batch = [build.shape_of(x, 0, 1)] if op.x.type.batched else []
    symbolic = [i for i, s in enumerate(op.shape) if isinstance(s, Dim)]
    if unknown is None and len(symbolic) == 1:
        unknown = symbolic[0]
    sizes: list[Extent | TensorName] = [*batch, *op.shape]
    if batch and unknown is None and not symbolic:
        sizes[0] = -1
    if unknown is not None:
        sizes[unknown + len(batch)] = -1
    return build.node("Reshape", [x, build.extents(*sizes)])


@rules.lowers(Transpose)
def transpose(op: Transpose, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    shift = int(op.x.type.batched)
    perm = [*range(shift), *(a + shift for a in op.axes)]
    return build.node("Transpose", inputs, perm=perm)


@rules.lowers(Tokens)
def tokens(op: Tokens, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    shift = int(op.x.type.batched)
    x = flat(inputs[0], shift + 1, build) if op.x.type.rank > 2 else inputs[0]
    return build.node("Transpose", [x], perm=[*range(shift), shift + 1, shift])


@rules.lowers(Squeeze, Unsqueeze)
def squeeze(op: Squeeze | Unsqueeze, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    axis = build.ints(op.along + op.x.type.batched)
    return build.node("Squeeze" if isinstance(op, Squeeze) else "Unsqueeze", [inputs[0], axis])
