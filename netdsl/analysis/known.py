"""What types and operations are at some sizes, each worked out once: the rows of a body are used many times."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from netdsl.analysis.counts import items_at, shape_at
from netdsl.analysis.dropped import LostPixels, find_loss
from netdsl.analysis.numbered import numbered
from netdsl.analysis.report import Shape
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


class AtSizes:
    """Everything that has been asked about at the same `sizes`."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self._types: dict[int, TypeAtSizes] = {}
        self._ops: dict[Op, OpAtSizes] = {}
        self._kept: dict[Node, tuple[Weight, ...]] = {}

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

    def kept(self, node: Node) -> tuple[Weight, ...]:
        """The weights and constants of a layer."""
        found = self._kept.get(node)
        if found is None:
            own = () if isinstance(node.op, Block) else node.op.constants()
            found = self._kept[node] = (*node.weights(), *own)
        return found
