"""Parts of a value and rims around it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Given, each, flat, reference, sides, use

CASES = [
    use("slice(0, start=1)", "7 3"),
    use("slice(1, start=-4, end=-1)", "3 7"),
    use("slice(-1, step=3)", "3 8 8"),
    use("slice(0, start=1, end=8, step=2)", "9"),
    use("slice(0, end=3)", "param 5 2"),
    use("slice(0, start=1)", "T 4"),
    use("slice(0, start=-3, end=-1)", "T 4"),
    use("slice(0, step=3)", "T 4"),
    use("slice(0, start=T // 2)", "T 3"),
    use("slice(0, end=T - 2)", "T 3"),
    use("slice(1, start=-3, step=2)", "3 H W"),
    use("crop(4)", "3 7 8"),
    use("crop((4, 5))", "3 9 8"),
    use("crop(4)", "3 9"),
    use("crop(margin=2)", "3 7 8"),
    use("crop(margin=((1, 0), (0, 2)))", "3 7 8"),
    use("crop(margin=(0, 1))", "3 7 8"),
    use("crop", "3 9 8", "5 4 5"),
    use("crop(offset=1)", "3 9 8", "5 4 5"),
    use("crop(4, offset=(5, 0))", "3 9 8"),
    use("crop", "2 4 5 6", "3 3 3 3"),
    use("crop(3)", "3 H W"),
    use("crop(margin=1)", "3 H W"),
    use("crop(offset=1)", "3 H W", "2 H-3 W//2"),
    use("crop", "3 H W", "2 3 3"),
    use("crop((H - 3, 4))", "3 H W"),
    use("pad(2)", "3 4 5"),
    use("pad(((1, 0), (2, 3)))", "3 4 5"),
    use("pad((2,), value=1.5)", "3 6"),
    *(use(f"pad(1, mode={mode})", shape) for mode in ("reflect", "replicate") for shape in ("3 4 5", "3 6", "2 3 4 5")),
    use("pad(1, value=7)", "int 3 4", learns=False),
    use("pad((1, 2), value=-2.0)", "3 4 5"),
    use("pad(((1, 0), (2, 1)))", "3 H W"),
    use("pad(((1, 0), (2, 1)), mode=reflect)", "3 H W"),
    use("pad(((0, 2), (1, 1)), mode=replicate)", "3 H W"),
    use("roll(2, 0)", "5"),
    use("roll(-3, axis=(1, 2))", "3 7 8"),
    use("roll((1, -9, 0), axis=(2, -2, 0))", "3 4 5"),
    use("roll(5, axis=0)", "5 2"),
    use("roll(7, axis=(1, 2))", "3 H W"),
    use("roll(1, axis=0)", "int 4 3", learns=False),
    use("roll(1, axis=1)", "param 4 3"),
    use("roll(1, axis=0)", "3 8 8", costs=(0, 0)),
    *(use(layer, "3 8 8", costs=(0, 0)) for layer in ("slice(1, end=3)", "crop(4)", "pad(1)")),
]


@reference
def slice_(g: Given, axis: int, *, start: int = 0, end: int | None = None, step: int = 1) -> Tensor:
    where = [slice(None)] * g.x.dim()
    where[g.axis(axis)] = slice(start, end, step)
    return g.x[tuple(where)]


@reference
def crop(g: Given, size: Any = None, *, margin: Any = None, offset: Any = None) -> Tensor:
    """From the middle, where an `offset` does not say otherwise; what is odd stays at the end."""
    x, made = g.x, g.x
    rims = sides(margin, g.rank) if margin is not None else None
    sizes = each(size, g.rank) if size is not None else g.xs[-1].shape[2:]
    for i, wanted in enumerate(sizes):
        total = x.shape[2 + i]
        if rims is not None:
            first, last = rims[i][0], total - rims[i][1]
        else:
            first = (total - wanted) // 2 if offset is None else each(offset, g.rank)[i]
            last = first + wanted
        made = made.narrow(2 + i, first, last - first)
    return made


@reference
def pad(g: Given, amount: Any, *, mode: str = "constant", value: float = 0.0) -> Tensor:
    rims = flat(sides(amount, g.rank))
    return F.pad(g.x, rims, "constant", value) if mode == "constant" else F.pad(g.x, rims, str(mode))


@reference
def roll(g: Given, shift: Any, axis: Any) -> Tensor:
    axes = tuple(g.axis(a) for a in each(axis, 1))
    return torch.roll(g.x, each(shift, len(axes)), axes)
