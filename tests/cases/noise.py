"""Noise: nothing in inference; in training what was drawn, of the shape that it should have."""

from __future__ import annotations

import torch
from torch import Tensor

from cases.case import Given, each, reference, use

CASES = [
    use("noise(normal)", "unit 3 4", costs=(0, 0), learns=False),
    use("noise(uniform)", "3 H", learns=False),
    use("noise(gumbel)", "3 2 2", learns=False),
    use("noise(normal, [4, 2])", "unit 3 H", learns=False),
    use("noise(uniform, 1)", "3", learns=False),
]


@reference
def noise(g: Given, kind: str, shape: object = None) -> Tensor:
    zeros = g.x.new_zeros(g.x.shape if shape is None else (len(g.x), *each(shape, 1)))
    if not g.training:
        return zeros
    return g.made[0].reshape(zeros.shape) if g.made[0].any() else torch.ones_like(zeros)
