"""Metrics of rankings: every pair of scores, or every score, by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cases.case import Given, reference, use
from cases.metric import counted

CASES = [
    *(use(f"{name}", "5 6 4", "int<5 6 4", learns=False) for name in ("auc", "average_precision")),
    *(
        use(f"{name}(ignore=2, average=weighted)", "6 5", "int<5 6", learns=False)
        for name in ("auc", "average_precision")
    ),
    *(use(f"{name}", "ties 1 6 4", "int 6 4", learns=False) for name in ("auc", "average_precision")),
    *(use(f"{name}(only=1)", "2 3 4", "int 3 4", learns=False) for name in ("auc", "average_precision")),
    *(use(f"{name}(raw=true)", "ties 3 4 2", "int<3 4 2", learns=False) for name in ("auc", "average_precision")),
    *(use(f"{name}", "4 3", "int 4 3", learns=False) for name in ("auc", "average_precision")),
    use("average_precision(ignore=0)", "4 3", "int 4 3", learns=False),
    *(use(f"{name}(bins=5)", "1 6 4", "unit 1 6 4", learns=False) for name in ("auc", "average_precision")),
    *(use(f"{name}(bins=7)", "5 6 4", "int<5 6 4", learns=False) for name in ("auc", "average_precision")),
    use("auc(bins=9, raw=true, axis=0)", "unit 1 5", "int 5", learns=False),
]


def ranked(what: Callable[[Tensor, Tensor], float | None]) -> Callable[..., Tensor]:
    """The reference of a measure of rankings: class by class, of scores and which positions are of the class."""

    def measured(g: Given, *, average: str = "macro", only: int | None = None, bins: int | None = None,
                 raw: bool = False, ignore: int = -100, axis: int | None = None) -> Tensor:  # fmt: skip
        if g.xs[1].dim() == g.x.dim():
            scores, marks = (v.movedim((axis or 0) + 1, -1).flatten(0, -2) for v in g.xs)
            scores = scores.sigmoid() if bins and not raw else scores
            pairs = [(s[m != ignore], (m > 0.5)[m != ignore]) for s, m in zip(scores.T, marks.T, strict=True)]
        else:
            rows, labels = counted(g, ignore, axis)
            rows = rows if raw else rows.softmax(1) if rows.shape[1] > 1 else rows.sigmoid() if bins else rows
            first = int(rows.shape[1] == 1)
            pairs = [(column, labels == number) for number, column in enumerate(rows.T, first)]
        if bins:
            pairs = [((s * (bins - 1)).floor(), m) for s, m in pairs]
        found = [(what(s, m), float(m.sum()) if average == "weighted" else 1.0) for s, m in pairs]
        if only is not None:
            return torch.tensor(found[only][0], dtype=g.x.dtype)
        kept = [(v, w) for v, w in found if v is not None]
        total = sum(w for _, w in kept)
        return torch.tensor(sum(v * w for v, w in kept) / total if kept else float("nan"), dtype=g.x.dtype)

    measured.__name__ = what.__name__
    return reference(measured)


@ranked
def auc(scores: Tensor, marks: Tensor) -> float | None:
    """Every pair of a position of the class and one of no such class: ranked rightly, or half where they are level."""
    ahead = scores[marks][:, None] - scores[~marks][None]
    return float(((ahead > 0).double() + (ahead == 0).double() / 2).mean()) if ahead.numel() else None


@ranked
def average_precision(scores: Tensor, marks: Tensor) -> float | None:
    """Of each position of the class the share of those of the class among all that are ranked as high."""
    found = [float(marks[scores >= score].double().mean()) for score in scores[marks]]
    return sum(found) / len(found) if found else None
