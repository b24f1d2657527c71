"""Numbers put in order, and where they were."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cases.case import Case, Given, reference, use

CASES: list[Case] = [
    use("top_k(3)", "5"),
    use("top_k(1)", "4 6"),
    use("top_k(2, axis=0)", "5 3"),
    use("top_k(4, axis=1)", "2 4 3"),
    use("top_k(3)", "ties 2 6"),
    use("top_k(2)", "param 3 5"),
    use("top_k(3)", "int<4 2 5", learns=False),
    use("top_k(2, axis=-2)", "3 H 2"),
    use("top_k(2)", "4 T"),
    use("top_k(2)", "3 6", costs=(3 * (5 + 4), 0)),
    use("top_k(1)", "6", costs=(5, 0)),
    use("top_k(3, largest=false)", "ties 2 6"),
    use("top_k(2, axis=0, largest=false)", "5 3", costs=(3 * (4 + 3), 0)),
    use("top_k(2, largest=false)", "int<4 2 5", learns=False),
    use("top_k(2, largest=false)", "4 T"),
    *(use(f"sort{more}", shape) for more in ("", "(descending=true)", "(indices=true)", "(axis=0, indices=true)")
      for shape in ("5", "ties 4 6", "3 T", "param 3 4")),
    use("sort(axis=1, descending=true, indices=true)", "ties 3 7 2"),
    use("sort", "int<4 2 5", learns=False),
    use("sort(indices=true)", "int<4 2 5", learns=False),
    use("sort", "3 6", costs=(0, 0)),
]  # fmt: skip


def ordered(x: Tensor, axis: int, descending: bool) -> Tensor:
    """The places of numbers in order, equal ones as they stand, by numpy."""
    whole = x.detach().numpy()
    return torch.from_numpy(np.argsort(-whole if descending else whole, axis=axis, kind="stable"))


@reference
def top_k(g: Given, k: int, *, axis: int = -1, largest: bool = True) -> list[Tensor]:
    along = g.axis(axis)
    places = ordered(g.x, along, largest).narrow(along, 0, k)
    return [g.x.gather(along, places), places]


@reference
def sort(g: Given, *, axis: int = -1, descending: bool = False, indices: bool = False) -> list[Tensor]:
    along = g.axis(axis)
    places = ordered(g.x, along, descending)
    return [g.x.gather(along, places), places][: 1 + indices]
