"""Settings that may be what they say, but are elsewhere the numbers of something else: told once a net is made."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.elaborate.context import Site
from netdsl.graph import Block, Graph, Net
from netdsl.ops.base import Op
from netdsl.text.diagnostics import Severity
from netdsl.text.source import Span, is_library

CODE = "unusual-setting"
MOSTLY_NEW = 0.8
MANY = 8
"""So many heads or more are told of where each is one number wide."""


def warn(site: Site, net: Net) -> None:
    """Warn of settings that other frameworks count the other way round, or give in another order."""
    told = set[tuple[Span, str]]()
    for message, help, span in _doubts(net, None, set()):
        collector = site.errors.collector
        if net.broken or collector.full_of(Severity.WARNING):
            return
        if (span, message) not in told:
            told.add((span, message))
            collector.warn(CODE, message, span, help=help)


def _doubts(graph: Graph, outer: Span | None, sound: set[int]) -> Iterator[tuple[str, str, Span]]:
    """What is doubtful in a graph, at the author's row, that of the block's use where a library holds it.

    `sound` are the bodies in which nothing is, by identity.
    """
    for node in graph.nodes:
        span = node.span if outer is None or not is_library(node.span.source.name) else outer
        if not isinstance(node.op, Block):
            message, help = _doubt(node.op)
            if message:
                yield message, help, span
        elif id(node.op.body) not in sound:
            found = list(_doubts(node.op.body, span, sound))
            yield from found
            if not found:
                sound.add(id(node.op.body))


def _doubt(op: Op) -> tuple[str, str]:
    told = OF.get(op.name)
    return told(op) if told is not None else ("", "")


def _momentum(op: Op) -> tuple[str, str]:
    from netdsl.ops.normalize import Batchnorm  # late: read where there is one

    if not isinstance(op, Batchnorm) or float(op.momentum) < MOSTLY_NEW:
        return "", ""
    share = f"{float(op.momentum):g}"
    message = f"with `momentum={share}` the running averages are nearly those of the last batch"
    rest = f"{1 - float(op.momentum):.6g}"
    return message, f"Keras counts the share of the old there: write `momentum={rest}` where {share} is that"


def _heads(op: Op) -> tuple[str, str]:
    from netdsl.ops.attention import MultiheadAttention

    if not isinstance(op, MultiheadAttention) or op.heads != op.width or op.heads < MANY:
        return "", ""
    message = f"{op.heads} heads share a width of {op.width}, so that each is one number wide"
    return message, f"the width is inferred, and no setting: where {op.heads} is the width, leave it out"


OF = {"batchnorm": _momentum, "multihead_attention": _heads}
"""What is doubtful of an operation, by its name."""
