"""Activations: elementwise functions, softmax."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Given, reference, use

PLAIN = ("relu", "relu6", "silu", "hardswish", "sigmoid", "hardsigmoid", "tanh", "softplus", "identity")
SCORES = ("6", "4 6", "ties 3 4 5", "2 3 4 2", "3 H W")
CASES = [
    *(use(name, "3 4 5") for name in PLAIN),
    *(use(name, "3 H W") for name in PLAIN),
    use("identity", "int 4", learns=False),
    *(use(f"{log}softmax", shape) for log in ("", "log_") for shape in SCORES),
    use("softmax(axis=0)", "4 6"),
    use("softmax(axis=-1)", "3 4 5"),
    use("log_softmax(axis=1)", "3 4 5"),
    use("softmax", "T 4"),
    use("leaky_relu", "7"),
    use("leaky_relu(0.2)", "3 4"),
    use("prelu", "3 4 5"),
    use("prelu(per_channel=true, init=0.1)", "3 4 5"),
    use("prelu(per_channel=true)", "4"),
    use("prelu(per_channel=true, init=normal(0.1))", "3 5"),
    use("prelu(per_channel=true)", "3 H W"),
    use("elu", "3 4"),
    use("elu(0.3)", "3 4"),
    use("gelu", "3 4"),
    use("gelu(approximate=tanh)", "3 4"),
    *(use(layer, "edges 3 8") for layer in (
        "relu", "relu6", "leaky_relu(0.2)", "prelu", "elu(alpha=0.5)", "hardswish", "hardsigmoid",
    )),
    use("relu", "4 6 8", costs=(192, 0)),
    use("relu6", "4 6 8", costs=(192, 0)),
    use("leaky_relu", "4 6 8", costs=(384, 0)),
    use("prelu", "4 6 8", costs=(384, 0)),
    use("sigmoid", "4 6 8", costs=(3 * 192, 192)),
    use("elu", "4 6 8", costs=(3 * 192, 192)),
    use("tanh", "4 6 8", costs=(0, 192)),
    use("gelu", "4 6 8", costs=(4 * 192, 192)),
    use("gelu(approximate=tanh)", "4 6 8", costs=(8 * 192, 192)),
    use("silu", "4 6 8", costs=(4 * 192, 192)),
    use("hardsigmoid", "4 6 8", costs=(3 * 192, 0)),
    use("hardswish", "4 6 8", costs=(4 * 192, 0)),
    use("softplus", "4 6 8", costs=(192, 2 * 192)),
    use("softmax", "12", costs=(4 * 12 - 2, 12)),
    use("softmax", "6 8", costs=(6 * (4 * 8 - 2), 48)),
    use("softmax", "4 6 8", costs=(48 * (4 * 4 - 2), 192)),
    use("log_softmax", "12", costs=(4 * 12 - 2, 13)),
    use("log_softmax", "6 8", costs=(6 * (4 * 8 - 2), 54)),
    use("identity", "4 6 8", costs=(0, 0)),
    *(use("detach", shape) for shape in ("3 4 5", "T 4", "param 3")),
    use("detach", "int 4", learns=False),
    use("detach", "4 6 8", costs=(0, 0)),
]  # fmt: skip


def plain(name: str) -> None:
    function = getattr(torch, name, None) or getattr(F, name)

    def same(g: Given) -> Any:
        return function(g.x)

    same.__name__ = name
    reference(same)


for _name in PLAIN[:-1]:
    plain(_name)


@reference
def identity(g: Given) -> Tensor:
    return g.x


@reference
def leaky_relu(g: Given, slope: float = 0.01) -> Tensor:
    return F.leaky_relu(g.x, slope)


@reference
def prelu(g: Given, *, per_channel: bool = False, init: Any = 0.25) -> Tensor:
    weight = g.weights["weight"]
    assert weight.numel() == 1 or per_channel
    return torch.where(g.x > 0, g.x, g.x * weight.reshape(-1, *(1,) * g.rank))


@reference
def elu(g: Given, alpha: float = 1.0) -> Tensor:
    return F.elu(g.x, alpha)


@reference
def gelu(g: Given, *, approximate: str = "none") -> Tensor:
    return F.gelu(g.x, approximate=approximate)


def classes(g: Given, axis: int | None) -> int:
    """The axis of scores: the channels of an image, else the last."""
    rank = g.x.dim() - g.batched[0]
    return g.axis(axis if axis is not None else 0 if rank > 2 else -1)


@reference
def softmax(g: Given, *, axis: int | None = None) -> Tensor:
    return F.softmax(g.x, classes(g, axis))


@reference
def log_softmax(g: Given, *, axis: int | None = None) -> Tensor:
    return F.log_softmax(g.x, classes(g, axis))


@reference
def detach(g: Given) -> Tensor:
    return g.x.detach()
