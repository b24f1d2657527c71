"""Metrics of labelled and predicted positions: of each class a set of either."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cases.case import Given, reference, use
from cases.metric import chosen, counted

CASES = [
    use("miou", "5 6 4", "int<5 6 4", learns=False),
    use("miou(ignore=1)", "9 6 4", "int<9 6 4", learns=False),
    *(use(f"miou(absent={word})", "9 2 2", "int<9 2 2", learns=False) for word in ("skip", "zero", "one")),
    use("miou", "1 6 4", "int 6 4", learns=False),
    use("miou(absent=one)", "1 6 4", "int 6 4", learns=False),
    use("miou(merge=[0, 0, 1, 2, -1])", "5 6 4", "int<5 6 4", learns=False),
    use("miou(merge=[1, 0, 1, 0, 2], absent=zero, ignore=1)", "5 6 4", "int<5 6 4", learns=False),
    use("miou(threshold=0.5)", "1 6 4", "int 6 4", learns=False),
    use("mdice(ignore=1)", "9 6 4", "int<9 6 4", learns=False),
    use("mean_accuracy", "9 2 2", "int<9 2 2", learns=False),
    *(use(name, "5 3 2", "int<5 3 2", learns=False) for name in ("precision", "recall", "f1")),
    *(use(f"{name}(threshold=0.2)", "1", "int", learns=False) for name in ("precision", "recall", "f1", "iou")),
    *(use(f"{name}", "4 3", "unit 4 3", learns=False) for name in ("precision", "recall", "f1", "iou")),
    *(
        use(f"f1(average={word}, ignore=3)", "5 6 4", "int<5 6 4", learns=False)
        for word in ("macro", "micro", "weighted")
    ),
    *(use(f"f1(average={word}, ignore=0)", "2 6", "int 2 6", learns=False) for word in ("macro", "micro", "weighted")),
    use("recall(only=2, absent=zero)", "9", "int<9", learns=False),
    use("f1(only=2, axis=1)", "3 4", "int 3 4", learns=False),
    use("f1(only=0)", "1 6 4", "int 6 4", learns=False),
    use("precision(average=micro)", "1 6 4", "int 6 4", learns=False),
    use("f1(absent=one)", "9 2 2", "int<9 2 2", learns=False),
    *(use(f"iou(average={word})", "5 6 4", "int<5 6 4", learns=False) for word in ("micro", "weighted")),
    use("iou(only=3)", "5 6 4", "int<5 6 4", learns=False),
]


def sets_of(g: Given, threshold: float, ignore: int, axis: int | None, merge: tuple[int, ...] = ()) -> list[Sets]:
    """By class the positions that are predicted and labelled so, each as truth values."""
    if g.xs[1].dim() == g.x.dim():
        scores, marks = (v.movedim((axis or 0) + 1, -1).flatten(0, -2) for v in g.xs)
        kept = marks != ignore
        return [((s > threshold)[k], (m > 0.5)[k]) for s, m, k in zip(scores.T, marks.T, kept.T, strict=True)]
    rows, labels = counted(g, ignore, axis)
    found, classes = chosen(rows, threshold), max(rows.shape[1], 2)
    if merge:
        found, labels = (torch.tensor(merge)[v] for v in (found, labels))
        found, labels, classes = found[labels >= 0], labels[labels >= 0], max(merge) + 1
    return [(found == number, labels == number) for number in range(classes)]


Sets = tuple[Tensor, Tensor]
MEASURES = {
    "precision": lambda found, labels: ((found & labels).sum(), found.sum()),
    "recall": lambda found, labels: ((found & labels).sum(), labels.sum()),
    "f1": lambda found, labels: (2 * (found & labels).sum(), found.sum() + labels.sum()),
    "iou": lambda found, labels: ((found & labels).sum(), (found | labels).sum()),
}
"""Above and below the line, of one class."""


def share_of(what: str, sets: Sets, absent: str = "skip") -> float | None:
    """The measure of a class; None for one that is left out."""
    if not (sets[0].any() or sets[1].any()):
        return {"skip": None, "zero": 0.0, "one": 1.0}[absent]
    above, below = (float(n) for n in MEASURES[what](*sets))
    return above / below if below else 0.0


def mean_of(shares: list[float | None]) -> float:
    found = [s for s in shares if s is not None]
    return sum(found) / len(found) if found else float("nan")


def averaged(what: str, pixels: bool = False) -> Callable[..., Tensor]:
    """The reference of a measure that may be of one class, or averaged in one of three ways."""

    def measured(g: Given, *, average: str = "macro", only: int | None = None, absent: str = "skip",
                 threshold: float = 0.0, ignore: int = 255 if pixels else -100, axis: int | None = None) -> Tensor:  # fmt: skip
        sets = sets_of(g, threshold, ignore, axis)
        alone = g.x.dim() != g.xs[1].dim() and g.x.shape[1 + (axis or 0)] == 1 and average == "macro"
        if only is not None or alone:
            value = share_of(what, sets[1 if only is None else only], absent)
            return torch.tensor(float("nan") if value is None else value, dtype=g.x.dtype)
        kept = [s for number, s in enumerate(sets) if number != ignore or g.xs[1].dim() == g.x.dim()]
        if average == "micro":
            fractions = [MEASURES[what](*s) for s in kept]
            return torch.tensor(
                float(sum(a for a, _ in fractions)) / float(sum(b for _, b in fractions)), dtype=g.x.dtype
            )
        if average == "weighted":
            pairs = [((share_of(what, s) or 0.0) * float(s[1].sum()), float(s[1].sum())) for s in kept]
            return torch.tensor(sum(a for a, _ in pairs) / sum(b for _, b in pairs), dtype=g.x.dtype)
        return torch.tensor(mean_of([share_of(what, s, absent) for s in kept]), dtype=g.x.dtype)

    measured.__name__ = what
    return reference(measured)


precision, recall, f1, iou = averaged("precision"), averaged("recall"), averaged("f1"), averaged("iou", pixels=True)


@reference
def mean_accuracy(
    g: Given, *, absent: str = "skip", threshold: float = 0.0, ignore: int = -100, axis: int | None = None
) -> Tensor:
    sets = sets_of(g, threshold, ignore, axis)
    shares = [share_of("recall", s) if s[1].any() else None for n, s in enumerate(sets) if n != ignore]
    return torch.tensor(mean_of(shares), dtype=g.x.dtype)


@reference
def mdice(
    g: Given, *, absent: str = "skip", threshold: float = 0.0, ignore: int = 255, axis: int | None = None
) -> Tensor:
    shares = [share_of("f1", s, absent) for n, s in enumerate(sets_of(g, threshold, ignore, axis)) if n != ignore]
    return torch.tensor(mean_of(shares), dtype=g.x.dtype)


@reference
def miou(g: Given, *, merge: Sequence[int] = (), absent: str = "skip", threshold: float = 0.0, ignore: int = 255,
         axis: int | None = None) -> Tensor:  # fmt: skip
    """Everingham et al., 2010: class by class, a set of positions each."""
    sets = sets_of(g, threshold, ignore, axis, tuple(merge))
    shares = [share_of("iou", s, absent) for n, s in enumerate(sets) if merge or n != ignore]
    return torch.tensor(mean_of(shares), dtype=g.x.dtype)
