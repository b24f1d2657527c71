"""ONNX nodes of dropout."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.dropout import Dropout, DropPath, SpatialDropout


@rules.lowers(Dropout, SpatialDropout, DropPath)
def dropout(op: Dropout, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """At inference the identity; runtimes remove the node, viewers still show where the layer was."""
    return build.node("Identity", [inputs[0]])
