"""The trail to a node: the blocks around it as the frames that the elaborator has for calls at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netdsl.graph import Block, Graph, Node
from netdsl.text.source import Span, is_library
from netdsl.text.trail import CallFrame, Trail, trail

Around = tuple[Node, ...]
"""Nodes that hold a block, outermost first."""


def title(node: Node) -> str:
    """`double_conv(c=64)`: a block with its settings."""
    assert isinstance(node.op, Block)
    return f"{node.op.name}({', '.join(f'{k}={v}' for k, v in node.op.settings.items())})"


def trail_to(span: Span, chain: Iterable[Node]) -> Trail:
    """Where something is shown that is found at a place inside these blocks."""
    return trail(span, [_frame(node) for node in chain])


def trail_of(node: Node, chain: Around) -> Trail:
    """Where something is shown that is found at a node; one of a flat graph knows the blocks that it came out of."""
    return trail_to(node.span, node.within or chain)


def chains(graph: Graph, around: Around = ()) -> Iterator[tuple[Around, Node]]:
    """Every node behind every way that leads to it: one body may stand for several equal blocks."""
    for node in graph.nodes:
        yield around, node
        if isinstance(node.op, Block):
            yield from chains(node.op.body, (*around, node))


def _frame(node: Node) -> CallFrame:
    assert isinstance(node.op, Block)
    return CallFrame(title(node), node.span, is_library(node.op.origin))
