"""Sums, products and elementwise functions of one or several values."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from cases.case import Given, reference, use

PAIRS = ("sub", "div", "power", "minimum", "maximum")
SINGLE = ("exp", "log", "sqrt", "sin", "cos", "abs", "neg")
CASES = [
    *(use(name, f"{'unit ' if name in ('log', 'sqrt') else ''}{shape}") for name in SINGLE for shape in ("3 4 5", "3 H W")),
    use("abs", "edges 3 8"),
    use("add", "3 4", "3 4"),
    use("add", "3 4 5", "3 1 1", "1 4 5"),
    use("add", "3 4", "param 4"),
    use("add", "param 3 4", "3 4"),
    use("add", "int 4", "4"),
    use("add", "int 4", "int 4", learns=False),
    *(use(name, "signed 3 4", "signed 1 4", learns=False) for name in ("add", "mul", "sub", "minimum", "maximum")),
    *(use(name, "signed 3 4", learns=False) for name in ("abs", "neg", "clamp(-2, 3)", "clamp(low=1)", "clamp(high=0)")),
    use("add", "3 H W", "3 1 1"),
    use("mul", "3 4 5", "3 1 1"),
    use("mul", "3 4", "3 4", "3 4"),
    use("mul", "param 2 3", "param 3"),
    *(use(name, "unit 3 4", "unit 3 4") for name in PAIRS),
    *(use(name, "unit 3 4", "param unit 4") for name in PAIRS),
    *(use(name, "param unit 1 4", "unit 3 4") for name in PAIRS),
    *(use(name, "ties 3 4", "ties 3 4") for name in ("minimum", "maximum")),
    *(use(name, "unit 3 H W", "unit 3 1 1") for name in PAIRS),
    use("div", "int 5", "param 5"),
    use("maximum", "3 4", "param 1 4"),
    use("clamp(-1, 1)", "3 4"),
    use("clamp(low=0.5)", "3 4"),
    use("clamp(high=0)", "5"),
    *(use(f"clamp({limits})", "edges 3 8") for limits in ("-1, 1", "low=3", "high=-1")),
    use("matmul", "4 3", "3 5"),
    use("matmul", "2 4 3", "2 3 5"),
    use("matmul", "2 4 3", "1 3 5"),
    use("matmul", "4 3", "param 3 5"),
    use("matmul", "3", "param 3 5"),
    use("matmul", "2 4 3", "param 3 5"),
    use("matmul", "param 4 3", "2 3 5"),
    use("matmul", "T 4", "4 T"),
    use("matmul", "T 4", "param 4 3"),
    *(use(name, "4 6 8", costs=(192, 0)) for name in ("abs", "neg", "clamp(0, 1)")),
    *(use(name, "unit 4 6 8", costs=(0, 192)) for name in ("exp", "log", "sqrt", "sin", "cos")),
    *(use(name, "5 4", "5 4", "5 4", costs=(40, 0)) for name in ("add", "mul")),
    *(use(name, "5 4", "1 4", costs=(20, 0)) for name in ("sub", "div", "minimum", "maximum")),
    use("power", "unit 5 4", "unit 5 4", costs=(0, 20)),
    use("matmul", "5 3", "3 2", macs=5 * 3 * 2, costs=(0, 0)),
]  # fmt: skip


@reference
def exp(g: Given) -> Tensor:
    return g.x.exp()


@reference
def log(g: Given) -> Tensor:
    return g.x.log()


@reference
def sqrt(g: Given) -> Tensor:
    return g.x.sqrt()


@reference
def sin(g: Given) -> Tensor:
    return g.x.sin()


@reference
def cos(g: Given) -> Tensor:
    return g.x.cos()


@reference
def abs_(g: Given) -> Tensor:
    return g.x.abs()


@reference
def neg(g: Given) -> Tensor:
    return -g.x


@reference
def add(g: Given) -> Tensor:
    return reduce(torch.add, g.xs)


@reference
def mul(g: Given) -> Tensor:
    return reduce(torch.mul, g.xs)


@reference
def sub(g: Given) -> Tensor:
    return g.xs[0] - g.xs[1]


@reference
def div(g: Given) -> Tensor:
    return g.xs[0] / g.xs[1]


@reference
def power(g: Given) -> Tensor:
    return g.xs[0] ** g.xs[1]


@reference
def minimum(g: Given) -> Tensor:
    return torch.minimum(g.xs[0], g.xs[1])


@reference
def maximum(g: Given) -> Tensor:
    return torch.maximum(g.xs[0], g.xs[1])


@reference
def clamp(g: Given, low: float | None = None, high: float | None = None) -> Tensor:
    return g.x.clamp(low, high)


@reference
def matmul(g: Given) -> Tensor:
    return g.xs[0] @ g.xs[1]
