"""What holds of every graph, whoever made it."""

from __future__ import annotations

from netdsl.dims.tensors import WeightValue
from netdsl.graph import Graph
from netdsl.ops.base import Op


class BrokenGraph(AssertionError):
    """An invariant that does not hold: a mistake of ours, never of an author's text."""


def verify(graph: Graph) -> Graph:
    """State every invariant; returns the graph."""
    known = set(graph.inputs)
    names: set[str] = set()
    for node in graph.nodes:
        _require(node.name not in names, f"two nodes are called {node.name}")
        names.add(node.name)
        _require(
            all(v in known or isinstance(v, WeightValue) for v in node.inputs),
            f"{node.name} reads a value that is not there yet",
        )
        _require(node.shares is None or node.shares.shares is None, f"{node.name} shares with a sharer")
        if isinstance(node.op, Op):
            _require(tuple(node.op.operands()) == node.inputs, f"{node.name} and its operation differ in inputs")
        else:
            verify(node.op.body)
        known.update(node.results)
    _require(all(o.value in known for o in graph.outputs), f"an output of {graph.name} is not there")
    return graph


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise BrokenGraph(message)
