"""Metrics of classes, counted by hand over one batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("accuracy", "5", "int<5", learns=False),
    use("accuracy(ignore=2)", "6 5", "int<5 6", learns=False),
    use("accuracy", "5 6 4", "int<5 6 4", learns=False),
    use("accuracy(threshold=0.3)", "1", "int", learns=False),
    use("pixel_accuracy(ignore=1)", "5 6 4", "int<5 6 4", learns=False),
    use("pixel_accuracy", "1 6 4", "int 6 4", learns=False),
    use("top_k_accuracy(2)", "5", "int<5", learns=False),
    use("top_k_accuracy(3, ignore=0)", "6 5", "int<5 6", learns=False),
    use("top_k_accuracy(1)", "ties 5 6 4", "int<5 6 4", learns=False),
    use("top_k_accuracy(2, axis=0)", "5 2", "int<5 2", learns=False),
    use("accuracy(threshold=0.3)", "4 3", "int 4 3", learns=False),
    use("accuracy(ignore=1)", "4 3", "int 4 3", learns=False),
    use("accuracy", "3 2 2", "unit 3 2 2", learns=False),
    use("perplexity", "6 5", "int<5 6", learns=False),
    use("perplexity(ignore=2)", "5 3 2", "int<5 3 2", learns=False),
]


def counted(g: Given, ignore: int, axis: int | None) -> tuple[Tensor, Tensor]:
    """Scores as rows of classes, and labels, without what is ignored."""
    place = axis if axis is not None else 0 if g.x.dim() > 3 else g.x.dim() - 2
    rows = g.x.movedim(place + 1, -1).flatten(0, -2)
    labels = g.xs[1].flatten()
    return rows[labels != ignore], labels[labels != ignore]


def chosen(rows: Tensor, threshold: float) -> Tensor:
    return (rows[:, 0] > threshold).long() if rows.shape[1] == 1 else rows.argmax(1)


@reference
def accuracy(g: Given, *, threshold: float = 0.0, ignore: int = -100, axis: int | None = None) -> Tensor:
    if g.xs[1].dim() == g.x.dim():
        kept = g.xs[1] != ignore
        return ((g.x > threshold) == (g.xs[1] > 0.5))[kept].to(g.x.dtype).mean()
    rows, labels = counted(g, ignore, axis)
    return (chosen(rows, threshold) == labels).to(g.x.dtype).mean()


@reference
def pixel_accuracy(g: Given, *, threshold: float = 0.0, ignore: int = 255, axis: int | None = None) -> Tensor:
    return accuracy(g, threshold=threshold, ignore=ignore, axis=axis)  # type: ignore[no-any-return]


@reference
def top_k_accuracy(g: Given, k: int = 5, *, ignore: int = -100, axis: int | None = None) -> Tensor:
    """Among equal scores the lower class comes first."""
    rows, labels = counted(g, ignore, axis)
    best = np.argsort(-rows.detach().numpy(), axis=1, kind="stable")[:, :k]
    return torch.as_tensor((best == labels.numpy()[:, None]).any(1).mean(), dtype=g.x.dtype)


@reference
def perplexity(g: Given, *, ignore: int = -100, axis: int | None = None) -> Tensor:
    rows, labels = counted(g, ignore, axis)
    return torch.nn.functional.cross_entropy(rows.double(), labels).exp().to(g.x.dtype)
