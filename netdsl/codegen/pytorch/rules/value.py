"""PyTorch spellings of numbers and free parameters."""

from netdsl.codegen.pytorch.spelling import Infix, Spelling, rules
from netdsl.ops.value import Constant, FreeParam, PerSample


@rules.lowers(Constant)
def constant(op: Constant) -> Spelling:
    return Spelling(call=Infix("{v[0]}", (op.value,), tight=op.value >= 0))


@rules.lowers(FreeParam)
def free_param(op: FreeParam) -> Spelling:
    return Spelling(parameter=True, init={"": op.weights()[0].init})


@rules.lowers(PerSample)
def per_sample(op: PerSample) -> Spelling:
    if not op.x.shape:  # it may be a plain Python number, which has no `expand`
        return Spelling(call=Infix("{0} * torch.ones({1}.shape[0], device={1}.device)"))
    axes = ", -1" * op.x.type.rank
    return Spelling(call=Infix(f"{{0}}.expand({{1}}.shape[0]{axes})", tight=True))
