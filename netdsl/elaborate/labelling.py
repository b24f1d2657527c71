"""A row at work: its nodes get their names, its labels their values."""

from __future__ import annotations

from collections import Counter
from typing import Any

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import Build, NodeNames, RowValue
from netdsl.elaborate.values import Bundle, Failed, arrows, counted
from netdsl.graph import Node
from netdsl.ops.value import BatchAxis, OutOfBatch
from netdsl.text import syntax
from netdsl.text.source import Span


def begin(site: Site, names: tuple[syntax.Name, ...]) -> tuple[list[Any], list[Any]]:
    """Set the nodes of the row around aside while a row is at work."""
    build = site.build
    held = build.fresh, build.named
    build.fresh, build.named = [], []
    if not build.nested:
        build.inner = NodeNames() if names else build.names
    return held


def finish(
    site: Site, names: tuple[syntax.Name, ...], span: Span, value: Any, bundle: bool,
    held: tuple[list[Any], list[Any]],
) -> RowValue:  # fmt: skip
    """Name a row's nodes and bind its labels."""
    build = site.build
    made = {result for node in build.fresh + build.named for result in node.results}
    unfolded = {result for node in build.fresh if isinstance(node.op, OutOfBatch) for result in node.results}
    _name_nodes(build, names[0].id if names and not bundle else None, held)
    row = RowValue(span, value)
    _bind(site, names, value, bundle, row)
    if isinstance(value, Value) and value in made and names:
        value.name = names[0].id
    for name, item in zip(names, arrows(value), strict=False):
        if bundle and item in unfolded:
            item.name = name.id
    for arrow in arrows(value):
        if arrow in made:
            site.errors.origins[arrow] = names[0].span if names and not bundle else span
    build.previous = row
    build.rows.append(row)
    return row


def _name_nodes(build: Build, label: str | None, held: tuple[list[Any], list[Any]]) -> None:
    """Name a row's nodes. Inside a value with rows of its own, what has no label is left to the row around it."""
    if build.nested and label is None:
        build.fresh, build.named = held[0] + build.fresh, held[1] + build.named
        return
    if label is not None:
        names = build.inner if build.nested else build.names
        label = (
            names.number(label)
            if build.loops or label in build.twice
            else names.unique(label)
            if build.nested
            else label
        )
    name_row(build, label)
    done = build.named + build.fresh if build.nested else []
    build.fresh, build.named = held[0], held[1] + done


def _bind(site: Site, names: tuple[syntax.Name, ...], value: Any, bundle: bool, row: RowValue) -> None:
    scope = site.build.scope
    if not bundle:
        for name in names:
            scope.bind(name.id, value, name.span, row)
        return
    items = value.items if isinstance(value, Bundle) else (value,)
    if not names:
        raise Failed
    if len(items) != len(names):
        what = f"a bundle of {len(items)}" if isinstance(value, Bundle) else "one arrow"
        message = f"{counted(len(names), 'name')} for {what}"
        import netdsl.elaborate.unpacking as unpacking  # late: right texts need none

        help = unpacking.named(site, names, row.span, value)
        site.error("wrong-bundle", message, names[0].span.to(names[-1].span), help=help)
    for name, item in zip(names, items, strict=True):
        scope.bind(name.id, item, name.span, row)


def name_row(build: Build, label: str | None) -> None:
    """Give the nodes of a finished row their names (see `netdsl.graph` for what names mean)."""
    for node in [n for n in build.fresh if isinstance(n.op, BatchAxis)]:
        node.name = build.names.number(node.name)
        build.fresh.remove(node)
    fresh, named = build.fresh, build.named
    if label is None:
        for node in fresh:
            node.name = build.names.number(node.name)
    elif not named and len(fresh) == 1:
        fresh[0].name = label
    else:
        _name_labelled(fresh, named, label)


def _name_labelled(fresh: list[Node], named: list[Node], label: str) -> None:
    weighted = [n for n in fresh if n.is_module()]
    for node in named:
        node.name = f"{label}.{node.name}"
    if named or len(weighted) > 1:
        inner = NodeNames(n.name.removeprefix(label + ".") for n in named)
        for node in fresh:
            node.name = f"{label}.{inner.number(node.name)}"
        return
    counts = Counter(n.name for n in fresh)
    repeated = {name for name, count in counts.items() if count > 1}
    owner = weighted[0] if weighted else next((n for n in fresh[-1:] if n.name not in repeated), None)
    inner = NodeNames()
    for node in fresh:
        if node is owner:
            node.name = label
        else:
            node.name = f"{label}.{inner.number(node.name) if node.name in repeated else node.name}"
