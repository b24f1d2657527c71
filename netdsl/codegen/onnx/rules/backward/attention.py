"""ONNX nodes of what attention keeps for its gradient."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.attention import match, score_rules
from netdsl.ops.backward.attention import Match


@rules.lowers(Match)
def match_(op: Match, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    q, k, *bias = inputs
    return match(q, k, op.k.type.rank + op.k.type.batched, score_rules(op, bias), build)
