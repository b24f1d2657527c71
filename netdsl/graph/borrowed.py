"""Layers that are shared at the top of a file: what a graph uses of them, here and inside its blocks."""

from __future__ import annotations

from collections.abc import Callable

from netdsl.graph import Block, Graph, Node

Known = dict[int, tuple[str, ...]]
"""What was found, by the identity of a graph."""


def borrowed(graph: Graph, known: Known | None = None, counts: Callable[[Node], bool] | None = None) -> tuple[str, ...]:
    """The keys of such layers, in the order in which they are used first; `counts` says of which."""
    known = {} if known is None else known
    if id(graph) not in known:
        found: dict[str, None] = {}
        for node in graph.nodes:
            if node.keyed is not None and (counts is None or counts(node)):
                found[node.keyed] = None
            if isinstance(node.op, Block):
                found.update(dict.fromkeys(borrowed(node.op.body, known, counts)))
        known[id(graph)] = tuple(found)
    return known[id(graph)]
