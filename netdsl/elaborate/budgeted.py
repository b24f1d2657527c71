"""The sizes at which a budget is counted: `assert macs < 300M at H = 224, W = 224, batch = 8`."""

from __future__ import annotations

import netdsl.elaborate.core as core
from netdsl.dims.tensors import MOST
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import describe
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span


def sizes_of(site: Site, row: syntax.AssertRow) -> tuple[dict[str, int], Span]:
    """The numbers behind `at` by name, and where they stand. Whether the net takes them is seen when it is counted."""
    found: dict[str, int] = {}
    places: dict[str, Span] = {}
    for size in row.at:
        name = size.name.id
        if name in found:
            message = f"`{name}` is given twice"
            site.error(
                "size-twice", message, size.span, Label(places[name], "first here"), help="leave one of them out"
            )
        number = core.number(site, size.size, f"`{name}`")
        if not 1 <= number <= MOST:
            message = f"`{name}` is a whole number from 1 to {MOST:,}, not {describe(number)}"
            site.error("wrong-setting", message, size.size.span)
        found[name], places[name] = number, size.span
    return found, Span(row.span.source, row.at[0].span.start, row.at[-1].span.end)


def refuse_sizes(site: Site, row: syntax.AssertRow) -> None:
    """Sizes behind an `assert` that counts nothing."""
    text = row.condition.span.text.strip()
    message = f"`at` stands behind a budget, as in `macs < 300M at H = 224, W = 224`, and `{text}` names no total"
    span = Span(row.span.source, row.at[0].span.start, row.at[-1].span.end)
    site.error("wrong-kind", message, span, help=f"write `assert {text}`")
