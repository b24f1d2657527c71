"""Losses against PyTorch's own, or the sums of their papers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Given, reference, use

PAIRS = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "mse", "l1", "hinge")
BENT = ("huber", "smooth_l1")
SCORES = (("3", "int<3"), ("5 3", "int<3 5"), ("3 4 5", "int<3 4 5"))
CASES = [
    *(
        use(name + more, *shapes)
        for name in ("cross_entropy", "nll")
        for shapes in SCORES
        for more in ("", "(ignore=1)", "(weight=[0.5, 2.0, 1.5], ignore=0)")
    ),
    use("cross_entropy(axis=1)", "3 5", "int<3 3"),
    use("cross_entropy(axis=1, smoothing=0.1)", "4 3 5", "int<3 4 5"),
    use("cross_entropy(smoothing=0.1, ignore=1, weight=[0.5, 2.0, 1.5])", "3 4 5", "int<3 4 5"),
    use("cross_entropy(smoothing=0.2, ignore=0)", "5 3", "int<3 5"),
    use("cross_entropy(ignore=1)", "3 H W", "int<3 H W"),
    use("cross_entropy(smoothing=0.1)", "T 3", "int<3 T"),
    use("nll", "3 H W", "int<3 H W"),
    *(use(name, f"unit {size}", f"unit {size}") for name in PAIRS for size in ("3 4", "3 H W")),
    *(use(name, "unit 1", "int") for name in PAIRS),
    *(use(name, "unit 5", "int 5") for name in PAIRS),
    *(use(name, "4", "4") for name in PAIRS[2:]),
    use("binary_cross_entropy_with_logits", "4", "unit 4"),
    use("hinge(margin=0.5)", "5", "int 5"),
    *(use(f"huber{more}", "edges 3 8", "3 8") for more in ("", "(delta=0.5)", "(delta=3)")),
    *(use(f"smooth_l1{more}", "edges 3 8", "3 8") for more in ("", "(beta=0.5)", "(beta=3)", "(beta=0)")),
    *(use(name, *shapes) for name in BENT for shapes in (("3 H W", "3 H W"), ("unit 1", "int"), ("5", "int 5"))),
    *(use(name, "edges 8", "ties 8") for name in BENT),
    use("huber", "8", "8", costs=(6 * 8, 0)),
    use("smooth_l1", "8", "8", costs=(7 * 8, 0)),
    use("multi_margin", "4", "int<4"),
    use("multi_margin(margin=2.0)", "4", "int<4"),
    use("cross_entropy", "10", "int<10", costs=(4 * 10 - 1, 11)),
    use("cross_entropy", "10 6", "int<6 10", costs=(10 * (4 * 6 - 1), 70)),
    use("nll", "10", "int<10", costs=(1, 0)),
    use("binary_cross_entropy", "unit 8", "unit 8", costs=(6 * 8, 2 * 8)),
    use("binary_cross_entropy_with_logits", "8", "unit 8", costs=(6 * 8, 2 * 8)),
    *(use(name, "8", "8", costs=(3 * 8, 0)) for name in ("mse", "l1")),
    use("hinge", "8", "8", costs=(3 * 8, 0)),
    use("multi_margin", "8", "int<8", costs=(4 * 8, 0)),
]


def ordered(g: Given, axis: int | None) -> Tensor:
    """Scores with their classes behind the samples: those of images are channels, else the last axis."""
    place = axis if axis is not None else 0 if g.x.dim() > 3 else g.x.dim() - 2
    return g.x.movedim(place + 1, 1)


@reference
def cross_entropy(
    g: Given, *, ignore: int = -100, weight: Any = None, smoothing: float = 0.0, axis: int | None = None
) -> Tensor:
    own = None if weight is None else torch.tensor(weight, dtype=g.x.dtype)
    return F.cross_entropy(ordered(g, axis), g.xs[1], own, ignore_index=ignore, label_smoothing=smoothing)


@reference
def nll(g: Given, *, ignore: int = -100, weight: Any = None, axis: int | None = None) -> Tensor:
    own = None if weight is None else torch.tensor(weight, dtype=g.x.dtype)
    return F.nll_loss(ordered(g, axis), g.xs[1], own, ignore_index=ignore)


def label(g: Given) -> Tensor:
    return g.xs[1].to(g.x.dtype).reshape(g.x.shape)


@reference
def binary_cross_entropy(g: Given) -> Tensor:
    return F.binary_cross_entropy(g.x, label(g))


@reference
def binary_cross_entropy_with_logits(g: Given) -> Tensor:
    return F.binary_cross_entropy_with_logits(g.x, label(g))


@reference
def mse(g: Given) -> Tensor:
    return F.mse_loss(g.x, label(g))


@reference
def l1(g: Given) -> Tensor:
    return F.l1_loss(g.x, label(g))


@reference
def huber(g: Given, *, delta: float = 1.0) -> Tensor:
    return F.huber_loss(g.x, label(g), delta=delta)


@reference
def smooth_l1(g: Given, *, beta: float = 1.0) -> Tensor:
    return F.smooth_l1_loss(g.x, label(g), beta=beta)


@reference
def hinge(g: Given, *, margin: float = 1.0) -> Tensor:
    """Cortes and Vapnik, 1995: a positive label says 1, any other -1."""
    side = torch.where(label(g) > 0, 1.0, -1.0)
    return (margin - side * g.x).relu().mean()


@reference
def multi_margin(g: Given, *, margin: float = 1.0) -> Tensor:
    return F.multi_margin_loss(g.x, g.xs[1], margin=margin)
