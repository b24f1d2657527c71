"""ONNX nodes of normalisation layers, as they act at inference."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.onnx.rules.conv import require_batch
from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn, Normalize, Rmsnorm


def scale_and_shift(op: Batchnorm | Instancenorm, build: Builder) -> list[TensorName]:
    """The learned pair, or ones and zeros where a layer has none but ONNX wants it."""
    if op.affine:
        return [build.weight("weight"), build.weight("bias")]
    return [build.constant([1.0] * op.channels), build.constant([0.0] * op.channels)]


def spread_out(name: TensorName, type: TensorType, build: Builder) -> TensorName:
    """`[C]` as `[C, 1, …]`, to meet values of that type."""
    if type.rank == 1:
        return name
    return build.node("Unsqueeze", [name, build.ints(*range(1, type.rank))])


@rules.lowers(Batchnorm)
def batchnorm(op: Batchnorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "batchnorm")
    running = [build.weight("running_mean"), build.weight("running_var")]
    return build.node("BatchNormalization", [inputs[0], *scale_and_shift(op, build), *running], epsilon=op.eps)


@rules.lowers(Layernorm)
def layernorm(op: Layernorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, sizes = inputs[0], op.x.shape[-op.axes :]
    if op.affine:
        operands = [build.weight("weight"), build.weight("bias")]
    elif any(isinstance(size, Dim) for size in sizes):
        operands = [build.node("Expand", [build.constant(1.0), build.shape_of(x, -op.axes)])]
    else:
        operands = [build.node("Expand", [build.constant(1.0), build.extents(*sizes)])]
    return build.node("LayerNormalization", [x, *operands], axis=-op.axes, epsilon=op.eps)


@rules.lowers(Rmsnorm)
def rmsnorm(op: Rmsnorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """In the operators that onnxruntime makes one kernel of; `RMSNormalization` is newer than the opset."""
    squares = build.node("Pow", [inputs[0], build.constant(2.0)])
    mean = build.node("ReduceMean", [squares, build.ints(*range(-op.axes, 0))], keepdims=1)
    root = build.node("Sqrt", [build.node("Add", [mean, build.constant(op.added)])])
    standard = build.node("Div", [inputs[0], root])
    return build.node("Mul", [standard, build.weight("weight")]) if op.affine else standard


@rules.lowers(Normalize)
def normalize(op: Normalize, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    axis = build.ints(op.along + op.x.type.batched)
    norm = build.node("ReduceL2", [inputs[0], axis], keepdims=1)
    return build.node("Div", [inputs[0], build.node("Max", [norm, build.constant(op.eps)])])


@rules.lowers(Groupnorm)
def groupnorm(op: Groupnorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Each group as a channel of its own: onnxruntime's `GroupNormalization` takes `E[x²] - E[x]²` for the variance."""
    require_batch(op.x, "groupnorm")
    ones, zeros = build.constant([1.0] * op.groups), build.constant([0.0] * op.groups)
    rows = build.node("Reshape", [inputs[0], build.ints(0, op.groups, -1)])
    rows = build.node("InstanceNormalization", [rows, ones, zeros], epsilon=op.eps)
    standard = build.node("Reshape", [rows, build.shape_of(inputs[0])])
    if not op.affine:
        return standard
    weight, bias = (spread_out(build.weight(name), op.x.type, build) for name in ("weight", "bias"))
    return build.node("Add", [build.node("Mul", [standard, weight]), bias])


@rules.lowers(Instancenorm)
def instancenorm(op: Instancenorm, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "instancenorm")
    return build.node("InstanceNormalization", [inputs[0], *scale_and_shift(op, build)], epsilon=op.eps)


@rules.lowers(Lrn)
def lrn(op: Lrn, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    require_batch(op.x, "lrn")
    if op.size % 2 == 0:
        return _even_lrn(op, inputs[0], build)
    settings: dict[str, NodeSetting] = {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.k}
    if op.x.type.rank == 3:
        return build.node("LRN", [inputs[0]], **settings)
    # onnxruntime takes images only; the positions may lie in any order.
    image = build.node("Reshape", [inputs[0], build.ints(0, 0, -1, 1)])
    return build.node("Reshape", [build.node("LRN", [image], **settings), build.shape_of(inputs[0])])


def _even_lrn(op: Lrn, x: TensorName, build: Builder) -> TensorName:
    """A window of even size lies one channel back in PyTorch and one ahead in ONNX, so it is spelt out."""
    before, after = op.size // 2, (op.size - 1) // 2
    flat = build.node("Reshape", [build.node("Mul", [x, x]), build.ints(0, 0, -1)])
    by_channel = build.node("Unsqueeze", [flat, build.ints(1)])
    mean = build.node(
        "AveragePool", [by_channel], kernel_shape=[op.size, 1], pads=[before, 0, after, 0], count_include_pad=1
    )
    scaled = build.node("Add", [build.node("Mul", [mean, build.constant(op.alpha)]), build.constant(op.k)])
    divisor = build.node("Pow", [scaled, build.constant(op.beta)])
    return build.node("Div", [x, build.node("Reshape", [divisor, build.shape_of(x)])])
