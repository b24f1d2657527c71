"""Normalisation by the batch, by rows, by groups and by neighbouring channels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cases.activation import classes
from cases.case import Given, reference, use

CASES = [
    *(use("batchnorm", shape) for shape in ("3", "3 5", "3 4 5", "3 2 3 4", "4 3 3", "3 H W")),
    use("batchnorm(eps=1e-3, momentum=0.01, affine=false)", "3 4 5"),
    use("batchnorm(eps=0.01, momentum=0.3)", "4 5"),
    use("batchnorm(affine=false)", "4 2 3 2"),
    use("batchnorm", "6"),
    use("batchnorm(frozen=true)", "3 4 5"),
    use("batchnorm(frozen=true, affine=false, eps=1e-3)", "3 H"),
    use("batchnorm(frozen=true)", "4 6 8", costs=(2 * 192, 0)),
    use("layernorm", "5 8"),
    use("layernorm(eps=1e-6)", "8"),
    use("layernorm(axes=3)", "3 4 5"),
    use("layernorm(axes=2, affine=false)", "3 4"),
    use("layernorm(eps=0.001)", "5 6"),
    use("layernorm(affine=false)", "5 6"),
    use("layernorm", "H 6"),
    use("rmsnorm", "5 8"),
    use("rmsnorm(eps=0.1)", "8"),
    use("rmsnorm(axes=3, eps=0)", "3 4 5"),
    use("rmsnorm(axes=2, affine=false)", "2 3 4"),
    use("rmsnorm(affine=false, eps=1e-3)", "4 T"),
    use("rmsnorm(affine=false)", "T H"),
    use("rmsnorm", "T H 6"),
    use("rmsnorm", "param 3 6"),
    *(use("normalize", shape) for shape in ("6", "4 6", "3 4 5", "T 4", "3 H W", "param 4 3")),
    use("normalize(axis=-1)", "3 4 5"),
    use("normalize(axis=0, eps=2)", "5 6"),
    use("normalize", "6 8", costs=(3 * 48, 6)),
    use("groupnorm(3)", "6 4 5"),
    use("groupnorm(2)", "6"),
    use("groupnorm(2, affine=false)", "6 7"),
    use("groupnorm(3, affine=false, eps=0.01)", "6 3"),
    use("groupnorm(3)", "6 H W"),
    use("instancenorm", "3 4 5"),
    use("instancenorm(affine=true, eps=1e-3)", "3 7"),
    use("instancenorm", "3 2 3 2"),
    use("instancenorm(affine=true)", "3 H W"),
    *(use("lrn", shape) for shape in ("7 3 4", "7 5", "6 2 3 2")),
    use("lrn(4, alpha=0.5, beta=0.6, k=2)", "7 3 4"),
    use("lrn(3, alpha=0.5)", "7 5"),
    use("lrn(2, alpha=0.5)", "3 2 2 2"),
    use("lrn(4, alpha=0.5)", "7 H W"),
    use("batchnorm", "4 6 8", costs=(2 * 192, 0)),
    use("layernorm", "6 8", costs=(8 * 48 + 6, 6)),
    use("layernorm(affine=false)", "6 8", costs=(6 * 48 + 6, 6)),
    use("rmsnorm", "6 8", costs=(4 * 48 + 6, 6)),
    use("rmsnorm(affine=false)", "6 8", costs=(3 * 48 + 6, 6)),
    use("groupnorm(2)", "4 6 8", costs=(8 * 192 + 2, 2)),
    use("groupnorm(2, affine=false)", "4 6 8", costs=(6 * 192 + 2, 2)),
    use("instancenorm", "4 6 8", costs=(6 * 192 + 4, 4)),
    use("instancenorm(affine=true)", "4 6 8", costs=(8 * 192 + 4, 4)),
    use("lrn(5)", "4 6 8", costs=(8 * 192, 192)),
    use("lrn(3)", "4 6 8", costs=(6 * 192, 192)),
]


@reference
def batchnorm(
    g: Given, *, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True, frozen: bool = False
) -> Tensor:
    """In training the running averages follow, in place."""
    if frozen:
        mean, variance = g.weights["running_mean"], g.weights["running_var"]
        return F.batch_norm(g.x, mean, variance, g.weight("weight"), g.weight("bias"), False, momentum, eps)
    if g.training:
        g.weights["num_batches_tracked"].add_(1)
    mean, variance = g.weights["running_mean"], g.weights["running_var"]
    return F.batch_norm(g.x, mean, variance, g.weight("weight"), g.weight("bias"), g.training, momentum, eps)


@reference
def layernorm(g: Given, *, eps: float = 1e-5, axes: int = 1, affine: bool = True) -> Tensor:
    return F.layer_norm(g.x, g.x.shape[-axes:], g.weight("weight"), g.weight("bias"), eps)


@reference
def rmsnorm(g: Given, *, eps: float | None = None, axes: int = 1, affine: bool = True) -> Tensor:
    return F.rms_norm(g.x, g.x.shape[-axes:], g.weight("weight"), eps)


@reference
def normalize(g: Given, *, axis: int | None = None, eps: float = 1e-12) -> Tensor:
    return F.normalize(g.x, dim=classes(g, axis), eps=eps)


@reference
def groupnorm(g: Given, groups: int, *, eps: float = 1e-5, affine: bool = True) -> Tensor:
    return F.group_norm(g.x, groups, g.weight("weight"), g.weight("bias"), eps)


@reference
def instancenorm(g: Given, *, eps: float = 1e-5, affine: bool = False) -> Tensor:
    return F.instance_norm(g.x, weight=g.weight("weight"), bias=g.weight("bias"), eps=eps)


@reference
def lrn(g: Given, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    return F.local_response_norm(g.x, size, alpha, beta, k)
