"""A graph under construction, as operations see it when they write their training forms and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from netdsl.dims.tensors import Value, Weight, WeightValue
from netdsl.graph import Graph, Node, joined, result_types
from netdsl.ops.base import REGISTRY, Op
from netdsl.text.source import Span


@dataclass(eq=False)
class Writer:
    """Appends nodes to a graph under unique names, and knows the weights of the whole network as values."""

    graph: Graph
    weights: dict[str, WeightValue] = field(default_factory=dict)
    carried: dict[str, Value] = field(default_factory=dict)
    """Buffers by key with their value for the next step."""
    seed: Value | None = None
    numbers: dict[float, Value] = field(default_factory=dict)
    makers: dict[Value, Op] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    draws: int = 0

    def append(self, name: str, op: Op, span: Span, within: tuple[Node, ...] = ()) -> tuple[Value, ...]:
        """Append a node that comes from a place inside some blocks; its results."""
        results = tuple(Value(name, t) for t in result_types(op))
        self.graph.nodes.append(Node(self.unique(name), op, tuple(op.operands()), results, span, within=within))
        self.makers.update(dict.fromkeys(results, op))
        return results

    def settle(self, results: Sequence[Value], stated: Sequence[Value]) -> None:
        """Let results have the types that the source states.

        These are equal for all sizes that the net allows, and are written as they were known when the row was: where a
        row above has settled a symbol they are plainer than what follows from the operands.
        """
        for result, source in zip(results, stated, strict=True):
            if result in self.makers and result.type.with_shape(*source.shape) == source.type:
                result.type = source.type

    def unique(self, name: str) -> str:
        count = self.taken[name] = self.taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"

    def weight(self, key: str, weight: Weight) -> WeightValue:
        """The value of a weight, the same one for everybody who asks."""
        if key not in self.weights:
            self.weights[key] = WeightValue(key, weight)
        return self.weights[key]


@dataclass(eq=False)
class Pen:
    """The `Tape` of one operation: what it writes carries its path."""

    writer: Writer
    op: Op
    path: str
    key: str
    span: Span
    within: tuple[Node, ...] = ()
    """The blocks around the operation, outermost first."""
    kept: dict[str, Value] = field(default_factory=dict)
    wanted: Callable[[str], bool] = lambda name: True
    frozen: bool = False
    """Whether nothing that the operation owns is trained."""

    def __call__(self, op: type[Op], *operands: Any, **settings: Any) -> Value:
        (result,) = self.several(op, *operands, **settings)
        return result

    def several(self, op: type[Op], *operands: Any, **settings: Any) -> tuple[Value, ...]:
        made = op(*operands, **settings)
        return self.writer.append(f"{self.path}.{made.name}", made, self.span, self.within)

    def number(self, value: float) -> Value:
        numbers = self.writer.numbers
        if value not in numbers:
            constant = REGISTRY["constant"](float(value))
            numbers[value] = self.writer.append(f"number{len(numbers)}", constant, self.span, self.within)[0]
        return numbers[value]

    def weight(self, name: str) -> Value:
        weight = next(w for w in self.weights() if w.name == name)
        value = self.writer.weight(self.key_of(name), weight)
        # A buffer that another use of the layer has changed in this step already.
        return self.writer.carried.get(value.name, value)

    def weights(self) -> Iterator[Weight]:
        """What the operation owns."""
        for weight in self.op.weights():
            yield weight.frozen() if self.frozen else weight

    def trained(self) -> list[str]:
        """The names of its weights that are trained."""
        return [w.name for w in self.weights() if w.trainable and not w.buffer]

    def key_of(self, name: str) -> str:
        return joined(self.key, name)

    def carry(self, name: str, value: Value) -> None:
        self.writer.carried[self.key_of(name)] = value

    def save(self, name: str, value: Value) -> None:
        self.kept[name] = value

    def saved(self, name: str) -> Value:
        return self.kept[name]

    def wants(self, name: str) -> bool:
        return self.wanted(name)

    def maker(self, value: Value) -> Op | None:
        return self.writer.makers.get(value)

    def seed(self) -> tuple[Value, int]:
        assert self.writer.seed is not None
        self.writer.draws += 1
        return self.writer.seed, self.writer.draws
