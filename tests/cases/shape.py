"""Operations that only move numbers about."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cases.case import Case, Given, reference, use

CASES: list[Case] = [
    use("concat", "3 4", "2 4"),
    use("concat(axis=1)", "3 4", "3 2", "3 1"),
    use("concat(axis=-1)", "3 4 5", "3 4 5"),
    use("concat", "param 3", "param 2"),
    use("concat", "int 3", "int 2", learns=False),
    use("concat", "4"),
    use("concat", "T 4", "2 4"),
    use("concat", "3 H W", "2 H W"),
    use("stack", "3 4", "3 4"),
    use("stack(axis=-1)", "3 4", "3 4", "3 4"),
    use("stack", "", ""),
    use("stack", "T 2", "T 2"),
    use("split(2)", "4 3"),
    use("split([1, 2, 3])", "6 4 3"),
    use("split(3, axis=1)", "4 6"),
    use("split(1)", "4"),
    use("split(2)", "param 4 2"),
    use("split([2, 3], axis=-1)", "3 5"),
    use("split([1, T - 1])", "T 4"),
    use("flatten", "3 4 5"),
    use("flatten", "7"),
    use("flatten(start=1)", "3 4 5"),
    use("flatten(start=-2)", "3 4 5"),
    use("flatten", ""),
    use("flatten", "param 3 4"),
    use("flatten(start=1)", "3 H W"),
    use("flatten", "T 3"),
    use("reshape([3, 4])", "12"),
    use("reshape([5, -1])", "3 4 5"),
    use("reshape([2, 3, 2])", "3 4"),
    use("reshape([2, 3])", "param 6"),
    use("reshape(-1)", "3 4"),
    use("reshape([2, -1])", "8"),
    use("reshape([2, 2, -1])", "4 H W"),
    use("reshape([T, 2, 3])", "T 6"),
    use("reshape([3, H * W])", "3 H W"),
    use("transpose", "3 4"),
    use("transpose([2, 0, 1])", "3 4 5"),
    use("transpose([0, 2, 1])", "3 4 5"),
    use("transpose", "param 3 4"),
    use("transpose([-1, -2, -3])", "3 4 5"),
    use("transpose([0, 1, 3, 2])", "2 3 4 5"),
    use("transpose([1, 0, 2])", "3 H W"),
    use("tokens", "3 4 5"),
    use("tokens", "3 4"),
    use("tokens", "2 3 2 2"),
    use("tokens", "param 2 3 4"),
    use("tokens", "3 H W"),
    use("squeeze(0)", "1 4"),
    use("squeeze(-1)", "3 1"),
    use("unsqueeze(1)", "3 4"),
    use("unsqueeze(-1)", "3"),
    use("unsqueeze(0)", ""),
    use("unsqueeze(0)", "T 2"),
    *(use(layer, *shapes, costs=(0, 0)) for layer, *shapes in (
        ("concat", "3 4", "2 4"), ("stack", "3 4", "3 4"), ("split(2)", "4 3"), ("flatten", "3 4"), ("reshape([3, 4])", "12"),
        ("transpose", "3 4"), ("tokens", "3 4 5"), ("squeeze(0)", "1 4"), ("unsqueeze(1)", "3 4"),
    )),
]  # fmt: skip


@reference
def concat(g: Given, *, axis: int = 0) -> Tensor:
    return torch.cat(g.xs, g.axis(axis))


@reference
def stack(g: Given, *, axis: int = 0) -> Tensor:
    return torch.stack(g.xs, g.axis(axis))


@reference
def split(g: Given, parts: Any, *, axis: int = 0) -> Any:
    along = g.axis(axis)
    each = parts if isinstance(parts, list) else [g.x.shape[along] // parts] * parts
    return torch.split(g.x, each, along)


@reference
def flatten(g: Given, *, start: int = 0) -> Tensor:
    return g.x.flatten(g.axis(start)) if g.x.dim() > 1 else g.x.reshape(*g.x.shape[: g.batched[0]], -1)


@reference
def reshape(g: Given, shape: Any) -> Tensor:
    sizes = shape if isinstance(shape, list) else [shape]
    return g.x.reshape(*g.x.shape[: g.batched[0]], *sizes)


@reference
def transpose(g: Given, order: Any = (1, 0)) -> Tensor:
    rank = len(order)
    return g.x.permute(*range(g.batched[0]), *(a % rank + g.batched[0] for a in order))


@reference
def tokens(g: Given) -> Tensor:
    """`[C, …]` as a sequence of its positions."""
    return g.x.flatten(g.axis(1)).transpose(-1, -2)


@reference
def squeeze(g: Given, axis: int) -> Tensor:
    return g.x.squeeze(g.axis(axis))


@reference
def unsqueeze(g: Given, axis: int) -> Tensor:
    return g.x.unsqueeze(g.axis(axis))
