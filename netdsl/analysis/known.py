"""What types and operations are at some sizes, each worked out once: the rows of a body are used many times."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from netdsl.analysis.columns import Tally
from netdsl.analysis.counts import items_at, shape_at
from netdsl.analysis.dropped import LostPixels, find_loss
from netdsl.analysis.numbered import numbered
from netdsl.analysis.report import Shape
from netdsl.analysis.seen import AxisViews
from netdsl.base.recent import Recent
from netdsl.dims.tensors import TensorType, Weight
from netdsl.graph import Block, Node
from netdsl.ops.base import Follows, Op, Reading


class OpAtSizes:
    """An operation with numbers for symbols, and what it has answered."""

    __slots__ = ("_loss", "_readings", "_same", "alone", "op", "stated", "windows")

    def __init__(self, op: Op, sizes: Mapping[str, int]) -> None:
        self.op = numbered(op, sizes)
        self.windows = self.op.windows()
        self.alone = len(tuple(self.op.operands())) == 1
        """Whether it reads one value only."""
        self.stated: dict[str, int | None] = {}
        """The numbers of one run by name, None where the operation does not state one (see `LayerAt`)."""
        self._readings: dict[tuple[int, int], Reading] = {}
        self._same: dict[tuple[int, int], bool] = {}
        self._loss: tuple[LostPixels | None] | None = None

    def reading(self, place: int, result: int) -> Reading:
        """How a result reads an operand."""
        found = self._readings.get((place, result))
        if found is None:
            found = self._readings[place, result] = self.op.reading(place, result)
        return found

    def position_by_position(self, place: int, result: int) -> bool:
        """Whether every position of a result reads the same position of an operand, and no other."""
        found = self._same.get((place, result))
        if found is None:
            reading = self.reading(place, result)
            found = all(isinstance(r, Follows) and r.axis == i and r.window is None for i, r in enumerate(reading))
            self._same[place, result] = found
        return found

    def loss(self) -> LostPixels | None:
        """The pixels that no window of it reads."""
        if self._loss is None:
            self._loss = (find_loss(self.windows or ()),)
        return self._loss[0]


class TypeAtSizes:
    """A type with numbers for symbols."""

    __slots__ = ("bytes", "elements", "items", "shape", "text", "type")

    def __init__(self, type_: TensorType, sizes: Mapping[str, int]) -> None:
        self.type = type_
        self.shape: Shape = shape_at(type_, sizes)
        self.items = items_at(type_, sizes)
        """How many items of a sample a value stands for: 1 outside `along`."""
        self.elements = prod(self.shape)
        self.bytes = type_.dtype.size * self.items * self.elements
        """Memory of one sample."""
        self.text = str(type_) if sizes else ""
        """The shape with its symbols; empty where there are none."""


class Measured(NamedTuple):
    """The numbers of one layer in one place."""

    tally: Tally
    silent: tuple[str, ...]
    """Columns of which a part is not stated."""
    missing: tuple[str, ...]
    """What is not stated."""
    estimated: str
    """Why its FLOPs are an estimate; nothing where they are none."""


class Sights(NamedTuple):
    """What the results of a layer see when its operands see `fields`."""

    fields: tuple[AxisViews | None, ...]
    results: tuple[AxisViews | None, ...]
    features: frozenset[int]
    """The followed axes that it reads as features, known then."""


class NodeAtSizes:
    """A layer or a block with numbers for symbols, and what was found of it in the places where it stands."""

    __slots__ = ("elements", "fits", "inputs", "kept", "measured", "node", "op", "outputs", "sights", "text")

    def __init__(self, node: Node, known: AtSizes) -> None:
        self.node = node
        self.op = None if isinstance(node.op, Block) else known.op(node.op)
        constants = () if isinstance(node.op, Block) else node.op.constants()
        self.kept: tuple[Weight, ...] = (*node.weights(), *constants)
        """The weights and constants of a layer."""
        self.inputs = tuple([known.type(v.type) for v in node.inputs])
        self.outputs = tuple([known.type(v.type) for v in node.results])
        self.elements = max([t.elements for t in self.outputs] + [w.elements for w in self.kept], default=0)
        """Of the largest tensor that it makes or keeps."""
        self.measured: dict[tuple[int, int, bool], Measured] = {}
        """By how often it runs, the bytes of its results, and whether all of its weights are counted here, or none."""
        self.sights: dict[tuple[int, ...], Sights] = {}
        """By the identity of what its operands see."""
        self.text: str | None = None
        """As an author would write it, once that was asked."""


MOST = 30_000
"""Layers of which something is kept from one analysis to the next."""


class AtSizes:
    """Everything that has been asked about at the same `sizes`."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self._types: dict[int, TypeAtSizes] = {}
        self._ops: dict[Op, OpAtSizes] = {}
        self._nodes: dict[Node, NodeAtSizes] = {}
        self._fields: dict[AxisViews, AxisViews] = {}

    @property
    def full(self) -> bool:
        """Whether it holds so much that the next analysis begins anew."""
        return len(self._nodes) > MOST or len(self._types) > 4 * MOST

    def type(self, type_: TensorType) -> TypeAtSizes:
        found = self._types.get(id(type_))  # equal types are rarely two, and costly to compare
        if found is None:
            found = self._types[id(type_)] = TypeAtSizes(type_, self.sizes)
        return found

    def op(self, op: Op) -> OpAtSizes:
        found = self._ops.get(op)
        if found is None:
            found = self._ops[op] = OpAtSizes(op, self.sizes)
        return found

    def node(self, node: Node) -> NodeAtSizes:
        found = self._nodes.get(node)
        if found is None:
            found = self._nodes[node] = NodeAtSizes(node, self)
        return found

    def field(self, field: AxisViews | None) -> AxisViews | None:
        """The one of equal fields that what was found is kept by."""
        return field and self._fields.setdefault(field, field)


LAST: Recent[AtSizes] = Recent(4)
"""What was asked at the sizes of the last analyses: another one of the same layers need not ask again."""


def at_sizes(sizes: Mapping[str, int]) -> AtSizes:
    """What is known at some sizes already."""
    key = tuple(sorted(sizes.items()))
    found = LAST.get(key)
    return LAST.keep(key, AtSizes(sizes)) if found is None or found.full else found
