"""Members of a domain: sizes that lie in given sets and fulfil conditions over several symbols.

Conditions on one symbol are solved exactly, and so is the last symbol of every relation once the others have numbers.
What is tried out are the other symbols of a relation: the smallest `TRIED` members of each. So a relation between two
symbols is decided exactly where it shows what it does within the first `TRIED` sizes of one of them, as relations of
sizes with a threshold and a period below that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdsl.dims import effort
from netdsl.dims.condition import Comparison, Condition, few, solve
from netdsl.dims.sizeset import SizeSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRIED = 1024
"""How many sizes of a symbol are tried in a relation."""
STEPS = 2048
"""How many combinations are tried to answer one question."""
LOOK_AHEAD = 32
"""How often it is asked whether larger sizes can help at all."""


class Attempts:
    """How many more combinations may be tried."""

    __slots__ = ("left",)

    def __init__(self, left: int = STEPS) -> None:
        self.left = left


def find(
    sets: Mapping[str, SizeSet], conditions: Sequence[Condition], budget: Attempts | None = None
) -> dict[str, int] | None:
    """A member with small sizes: for each symbol of the sets its number; None when there is none (see above)."""
    budget = budget or Attempts()
    alternatives: list[list[Comparison]] = [[]]
    for condition in conditions:
        alternatives = few([a + b for a in alternatives for b in condition.alternatives()])
    found = (_descend(sets, comparisons, budget) for comparisons in alternatives)
    members = [m for m in found if m is not None]
    return min(members, key=lambda m: (sum(m.values()), sorted(m.items())), default=None)


def _descend(sets: Mapping[str, SizeSet], comparisons: Sequence[Comparison], budget: Attempts) -> dict[str, int] | None:
    effort.spend(50 * len(comparisons))
    sets = dict(sets)
    relations: list[Comparison] = []
    for comparison in comparisons:
        if len(comparison.symbols) > 1:
            relations.append(comparison)
            continue
        (symbol,) = comparison.symbols
        sets[symbol] = sets[symbol] & solve(comparison, symbol)
    if any(s.empty for s in sets.values()) or any(impossible(r, sets) for r in relations):
        return None
    if not relations:
        return {symbol: s.minimum or 1 for symbol, s in sets.items()}
    symbol = _chosen(sets, relations)
    return _try(symbol, sets, relations, budget)


def _chosen(sets: Mapping[str, SizeSet], relations: Sequence[Comparison]) -> str:
    """The symbol to try: the one with fewest members, else the one that most relations have."""
    names = sorted({s for r in relations for s in r.symbols})
    return min(names, key=lambda n: (sets[n].size, -sum(n in r.symbols for r in relations)))


def _try(
    symbol: str, sets: Mapping[str, SizeSet], relations: Sequence[Comparison], budget: Attempts
) -> dict[str, int] | None:
    for i, size in enumerate(sets[symbol].first(TRIED)):
        if i % LOOK_AHEAD == LOOK_AHEAD - 1:
            larger = {**sets, symbol: sets[symbol] & SizeSet.between(size)}
            if any(impossible(r, larger) for r in relations):
                return None
        if budget.left <= 0:
            return None
        effort.spend(20 * len(relations))
        budget.left -= 1
        rest = _with(relations, symbol, size)
        if rest is not None:
            found = _descend({**sets, symbol: SizeSet.of([size])}, rest, budget)
            if found is not None:
                return found
    return None


def _with(relations: Sequence[Comparison], symbol: str, size: int) -> list[Comparison] | None:
    """What the relations say once a symbol has a number; None when one fails."""
    rest: list[Comparison] = []
    for relation in relations:
        left = relation.substitute({symbol: size})
        if left is False:
            return None
        if isinstance(left, Comparison):
            rest.append(left)
    return rest


def impossible(comparison: Comparison, sets: Mapping[str, SizeSet]) -> bool:
    """True when the ranges of the sets alone show that a comparison never holds."""
    ranges = {s: (sets[s].minimum or 1, sets[s].maximum) for s in comparison.symbols}
    return comparison.excluded(ranges)
