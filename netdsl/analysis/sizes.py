"""Which sizes a net can take, as its domain has proved them, and the numbers that a report computes with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_, index
from typing import Any

from netdsl import dims
from netdsl.analysis.report import Congruence, Demand, SizeRule
from netdsl.dims import SizeSet, SizeTooComplex, Verdict, compare, solve
from netdsl.dims.tensors import MOST
from netdsl.graph import Net
from netdsl.ops.fields import is_int, shown
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError, did_you_mean
from netdsl.text.source import Source, Span

MOST_WEIGHED = 64
"""Demands on one symbol that are held against each other."""


def choose_sizes(net: Net, given: Mapping[str, int]) -> dict[str, int]:
    """A number for every symbol: given, else the file's own, else chosen among those that work.

    Raises `NetError` for a symbol that the net has not and for a size that it cannot take.
    """
    symbols = net.symbols
    for name in given:
        if name not in symbols:
            raise no_symbol([net], name, symbols)
    given = {name: _whole(size) for name, size in given.items()}
    for name, size in given.items():
        if not is_int(size) or not 1 <= size <= MOST:
            raise refused(net, f"the size `{name}` is a whole number from 1 to {MOST:,}, not {named(size)}", None)
    if not symbols:
        return {}
    domain = net.domain.copy()
    # What is given comes first: the file's own size of a symbol gives way where the two do not go together.
    own = {symbol: size for symbol, size in net.defaults.items() if symbol not in given}
    for symbol, size in [*given.items(), *own.items()]:
        verdict = domain.demand(compare("==", domain.declare(symbol), size), None)
        if verdict is Verdict.NEVER and symbol in given:
            raise _impossible(net, given)
    chosen = domain.choose()
    return {symbol: chosen[symbol] for symbol in symbols}


def _whole(size: Any) -> Any:
    """A whole number of numpy's as one of Python's, which does not overflow; anything else as it is."""
    try:
        return size if isinstance(size, int) else index(size)
    except TypeError:
        return size


def no_symbol(nets: Sequence[Net], name: str, symbols: Sequence[str]) -> NetError:
    """What is raised for a name that none of the symbols of some nets has."""
    alone = len(nets) == 1
    who, its, has = (
        (f"`{nets[0].name}` has no", "its", "it has") if alone else ("no net here has a", "their", "they have")
    )
    help = (
        did_you_mean(name, symbols) or f"{has} {', '.join(symbols)}"
        if symbols
        else f"{its} sizes are all fixed numbers"
    )
    if any(name in net.settings or name in net.lets for net in nets):
        help = f"`{name}` is a setting, which `--set {name}=…` varies, one number a run; {help}"
    return refused(nets[0], f"{who} size called `{name}`", help)


def _impossible(net: Net, given: Mapping[str, int]) -> NetError:
    """Names a row that the sizes fail at, where one row alone refuses them."""
    sizes = {**net.domain.choose(), **net.defaults, **given}
    failing = next((d for d in net.domain.demands if not d.condition.at(sizes)), None)
    involved = [s for s in given if failing is None or s in failing.condition.symbols]
    shown = ", ".join(f"{s} = {given[s]}" for s in involved)
    says = "; ".join(_possible(net, s, given) for s in involved)
    source = failing.source if failing is not None else None
    labels = [Label(source.span, source.message)] if source is not None else []
    return refused(net, f"`{net.name}` cannot take {shown}", says, labels)


def _possible(net: Net, symbol: str, given: Mapping[str, int]) -> str:
    """What a symbol can be, and which of that is nearest; beside the others where it fails with these alone."""
    every, size = net.domain.sizes(symbol), given[symbol]
    if size in every:
        return _beside(net, symbol, {s: n for s, n in given.items() if s != symbol}, every)
    below, above = (every & SizeSet.between(1, size)).maximum, every.smallest_from(size)
    near = [str(n) for n in (below, above) if n is not None] if every.modulus > 1 and not every.finite else []
    nearest = f" (nearest: {' and '.join(near)})" if near else ""
    return f"{symbol}: {every.describe(symbol)}{nearest}"


def _beside(net: Net, symbol: str, others: Mapping[str, int], every: SizeSet) -> str:
    """What a symbol can be where others have numbers; all that it can be where that is too intricate."""
    domain = net.domain.copy()
    try:
        verdicts = [domain.demand(compare("==", domain.declare(s), n), None) for s, n in others.items()]
        if verdicts and Verdict.NEVER not in verdicts:
            numbers = ", ".join(f"{s} = {n}" for s, n in others.items())
            return f"{symbol}: {domain.sizes(symbol).describe(symbol)} beside {numbers}"
    except SizeTooComplex:
        pass
    return f"{symbol}: {every.describe(symbol)}"


def named(value: Any) -> str:
    """A value from outside in a message."""
    return shown(value) if not is_int(value) or abs(value) < 10**30 else "a number of more than 30 digits"


def refused(net: Net, message: str, help: str | None, labels: Iterable[Label] = ()) -> NetError:
    """What is raised for a size that cannot be."""
    span = net.span or Span(Source(net.name, ""), 0, 0)
    return NetError([Diagnostic("size-not-possible", message, (Label(span), *labels), help=help)])


def size_rules(net: Net) -> dict[str, SizeRule]:
    """For each symbol the sizes that work, those at which no window drops a pixel, and the rows that ask for them."""
    return {symbol: _rule(net, symbol) for symbol in net.symbols}


def _rule(net: Net, symbol: str) -> SizeRule:
    every, exact = net.domain.sizes(symbol), net.domain.exact_sizes(symbol)
    return SizeRule(
        **_congruence(every, symbol),
        exact=Congruence(**_congruence(exact, symbol)),
        demands=tuple(dict.fromkeys(_demands(net, symbol))),
    )


def warn_of_single_sizes(net: Net, collector: Collector) -> None:
    """A symbol that stands for one number only is seldom what was meant: told at the row that leaves no other."""
    told: dict[tuple[Span, str], dict[str, int]] = {}
    for symbol in net.symbols:
        every = net.domain.sizes(symbol)
        if symbol in net.defaults or every.minimum is None or every.minimum != every.maximum:
            continue
        for demand in _telling(net, symbol)[:1]:
            told.setdefault((demand.source.span, demand.source.message), {})[symbol] = every.minimum
    for (span, message), only in told.items():
        sizes = " and ".join(f"`{symbol}` can only be {size}" for symbol, size in only.items())
        help = "write numbers in the input if that is meant, else change this row"
        collector.warn("single-size", sizes, span, help=help, notes=(message,))


def _congruence(found: SizeSet, symbol: str) -> dict[str, Any]:
    return {
        "modulus": found.modulus,
        "remainders": tuple(found.remainders),
        "minimum": found.minimum,
        "maximum": found.maximum,
        "says": found.describe(symbol),
    }


def _demands(net: Net, symbol: str) -> Iterable[Demand]:
    for demand in _telling(net, symbol):
        source = demand.source
        others = tuple(dict.fromkeys(span.line for span in source.others))
        yield Demand(line=source.span.line, text=source.message, others=others)


def _telling(net: Net, symbol: str) -> list[dims.Limitation]:
    """The demands without which more sizes would do: of nested convolutions that all need room, the neediest."""
    demands = [d for d in net.domain.demands if symbol in d.condition.symbols and d.source is not None]
    alone = [d for d in demands if d.condition.symbols == {symbol}]
    solved = {id(d): solve(d.condition, symbol) for d in alone[:MOST_WEIGHED]}
    kept = list(demands)
    for demand in alone[:MOST_WEIGHED]:
        others = [solved[id(d)] for d in kept if id(d) in solved and d is not demand]
        if others and (reduce(and_, others) - solved[id(demand)]).empty:
            kept.remove(demand)
    return kept
