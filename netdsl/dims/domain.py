"""Which sizes of which symbols work, given everything demanded so far."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from netdsl.dims import projection, search
from netdsl.dims.condition import Combination, Comparison, Condition, negate, solve
from netdsl.dims.effort import SizeTooComplex, TooMuchEffort
from netdsl.dims.extent import Dim, Extent, QuasiAffine, substitute
from netdsl.dims.polynomial import SumOfProducts
from netdsl.dims.sizeset import ANY, SizeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


EFFORT = 40_000
"""Combinations of sizes that a domain tries in all its life to decide relations; more is refused."""


TIED = 48
"""How many symbols relations may tie together."""


class Verdict(Enum):
    """For which sizes of a domain a condition holds."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


class Limitation:
    """A condition and where it comes from."""

    __slots__ = ("condition", "source")

    def __init__(self, condition: Condition, source: Any) -> None:
        self.condition = condition
        self.source = source

    def __repr__(self) -> str:
        return f"Demand({self.condition}, {self.source!r})"


SizesLeft = tuple[tuple[tuple[str, SizeSet], ...], tuple[tuple[str, Dim], ...]]
"""What is left of the symbols that stand for themselves, and what the others stand for."""


class Domain:
    """Sizes of symbols, all >= 1, narrowed by demands.

    Conditions on one symbol are kept exactly, as a `SizeSet`. A relation `H == W + n` makes one symbol stand for the
    other, also exactly. Other relations between symbols are kept as they are and decided by search, see
    `netdsl.dims.search` for its bound.
    """

    def __init__(self, symbols: Iterable[str] = ()) -> None:
        self._sets: dict[str, SizeSet] = {}
        self._aliases: dict[str, Dim] = {}
        self._relations: list[Condition] = []
        self._order: list[str] = []
        self._effort = EFFORT
        self._verdicts: dict[Condition, Verdict] = {}
        self._projection: projection.Projection | None = None
        self._wishes: dict[str, SizeSet] | None = None
        self._looks = search.Attempts(projection.LOOKS)
        self.demands: list[Limitation] = []
        self.preferences: list[Limitation] = []
        for name in symbols:
            self.declare(name)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The declared symbols, in order."""
        return tuple(self._order)

    @property
    def relations(self) -> tuple[Condition, ...]:
        """What was demanded of several symbols together, but for those that became equal to another."""
        return tuple(self._relations)

    def declare(self, name: str) -> Dim:
        """The size of this name; known from now on."""
        if name not in self._order:
            self._order.append(name)
            self._sets[name] = ANY
        return Dim.symbol(name)

    def count(self, name: str) -> Dim:
        """A size that may be any number whatever else is decided, and is none of the declared symbols."""
        self._sets.setdefault(name, ANY)
        return Dim.symbol(name)

    def copy(self) -> Domain:
        """A domain that narrows on its own from here."""
        other = Domain()
        other._effort = self._effort
        other._sets, other._aliases = dict(self._sets), dict(self._aliases)
        other._relations, other._order = list(self._relations), list(self._order)
        other.demands, other.preferences = list(self.demands), list(self.preferences)
        return other

    @property
    def narrowed(self) -> SizesLeft | None:
        """What is left of each symbol alone; None where relations tie several together."""
        return None if self._relations else (tuple(self._sets.items()), tuple(self._aliases.items()))

    def narrow(self, left: SizesLeft, demands: Iterable[Limitation], preferences: Iterable[Limitation]) -> None:
        """Leave what another domain was left with, which was `narrowed` as this one is and met these since."""
        self._sets, self._aliases = dict(left[0]), dict(left[1])
        self.demands.extend(demands)
        self.preferences.extend(preferences)
        self._projection = self._wishes = None
        self._verdicts.clear()

    def decide(self, condition: bool | Condition) -> Verdict:
        """Whether it holds for all, some or none of the members."""
        resolved = self._resolved(condition)
        if isinstance(resolved, bool):
            return Verdict.ALWAYS if resolved else Verdict.NEVER
        if len(resolved.symbols) == 1:
            (symbol,) = resolved.symbols
            sizes, exact = self._projected(symbol)
            if exact:
                left = sizes & solve(resolved, symbol)
                return Verdict.NEVER if left.empty else Verdict.ALWAYS if left == sizes else Verdict.SOMETIMES
        if resolved not in self._verdicts:
            self._verdicts[resolved] = self._searched(resolved)
        return self._verdicts[resolved]

    def _searched(self, condition: Condition) -> Verdict:
        if self._found([condition]) is None:
            return Verdict.NEVER
        opposite = negate(condition)
        assert not isinstance(opposite, bool)
        return Verdict.ALWAYS if self._found([opposite]) is None else Verdict.SOMETIMES

    def demand(self, condition: bool | Condition, source: Any, soft: bool = False) -> Verdict:
        """Decide, and leave only the members for which it holds when it holds for some.

        A soft demand that holds for some is a preference: it narrows nothing.
        """
        verdict = self.decide(condition)
        if verdict is not Verdict.SOMETIMES or isinstance(condition, bool):
            return verdict
        if soft:
            self.prefer(condition, source)
            return verdict
        resolved = self._resolved(condition)
        assert not isinstance(resolved, bool)
        self._check_group(resolved)
        before, known = dict(self._sets), set(map(id, self._relations))
        self._narrow(resolved)
        moved = {s for s, sizes in self._sets.items() if sizes is not before[s]}
        new = [r for r in self._relations if id(r) not in known or moved & r.symbols]
        self._sets = projection.tightened(self._sets, self._relations, new)
        self._projection = self._wishes = None
        self._verdicts.clear()
        self.demands.append(Limitation(condition, source))
        return verdict

    def unmet(self, sizes: Mapping[str, int]) -> Iterator[Limitation]:
        """The demands with a source that these sizes, of all symbols or some, decide and do not meet."""
        for demand in self.demands:
            known = demand.source is not None and set(sizes) >= demand.condition.symbols
            if known and not demand.condition.at(sizes):
                yield demand

    def _check_group(self, condition: Condition) -> None:
        if len(condition.symbols) > 1 and len(group := self._component(condition.symbols)) > TIED:
            few = ", ".join(f"`{s}`" for s in group[:3])
            message = f"the sizes of {len(group)} inputs ({few}, …) depend on each other; the limit is {TIED}"
            raise SizeTooComplex(message, "give sizes that must be the same one name, or fix them")

    def prefer(self, condition: bool | Condition, source: Any) -> None:
        """Note what would be good, such as windows that drop no pixel; a foregone conclusion is not noted."""
        if not isinstance(condition, bool):
            self.preferences.append(Limitation(condition, source))
            self._wishes = None

    def sizes(self, symbol: str) -> SizeSet:
        """The sizes of one symbol that work together with some sizes of the others.

        Exact, but for a symbol in a relation that `netdsl.dims.projection` cannot solve:
        then some of them may not work.
        """
        alias = self._aliases.get(symbol)
        if alias is None:
            return self._projected(symbol)[0]
        other, distance = _offset(alias)
        return self._projected(other)[0].shifted(distance)

    def exact_sizes(self, symbol: str) -> SizeSet:
        """The sizes that also fulfil every preference on this symbol alone."""
        alias = self._aliases.get(symbol)
        if alias is None:
            return self.sizes(symbol) & self._preferred(symbol)
        other, distance = _offset(alias)
        return self.exact_sizes(other).shifted(distance)

    def smallest(self) -> dict[str, int]:
        """Small sizes that satisfy everything: the smallest of each symbol that is in no relation."""
        found = self._member([])
        assert found is not None, "a domain is never empty"
        return {s: found[s] for s in self._order}

    def holding(self, condition: bool | Condition) -> dict[str, int] | None:
        """The smallest member for which it holds."""
        return self._member_where(self._resolved(condition))

    def failing(self, condition: bool | Condition) -> dict[str, int] | None:
        """The smallest member for which it does not hold: a counter-example."""
        return self._member_where(negate(self._resolved(condition)))

    def choose(self, at_least: int = 224) -> dict[str, int]:
        """A size for each symbol that works: from `at_least` on and dropping no pixel, as far as possible."""
        chosen: dict[str, int] = {}
        for group in self._groups():
            chosen.update(self._chosen(group, at_least))
        found = self._completed(chosen)
        return {s: found[s] for s in self._order}

    def _chosen(self, group: tuple[str, ...], at_least: int) -> dict[str, int]:
        sizes = {s: self._projected(s)[0] for s in group}
        exact = {s: sizes[s] & self._preferred(s) for s in group}
        big = SizeSet.between(at_least)
        if len(group) == 1:
            (symbol,) = group
            found = exact[symbol].smallest_from(at_least) or sizes[symbol].smallest_from(at_least)
            return {symbol: found or exact[symbol].maximum or sizes[symbol].maximum or 1}
        relations = self._relations_of(group)
        for sets in ({s: exact[s] & big for s in group}, {s: sizes[s] & big for s in group}, exact, sizes):
            member = search.find(sets, relations)
            if member is not None:
                return member
        return {s: self.smallest()[s] for s in group}

    def _resolved(self, condition: bool | Condition) -> bool | Condition:
        if isinstance(condition, bool):
            return condition
        for name in condition.symbols:
            if name not in self._order and name not in self._sets:
                self.declare(name)
        return condition.substitute(self._aliases)

    def _narrow(self, condition: Condition) -> None:
        if isinstance(condition, Combination) and condition.word == "and":
            for part in condition.parts:
                left = self._resolved(part)
                if not isinstance(left, bool):
                    self._narrow(left)
        elif len(condition.symbols) == 1:
            (symbol,) = condition.symbols
            self._sets[symbol] &= solve(condition, symbol)
        elif (pair := self._equal(condition)) is not None:
            self._identify(*pair)
        else:
            self._relations.append(condition)

    def _equal(self, condition: Condition) -> tuple[str, str, int] | None:
        """(a, b, n) when the condition says a == b + n, a being declared later."""
        if not (
            isinstance(condition, Comparison)
            and condition.op == "=="
            and isinstance(condition.difference, SumOfProducts)
        ):
            return None
        slopes = condition.difference.slopes()
        if slopes is None or sorted(slopes.values()) != [-1, 1]:
            return None
        first, second = sorted(slopes, key=self._order.index)
        return second, first, -slopes[second] * condition.difference.constant

    def _identify(self, symbol: str, other: str, distance: int) -> None:
        """From now on symbol is other + distance."""
        alias = Dim.symbol(other) + distance
        assert isinstance(alias, Dim)
        self._sets[other] &= self._sets.pop(symbol).shifted(-distance)
        replaced = {symbol: alias}
        for name, value in self._aliases.items():
            new = substitute(value, replaced)
            assert isinstance(new, Dim)
            self._aliases[name] = new
        self._aliases[symbol] = alias
        relations, self._relations = self._relations, []
        for relation in relations:
            left = self._resolved(relation)
            if not isinstance(left, bool):
                self._narrow(left)

    def _groups(self) -> Iterator[tuple[str, ...]]:
        """The symbols that stand for themselves, those that relations tie together in one group."""
        left = dict.fromkeys(self._sets)
        while left:
            group = self._component((next(iter(left)),))
            yield group
            for name in group:
                left.pop(name)

    def _component(self, symbols: Iterable[str]) -> tuple[str, ...]:
        names = set(symbols)
        while True:
            more = {s for r in self._relations if names & r.symbols for s in r.symbols} - names
            if not more:
                return tuple(s for s in self._sets if s in names)
            names |= more

    def _relations_of(self, group: Iterable[str]) -> list[Condition]:
        names = frozenset(group)
        return [r for r in self._relations if names & r.symbols]

    def _member_where(self, resolved: bool | Condition) -> dict[str, int] | None:
        if isinstance(resolved, bool):
            return self._member([]) if resolved else None
        return self._member([resolved])

    def _found(self, conditions: list[Condition]) -> dict[str, int] | None:
        """Small sizes of the symbols that conditions are about, and of those tied to them, for which they hold."""
        asked = self._component(s for c in conditions for s in c.symbols)
        sets = {s: self._sets[s] for s in asked}
        budget = search.Attempts()
        found = search.find(sets, [*self._relations_of(asked), *conditions], budget)
        self._spend(search.STEPS - budget.left)
        return found

    def _member(self, conditions: list[Condition]) -> dict[str, int] | None:
        """A small member for which the conditions hold, too."""
        found = self._found(conditions)
        if found is None:
            return None
        for group in self._groups():
            if not found.keys() & set(group):
                found.update(search.find({s: self._sets[s] for s in group}, self._relations_of(group)) or {})
        return self._completed(found)

    def _spend(self, steps: int) -> None:
        self._effort -= steps
        if self._effort < 0:
            raise TooMuchEffort

    def _completed(self, sizes: Mapping[str, int]) -> dict[str, int]:
        values: dict[str, Extent] = dict(sizes)
        names = dict.fromkeys((*self._order, *sizes))  # counts are among the sizes where they matter
        out = {s: self._aliases[s].substitute(values) if s in self._aliases else sizes[s] for s in names}
        return {s: v for s, v in out.items() if isinstance(v, int)}

    def _preferred(self, symbol: str) -> SizeSet:
        if self._wishes is None:
            self._wishes = {}
            for condition in dict.fromkeys(p.condition for p in self.preferences):
                resolved = self._resolved(condition)
                if not isinstance(resolved, bool) and len(resolved.symbols) == 1:
                    (name,) = resolved.symbols
                    self._wishes[name] = self._wishes.get(name, ANY) & solve(resolved, name)
        return self._wishes.get(symbol, ANY)

    def _projected(self, symbol: str) -> projection.Answer:
        """The sizes of a symbol that stands for itself, and whether they are exact."""
        if self._projection is None:
            self._projection = projection.Projection(self._sets, self._relations, self._looks)
        return self._projection.of(symbol)


def _offset(alias: Dim) -> tuple[str, int]:
    """(b, n) of an alias b + n."""
    assert isinstance(alias, QuasiAffine)
    return alias.name, alias.quasi.base
