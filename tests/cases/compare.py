"""Comparisons, truth values joined, and choices, as PyTorch has them."""

from __future__ import annotations

import torch
from torch import Tensor

from cases.case import Given, reference, use

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
JOINED = ("logical_and", "logical_or")
CASES = [
    *(use(name, "ties 3 8", "ties 3 8", learns=False) for name in COMPARISONS),
    *(use(name, "ties 3 8", "param ties 8", learns=False) for name in COMPARISONS),
    *(use(name, "signed 3 8", "signed 1 8", learns=False) for name in COMPARISONS),
    *(use(name, "int 3 8", "ties 1 8", learns=False) for name in COMPARISONS),
    *(use(name, "bool 3 8", "bool 3 8", learns=False) for name in COMPARISONS[4:]),
    use("less", "3 H W", "3 1 1", learns=False),
    *(use(name, "bool 3 8", "bool 1 8", learns=False) for name in JOINED),
    *(use(name, "bool 3 H", "bool 3 H", learns=False) for name in JOINED),
    use("logical_not", "bool 3 8", learns=False),
    use("logical_not", "bool 5 4", costs=(20, 0), learns=False),
    use("where", "bool 3 8", "3 8", "3 8"),
    use("where", "bool 3 1", "3 8", "1 8"),
    use("where", "bool 1 8", "3 1", "param 8"),
    use("where", "bool 3 8", "param 8", "param 3 1"),
    use("where", "bool 1 H W", "3 H W", "3 1 1"),
    use("where", "bool 3 8", "signed 3 8", "3 8"),
    use("where", "bool 3 8", "signed 3 8", "signed 3 1", learns=False),
    use("where", "bool 3 8", "bool 3 8", "bool 3 8", learns=False),
    *(use(name, "5 4", "1 4", costs=(20, 0), learns=False) for name in COMPARISONS),
    *(use(name, "bool 5 4", "bool 1 4", costs=(20, 0), learns=False) for name in JOINED),
    use("where", "bool 5 4", "5 4", "5 4", costs=(0, 0)),
]


@reference
def less(g: Given) -> Tensor:
    return torch.less(g.xs[0], g.xs[1])


@reference
def less_equal(g: Given) -> Tensor:
    return torch.less_equal(g.xs[0], g.xs[1])


@reference
def greater(g: Given) -> Tensor:
    return torch.greater(g.xs[0], g.xs[1])


@reference
def greater_equal(g: Given) -> Tensor:
    return torch.greater_equal(g.xs[0], g.xs[1])


@reference
def equal(g: Given) -> Tensor:
    return torch.eq(g.xs[0], g.xs[1])


@reference
def not_equal(g: Given) -> Tensor:
    return torch.not_equal(g.xs[0], g.xs[1])


@reference
def logical_and(g: Given) -> Tensor:
    return torch.logical_and(g.xs[0], g.xs[1])


@reference
def logical_or(g: Given) -> Tensor:
    return torch.logical_or(g.xs[0], g.xs[1])


@reference
def logical_not(g: Given) -> Tensor:
    return torch.logical_not(g.x)


@reference
def where(g: Given) -> Tensor:
    return torch.where(*g.xs)
