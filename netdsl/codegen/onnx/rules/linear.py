"""ONNX nodes of fully connected layers and look-up tables."""

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.codegen.onnx.rules.ranges import or_nan, within
from netdsl.ops.linear import Embedding, Linear


@rules.lowers(Linear)
def linear(op: Linear, inputs: Sequence[str], build: Builder) -> Any:
    weight, bias = build.weight("weight"), [build.weight("bias")] if op.bias else []
    if op.x.type.rank == 1 and op.x.type.batched:
        return build.node("Gemm", [inputs[0], weight, *bias], transB=1)
    product = build.node("MatMul", [inputs[0], build.node("Transpose", [weight], perm=[1, 0])])
    return build.node("Add", [product, *bias]) if op.bias else product


@rules.lowers(Embedding)
def embedding(op: Embedding, inputs: Sequence[str], build: Builder) -> Any:
    safe, known = within(inputs[0], op.count, build)
    rows = build.node("Gather", [build.weight("weight"), safe], axis=0)
    return or_nan(build.node("Unsqueeze", [known, build.ints(-1)]), rows, build)
