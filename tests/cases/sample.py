"""Positions of pixels, and images read between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Case, Given, reference, use

MORE = ("", "(pad=border)", "(align_corners=true)", "(pad=border, align_corners=true)", "(mode=nearest)",
        "(pad=reflect)", "(pad=reflect, align_corners=true)", "(mode=nearest, pad=reflect)")  # fmt: skip
CASES: list[Case] = [
    use("grid", "3 4 5", learns=False, costs=(0, 0)),
    use("grid(align_corners=true)", "3 4 5", learns=False),
    use("grid", "3 H W", learns=False),
    *(use(f"grid_sample{more}", "2 4 5", "6 3 2") for more in MORE),
    *(use(f"grid_sample{more}", "2 H W", "T S 2") for more in (*MORE[:2], MORE[5])),
    use("grid_sample", "1 1 1", "3 3 2"),
    use("grid_sample", "2 4 5", "param 6 3 2"),
    use("grid_sample", "3 8 8", "5 6 2", costs=(7 * 90, 0)),
]


@reference
def grid(g: Given, *, align_corners: bool = False) -> Tensor:
    """Pixel by pixel."""
    height, width = g.x.shape[-2:]

    def place(i: int, size: int) -> float:
        return 2 * i / (size - 1) - 1 if align_corners else (2 * i + 1) / size - 1

    rows = [[(place(j, width), place(i, height)) for j in range(width)] for i in range(height)]
    return torch.tensor(rows, dtype=g.dtype)


@reference
def grid_sample(g: Given, *, mode: str = "bilinear", pad: str = "zeros", align_corners: bool = False) -> Tensor:
    x, positions = g.xs
    return F.grid_sample(x, positions, str(mode), "reflection" if pad == "reflect" else str(pad), align_corners)
