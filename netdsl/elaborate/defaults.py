"""`set` rows: defaults of an operation for the rows below, and those that reach no layer."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.elaborate.arguments import bind_op
from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import Setting
from netdsl.graph import Block, Graph, Net
from netdsl.ops.base import Op
from netdsl.text import syntax
from netdsl.text.diagnostics import Severity
from netdsl.text.source import is_library


def keep(site: Site, op: type[Op], row: syntax.SetRow) -> None:
    """Remember what a `set` row says of an operation."""
    bound = bind_op(site, op, row.arguments, row.span)
    marked = {k: Setting(s.value, s.span) for k, s in bound.items()}
    site.scope.defaults.setdefault(op.name, {}).update(marked)
    above = site.build.graph, len(site.build.graph.nodes)
    site.context.sets.setdefault(row.span, (op.name, above, tuple(s.span for s in marked.values())))


def read(site: Site, op: type[Op]) -> Mapping[str, Setting]:
    """The defaults that reach a layer which stands in a scope."""
    merged: dict[str, Setting] = {}
    for name in (op.name, *op.aliases):
        merged.update(site.scope.defaults_of(name))
    if merged:
        site.context.reached.update(setting.span for setting in merged.values())
    return merged


def warn_unreached(site: Site, net: Net) -> None:
    """Warn of every `set` row of the author's that no layer reads."""
    if net.broken:
        return
    for span, (op, (graph, count), settings) in site.context.sets.items():
        if site.errors.collector.full_of(Severity.WARNING):
            return
        if is_library(span.source.name) or any(s in site.context.reached for s in settings):
            continue
        message = f"this `set` reaches no `{op}`: it holds for the rows below it in its own body"
        before = any(node.kind == op for node in graph.nodes[:count])
        help = f"the `{op}` stands above it: move the `set` up" if before else _inside(net, op)
        site.errors.collector.report("unused-set", message, span, severity=Severity.WARNING, help=help)


def _inside(net: Net, op: str) -> str:
    """Where layers of that kind are, when not in reach."""
    found = sorted({block.name for block in _blocks(net) if any(n.kind == op for n in block.body.nodes)})
    if not found:
        return "take it away, or move it above the layers that it is for"
    return f"`{op}` stands inside `{found[0]}`, and a block has its own defaults: give them where it is defined"


def _blocks(graph: Graph) -> list[Block]:
    own = [node.op for node in graph.nodes if isinstance(node.op, Block)]
    return [*own, *(inner for block in own for inner in _blocks(block.body))]
