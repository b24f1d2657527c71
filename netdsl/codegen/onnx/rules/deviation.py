"""ONNX nodes of metrics of numbers: their value on the batch."""

import math
from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.codegen.onnx.rules.loss import mean, real_labels
from netdsl.ops.deviation import R2, Mae, Rmse


@rules.lowers(Mae, Rmse)
def distance(op: Mae | Rmse, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    off = build.node("Sub", [inputs[0], real_labels(op, inputs[1], build)])
    if isinstance(op, Mae):
        return mean(build.node("Abs", [off]), build)
    return build.node("Sqrt", [mean(build.node("Mul", [off, off]), build)])


@rules.lowers(R2)
def explained(op: R2, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """Each element over the batch, then the mean over elements; NaN for one sample."""
    x, label = inputs[0], real_labels(op, inputs[1], build)
    samples = build.ints(0)

    def squares(name: TensorName) -> TensorName:
        return build.node("ReduceSum", [build.node("Mul", [name, name]), samples], keepdims=0)

    middle = build.node("ReduceMean", [label, samples], keepdims=1)
    off, whole = squares(build.node("Sub", [x, label])), squares(build.node("Sub", [label, middle]))
    least = build.node("Mul", [squares(label), build.constant(1e-12)])  # what rounding leaves of equal labels
    flat, one = build.node("LessOrEqual", [whole, least]), build.constant(1.0)
    share = build.node("Sub", [one, build.node("Div", [off, build.node("Where", [flat, one, whole])])])
    met = as_real(build.node("Equal", [off, build.constant(0.0)]), build)
    found = mean(build.node("Where", [flat, met, share]), build)
    several = build.node("Greater", [build.shape_of(x, 0, 1), build.ints(1)])
    kept = build.node("Where", [several, found, build.constant(math.nan)])
    return build.node("Squeeze", [kept, build.ints(0)])
