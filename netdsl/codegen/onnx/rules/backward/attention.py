"""ONNX nodes of what attention keeps for its gradient."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.attention import match
from netdsl.ops.backward.attention import Match


@rules.lowers(Match)
def match_(op: Match, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return match(inputs[0], inputs[1], op.causal, op.q.type.rank + op.q.type.batched, build)
