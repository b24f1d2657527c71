"""The way out where a state is given its next value as a row is named. Read when a mistake is made."""

from __future__ import annotations

import re

import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import written
from netdsl.graph import Net, State
from netdsl.text import syntax
from netdsl.text.source import Span

NEXT = re.compile(r"(?i)next|new|updated?|h?_?t(?:_?1)?|out(?:put)?|cell|hidden|state")
"""What a next value is called where it has a name of its own."""
LABEL = re.compile(r"^\s*(?:output\s+)?(\w+)\s*:", re.MULTILINE)
"""A row that is named alone."""


def renamed(site: Site, name: syntax.Name) -> str | None:
    """Help for `h: …`, `output h: …` and `(h, c): …` of states: the row that says what becomes of them."""
    states = site.build.states
    row = _row_of(site, name)
    if name.id not in states or row is None or _next(states[name.id]):
        return None
    if isinstance(row, syntax.OutputRow) and row.pipeline is not None:
        text, net = written(row.pipeline.span), isinstance(site.build.graph, Net)
        out = f"which comes out as `{states[name.id].output}` by itself" if net else f"and below it `output {name.id}`"
        return f"`next` says what a state becomes: write `next {name.id}: {text}`, {out}"
    if not isinstance(row, syntax.LayerRow):
        return None
    if not row.bundle:
        return f"`next` says what a state becomes: write `next {name.id}: {written(row.pipeline.span)}`"
    fresh = {n.id: name.span.source.unused(n.id) if n.id in states else n.id for n in row.names}
    rows = " and ".join(f"`next {old}: {new}`" for old, new in fresh.items() if old in states)
    label = f"({', '.join(fresh.values())})"
    return f"each state has a row that says what it becomes: write `{label}: {written(row.pipeline.span)}`, then {rows}"


def _next(state: State) -> bool:
    """Whether a state has its next value already."""
    return state.following is not state.current


def _row_of(site: Site, name: syntax.Name) -> object:
    """The row that a name labels."""
    rows = [part for part in places.path_to(site, name.span) if isinstance(part, syntax.LayerRow | syntax.OutputRow)]
    return rows[-1] if rows and name in rows[-1].names else None


def missing(site: Site, state: State, body: Span) -> str:
    """Help for the only state without a next value: the row that may be meant to be it."""
    rows = {name: b.value for name, b in site.scope.names.items() if isinstance(b.value, Value)}
    labels = {*LABEL.findall(body.text)}
    made = [name for name, value in rows.items() if _may_be(value, state) and name in labels]
    called = [name for name in made if state.name in name.split("_") or NEXT.fullmatch(name)]
    found = called if len(called) == 1 else made if len(made) == 1 else []
    if not found:
        return f"add a row `next {state.name}: …`"
    return f"add `next {state.name}: {found[0]}`, where that is what it becomes"


def _may_be(value: Value, state: State) -> bool:
    return value is not state.current and value.type == state.current.type
