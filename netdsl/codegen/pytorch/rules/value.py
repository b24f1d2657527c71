"""PyTorch spellings of numbers and free parameters."""

from netdsl.codegen.python.spelling import Infix, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
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
def constant(op: Constant) -> Spelling:
    return Spelling(call=Infix("{v[0]}", (op.value,), tight=op.value >= 0))


@rules.lowers(FreeParam)
def free_param(op: FreeParam) -> Spelling:
    return Spelling(parameter=True, init={"": op.weights()[0].init})


@rules.lowers(WeightOf)
def weight_of(op: WeightOf) -> Spelling:
    return Spelling(weight=op.key)


@rules.lowers(BatchOfOne, OnlyOne)
def batch_of_one(op: BatchOfOne) -> Spelling:
    move = "squeeze" if isinstance(op, OnlyOne) else "unsqueeze"
    return Spelling(call=Infix(f"{{0}}.{move}(0)", tight=True))


@rules.lowers(AllSamples, EachSample)
def all_samples(op: AllSamples | EachSample) -> Spelling:
    return Spelling(call=Infix("{0}", tight=True))


@rules.lowers(IntoBatch)
def into_batch(op: IntoBatch) -> Spelling:
    return Spelling(call=Infix("{0}.flatten(0, 1)", tight=True))


@rules.lowers(OutOfBatch)
def out_of_batch(op: OutOfBatch) -> Spelling:
    return Spelling(call=Infix("{0}.unflatten(0, {1}.shape[:2])", tight=True))


@rules.lowers(PerSample)
def per_sample(op: PerSample) -> Spelling:
    if not op.x.shape:  # it may be a plain Python number, which has no `expand`
        if op.like.type.dtype is DType.FLOAT:
            return Spelling(call=Infix("{0} * {1}.new_ones({1}.shape[0])"))
        return Spelling(call=Infix("torch.as_tensor({0}, device={1}.device).expand({1}.shape[0])", tight=True))
    axes = ", -1" * op.x.type.rank
    return Spelling(call=Infix(f"{{0}}.expand({{1}}.shape[0]{axes})", tight=True))


@rules.lowers(ByPhase)
def by_phase(op: ByPhase) -> Spelling:
    sides = [", ".join(f"{{{i + place * len(op.run)}}}" for i in range(len(op.run))) for place in range(2)]
    one, other = (f"({side})" if len(op.run) > 1 else side for side in sides)
    return Spelling(call=Infix(f"{one} if self.training else {other}"))
