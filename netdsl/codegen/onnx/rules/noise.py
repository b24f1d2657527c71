"""ONNX nodes of noise: zeros, or what follows from the seed of a run."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.backward.noise import drawn, sizes_of
from netdsl.ops.noise import Noise


@rules.lowers(Noise)
def noise(op: Noise, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    if op.always:
        seed, place = build.seed()
        return drawn(op.kind, sizes_of(op, inputs[0], build), op.result(), seed, place, build)
    return build.node("ConstantOfShape", [sizes_of(op, inputs[0], build)])
