"""Exact sizes: integers and expressions of an input's symbols, with every question about them decided.

Along one symbol every size that a network produces is quasi-affine (`quasi`); `Dim` gives such functions, their sums
and products the arithmetic of integers (`extent`, `polynomial`, written by `wording`). Comparisons become conditions
(`condition`) whose solutions are eventually periodic sets (`sizeset`, said by `phrases`), and a `Domain` collects what
a network demands (`domain`; relations between symbols: `search`, `projection`).
"""

from netdsl.dims.condition import Condition, both, compare, either, negate, solve
from netdsl.dims.domain import Domain, Limitation, Verdict
from netdsl.dims.effort import Account, SizeTooComplex, TooMuchEffort, charged
from netdsl.dims.extent import Dim, Extent, at, substitute
from netdsl.dims.sizeset import SizeSet

__all__ = [
    "Account",
    "Condition",
    "Dim",
    "Domain",
    "Extent",
    "Limitation",
    "SizeSet",
    "SizeTooComplex",
    "TooMuchEffort",
    "Verdict",
    "at",
    "both",
    "charged",
    "compare",
    "either",
    "negate",
    "solve",
    "substitute",
]
