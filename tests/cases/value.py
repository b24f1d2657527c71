"""What is the same for all samples, repeated for each. Numbers and params are inputs of other cases."""

from __future__ import annotations

from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("per_sample", "param 1 4", "5 4", costs=(0, 0)),
    use("per_sample", "param 3 2 2", "5"),
    use("per_sample", "param 1 4", "T 4"),
]


@reference
def per_sample(g: Given) -> Tensor:
    return g.xs[0].expand(len(g.xs[1]), *g.xs[0].shape)
