"""ONNX nodes of convolutions."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.target import Unsupported
from netdsl.dims import Extent
from netdsl.dims.tensors import Value
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.weighed import ConvWith
from netdsl.ops.windows import Sides, count


def both_sides(pads: Sides) -> list[int]:
    """Padding as ONNX takes it: all starts, then all ends."""
    return [before for before, _ in pads] + [after for _, after in pads]


def require_batch(value: Value, what: str) -> None:
    """ONNX pools and convolves batches only, so a free `param` without a batch cannot be read."""
    if not value.type.batched:
        raise Unsupported(f"ONNX has `{what}` only for batches, but `{value.name}` is the same for the whole batch")


def axes(rank: int, first: int = 2) -> range:
    """The spatial axes of a tensor at run time."""
    return range(first, first + rank)


def taken(
    x: TensorName, starts: Sequence[int], sizes: Sequence[Extent], build: Builder, strides: Sequence[int] = ()
) -> TensorName:
    """`sizes` positions of each spatial axis from `starts` on, every `strides`."""
    steps = strides or [1] * len(starts)
    reach = build.extents(*((size - 1) * step + 1 for size, step in zip(sizes, steps, strict=True)))
    settled = [size for size in sizes if isinstance(size, int)]
    if len(settled) == len(sizes):
        ends = build.ints(*((n - 1) * s + 1 + a for n, s, a in zip(settled, steps, starts, strict=True)))
    else:
        ends = build.node("Add", [reach, build.ints(*starts)]) if any(starts) else reach
    where = [build.ints(*starts), ends, build.ints(*axes(len(starts)))]
    return build.node("Slice", [x, *where, *([build.ints(*steps)] if strides else [])])


def rim(x: TensorName, befores: Sequence[int], afters: Sequence[int], build: Builder) -> TensorName:
    """Zeros around the spatial axes."""
    if not any(befores) and not any(afters):
        return x
    return build.node("Pad", [x, build.ints(0, 0, *befores, 0, 0, *afters)])


@rules.lowers(Conv)
def conv(op: Conv, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return _slid(op, [inputs[0], build.weight("weight"), *([build.weight("bias")] if op.bias else [])], build)


@rules.lowers(ConvWith)
def conv_with(op: ConvWith, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return _slid(op.layer, inputs, build)


def _slid(op: Conv, operands: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "conv")
    return build.node(
        "Conv", operands, kernel_shape=op.kernels, strides=op.strides, dilations=op.dilations,
        group=op.groups, pads=both_sides(op.pads),
    )  # fmt: skip


@rules.lowers(ConvTranspose)
def conv_transpose(op: ConvTranspose, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "conv_transpose")
    if any(extra >= stride for extra, stride in zip(op.extra, op.strides, strict=True)):
        return _extended(op, inputs, build)
    operands = [inputs[0], build.weight("weight")] + ([build.weight("bias")] if op.bias else [])
    return build.node(
        "ConvTranspose", operands, kernel_shape=op.kernels, strides=op.strides, dilations=op.dilations,
        group=op.groups, pads=both_sides(op.pads), output_padding=op.extra,
    )  # fmt: skip


def _extended(op: ConvTranspose, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """With more `output_padding` than a stride, which onnxruntime refuses: the full result, then cut and filled."""
    settings: dict[str, NodeSetting] = {"strides": op.strides, "dilations": op.dilations, "group": op.groups}
    made = build.node("ConvTranspose", [inputs[0], build.weight("weight")], kernel_shape=op.kernels, **settings)
    befores = [before for before, _ in op.pads]
    short = [max(0, extra - after) for extra, (_, after) in zip(op.extra, op.pads, strict=True)]
    made = taken(rim(made, [0] * len(short), short, build), befores, op.result().spatial, build)
    if not op.bias:
        return made
    bias = build.node("Unsqueeze", [build.weight("bias"), build.ints(*axes(len(short), 1))])
    return build.node("Add", [made, bias])


@rules.lowers(LocallyConnected)
def locally_connected(op: LocallyConnected, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Patches times filters, one matrix product a position."""
    require_batch(op.x, "locally_connected")
    rank, positions = len(op.sizes), count(op.positions)
    taps = op.in_channels * count(op.kernels)
    reads = build.node("Reshape", [patches(op, inputs[0], build), build.ints(positions, -1, taps)])
    filters = build.node("Reshape", [build.weight("weight"), build.ints(positions, op.channels, taps)])
    filters = build.node("Transpose", [filters], perm=[0, 2, 1])
    product = build.node("Transpose", [build.node("MatMul", [reads, filters])], perm=[1, 2, 0])
    shaped = build.node("Reshape", [product, build.ints(-1, op.channels, *op.positions)])
    assert rank == len(op.positions)
    return build.node("Add", [shaped, build.weight("bias")]) if op.bias else shaped


def patches(op: LocallyConnected, x: TensorName, build: Builder) -> TensorName:
    """`[N, C, H, W]` as `[O, P, N, C, K, L]`: positions first, then what each of them reads."""
    rank = len(op.sizes)
    if any(map(any, op.pads)):
        pads = [0, 0, *(before for before, _ in op.pads), 0, 0, *(after for _, after in op.pads)]
        x = build.node("Pad", [x, build.ints(*pads)])
    for i, (positions, kernel, stride) in enumerate(zip(op.positions, op.kernels, op.strides, strict=True)):
        reads = [[p * stride + k for k in range(kernel)] for p in range(positions)]
        x = build.node("Gather", [x, build.constant(reads, "int64")], axis=2 + 2 * i)
    starts, reads_at = [2 + 2 * i for i in range(rank)], [3 + 2 * i for i in range(rank)]
    return build.node("Transpose", [x], perm=[*starts, 0, 1, *reads_at])
