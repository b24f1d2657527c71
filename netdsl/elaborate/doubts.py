"""Settings that may be what they say, but are elsewhere the numbers of something else: told once a net is made."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.elaborate.context import Site
from netdsl.graph import Block, Graph, Net
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.normalize import Batchnorm
from netdsl.text.diagnostics import Severity
from netdsl.text.source import Span, is_library

CODE = "unusual-setting"
MOSTLY_NEW = 0.8
MANY = 8
"""So many heads or more are told of where each is one number wide."""


def warn(site: Site, net: Net) -> None:
    """Warn of settings that other frameworks count the other way round, or give in another order."""
    told = set[tuple[Span, str]]()
    for op, span in _used(net, None):
        collector = site.errors.collector
        if collector.failed or collector.full_of(Severity.WARNING):
            return
        message, help = _doubt(op)
        if message and (span, message) not in told:
            told.add((span, message))
            collector.warn(CODE, message, span, help=help)


def _used(graph: Graph, outer: Span | None) -> Iterator[tuple[object, Span]]:
    """The operations of a graph with the author's row, that of the block's use where a library holds them."""
    for node in graph.nodes:
        span = node.span if outer is None or not is_library(node.span.source.name) else outer
        yield node.op, span
        if isinstance(node.op, Block):
            yield from _used(node.op.body, span)


def _doubt(op: object) -> tuple[str, str]:
    if isinstance(op, Batchnorm) and float(op.momentum) >= MOSTLY_NEW:
        share = f"{float(op.momentum):g}"
        message = f"with `momentum={share}` the running averages are nearly those of the last batch"
        rest = f"{1 - float(op.momentum):.6g}"
        return message, f"Keras counts the share of the old there: write `momentum={rest}` where {share} is that"
    if isinstance(op, MultiheadAttention) and op.heads == op.width and op.heads >= MANY:
        message = f"{op.heads} heads share a width of {op.width}, so that each is one number wide"
        return message, f"the width is inferred, and no setting: where {op.heads} is the width, leave it out"
    return "", ""
