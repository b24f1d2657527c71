"""Drop what no output needs."""

from __future__ import annotations

from collections.abc import Iterable

from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node


def prune(graph: Graph, needed: Iterable[Value]) -> None:
    """Keep only the nodes that some of the values come from."""
    wanted = set(needed)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(r in wanted for r in node.results):
            kept.append(node)
            wanted.update(node.inputs)
    graph.nodes = kept[::-1]
