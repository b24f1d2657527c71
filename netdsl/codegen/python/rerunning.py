"""Blocks that run again: names that decide how many of them there are, which are no arguments of the net's class.

The class says the paths of these blocks, and with another number of them it would say others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from netdsl.codegen.python.spelling import Branched, Either, Repeated
from netdsl.codegen.python.steps import ClassLayout
from netdsl.codegen.python.terms import names_in


def numbering(layout: ClassLayout, again: Collection[str] | None = None) -> frozenset[str]:
    """Arguments of a class by which it has more modules or fewer, itself or in one of them.

    Given what runs `again`, by key, those alone that change which of these there are.
    """
    found: set[str] = set()
    rows = None if again is None else {key.partition(".")[0] for key in again}
    for attribute, made in layout.attributes.items():
        if rows is None or _is_of(attribute, made, rows):
            found.update(*(names_in(count) for count in _counts(made)))
    for node, (built, inner) in layout.use.calls.items():
        if rows is None or (node.name.partition(".")[0] in rows and node.name not in (again or ())):
            module = layout.use.spellings[node].module
            assert module is not None
            given = dict(zip(built.names, module.arguments, strict=False)) | module.keywords
            found.update(*(names_in(given.get(name)) for name in inner.numbering))
    return frozenset(found)


def _is_of(attribute: str, made: Any, rows: Collection[str]) -> bool:
    if isinstance(made, Repeated):
        return any(row.startswith(made.base) for row in rows)
    return isinstance(made, Branched) or attribute in rows


def _counts(made: Any) -> Iterator[Any]:
    """The counts in what an attribute is made of."""
    if isinstance(made, Either | Repeated | Branched):
        yield made.count
    elif isinstance(made, dict):
        for part in made.values():
            yield from _counts(part)
    else:
        for part in (*getattr(made, "arguments", ()), getattr(made, "keywords", {})):
            yield from _counts(part)
