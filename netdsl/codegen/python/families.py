"""Uses of one block that can share a class: the same layers, wired alike, whatever their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from netdsl.codegen.python.authored import shaping_settings
from netdsl.codegen.python.layout import ClassLayout, form, form_of
from netdsl.codegen.python.parameters import defaults_of
from netdsl.codegen.python.terms import Term, is_unsaid, plain, term_of, traced, unsaid
from netdsl.codegen.python.uses import BlockUse
from netdsl.graph import Node
from netdsl.text import syntax


@dataclass
class Family:
    """Layouts of one structure; rows that only some of them have, with the condition that says which."""

    layouts: list[ClassLayout]
    conditions: dict[str, Term] = field(default_factory=dict)
    followed: set[int] = field(default_factory=set)
    """The author's conditions behind `conditions`."""
    guards: list[tuple[Term, bool]] = field(default_factory=list)
    """What must be true or false of the arguments for the layers to be these."""
    suffix: str = ""
    """What tells its class from the others of the block: `N2` where `n` is 2."""


def split(layouts: Sequence[ClassLayout]) -> list[Family]:
    """The classes that the uses of a block need: one where the author's own `if` tells its variants apart."""
    loose: dict[Any, list[ClassLayout]] = {}
    for layout in layouts:
        loose.setdefault(form_of(layout, _rows(layout)), []).append(layout)
    families: list[Family] = []
    for group in loose.values():
        merged = _merge(group)
        families += [merged] if merged else [Family(g) for g in _strict(group)]
    _tell_apart(families)
    return families


def _tell_apart(families: Sequence[Family]) -> None:
    """Name the classes of one block after the setting that makes them differ, or the two that do."""
    use = families[0].layouts[0].use
    words = [w for w in _telling(use) if _one_each(families, w)] if len(families) > 1 else []
    for chosen in [*((w,) for w in words), *combinations(words, 2)]:
        found = ["".join(_part(f.layouts[0].use, w) for w in chosen) for f in families]
        if len(set(found)) == len(families):
            for family, suffix in zip(families, found, strict=True):
                family.suffix = suffix
            return


def _one_each(families: Sequence[Family], word: str) -> bool:
    """Whether a setting has one value in each family, and one that can be part of a name."""
    values = [{repr(layout.use.settings[word]) for layout in f.layouts} for f in families]
    first = [f.layouts[0].use.settings[word] for f in families]
    named = all(isinstance(v, int) or (isinstance(v, str) and v.isidentifier()) for v in first)
    return named and all(len(v) == 1 for v in values)


def _part(use: BlockUse, word: str) -> str:
    value = use.settings[word]
    return "" if value == defaults_of(use).get(word) and value is not True else _suffix(word, value)


def _telling(use: BlockUse) -> list[str]:
    """Settings that decide over layers: words first, then those with a default."""
    shaping = shaping_settings(use.definition)
    words = [w for w, v in use.settings.items() if w in shaping or isinstance(v, str | bool)]
    defaults = defaults_of(use)
    return sorted(words, key=lambda w: (not isinstance(use.settings[w], str | bool), w not in defaults))


def _suffix(word: str, value: Any) -> str:
    if isinstance(value, str):
        return f"_{value}"
    return "" if value is False else f"_{word}" if value is True else f"_{word}{value}"


def _rows(layout: ClassLayout) -> frozenset[str]:
    """Rows made by a compile-time `if` that are one module here, from one value to one value."""
    return frozenset(row for row in layout.use.graph.choices if _is_module(layout, row))


def _is_module(layout: ClassLayout, row: str) -> bool:
    own = _nodes(layout, row)
    steps = [s for s in layout.steps if s.label == row]
    if len(steps) != 1 or row not in layout.attributes or set(steps[0].row) != set(own):
        return False
    return len(steps[0].inputs) == 1 and len(steps[0].results) == 1


def _nodes(layout: ClassLayout, row: str) -> list[Node]:
    return [n for n in layout.use.graph.nodes if n.name == row or n.name.startswith(f"{row}.")]


def _strict(group: Sequence[ClassLayout]) -> list[list[ClassLayout]]:
    found: dict[Any, list[ClassLayout]] = {}
    for layout in group:
        found.setdefault(form_of(layout, frozenset()), []).append(layout)
    return list(found.values())


def _merge(group: list[ClassLayout]) -> Family | None:
    """One family of the whole group, or None when no condition tells its variants apart."""
    if len(_strict(group)) == 1:
        return Family(group)
    main = max(group, key=lambda layout: len(_rows(layout)))
    rows = _rows(main)
    conditions: dict[str, Term] = {}
    for row in rows:
        if not _alike(group, row):
            return None
        if len(_contents(group, row)) > 1:
            term = _condition(group, row)
            if term is None:
                return None
            conditions[row] = term
    opaque = frozenset(conditions)
    followed = {id(_decisive(main, row)) for row in conditions}
    for layout in group:
        missing = rows - _rows(layout)
        if form_of(main, missing, opaque) != form_of(layout, frozenset(), opaque):
            return None
    return Family(group, conditions, followed)


def settle_results(family: Family) -> None:
    """Sizes of results that the sides of an `if` have from elsewhere (`c`, what comes in), in words right on both."""
    uses = [layout.use for layout in family.layouts]
    for outputs in zip(*(use.graph.outputs for use in uses), strict=True):
        types = [use.types[o.value] for use, o in zip(uses, outputs, strict=True)]
        if len({t.rank for t in types}) > 1:
            continue
        axes = [_agreed(uses, sizes) for sizes in zip(*(t.shape for t in types), strict=True)]
        for i, (use, output) in enumerate(zip(uses, outputs, strict=True)):
            use.types[output.value] = types[i].with_shape(*(axis[i] for axis in axes))


def _agreed(uses: Sequence[BlockUse], sizes: Sequence[Any]) -> Sequence[Any]:
    """The sizes with the one expression of them that fits every use; without one, with the names behind them."""
    terms = dict.fromkeys(map(term_of, sizes)) if all(isinstance(e, int) for e in sizes) else {}
    if len(terms) < 2:
        return sizes
    said = [] if any(map(is_unsaid, terms)) else terms
    fitting = [t for t in said if all(t.holds(e, u.env) for e, u in zip(sizes, uses, strict=True))]
    names = set().union(*(t.names() for t in terms))
    return [traced(plain(e), fitting[0] if len(fitting) == 1 else unsaid(names)) for e in sizes]


def _contents(group: Sequence[ClassLayout], row: str) -> set[Any]:
    return {form(layout.attributes.get(row), layout.use.dialect) for layout in group}


def _alike(group: Sequence[ClassLayout], row: str) -> bool:
    """Whether every use that took the same branch has the same layers there."""
    for taken in (True, False):
        some = [g for g in group if row in g.use.graph.choices and g.use.graph.choices[row].taken is taken]
        if len(_contents(some, row)) > 1:
            return False
    return all(row in g.use.graph.choices for g in group)


def _decisive(layout: ClassLayout, row: str) -> syntax.Expr:
    """The author's condition of a row that is an `if`."""
    return layout.use.written.expressions[layout.use.graph.choices[row].condition]


def _condition(group: Sequence[ClassLayout], row: str) -> Term | None:
    """The author's condition as an expression that is right for every use."""
    choices = [g.use.graph.choices[row] for g in group]
    for layout in group:
        term = layout.names.term(_decisive(group[0], row)) if layout.names else None
        if term and all(term.holds(c.taken, g.use.env) for c, g in zip(choices, group, strict=True)):
            return term
    return None
