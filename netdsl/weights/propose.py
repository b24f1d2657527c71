"""A map proposed by structure: layers of the same shapes are paired in order, and their names written as patterns.

It is a proposal. What two layers of the same shapes do cannot be told from a file, so that a person reads it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netdsl.weights.fit import COUNTER
from netdsl.weights.near import NamedShapes, turn, turned
from netdsl.weights.patterns import LITERAL, PatternError, read_pattern

NUMBER = re.compile(r"\d+")
RANKS = {"query": "q", "key": "q~", "k": "q~", "value": "q~~", "v": "q~~"}
"""Words that stand in the order of queries, keys and values, which is not that of the alphabet."""
SHOWN = 8
LETTERS = 4
"""So many letters make two words alike that begin with them."""


@dataclass(frozen=True)
class SideBySide:
    """A tensor, or all of a layer, and what it becomes."""

    theirs: str
    ours: str
    change: str = ""


@dataclass
class Proposal:
    """The rows of a map, and what they leave over on both sides."""

    rows: list[str] = field(default_factory=list)
    paired: int = 0
    theirs: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)


def propose(given: NamedShapes, needed: NamedShapes, ordered: bool) -> Proposal:
    """A map from the given names to those of a net; `ordered` says that they stand in the order of definition."""
    theirs = {k: given[k] for k in (given if ordered else sorted(given, key=natural)) if not k.endswith(COUNTER)}
    ours = {k: shape for k, shape in needed.items() if not k.endswith(COUNTER)}
    strange = [k for k in theirs if LITERAL.fullmatch(k) is None]
    theirs = {k: shape for k, shape in theirs.items() if k not in strange}
    found = _layers(theirs, ours)
    taken, made = _covered(found, theirs, ours)
    for change in ("", "transpose", "reshape"):
        left = {k: s for k, s in theirs.items() if k not in taken}
        more = _tensors(left, {k: s for k, s in ours.items() if k not in made}, change)
        found += more
        taken |= {pair.theirs for pair in more}
        made |= {pair.ours for pair in more}
    rest = ([*(k for k in theirs if k not in taken), *strange], [k for k in ours if k not in made])
    return Proposal(_written(found, list(given)), len(made), *rest)


def natural(key: str) -> tuple[object, ...]:
    """Names in the order of their numbers, queries before keys before values."""
    words = re.findall(r"\d+|[A-Za-z]+|[^A-Za-z\d]+", key)
    return tuple((0, int(w), "") if w.isdigit() else (1, 0, RANKS.get(w, w)) for w in words)


def _grouped(keys: NamedShapes) -> dict[str, dict[str, tuple[int, ...]]]:
    """Tensors by their layer, and in it by their own name."""
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in keys.items():
        layer, _, name = key.rpartition(".")
        found.setdefault(layer, {})[name] = shape
    return found


def _layers(theirs: NamedShapes, ours: NamedShapes) -> list[SideBySide]:
    """Layers with the same names of the same shapes, in order, where both sides have as many."""
    sides: list[dict[object, list[str]]] = [{}, {}]
    for side, keys in zip(sides, (theirs, ours), strict=True):
        for layer, held in _grouped(keys).items():
            if layer and len(held) > 1:
                side.setdefault(frozenset(held.items()), []).append(layer)
    pairs = [(found, sides[1].get(held, [])) for held, found in sides[0].items()]
    return [SideBySide(a, b, "*") for one, other in pairs for a, b in _side_by_side(one, other)]


def _covered(pairs: Sequence[SideBySide], theirs: NamedShapes, ours: NamedShapes) -> tuple[set[str], set[str]]:
    """The tensors of the layers that are paired."""
    one, other = ({getattr(pair, side) for pair in pairs} for side in ("theirs", "ours"))
    return ({k for k in theirs if k.rpartition(".")[0] in one}, {k for k in ours if k.rpartition(".")[0] in other})


def _tensors(theirs: NamedShapes, ours: NamedShapes, change: str) -> list[SideBySide]:
    """Tensors alone, whose shape is the same, or becomes it by a change."""
    sides: list[dict[object, list[str]]] = [{}, {}]
    for key, shape in theirs.items():
        sides[0].setdefault(_changed(shape, change), []).append(key)
    for key, shape in ours.items():
        sides[1].setdefault(_sort(shape) if change == "reshape" else shape, []).append(key)
    pairs = [(found, sides[1].get(shape, [])) for shape, found in sides[0].items() if shape is not None]
    found = [pair for one, other in pairs for pair in _side_by_side(one, other)]
    return [SideBySide(a, b, turn(len(theirs[a])) if change == "transpose" else change) for a, b in found]


def _side_by_side(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    """Names of both sides in pairs, where there are as many: in order, form by form, the nearest forms together."""
    if len(one) != len(other):
        return []
    theirs, ours = (_forms(names) for names in (one, other))
    near = ((_alike(a, b), a, b) for a in theirs for b in ours if len(theirs[a]) == len(ours[b]))
    chosen: dict[str, str] = {}
    for _, a, b in sorted(near, key=lambda found: -found[0]):
        if a not in chosen and b not in chosen.values():
            chosen[a] = b
    if len(chosen) < len(theirs) or len(theirs) != len(ours):
        return list(zip(one, other, strict=True))
    return [pair for a, b in chosen.items() for pair in zip(theirs[a], ours[b], strict=True)]


def _forms(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(NUMBER.sub("#", name), []).append(name)
    return found


def _alike(a: str, b: str) -> float:
    """How many words two names share, those that begin alike counted in part."""
    one, other = (set(re.findall(r"[a-z]+", name.lower())) for name in (a, b))
    begins: int = sum(x != y and x[:LETTERS] == y[:LETTERS] and len(x) >= LETTERS for x in one for y in other)
    return len(one & other) + begins / 2


def _changed(shape: tuple[int, ...], change: str) -> object:
    if change == "transpose":
        return turned(shape)
    return _sort(shape) if change == "reshape" else shape


def _sort(shape: tuple[int, ...]) -> object:
    """What shapes have in common that hold the same numbers in the same order, but for axes of size 1."""
    return math.prod(shape), next((n for n in shape if n != 1), 1)


# ---------------------------------------------------------------- names as patterns


def _written(pairs: Sequence[SideBySide], keys: Sequence[str]) -> list[str]:
    """Rows for all pairs, those of one form as one row where a pattern says exactly them."""
    forms: dict[tuple[str, str, str], list[SideBySide]] = {}
    for pair in pairs:
        form = (NUMBER.sub("#", pair.theirs), NUMBER.sub("#", pair.ours), pair.change)
        forms.setdefault(form, []).append(pair)
    return [row for group in forms.values() for row in _rows(group, keys)]


def _rows(group: Sequence[SideBySide], keys: Sequence[str]) -> list[str]:
    whole = _pattern(group, keys) if len(group) > 1 else None
    return [whole] if whole is not None else [_row(pair.theirs, pair.ours, pair.change) for pair in group]


def _row(theirs: str, ours: str, change: str) -> str:
    if change == "*":
        return f"{theirs}.{{p*}} -> {ours}.{{p}}"
    return f"{theirs} -> {change} -> {ours}" if change else f"{theirs} -> {ours}"


def _pattern(group: Sequence[SideBySide], keys: Sequence[str]) -> str | None:
    """One row for a group, if numbers of ours are sums of theirs, and it takes nothing else; else None."""
    a, b = (_columns([getattr(pair, side) for pair in group]) for side in ("theirs", "ours"))
    names = dict(zip((i for i, column in enumerate(a) if len(set(column)) > 1), "ijklmnop", strict=False))
    right = [_sum(column, a, names) for column in b]
    if None in right:
        return None
    wanted = {k for pair in group for k in _tensors_of(pair, keys)}
    bounds = {i: f"{{{name}={min(a[i])}..{max(a[i])}}}" for i, name in names.items()}
    for captures in ({i: f"{{{name}}}" for i, name in names.items()}, bounds):
        left = [captures.get(i, str(column[0])) for i, column in enumerate(a)]
        row = _row(_filled(group[0].theirs, left), _filled(group[0].ours, [str(r) for r in right]), group[0].change)
        if _takes(row, keys) == wanted:
            return row
    return None


def _columns(names: Sequence[str]) -> list[list[int]]:
    """The numbers of names of one form, place by place."""
    return [list(column) for column in zip(*([int(n) for n in NUMBER.findall(name)] for name in names), strict=True)]


def _sum(column: Sequence[int], theirs: Sequence[Sequence[int]], names: Mapping[int, str]) -> str | None:
    """A number of ours as one of theirs and what is added; as it is where it stays the same."""
    if len(set(column)) == 1:
        return str(column[0])
    for place, name in names.items():
        apart = {b - a for a, b in zip(theirs[place], column, strict=True)}
        if len(apart) == 1:
            more = apart.pop()
            return f"{{{name}{more:+d}}}" if more else f"{{{name}}}"
    return None


def _filled(name: str, numbers: Sequence[str]) -> str:
    following = iter(numbers)
    return NUMBER.sub(lambda _: next(following), name)


def _takes(row: str, keys: Sequence[str]) -> set[str]:
    """What the left side of a row matches, batch counters left out."""
    try:
        pattern = read_pattern(row.partition(" -> ")[0])
    except PatternError:
        return set()
    return {key for key in keys if pattern.match(key) is not None and not key.endswith(COUNTER)}


def _tensors_of(pair: SideBySide, keys: Sequence[str]) -> list[str]:
    if pair.change != "*":
        return [pair.theirs]
    return [k for k in keys if k.rpartition(".")[0] == pair.theirs and not k.endswith(COUNTER)]
