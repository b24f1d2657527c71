"""Fully connected layers and look-up tables."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("linear(5)", "12"),
    use("linear(4)", "3"),
    use("linear(5, bias=false)", "4 12"),
    use("linear(4, bias=false)", "3"),
    use("linear(5, init=xavier_uniform)", "4 12"),
    use("linear(4)", "T 3"),
    use("linear(5)", "6 8", macs=6 * 8 * 5, costs=(0, 0)),
    use("linear(5, axis=-1)", "8"),
    use("linear(5, axis=1)", "6 8"),
    use("linear(5, axis=-1)", "2 3 8"),
    use("linear(5, axis=-1, bias=false)", "2 1 3 2 4"),
    use("linear(5, axis=2)", "T H 3"),
    use("linear(5, axis=-1)", "param 2 3 4"),
    use("linear", "12", "param 5 12", macs=60),
    use("linear", "12", "param 5 12", "param 5"),
    use("linear", "T 3", "param 4 3", costs=(0, 0)),
    use("linear", "2 1 3 4", "param 5 4", "param 5"),
    use("linear(axis=-1)", "2 3 T 4", "param 5 4"),
    use("linear", "param 2 3", "param 4 3", "param 4"),
    use("linear", "param 3", "param 4 3"),
    use("embedding(9, 4)", "int<9 6", costs=(0, 0)),
    use("embedding(9, 4, init=normal(0.02))", "int<9"),
    use("embedding(9, 4)", "int<9 2 3"),
    use("embedding(5, 4)", "int<5 6"),
    use("embedding(300, 4)", "int<5 6"),
    *(use(f"embedding({count}, 4)", f"int<5 {shape}") for count in (5, 300) for shape in ("T", "2 3")),
    use("gather", "5 4", "int<5 3", costs=(0, 0)),
    use("gather(axis=1)", "3 5", "int<5 2 3"),
    use("gather(axis=-1)", "2 3 5", "int<5"),
    use("gather", "param 5 4", "int<5 3"),
    use("gather(axis=1)", "param 2 5 3", "int<5 T"),
    use("scatter_add(4)", "6 3", "int<4 6", costs=(18, 0)),
    use("scatter_add(4)", "6", "int<4 6"),
    use("scatter_add(5, axis=1)", "2 6 3", "int<5 6"),
    use("scatter_add(5, axis=-1)", "2 3 4", "int<5 3 4"),
    use("scatter_add(5, axis=1)", "2 3 4 2", "int<5 3 4"),
    use("scatter_add(3)", "4 2", "int<3"),
    use("scatter_add(5, axis=1)", "param 2 6", "int<5 6"),
    use("scatter_add(T)", "T 2", "int<3 T"),
    use("scatter_add(H + W, axis=1)", "3 H W", "int<5 H W"),
]


@reference
def linear(g: Given, features: int = 0, *, bias: bool = True, init: Any = None, axis: int | None = None) -> Tensor:
    return F.linear(*(g.xs if len(g.xs) > 1 else (g.x, g.weights["weight"], g.weight("bias"))))


@reference
def embedding(g: Given, count: int, width: int, *, init: Any = None) -> Tensor:
    return F.embedding(g.x, g.weights["weight"])


@reference
def gather(g: Given, *, axis: int = 0) -> Tensor:
    """One sample after the other."""
    table, places = g.xs
    tables = table if g.batched[0] else [table] * len(places)
    along = axis if axis >= 0 else axis + tables[0].dim()
    return torch.stack([
        torch.index_select(t, along, p.flatten()).unflatten(along, p.shape) if p.dim() else t.select(along, int(p))
        for t, p in zip(tables, places, strict=True)
    ])  # fmt: skip


@reference
def scatter_add(g: Given, size: int, *, axis: int = 0) -> Tensor:
    """Item after item of one sample after the other."""
    values, places = g.xs
    taken = places.dim() - 1
    along = axis if axis >= 0 else axis + values.dim() - taken
    made = []
    for value, own in zip(values, places, strict=True):
        items = value.flatten(along, along + taken - 1) if taken else value.unsqueeze(along)
        rows = items.movedim(along, 0)
        zero = torch.zeros_like(rows[0])
        summed = [sum((r for r, n in zip(rows, own.flatten(), strict=True) if n == i), zero) for i in range(size)]
        made.append(torch.stack(summed, along))
    return torch.stack(made)
