"""PyTorch spellings of normalisation layers."""

from netdsl.codegen.python.measures import dim
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims import Dim
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn, Normalize, Rmsnorm


@rules.lowers(Batchnorm)
def batchnorm(op: Batchnorm) -> Spelling:
    keywords = unlike(eps=(op.eps, 1e-5), momentum=(op.momentum, 0.1), affine=(op.affine, True))
    if op.frozen:
        keywords = unlike(eps=(op.eps, 1e-5), affine=(op.affine, True))
        return Spelling(module=Made("FrozenBatchNorm", (op.channels,), keywords), support=("FrozenBatchNorm",))
    return Spelling(module=Made(f"nn.BatchNorm{max(op.x.type.rank - 1, 1)}d", (op.channels,), keywords))


@rules.lowers(Layernorm)
def layernorm(op: Layernorm) -> Spelling:
    sizes = op.x.shape[-op.axes :]
    if any(isinstance(size, Dim) for size in sizes):
        template = f"F.layer_norm({{0}}, {{0}}.shape[-{op.axes}:], eps={{v[0]}})"
        return Spelling(call=Infix(template, (op.eps,), tight=True))
    keywords = unlike(eps=(op.eps, 1e-5), elementwise_affine=(op.affine, True))
    return Spelling(module=Made("nn.LayerNorm", (sizes[0] if op.axes == 1 else sizes,), keywords))


@rules.lowers(Rmsnorm)
def rmsnorm(op: Rmsnorm) -> Spelling:
    sizes = op.x.shape[-op.axes :]
    if any(isinstance(size, Dim) for size in sizes):
        eps = "" if op.eps is None else ", eps={v[0]}"
        return Spelling(call=Infix(f"F.rms_norm({{0}}, {{0}}.shape[-{op.axes}:]{eps})", (op.eps,), tight=True))
    keywords = unlike(eps=(op.eps, None), elementwise_affine=(op.affine, True))
    return Spelling(module=Made("nn.RMSNorm", (sizes[0] if op.axes == 1 else sizes,), keywords))


@rules.lowers(Normalize)
def normalize(op: Normalize) -> Spelling:
    keywords = unlike(dim=(dim(op.along, op.x), 1), eps=(op.eps, 1e-12))
    return Spelling(call=Made("F.normalize", (Operand(),), keywords))


@rules.lowers(Groupnorm)
def groupnorm(op: Groupnorm) -> Spelling:
    keywords = unlike(eps=(op.eps, 1e-5), affine=(op.affine, True))
    return Spelling(module=Made("nn.GroupNorm", (op.groups, op.channels), keywords))


@rules.lowers(Instancenorm)
def instancenorm(op: Instancenorm) -> Spelling:
    keywords = unlike(eps=(op.eps, 1e-5), affine=(op.affine, False))
    module = Made(f"nn.InstanceNorm{op.x.type.rank - 1}d", (op.channels,), keywords)
    call = None if op.affine else Made("F.instance_norm", (Operand(),), keywords)
    return Spelling(module=module, call=call)


@rules.lowers(Lrn)
def lrn(op: Lrn) -> Spelling:
    keywords = unlike(alpha=(op.alpha, 1e-4), beta=(op.beta, 0.75), k=(op.k, 1.0))
    module = Made("nn.LocalResponseNorm", (op.size,), keywords)
    return Spelling(module=module, call=Made("F.local_response_norm", (Operand(), op.size), keywords))
