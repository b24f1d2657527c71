"""What relations between symbols leave of each of them."""

from __future__ import annotations

from itertools import islice
from math import gcd, lcm
from typing import TYPE_CHECKING

from netdsl.dims import effort, search
from netdsl.dims.condition import Comparison, Condition, compare, negate, solve
from netdsl.dims.extent import Extent, QuasiAffine
from netdsl.dims.polynomial import SumOfProducts
from netdsl.dims.sizeset import SizeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SCANNED = 4096
"""How many sizes of a symbol are looked at one by one where that gives an exact answer."""
GUESSED = 256
"""How many are looked at where it does not."""
FAR = 1 << 40
"""Beyond this no end of the sizes that a relation leaves is looked for."""
LOOKS = 4_000
"""How many combinations of sizes are tried to say what relations leave of all symbols of a domain."""
Answer = tuple[SizeSet, bool]
"""Sizes of a symbol, and whether they are exact."""


class Projection:
    """What relations leave of each of their symbols. `looks` is how many combinations of sizes all of it may try.

    Where relations tie symbols together as a tree, each of two, a symbol is asked about neighbour by neighbour.
    """

    def __init__(self, sets: Mapping[str, SizeSet], relations: Sequence[Condition], looks: search.Attempts) -> None:
        self.sets = sets
        self.relations = relations
        self.looks = looks
        self.answers: dict[str, Answer] = {}
        self.messages: dict[tuple[str, str, SizeSet], Answer] = {}
        self.tied: dict[str, dict[str, None]] = {}
        for relation in relations:
            for symbol in relation.symbols:
                self.tied.setdefault(symbol, {}).update(dict.fromkeys(relation.symbols - {symbol}))

    def of(self, symbol: str) -> Answer:
        """The sizes of a symbol that go together with some sizes of the others, and whether that is exact."""
        if symbol not in self.tied:
            return self.sets[symbol], True
        if symbol not in self.answers:
            self.answers[symbol] = self._answer(symbol)
        return self.answers[symbol]

    def _answer(self, symbol: str) -> Answer:
        order = self._outwards(symbol)
        if order is None:
            group = reached(self.tied, (symbol,))
            relations = [r for r in self.relations if symbol in reached(self.tied, r.symbols)]
            return _project({s: self.sets[s] for s in group}, relations, symbol, self.looks)
        left = {symbol: (self.sets[symbol], True), **{child: (self.sets[child], True) for child, _ in order}}
        for child, parent in reversed(order):
            found, exact = self._message(child, parent, left[child][0])
            sizes, sure = left[parent]
            left[parent] = sizes & found, sure and exact and left[child][1]
        return left[symbol]

    def _outwards(self, symbol: str) -> list[tuple[str, str]] | None:
        """Each symbol tied to this one with its neighbour on the way there; None when it is no tree of pairs."""
        order: list[tuple[str, str]] = []
        seen, front = {symbol}, [(symbol, "")]
        while front:
            at, before = front.pop()
            for other in self.tied[at]:
                if other != before and other in seen:
                    return None
                if other != before:
                    seen.add(other)
                    order.append((other, at))
                    front.append((other, at))
        return order

    def _message(self, child: str, parent: str, sizes: SizeSet) -> Answer:
        """The sizes of a symbol that go together with these of its neighbour."""
        key = child, parent, sizes
        if key not in self.messages:
            relations = [r for r in self.relations if r.symbols == {child, parent}]
            pair = {parent: self.sets[parent], child: sizes}
            self.messages[key] = _project(pair, relations, parent, self.looks)
        return self.messages[key]


def reached(tied: Mapping[str, Iterable[str]], symbols: Iterable[str]) -> set[str]:
    """These symbols with all that are tied to them."""
    found = set(symbols)
    front = list(found)
    while front:
        more = set(tied.get(front.pop(), ())) - found
        found |= more
        front.extend(more)
    return found


def _project(
    sets: Mapping[str, SizeSet], relations: Sequence[Condition], symbol: str, looks: search.Attempts
) -> Answer:
    """As `Projection.of`, for symbols that are all tied together.

    Exact for finite sets of up to `SCANNED` sizes when two symbols are related, and for one equation
    `f(H) == g(W)` whose pattern repeats within `SCANNED` sizes. Otherwise the set may hold too much: beyond the first
    `GUESSED` sizes a relation is left out of account unless it excludes them all.
    """
    own = sets[symbol]
    budget = search.Attempts(min(2 * SCANNED, looks.left))
    before = budget.left
    try:
        return _found(sets, relations, symbol, own, budget)
    finally:
        looks.left -= (before - budget.left) * len(relations)


def _found(
    sets: Mapping[str, SizeSet], relations: Sequence[Condition], symbol: str, own: SizeSet, budget: search.Attempts
) -> Answer:
    pair = len(sets) == 2 and all(isinstance(r, Comparison) for r in relations)
    if own.size <= SCANNED:
        found = _scanned(sets, relations, symbol, own, budget)
        return found, pair and budget.left > 0
    span = _repetition(sets, relations[0], symbol) if pair and len(relations) == 1 else None
    if span is None:
        return _guessed(sets, relations, symbol, budget), False
    start, period = span
    head = _scanned(sets, relations, symbol, own & SizeSet.between(1, start - 1), budget)
    cycle = _scanned(sets, relations, symbol, own & SizeSet.between(start, start + period - 1), budget)
    return head | (SizeSet.congruent(period, cycle) & SizeSet.between(start)), budget.left > 0


def tightened(
    sets: Mapping[str, SizeSet], relations: Sequence[Condition], asked: Iterable[Condition]
) -> dict[str, SizeSet]:
    """The sets without the small and the large sizes that the ranges of the others already exclude.

    `asked` are the relations of which something is new: themselves, or the sizes of one of their symbols.
    """
    sets = dict(sets)
    waiting = list(asked)
    while waiting:
        changed = set()
        for relation in waiting:
            for symbol in sorted(relation.symbols) if isinstance(relation, Comparison) else ():
                assert isinstance(relation, Comparison)
                less = _cut(sets, relation, symbol)
                if less != sets[symbol]:
                    sets[symbol] = less
                    changed.add(symbol)
        waiting = [r for r in relations if changed & r.symbols]
    return sets


def _cut(sets: Mapping[str, SizeSet], relation: Comparison, symbol: str) -> SizeSet:
    own = sets[symbol]
    effort.spend(100)
    sets = {s: sets[s] for s in relation.symbols}
    for size in islice(own, SCANNED):
        if not search.impossible(relation, {**sets, symbol: SizeSet.of([size])}):
            break
        effort.spend(20)
        own = own - SizeSet.of([size])
    if not _too_far(relation, sets, symbol, own & SizeSet.between(FAR)):
        return own  # what is possible that far is possible before
    reach = 2 * (own.minimum or 1)
    while not _too_far(relation, sets, symbol, own & SizeSet.between(reach)):
        reach *= 2
    return own & SizeSet.between(1, reach - 1)


def _too_far(relation: Comparison, sets: Mapping[str, SizeSet], symbol: str, far: SizeSet) -> bool:
    return far.empty or search.impossible(relation, {**sets, symbol: far})


def _scanned(
    sets: Mapping[str, SizeSet],
    relations: Sequence[Condition],
    symbol: str,
    candidates: SizeSet,
    budget: search.Attempts,
) -> SizeSet:
    """The candidates that go together with sizes of the others; those not looked at within the budget stay."""
    read = _reads(relations, symbol)
    verdicts: dict[tuple[int, ...], bool] = {}
    good = []
    for size in candidates:
        key = (size,) if read is None else tuple(f.quasi(size) for f in read)
        if key not in verdicts:
            found = search.find({**sets, symbol: SizeSet.of([size])}, relations, budget)
            verdicts[key] = found is not None or budget.left <= 0
        if verdicts[key]:
            good.append(size)
    return SizeSet.of(good)


def _reads(relations: Sequence[Condition], symbol: str) -> list[QuasiAffine] | None:
    """The functions of a symbol through which alone relations depend on it; None when they are not so simple."""
    out: dict[QuasiAffine, None] = {}
    for comparison in (c for r in relations for a in r.alternatives() for c in a):
        difference = comparison.difference
        factors = [f for p in difference.terms for f in p] if isinstance(difference, SumOfProducts) else [difference]
        for factor in factors:
            if symbol not in factor.symbols:
                continue
            if not isinstance(factor, QuasiAffine):
                return None
            out[factor] = None
    return list(out)


def _guessed(
    sets: Mapping[str, SizeSet], relations: Sequence[Condition], symbol: str, budget: search.Attempts
) -> SizeSet:
    own = sets[symbol]
    last = own.first(GUESSED)[-1]
    near = _scanned(sets, relations, symbol, own & SizeSet.between(1, last), budget)
    return near | (own - SizeSet.between(1, last))


def _repetition(sets: Mapping[str, SizeSet], relation: Condition, symbol: str) -> tuple[int, int] | None:
    """(start, period) of the sizes that an equation f(H) == g(W) leaves of H; None when that is not known or too far.

    From the start on H and all W that fit lie where their sets repeat. Then H + M goes with W + N as H with W, for the
    least such steps M and N by which f and g rise alike.
    """
    functions = _separated(relation)
    if functions is None:
        return None
    f = functions.pop(symbol)
    ((other, g),) = functions.items()
    if f.quasi.increment * g.quasi.increment > 0 or (f.quasi.increment and not g.quasi.increment):
        return None  # Finitely many sizes fit; those are found by their ranges.
    period = lcm(f.quasi.period, sets[symbol].modulus)
    start = sets[symbol].start or 1
    if f.quasi.increment:
        step = lcm(g.quasi.period, sets[other].modulus)
        rise = abs(f.quasi.increment) * (period // f.quasi.period)
        fall = abs(g.quasi.increment) * (step // g.quasi.period)
        period *= fall // gcd(rise, fall)
        start = max(start, _beyond(f, g, symbol, sets[other].start or 1))
    return (start, period) if start + period <= SCANNED else None


def _beyond(f: QuasiAffine, g: QuasiAffine, symbol: str, start: int) -> int:
    """From which size of the symbol on f(H) + g(W) == 0 has only solutions W >= start."""
    values = [g.quasi(w) for w in range(1, min(start, SCANNED) + 1)]
    far: bool | Condition = compare(">", f, -min(values)) if f.quasi.increment > 0 else compare("<", f, -max(values))
    if start > SCANNED:
        return SCANNED + 1
    near = negate(far)
    return 1 if near is False else (solve(near, symbol).maximum or SCANNED) + 1


def _separated(relation: Condition) -> dict[str, QuasiAffine] | None:
    """f and g when the relation says f(H) + g(W) == 0."""
    if not (
        isinstance(relation, Comparison) and relation.op == "==" and isinstance(relation.difference, SumOfProducts)
    ):
        return None
    out: dict[str, Extent] = {}
    for product, coefficient in relation.difference.terms.items():
        if not product:
            continue
        if len(product) > 1 or not isinstance(product[0], QuasiAffine):
            return None
        out[product[0].name] = product[0] * coefficient
    first = min(out)
    out[first] = out[first] + relation.difference.constant
    return {s: f for s, f in out.items() if isinstance(f, QuasiAffine)}
