"""Quotients rounded down, remainders, rounding and kinds of numbers, as PyTorch has them."""

from __future__ import annotations

import torch
from torch import Tensor

from cases.case import Given, reference, use

QUOTIENTS = ("floor_div", "remainder")
ROUNDED = ("floor", "ceil", "round")
CASES = [
    *(use(name, "edges 3 8", "unit 3 8") for name in QUOTIENTS),
    *(use(name, "3 4", "param unit 4") for name in QUOTIENTS),
    *(use(name, "param unit 1 4", "3 4") for name in QUOTIENTS),
    *(use(name, "3 H W", "unit 3 1 1") for name in QUOTIENTS),
    *(use(name, "signed 4 64", "signed 1 64", learns=False) for name in QUOTIENTS),
    *(use(name, "signed 3 8", "unit 3 8") for name in QUOTIENTS),
    *(use(name, "halves 3 8") for name in ROUNDED),
    *(use(name, "3 H W") for name in ROUNDED),
    *(use(f"to({kind})", "halves 3 8", learns=kind == "float") for kind in ("float", "int", "bool")),
    *(use(f"to({kind})", "signed 3 8", learns=False) for kind in ("float", "int", "bool")),
    *(use(f"to({kind})", "bool 3 8", learns=False) for kind in ("float", "int", "bool")),
    use("to(float)", "int H W", learns=False),
    *(use(name, "5 4", "unit 1 4", costs=(20, 0)) for name in QUOTIENTS),
    *(use(name, "4 6 8", costs=(192, 0)) for name in ROUNDED),
    use("to(int)", "4 6", costs=(0, 0), learns=False),
]


@reference
def floor_div(g: Given) -> Tensor:
    return torch.div(g.xs[0], g.xs[1], rounding_mode="floor")


@reference
def remainder(g: Given) -> Tensor:
    return torch.remainder(g.xs[0], g.xs[1])


@reference
def floor(g: Given) -> Tensor:
    return g.x.floor()


@reference
def ceil(g: Given) -> Tensor:
    return g.x.ceil()


@reference
def round_(g: Given) -> Tensor:
    return g.x.round()


@reference
def to(g: Given, kind: str) -> Tensor:
    return g.x.to({"float": g.dtype, "int": torch.int64, "bool": torch.bool}[kind])
