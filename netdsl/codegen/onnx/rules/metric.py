"""ONNX nodes of metrics: their value on the batch, for a training step to report.

NaN when no label counts, and when one that counts is no class.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.loss import counted_labels, log_softmax, weighed_mean
from netdsl.codegen.onnx.rules.ranges import or_nan
from netdsl.codegen.onnx.rules.reduce import class_numbers
from netdsl.dims.tensors import DType
from netdsl.ops.metric import Accuracy, ClassMetric, Perplexity, PixelAccuracy, TopKAccuracy


def counted(op: ClassMetric, label: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """Which labels count and labels that can be looked up, as `counted_labels` has them."""
    return counted_labels(op.ignore, op.labels, label, build)


def predicted(op: ClassMetric, x: TensorName, threshold: float, build: Builder) -> TensorName:
    """The class with the highest score, the first of equal ones; a lone score says 1 above the threshold."""
    axis = op.along + 1
    size = op.x.shape[op.along]
    if isinstance(size, int) and size == 1:
        above = build.node("Greater", [x, build.constant(threshold)])
        return build.node("Cast", [build.node("Squeeze", [above, build.ints(axis)])], to=7)
    return build.node("ArgMax", [x], axis=axis, keepdims=0)


def share(right: TensorName, counts: TensorName, build: Builder) -> TensorName:
    """How many of the labels that count are right, over their number."""
    return weighed_mean(as_real(right, build), counts, counts, build)


@rules.lowers(Accuracy, PixelAccuracy)
def accuracy(op: Accuracy, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, label = inputs
    if op.marked:
        yes, counts = marked(op, label, build)
        guess = as_real(build.node("Greater", [x, build.constant(op.threshold)]), build)
        return share(build.node("Equal", [guess, yes]), counts, build)
    counts, label = counted(op, label, build)
    return share(build.node("Equal", [predicted(op, x, op.threshold, build), label]), counts, build)


@rules.lowers(TopKAccuracy)
def top_k_accuracy(op: TopKAccuracy, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """A label is right when fewer than k classes lie ahead: a higher score, or an equal one of a lower class."""
    x, label = inputs
    axis = op.along + 1
    counts, safe = counted(op, label, build)
    row = build.node("Unsqueeze", [safe, build.ints(axis)])
    own = build.node("GatherElements", [x, row], axis=axis)
    earlier = build.node("Less", [class_numbers(op.x.shape[op.along], axis, op.x.type.rank + 1, build), row])
    level = build.node("And", [build.node("Equal", [x, own]), earlier])
    ahead = as_real(build.node("Or", [build.node("Greater", [x, own]), level]), build)
    number = build.node("ReduceSum", [ahead, build.ints(axis)], keepdims=0)
    known = build.node("Not", [build.node("IsNaN", [build.node("Squeeze", [own, build.ints(axis)])])])
    right = build.node("And", [build.node("Less", [number, build.constant(float(op.k))]), known])
    return share(right, counts, build)


@rules.lowers(Perplexity)
def perplexity(op: Perplexity, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, label = inputs
    axis = op.along + 1
    counts, safe = counted(op, label, build)
    logs = log_softmax(x, axis, op.x.type.rank, build)
    own = build.node("GatherElements", [logs, build.node("Unsqueeze", [safe, build.ints(axis)])], axis=axis)
    surprise = build.node("Neg", [build.node("Squeeze", [own, build.ints(axis)])])
    return build.node("Exp", [weighed_mean(surprise, counts, counts, build)])


def marked(op: ClassMetric, label: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """Marks in the shape of the scores: 1 or 0 for those that count and say yes, and for those that count at all.

    NaN for those that are out of range.
    """
    if op.label.type.dtype is DType.INT:
        counts, safe = counted_labels(op.ignore, 2, label, build)
        return build.node("Mul", [as_real(safe, build), counts]), counts
    real = label if op.label.type.dtype is DType.FLOAT else as_real(label, build)
    ignored = build.node("Equal", [real, build.constant(float(op.ignore))])
    one = build.constant(1.0)
    known = build.node("Equal", [build.node("Clip", [real, build.constant(0.0), one]), real])
    counts = build.node("Where", [ignored, build.constant(0.0), or_nan(known, one, build)])
    yes = as_real(build.node("Greater", [real, build.constant(0.5)]), build)
    return build.node("Mul", [yes, counts]), counts
