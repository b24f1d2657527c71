"""Arrows inside a net as further outputs of it: the graph is changed before it is emitted, so any engine has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netdsl.base.errors import RunError
from netdsl.base.record import changed
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Net, Node, Output, Recurrent
from netdsl.graph.trail import Around, chains
from netdsl.text.diagnostics import did_you_mean


@dataclass(frozen=True)
class Inner:
    """A node of a net, behind the blocks that it lies in."""

    trail: Around

    @property
    def node(self) -> Node:
        return self.trail[-1]

    @property
    def path(self) -> str:
        return ".".join(node.name for node in self.trail)


def inner_nodes(graph: Graph) -> Iterator[Inner]:
    """Every node in order, blocks before what is in them; what a recurrent block does at each step is left out."""
    for around, node in chains(graph):
        if not any(isinstance(outer.op, Recurrent) for outer in around):
            yield Inner((*around, node))


def row_called(net: Net, name: str) -> Inner:
    """What a row comes to, by its label or path: `conv2`, or `conv2.relu` for a layer of it; `RunError` if none is."""
    found = list(inner_nodes(net))
    exact = [inner for inner in found if inner.path == name]
    below = [inner for inner in found if inner.path.startswith(f"{name}.")]
    depth = min((len(inner.trail) for inner in (*exact, *below)), default=0)
    if not depth:
        paths = list(dict.fromkeys(inner.path for inner in found))
        rows = list(dict.fromkeys(inner.trail[0].name.partition(".")[0] for inner in found))
        help = did_you_mean(name, [*rows, *paths]) or f"its rows are {', '.join(rows[:12])}"
        raise RunError(f"{net.name} has no row `{name}`: {help}")
    if exact and "." in name:
        return exact[-1]
    wanted = {id(inner) for inner in (*exact, *below)}
    return [inner for inner in found if id(inner) in wanted and len(inner.trail) == depth][-1]


def exposed(net: Net, wanted: Sequence[tuple[Inner, Value]]) -> tuple[Net, list[str]]:
    """The net with arrows beside some of its nodes as further outputs, and what these are called."""
    names: list[str] = []
    graph: Graph = net
    for number, (inner, value) in enumerate(wanted):
        paths = [node.name for node in inner.trail[:-1]]
        graph, outer = _led_out(graph, paths, value, f"look{number}")
        names.append(f"look{number}")
        graph = changed(graph, outputs=[*graph.outputs, Output(names[-1], outer, False, inner.node.span)])
    assert isinstance(graph, Net)
    return graph, names


def _led_out(graph: Graph, path: Sequence[str], value: Value, name: str) -> tuple[Graph, Value]:
    """A graph in which an arrow inside its blocks is one of its own."""
    if not path:
        return graph, value
    place, node = next((i, n) for i, n in enumerate(graph.nodes) if n.name == path[0])
    assert isinstance(node.op, Block)
    body, inner = _led_out(node.op.body, path[1:], value, name)
    body = changed(body, outputs=[*body.outputs, Output(name, inner, False, node.span)])
    outer = Value(f"{node.name}.{name}", inner.type)
    made = changed(node, op=changed(node.op, body=body), results=(*node.results, outer))
    nodes = [made if i == place else _sharing(n, node, made) for i, n in enumerate(graph.nodes)]
    return changed(graph, nodes=nodes), outer


def _sharing(node: Node, before: Node, after: Node) -> Node:
    return changed(node, shares=after) if node.shares is before else node
