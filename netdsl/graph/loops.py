"""What of a recurrent block runs before the first step: all that follows from what every step is given alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netdsl.base.record import record
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Node, Recurrent
from netdsl.ops.base import Op


@record
class Parted:
    """The nodes of a body that run once, those that run at every step, and what the steps read of the former."""

    once: list[Node]
    each: list[Node]
    kept: list[Value]
    """Values that every step sees alike: what is given, as far as steps read it, then results of `once`."""

    def before(self, loop: Recurrent) -> Graph:
        """The part that runs once."""
        return Graph(loop.name, [*loop.given], self.once)

    def within(self, loop: Recurrent) -> Graph:
        """The part that runs at every step."""
        return Graph(loop.name, loop.body.inputs, self.each, loop.body.outputs)


def parted(loop: Recurrent) -> Parted:
    """The body in two: without anything given, all of it runs at every step."""
    nodes = loop.body.nodes
    if not loop.given:
        return Parted([], nodes, [])
    known, made = set(loop.given), _sources(nodes)
    early: set[Node] = set()
    for node in nodes:
        if not _draws(node) and not known.isdisjoint(node.inputs) and all(v in known or v in made for v in node.inputs):
            early.add(node)
            known.update(node.results)
            early.update(made[v] for v in node.inputs if v in made)
    once, each = [n for n in nodes if n in early], [n for n in nodes if n not in early]
    ends = [*(o.value for o in loop.body.outputs), *(s.following for s in loop.states)]
    return Parted(once, each, _read(each, ends, [*loop.given, *(v for n in once for v in n.results)]))


def _draws(node: Node) -> bool:
    """Whether it draws numbers, or counts what it is shown: every step does that anew."""
    inside = [n.op for _, n in node.op.body.walk()] if isinstance(node.op, Block) else [node.op]
    return any(isinstance(op, Op) and op.training_differs for op in inside)


def _sources(nodes: Iterable[Node]) -> dict[Value, Node]:
    """What nodes give that read nothing: numbers and free parameters."""
    return {v: n for n in nodes if not n.inputs for v in n.results}


def _read(nodes: Sequence[Node], ends: Iterable[Value], values: Iterable[Value]) -> list[Value]:
    read = {v for n in nodes for v in n.inputs} | set(ends)
    return [v for v in values if v in read]
