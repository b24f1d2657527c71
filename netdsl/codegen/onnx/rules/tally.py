"""ONNX nodes of metrics of classes: what is labelled, predicted and both is summed up by class, `[classes]` each.

NaN when no label counts, and when one that counts is no class.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.loss import divisor, total, weighed_mean
from netdsl.codegen.onnx.rules.metric import counted, marked, predicted
from netdsl.codegen.onnx.rules.reduce import hot
from netdsl.ops.tally import F1, Averaged, Iou, Mdice, MeanAccuracy, Miou, Precision, Recall, Tallied

Named = tuple[TensorName, TensorName, TensorName]
"""What is labelled and predicted so, labelled so, predicted so."""


@rules.lowers(Miou, Mdice, MeanAccuracy)
def mean_share(op: Tallied, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return _mean(op, *_shares(op, _tallies(op, inputs, build), build), build)


@rules.lowers(Precision, Recall, F1, Iou)
def averaged(op: Averaged, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    found = _tallies(op, inputs, build)
    if op.average == "micro":
        above, below = (total(_kept(op, name, build), build) for name in _fraction(op, found, build))
        return build.node("Div", [above, below])
    shares, there = _shares(op, found, build)
    if op.average == "weighted":
        labelled = _kept(op, found[1], build)
        return weighed_mean(_kept(op, shares, build), labelled, labelled, build)
    if op.only is None:
        return _mean(op, shares, there, build)
    filled = build.node("Where", [there, shares, build.constant(op.filling)])
    return build.node("Gather", [filled, build.constant(op.only, "int64")])


def _tallies(op: Tallied, inputs: Sequence[TensorName], build: Builder) -> Named:
    x, label = inputs
    rank = op.x.type.rank + 1
    if op.marked:
        labelled, counts = marked(op, label, build)
        above = as_real(build.node("Greater", [x, build.constant(op.threshold)]), build)
        guessed, axes = build.node("Mul", [above, counts]), [a for a in range(rank) if a != op.along + 1]
    else:
        labelled, guessed = _of_numbers(op, x, label, build)
        axes = [*range(rank - 1)]
    both = build.node("Mul", [labelled, guessed])
    both, labelled, guessed = (
        build.node("ReduceSum", [name, build.ints(*axes)], keepdims=0) for name in (both, labelled, guessed)
    )
    return both, labelled, guessed


def _of_numbers(op: Tallied, x: TensorName, label: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """`[…, classes]`: 1 at the class of each position that counts, by its label and by its scores."""
    counts, numbers = counted(op, label, build)
    guesses = predicted(op, x, op.threshold, build)
    if isinstance(op, Miou) and op.merge:
        table = build.constant(list(op.merge), "int64")
        numbers, guesses = (build.node("Gather", [table, name]) for name in (numbers, guesses))
        there = as_real(build.node("GreaterOrEqual", [numbers, build.constant(0, "int64")]), build)
        counts = build.node("Mul", [counts, there])
    counts, rank = build.node("Unsqueeze", [counts, build.ints(-1)]), op.x.type.rank + 1
    labelled, guessed = (
        build.node("Mul", [hot(name, op.classes, rank - 1, rank, build), counts]) for name in (numbers, guesses)
    )
    return labelled, guessed


def _fraction(op: Tallied, found: Named, build: Builder) -> tuple[TensorName, TensorName]:
    """What stands above and below the line."""
    pairs = [(name, many) for name, many in zip(found, op.over, strict=True) if many]
    first, *rest = (name if many == 1 else _times(name, many, build) for name, many in pairs)
    below = first
    for term in rest:
        below = build.node("Add", [below, term])
    return found[0] if op.times == 1 else _times(found[0], op.times, build), below


def _times(name: TensorName, many: int, build: Builder) -> TensorName:
    return build.node("Mul", [name, build.constant(float(many))])


def _shares(op: Tallied, found: Named, build: Builder) -> tuple[TensorName, TensorName]:
    """The share of each class, 0 where there is no divisor, and which classes are not absent."""
    above, below = _fraction(op, found, build)
    seen = found[1] if op.labelled_only else build.node("Add", [found[1], found[2]])
    there = build.node("Not", [build.node("Equal", [seen, build.constant(0.0)])])
    return build.node("Div", [above, divisor(below, build)]), there


def _mean(op: Tallied, shares: TensorName, there: TensorName, build: Builder) -> TensorName:
    """The mean over the classes that have a part in it."""
    shares, there = (_kept(op, name, build) for name in (shares, there))
    if op.absent == "skip":
        present = as_real(there, build)
        return weighed_mean(shares, present, present, build)
    filled = build.node("Where", [there, shares, build.constant(op.filling)])
    return build.node("ReduceMean", [filled], keepdims=0)


def _kept(op: Tallied, name: TensorName, build: Builder) -> TensorName:
    """Without the ignored class, which has no part in the mean."""
    return name if len(op.counted) == op.classes else build.node("Gather", [name, build.ints(*op.counted)])
