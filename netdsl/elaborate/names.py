"""The way out for a name that is taken: another, or an `if` that is a value. Read when a mistake is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer
from netdsl.elaborate.values import written
from netdsl.text import syntax
from netdsl.text.source import Span


class Chosen(NamedTuple):
    """An `if` as a row, with the row behind it."""

    choice: syntax.If
    after: syntax.BodyRow | None


def taken(site: Site, name: syntax.Name, first: Span) -> str:
    """Help for a row that is named as one above it."""
    new = name.span.source.unused(name.id)
    at_work = site.library.at_work
    found = enclosing(at_work[-1].body.rows, name.span) if at_work else None
    if found is None or _holds(found.choice.span, first):
        return f"call it something else, such as `{new}`, and read that below"
    text = as_value(found.choice, name.id)
    carries = found.after is not None and found.choice.otherwise is None and carries_on(site, found.after)
    if text is None or carries:
        text, also = "if … { … } else { … }", ", also in the row that follows it" if carries else ""
        return f"an `if` is a value too, which has a name: `{new}: {text}`; read `{new}` below{also}"
    return f"an `if` is a value too: write `{new}: {text}`, and read `{new}` below"


def _holds(span: Span, inner: Span) -> bool:
    return span.source is inner.source and span.start <= inner.start < span.end


def enclosing(rows: Sequence[syntax.BodyRow], place: Span) -> Chosen | None:
    """The `if` of a body in which a place lies; the outermost one."""
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        if isinstance(row, syntax.If) and _holds(row.span, place):
            return Chosen(row, after)
        if isinstance(row, syntax.ForRow) and _holds(row.span, place):
            return enclosing(row.body.rows, place)
    return None


def as_value(choice: syntax.If, name: str) -> str | None:
    """The `if` whose branches are each one row of that name, as a value; None for any other."""
    first = only(choice.then, name)
    if choice.otherwise is None:
        other: str | None = f"{{ {name} }}"
    elif choice.otherwise.rows and isinstance(inner := choice.otherwise.rows[0], syntax.If):
        other = as_value(inner, name)
    else:
        row = only(choice.otherwise, name)
        other = f"{{ {row} }}" if row is not None else None
    if first is None or other is None:
        return None
    return f"if {written(choice.condition.span)} {{ {first} }} else {other}"


def only(body: syntax.Body, name: str) -> str | None:
    """The pipeline of a body that is one row of that name."""
    row = body.rows[0] if len(body.rows) == 1 else None
    if not isinstance(row, syntax.LayerRow) or row.shared or row.bundle or [n.id for n in row.names] != [name]:
        return None
    return written(row.pipeline.span)


def carries_on(site: Site, row: syntax.BodyRow) -> bool:
    """Whether a row begins with a layer, or with `_`, and so reads the row before it."""
    if not isinstance(row, syntax.LayerRow):
        return False
    head: object = row.pipeline.stages[0]
    while isinstance(head, syntax.Call | syntax.Binary):
        head = head.function if isinstance(head, syntax.Call) else head.left
    layer = isinstance(head, syntax.Name) and not site.scope.find(head.id) and find_layer(site, head) is not None
    return layer or isinstance(head, syntax.Previous)
