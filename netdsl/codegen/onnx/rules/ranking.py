"""ONNX nodes of metrics of rankings: scores are sorted, and positions of equal scores are one step of the curve.

NaN when nothing can be told apart, and when a label that counts is no class.
"""

import math
from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.loss import divisor, log_softmax, weighed_mean
from netdsl.codegen.onnx.rules.metric import counted, marked
from netdsl.codegen.onnx.rules.reduce import hot
from netdsl.ops.ranking import Auc, AveragePrecision, Ranking


@rules.lowers(Auc)
def auc(op: Auc, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Positions of the class times those of none that are ranked below, half of those at the same score."""
    yes, no = _steps(op, inputs, build)
    all_yes, all_no = (_sum(name, build) for name in (yes, no))
    below = build.node("Sub", [all_no, _running(no, build)])
    half = build.node("Mul", [no, build.constant(0.5)])
    area = _sum(build.node("Mul", [yes, build.node("Add", [below, half])]), build)
    return _averaged(op, area, build.node("Mul", [all_yes, all_no]), all_yes, build)


@rules.lowers(AveragePrecision)
def average_precision(op: AveragePrecision, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    yes, no = _steps(op, inputs, build)
    every = _running(build.node("Add", [yes, no]), build)
    share = build.node("Div", [_running(yes, build), divisor(every, build)])
    all_yes = _sum(yes, build)
    return _averaged(op, _sum(build.node("Mul", [yes, share]), build), all_yes, all_yes, build)


def _steps(op: Ranking, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, TensorName]:
    """`[classes, steps]`: how many positions say yes and no at each score, the highest first."""
    scores, (yes, counts) = _scores(op, inputs[0], build), _marks(op, inputs[1], build)
    no = build.node("Sub", [counts, yes])
    ordered, places = build.nodes("TopK", [scores, build.shape_of(scores, 1, 2)], 2, axis=1, largest=1)
    along, first = build.ints(1), build.ints(0)
    after = build.node("Slice", [ordered, along, build.ints(2**62), along])
    before = build.node("Slice", [ordered, first, build.ints(-1), along])
    other = build.node("Cast", [build.node("Not", [build.node("Equal", [after, before])])], to=7)
    start = build.node("Mul", [build.node("Slice", [places, first, along, along]), build.constant(0, "int64")])
    step = build.node("CumSum", [build.node("Concat", [start, other], axis=1), build.constant(1, "int64")])
    none = build.node("Expand", [build.constant(0.0), build.shape_of(scores)])
    found = (build.node("GatherElements", [name, places], axis=1) for name in (yes, no))
    summed = [build.node("ScatterElements", [none, step, name], axis=1, reduction="add") for name in found]
    return summed[0], summed[1]


def _scores(op: Ranking, x: TensorName, build: Builder) -> TensorName:
    """`[classes, positions]`, as they are ranked."""
    if not (op.raw or op.marked or op.lone):
        x = build.node("Exp", [log_softmax(x, op.along + 1, op.x.type.rank, build)])
    elif op.bins is not None and not op.raw:
        x = build.node("Sigmoid", [x])
    if op.bins is not None:
        inside = build.node("Clip", [x, build.constant(0.0), build.constant(1.0)])
        x = build.node("Floor", [build.node("Mul", [inside, build.constant(float(op.bins - 1))])])
    return _by_class(op, x, build)


def _marks(op: Ranking, label: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """`[classes, positions]`: 1 for positions that count and are of the class, and for those that count at all."""
    if op.marked:
        yes, counts = marked(op, label, build)
        return _by_class(op, yes, build), _by_class(op, counts, build)
    counts, numbers = (build.node("Reshape", [name, build.ints(-1)]) for name in counted(op, label, build))
    classes = as_real(numbers, build) if op.lone else hot(numbers, op.classes, 0, 2, build)
    yes = build.node("Mul", [classes, counts])
    if op.lone:
        yes = build.node("Unsqueeze", [yes, build.ints(0)])
    counts = build.node("Expand", [counts, build.shape_of(yes)])
    return yes, counts


def _by_class(op: Ranking, name: TensorName, build: Builder) -> TensorName:
    """`[N, …, classes, …]` as `[classes, positions]`."""
    axes = [op.along + 1, *(a for a in range(op.x.type.rank + 1) if a != op.along + 1)]
    return build.node("Reshape", [build.node("Transpose", [name], perm=axes), build.ints(op.classes, -1)])


def _sum(name: TensorName, build: Builder) -> TensorName:
    """Over all steps, `[classes, 1]`."""
    return build.node("ReduceSum", [name, build.ints(1)], keepdims=1)


def _running(name: TensorName, build: Builder) -> TensorName:
    """The sum of each step and those before."""
    return build.node("CumSum", [name, build.constant(1, "int64")])


def _averaged(op: Ranking, above: TensorName, below: TensorName, weight: TensorName, build: Builder) -> TensorName:
    """The mean of the quotients that have a divisor, or that of one class; `weight` is how much each class counts."""
    told = build.node("Not", [build.node("Equal", [below, build.constant(0.0)])])
    found = build.node("Div", [above, divisor(below, build)])
    if op.only is not None:
        own = build.node("Where", [told, found, build.constant(math.nan)])
        return build.node("Squeeze", [build.node("Gather", [own, build.constant(op.only, "int64")])])
    shares = as_real(told, build)
    if op.average == "weighted":
        shares = build.node("Mul", [shares, weight])
    return weighed_mean(found, shares, shares, build)
