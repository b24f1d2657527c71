"""Images made larger or smaller without weights."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Case, Given, each, reference, use

FACTORS = (
    ("2 4 5", "scale=2"), ("2 5 6", "scale=0.5"), ("2 7 6", "scale=0.5"), ("2 5 7", "size=(8, 3)"), ("2 4 4", "size=1"),
    ("2 6", "scale=1.5"), ("2 3 4 2", "size=(4, 6, 3)"), ("2 3 10", "size=(11, 6)"), ("2 3 4", "scale=(3, 1)"),
    ("2 H W", "scale=2"), ("2 H W", "scale=0.5"), ("2 W", "scale=1.25"), ("2 H W", "size=(5, W)"),
)  # fmt: skip
MODES = ("", "mode=bilinear", "mode=bilinear, align_corners=true")
LIKE = (("2 4 5", "3 8 7"), ("2 3 W", "1 H W"), ("2 H W", "5 2*H W//2"))
CASES: list[Case] = [
    *(use(f"resize({size}{more and ', ' + more})", shape) for shape, size in FACTORS for more in MODES),
    *(use("resize" + (more and f"({more})"), *shapes) for shapes in LIKE for more in MODES),
    use("resize(size=(1, 3), mode=bilinear, align_corners=true)", "2 4 7"),
    use("max_unpool", "2 3 4", "places<48 2 3 4"),
    use("max_unpool(size=(7, 9))", "2 3 4", "places<48 2 3 4"),
    use("max_unpool", "2 3 4", "places<48 2 3 4", "5 7 8"),
    use("max_unpool(3, stride=2, pad=1)", "2 4", "places<7 2 4"),
    use("max_unpool", "2 2 2 2", "places<64 2 2 2 2"),
    use("max_unpool", "2 H W", "places<168 2 H W"),
    use("max_unpool", "2 H W", "places<168 2 H W", "2 2*H+1 2*W"),
    use("unpool(2)", "2 3 4"),
    use("unpool(2)", "2 2 3 2"),
    use("unpool((2, 3), mode=bed_of_nails)", "2 3 4"),
    use("unpool(3, mode=bed_of_nails)", "2 4"),
    use("unpool(2, mode=bed_of_nails)", "2 2 3 2"),
    use("unpool((2, 3))", "2 H W"),
    use("unpool((2, 3), mode=bed_of_nails)", "2 H W"),
    use("pixel_shuffle(2)", "12 3 2"),
    use("pixel_shuffle(2)", "8 H W"),
    use("pixel_unshuffle(2)", "3 4 6"),
    use("pixel_unshuffle(3)", "4 3 6"),
    use("resize(scale=2, mode=bilinear)", "4 10", costs=(3 * 4 * 20, 0)),
    use("resize(scale=2, mode=bilinear)", "4 6 8", costs=(7 * 4 * 192, 0)),
    use("resize(scale=2, mode=bilinear)", "2 4 6 8", costs=(15 * 2 * 8 * 12 * 16, 0)),
    use("resize(scale=2)", "4 6 8", costs=(0, 0)),
    use("unpool(2)", "4 6 8", costs=(0, 0)),
    use("max_unpool", "2 3 4", "places<48 2 3 4", costs=(0, 0)),
    use("pixel_shuffle(2)", "8 3 2", costs=(0, 0)),
    use("pixel_unshuffle(2)", "3 4 6", costs=(0, 0)),
]


@reference
def resize(
    g: Given, *, size: Any = None, scale: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Tensor:
    own = {"nearest": "nearest", "bilinear": {1: "linear", 2: "bilinear", 3: "trilinear"}[g.rank]}[mode]
    corners = align_corners if mode == "bilinear" else None
    if scale is not None:
        sizes = tuple(math.floor(n * s) for n, s in zip(g.x.shape[2:], each(scale, g.rank), strict=True))
    else:
        sizes = each(size, g.rank) if size is not None else tuple(g.xs[1].shape[2:])
    return F.interpolate(g.x, sizes, mode=own, align_corners=corners)


@reference
def unpool(g: Given, factor: Any = 2, *, mode: str = "nearest") -> Tensor:
    made = g.x
    for axis, times in enumerate(each(factor, g.rank), 2):
        if mode == "bed_of_nails":
            wide = torch.stack([made, *[torch.zeros_like(made)] * (times - 1)], axis + 1)
            made = wide.flatten(axis, axis + 1)
        else:
            made = made.repeat_interleave(times, axis)
    return made


@reference
def max_unpool(g: Given, kernel: Any = 2, *, stride: Any = None, pad: Any = 0, size: Any = None) -> Tensor:
    function = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}[g.rank]
    shape = each(size, g.rank) if size is not None else tuple(g.xs[2].shape[2:]) if len(g.xs) > 2 else None
    return function(g.x, g.xs[1], kernel, stride, pad, shape)  # type: ignore[operator]


@reference
def pixel_shuffle(g: Given, factor: int) -> Tensor:
    return F.pixel_shuffle(g.x, factor)


@reference
def pixel_unshuffle(g: Given, factor: int) -> Tensor:
    return F.pixel_unshuffle(g.x, factor)
