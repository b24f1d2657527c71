"""`frozen` rows: what is made while one is at work is not trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from netdsl.elaborate.context import Site
from netdsl.text import syntax


def run(site: Site, row: syntax.BodyRow, rule: Callable[[Site, syntax.BodyRow], None]) -> None:
    """Run a row, and say so where it has no weights."""
    graph = site.build.graph
    before = len(graph.nodes)
    with frozen(site):
        rule(site, row)
    shared = isinstance(row, syntax.LayerRow) and row.shared
    if not shared and not any(n.owns_weights() for n in graph.nodes[before:]):
        message = "nothing in this row has weights, frozen or not"
        site.errors.collector.warn("nothing-to-freeze", message, row.span, help=_way(site, row))


def _way(site: Site, row: syntax.BodyRow) -> str:
    """`frozen stem -> relu`: the weights are those of the row that is read, whether that is frozen or not."""
    head: object = (
        row.pipeline.stages[0] if isinstance(row, syntax.LayerRow | syntax.OutputRow) and row.pipeline else None
    )
    bound = site.scope.find(head.id) if isinstance(head, syntax.Name) else None
    if not isinstance(head, syntax.Name) or bound is None or bound.value in site.build.graph.inputs:
        return "leave out `frozen`"
    return f"leave out `frozen`; where the weights of `{head.id}` are meant, write it in front of that row"


@contextmanager
def frozen(site: Site, whether: bool = True) -> Iterator[None]:
    """While the rows, or the uses of layers, are at work that are not trained."""
    site.context.frozen += whether
    try:
        yield
    finally:
        site.context.frozen -= whether
