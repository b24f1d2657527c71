"""Blocks opened: every operation of a network in one flat graph, under its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Node, Recurrent, joined
from netdsl.ops.base import Op


@dataclass(frozen=True, slots=True)
class FlatPlace:
    """A node of the source with its path, the key of its weights and its operands in the flat graph."""

    node: Node
    path: str
    key: str
    operands: tuple[Value, ...]
    within: tuple[Node, ...]
    """The blocks around it, outermost first."""

    @property
    def op(self) -> Op | Recurrent:
        assert isinstance(self.node.op, Op | Recurrent)
        return self.node.op


def opened(
    graph: Graph, values: dict[Value, Value], path: str = "", key: str = "", within: tuple[Node, ...] = ()
) -> Iterator[FlatPlace]:
    """Every operation and recurrent block in order. The caller sets `values[r]` for each result before going on.

    `values` maps arrows of the source to those of the flat graph; inputs must be in it. `within` are blocks
    around the whole graph.
    """
    for node in graph.nodes:
        here = joined(path, node.name)
        own = node.keyed or joined(key, node.owner.name)
        operands = tuple(values.get(v, v) for v in node.inputs)
        if isinstance(node.op, Block) and not isinstance(node.op, Recurrent):
            inner: dict[Value, Value] = dict(zip(node.op.body.inputs, operands, strict=True))
            for place in opened(node.op.body, inner, here, own, (*within, node)):
                yield place
                inner.update((r, values[r]) for r in place.node.results)
            _hand_out(node, inner, values)
        else:
            yield FlatPlace(node, here, own, operands, within)


def _hand_out(node: Node, inner: Mapping[Value, Value], values: dict[Value, Value]) -> None:
    assert isinstance(node.op, Block)
    for result, output in zip(node.results, node.op.body.outputs, strict=True):
        values[result] = inner[output.value]
