"""ONNX tensors of numbers and free parameters."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.value import (
    AllSamples,
    BatchOfOne,
    ByPhase,
    Constant,
    EachSample,
    FreeParam,
    IntoBatch,
    OnlyOne,
    OutOfBatch,
    PerSample,
    WeightOf,
)


@rules.lowers(Constant)
def constant(op: Constant, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.constant(op.value, "int64" if op.whole else "float32")


@rules.lowers(FreeParam)
def free_param(op: FreeParam, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.weight()


@rules.lowers(WeightOf)
def weight_of(op: WeightOf, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.weight(op.key)


@rules.lowers(BatchOfOne, OnlyOne)
def batch_of_one(op: BatchOfOne, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Squeeze" if isinstance(op, OnlyOne) else "Unsqueeze", [inputs[0], build.ints(0)])


@rules.lowers(IntoBatch)
def into_batch(op: IntoBatch, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Reshape", [inputs[0], build.extents(-1, *op.x.shape[1:])])


@rules.lowers(OutOfBatch)
def out_of_batch(op: OutOfBatch, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Reshape", [inputs[0], build.extents(-1, op.x.type.folded[-1], *op.x.shape)])


@rules.lowers(AllSamples, EachSample)
def all_samples(op: AllSamples | EachSample, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    """The tensor as it is: its first axis are the samples."""
    if isinstance(op, AllSamples):
        build.counts_samples(op.size)
    return build.node("Identity", inputs)


@rules.lowers(PerSample)
def per_sample(op: PerSample, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, like = inputs
    shape = build.extents(build.shape_of(like, 0, 1), *op.x.shape)
    return build.node("Expand", [x, shape])


@rules.lowers(ByPhase)
def by_phase(op: ByPhase, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    """Only of a graph that is neither that of training nor that of inference: it is then run."""
    return tuple(inputs[len(op.trained) :])
