"""Dropout: nothing in inference; in training what a mask leaves, scaled up."""

from __future__ import annotations

from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("dropout", "unit 3 4", costs=(0, 0)),
    use("dropout(0.1)", "unit 3"),
    use("dropout(0)", "unit 4 3"),
    use("dropout(0.3)", "unit 3 H"),
    use("spatial_dropout", "unit 3 4", costs=(0, 0)),
    use("drop_path", "unit 3 4", costs=(0, 0)),
    *(use("drop_path(0.3)", f"unit {shape}") for shape in ("3", "3 4 5", "3 2 2 2", "3 H")),
    *(use("spatial_dropout(0.3)", f"unit {shape}") for shape in ("3 4", "3 4 5", "3 2 2 2", "3 H")),
]


@reference
def dropout(g: Given, rate: float = 0.5) -> Tensor:
    return g.x * (g.made[0] != 0) / (1 - rate) if g.training else g.x


@reference
def spatial_dropout(g: Given, rate: float = 0.5) -> Tensor:
    """Whole channels at once."""
    if not g.training:
        return g.x
    kept = g.made[0].flatten(2).amax(2) != 0
    return g.x * kept.reshape(*kept.shape, *(1,) * g.rank) / (1 - rate)


@reference
def drop_path(g: Given, rate: float = 0.5) -> Tensor:
    """Whole samples at once."""
    if not g.training:
        return g.x
    kept = g.made[0].flatten(1).amax(1) != 0
    return g.x * kept.reshape(-1, *(1,) * (g.x.dim() - 1)) / (1 - rate)
