"""ONNX nodes of the backward forms of summaries."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.arithmetic import as_real
from netdsl.ops.axes import product
from netdsl.ops.backward.reduce import Elements, Positions


@rules.lowers(Positions)
def positions(op: Positions, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    total = product([op.like.shape[a] for a in op.axes])
    if isinstance(total, int):
        return build.constant(float(total))
    return build.node("Squeeze", [as_real(build.extents(total), build), build.ints(0)])


@rules.lowers(Elements)
def elements(op: Elements, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """From the shape, which onnxruntime folds where sizes are settled; it does not fold `Size`."""
    return as_real(build.node("ReduceProd", [build.shape_of(inputs[0])], keepdims=0), build)
