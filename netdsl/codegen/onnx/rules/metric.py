"""ONNX nodes of metrics: their value on the batch, for a training step to report.

NaN when no label counts, and when one that counts is no class.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.loss import counted_labels, total
from netdsl.codegen.onnx.rules.reduce import class_numbers, hot
from netdsl.ops.metric import Accuracy, Metric, Miou, PixelAccuracy, TopKAccuracy


def counted(op: Metric, label: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """Which labels count and labels that can be looked up, as `counted_labels` has them."""
    return counted_labels(op.ignore, op.labels, label, build)


def predicted(op: Metric, x: TensorName, threshold: float, build: Builder) -> TensorName:
    """The class with the highest score, the first of equal ones; a lone score says 1 above the threshold."""
    axis = op.along + 1
    size = op.x.shape[op.along]
    if isinstance(size, int) and size == 1:
        above = build.node("Greater", [x, build.constant(threshold)])
        return build.node("Cast", [build.node("Squeeze", [above, build.ints(axis)])], to=7)
    return build.node("ArgMax", [x], axis=axis, keepdims=0)


def share(right: TensorName, counts: TensorName, build: Builder) -> TensorName:
    """How many of the labels that count are right, over their number."""
    found = total(build.node("Mul", [as_real(right, build), counts]), build)
    return build.node("Div", [found, total(counts, build)])


@rules.lowers(Accuracy, PixelAccuracy)
def accuracy(op: Accuracy, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, label = inputs
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


@rules.lowers(Miou)
def miou(op: Miou, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Labels and predictions as one row a position and one column a class, summed over positions."""
    x, label = inputs
    counts, label = counted(op, label, build)
    counts = build.node("Unsqueeze", [counts, build.ints(-1)])
    labelled, found = (_rows(op, name, counts, build) for name in (label, predicted(op, x, 0.0, build)))
    both = _columns(op, build.node("Mul", [labelled, found]), build)
    sizes = build.node("Add", [_columns(op, labelled, build), _columns(op, found, build)])
    both, either = (_unignored(op, name, build) for name in (both, build.node("Sub", [sizes, both])))
    absent = build.node("Equal", [either, build.constant(0.0)])
    divisor = build.node("Where", [absent, build.constant(1.0), either])
    shares = build.node("Div", [both, divisor])
    if op.absent == "skip":
        present = as_real(build.node("Not", [absent]), build)
        return build.node("Div", [total(shares, build), total(present, build)])
    filled = build.node("Where", [absent, build.constant(float(op.absent == "one")), shares])
    return build.node("ReduceMean", [filled], keepdims=0)


def _rows(op: Miou, classes: TensorName, counts: TensorName, build: Builder) -> TensorName:
    """`[…, C]`: 1 at the class of each position that counts."""
    rank = op.x.type.rank + 1
    return build.node("Mul", [hot(classes, max(op.classes, 2), rank - 1, rank, build), counts])


def _unignored(op: Miou, columns: TensorName, build: Builder) -> TensorName:
    """The columns without that of the ignored class, which has no part in the mean."""
    classes = range(max(op.classes, 2))
    if op.ignore not in classes:
        return columns
    return build.node("Gather", [columns, build.ints(*(c for c in classes if c != op.ignore))])


def _columns(op: Miou, rows: TensorName, build: Builder) -> TensorName:
    """How many positions each class has."""
    return build.node("ReduceSum", [rows, build.ints(*range(op.x.type.rank))], keepdims=0)
