"""Whether a row of one body reads what its partner in another body reads."""

from __future__ import annotations

from collections.abc import Iterable

from netdsl.comparison.alignment import RowPair
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node


class Wiring:
    """Two bodies whose rows are in pairs.

    Rows without a partner are passed through, to where their first arrow is from: one that was put in the way of an
    arrow, or taken out of it, changes nothing about those behind.
    """

    def __init__(self, old: Graph, new: Graph, pairs: Iterable[RowPair]) -> None:
        self.old, self.new = old, new
        self.partners = {o.node: n.node for o, n in pairs if o is not None and n is not None}
        self.made = old.producer(), new.producer()
        self.kept = set(self.partners), set(self.partners.values())

    def reads_alike(self, old: Node, new: Node) -> bool:
        """Whether all arrows that come in are from the same rows, or the same inputs."""
        if len(old.inputs) != len(new.inputs):
            return False
        return all(self.alike(o, n) for o, n in zip(old.inputs, new.inputs, strict=True))

    def shares_alike(self, old: Node, new: Node) -> bool:
        """Whether both use the weights of the same row, or weights of their own."""
        if old.shares is None or new.shares is None:
            return old.shares is new.shares and (old.keyed is None) == (new.keyed is None)
        return self.partners.get(old.shares) is new.shares or old.shares not in self.partners

    def alike(self, old: Value, new: Value) -> bool:
        """Whether two arrows come from the same row, or from the same input."""
        before, node = self._from(old, 0)
        after, other = self._from(new, 1)
        if node is None or other is None:
            return node is other and _place(before, self.old) == _place(after, self.new)
        if node not in self.partners:  # neither has a partner, and neither reads anything
            return other not in self.kept[1]
        return self.partners[node] is other and node.results.index(before) == other.results.index(after)

    def _from(self, value: Value, side: int) -> tuple[Value, Node | None]:
        """The arrow that a value is, or is made of by rows without partners; and its row."""
        made, kept = self.made[side], self.kept[side]
        node = made.get(value)
        while node is not None and node not in kept and node.inputs:
            value = node.inputs[0]
            node = made.get(value)
        return value, node


def _place(value: Value, graph: Graph) -> int:
    return graph.inputs.index(value) if value in graph.inputs else -1
