"""What arguments of a class decide beside its numbers: the branches and turns that its body was unrolled to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netdsl.codegen.python.authored import Vocabulary, controlling, parts_of, rows_of, values_in
from netdsl.codegen.python.families import Family
from netdsl.codegen.python.terms import Term
from netdsl.codegen.python.uses import BlockUse
from netdsl.text import syntax


def is_open(name: str, uses: Sequence[BlockUse]) -> bool:
    """Whether a name is an argument so far, and could as well be none: it is the same in every use."""
    use = uses[0]
    if any(b.word == name for b in use.branches):
        return name not in use.hidden
    values = [_value(u, name) for u in uses]
    known = name in use.places or any(use.dialect.identifier(w) == name for w in use.settings)
    return known and name not in use.hidden and all(repr(v) == repr(values[0]) for v in values)


def _value(use: BlockUse, name: str) -> Any:
    if name in use.places:
        i, j = use.places[name]
        return use.graph.inputs[i].shape[j]
    return next((v for w, v in use.settings.items() if use.dialect.identifier(w) == name), None)


def pinned(family: Family) -> frozenset[str]:
    """Names that decide over the layers of a family and their truths, where no line of its class says so.

    A condition between several arguments becomes a guard of the class.
    """
    main = family.layouts[0]
    names, uses = main.names, [layout.use for layout in family.layouts]
    found: set[str] = set()
    if names is None:
        return frozenset()
    family.guards = []
    values = values_in(main.use.definition)
    for part in parts_of(rows_of(main.use)):
        for decisive in controlling(part, values):
            if id(decisive) in family.followed or all(id(decisive) in layout.followed for layout in family.layouts):
                continue
            decisions = list(_decisions(names, decisive, uses)) if isinstance(part, syntax.If) else []
            if not decisions:
                found |= names.sources(decisive)
            for term, truth in decisions:
                found |= _kept(family, term, truth, uses)
    for written in dict.fromkeys(t for use in uses for t in use.truths):
        for term, truth in _halves(written, uses):
            found |= _kept(family, term, truth, uses)
    for use in uses:
        use.decisions += [term for term, _ in family.guards]
    words = {b.word for use in uses for b in use.branches}
    found |= {n for use in uses for term in use.decisions for n in term.names()} & words
    if main.use.block is None:
        found |= {n for term in main.use.decisions for n in term.names()}
    return frozenset(found)


def _decisions(names: Vocabulary, condition: Any, uses: Sequence[BlockUse]) -> Iterator[tuple[Term, bool]]:
    """The parts of a condition whose truth alone makes its own, each with that truth; nothing when it has no term."""
    term = names.term(condition)
    if term is not None:
        yield from _halves(term, uses)


def _halves(term: Term, uses: Sequence[BlockUse]) -> Iterator[tuple[Term, bool]]:
    truths = {_truth(term, use) for use in uses}
    (truth,) = truths if len(truths) == 1 else (None,)
    if truth is not None and term.operator == ("and" if truth else "or"):
        for part in term.parts:
            yield from _halves(part, uses)
    elif truth is not None:
        yield term, truth
    else:
        yield term, False


def _truth(term: Term, use: BlockUse) -> bool | None:
    try:
        return bool(term.value(use.env))
    except (ArithmeticError, KeyError, TypeError):
        return None


def _kept(family: Family, term: Term, truth: bool, uses: Sequence[BlockUse]) -> set[str]:
    """Vocabulary to be left out for a condition, or none of them where it can be a guard."""
    names = term.names()
    if not names or all(name in uses[0].hidden for name in names):
        return set()
    fixed = all(is_open(n, uses) for n in names)
    guarded = all(_truth(term, use) is truth for use in uses)
    if uses[0].block is not None and guarded and (len(names) > 1 or not fixed):
        if (term, truth) not in family.guards:
            family.guards.append((term, truth))
        return set()
    for use in uses:
        use.decisions.append(term)
    return {n for n in names if is_open(n, uses)}
