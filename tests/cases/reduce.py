"""Sums, means and extremes along axes; class numbers of scores and back."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cases.activation import classes
from cases.case import Given, reference, use

KINDS = ("mean", "sum", "reduce_max", "reduce_min", "variance")
CASES = [
    *(
        use(f"{name}{more}", shape)
        for name in KINDS
        for shape, more in (
            ("3 4 5", ""), ("3 4 5", "(axis=0)"), ("3 4 5", "(axis=(1, -1), keep=true)"), ("param 3 4", "(axis=1)"),
            ("3 H W", "(axis=(1, 2))"), ("3 H W", "(axis=2, keep=true)"), ("T 4", "(axis=0)"),
        )
    ),
    *(
        use(f"{name}({more})", "ties 2 3")
        for name in KINDS[2:4]
        for more in ("axis=0", "axis=(0, 1)", "axis=1, keep=true")
    ),
    use("sum(axis=0)", "int 3 4", learns=False),
    use("variance(axis=0, unbiased=true)", "4 5"),
    use("variance(axis=(0, 2), unbiased=true, keep=true)", "3 H W"),
    use("variance(axis=1)", "4 6 8", costs=(4 * 192, 0)),
    use("cumsum", "5 3"),
    use("cumsum(axis=-1, reverse=true)", "2 3 4"),
    use("cumsum(axis=1)", "T 4 H"),
    use("cumsum", "param 4 3"),
    use("cumsum", "int<5 6", learns=False),
    use("cumsum", "6 8", costs=(48 - 8, 0)),
    *(use(f"argmax{more}", shape, learns=False) for shape, more in (
        ("5", ""), ("4 5", ""), ("ties 4 5 6", ""), ("4 5 6", "(axis=-1)"), ("3 H W", ""),
    )),
    use("one_hot(4)", "int<4 5", learns=False),
    use("one_hot(3, axis=0)", "int<3 3 4", learns=False),
    use("one_hot(3)", "int<3", learns=False),
    use("one_hot(3)", "int<3 T", learns=False, costs=(0, 0)),
    use("mean(axis=1)", "4 6 8", costs=(192, 0)),
    use("mean(axis=(1, 2))", "4 6 8", costs=(192, 0)),
    use("sum(axis=0)", "6 8", costs=(48 - 8, 0)),
    use("reduce_max(axis=1)", "6 8", costs=(48 - 6, 0)),
    use("reduce_min", "12", costs=(11, 0)),
    use("argmax", "4 6 8", learns=False, costs=(192 - 48, 0)),
]  # fmt: skip


def axes(g: Given, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(int(g.batched[0]), g.x.dim()))
    return tuple(g.axis(a) for a in (axis if isinstance(axis, tuple) else (axis,)))


@reference
def mean(g: Given, *, axis: Any = None, keep: bool = False) -> Tensor:
    return g.x.mean(axes(g, axis), keepdim=keep)


@reference
def variance(g: Given, *, axis: Any = None, keep: bool = False, unbiased: bool = False) -> Tensor:
    return g.x.var(axes(g, axis), correction=int(unbiased), keepdim=keep)


@reference
def cumsum(g: Given, *, axis: int = 0, reverse: bool = False) -> Tensor:
    along = g.axis(axis)
    return g.x.flip(along).cumsum(along).flip(along) if reverse else g.x.cumsum(along)


@reference
def sum_(g: Given, *, axis: Any = None, keep: bool = False) -> Tensor:
    return g.x.sum(axes(g, axis), keepdim=keep)


@reference
def reduce_max(g: Given, *, axis: Any = None, keep: bool = False) -> Tensor:
    return g.x.amax(axes(g, axis), keepdim=keep)


@reference
def reduce_min(g: Given, *, axis: Any = None, keep: bool = False) -> Tensor:
    return g.x.amin(axes(g, axis), keepdim=keep)


@reference
def argmax(g: Given, *, axis: int | None = None) -> Tensor:
    return g.x.argmax(classes(g, axis))


@reference
def one_hot(g: Given, classes: int, *, axis: int = -1) -> Tensor:
    return F.one_hot(g.x, classes).movedim(-1, g.axis(axis)).to(g.dtype)
