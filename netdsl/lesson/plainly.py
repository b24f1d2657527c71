"""A gradient that nobody worded, from the operations that it is written in: the engine's own, as a formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from netdsl.dims.tensors import Value
from netdsl.graph import Node
from netdsl.lesson.algebra import (
    Added,
    Applied,
    AsRows,
    Formula,
    Indicator,
    Letter,
    Numeral,
    Raised,
    Rearranged,
    Transposed,
    called,
    times,
)
from netdsl.lesson.wording.table import fitted, summed
from netdsl.ops.activation import Sigmoid, Tanh
from netdsl.ops.arithmetic import (
    Abs,
    Add,
    Cos,
    Div,
    Exp,
    Log,
    Matmul,
    Maximum,
    Minimum,
    Mul,
    Neg,
    Power,
    Sin,
    Sqrt,
    Sub,
)
from netdsl.ops.backward.activation import Choose
from netdsl.ops.backward.arithmetic import Sign
from netdsl.ops.backward.base import BatchSize, ExpandTo, Gate, ReshapeLike, SumTo
from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient
from netdsl.ops.backward.reduce import Elements, Positions
from netdsl.ops.base import Op
from netdsl.ops.reduce import Mean, Sum
from netdsl.ops.shape import Reshape, Squeeze, Transpose, Unsqueeze
from netdsl.ops.value import Constant

FUNCTIONS: Mapping[type[Op], str] = {
    Exp: "exp",
    Log: "log",
    Sqrt: "√",
    Sin: "sin",
    Cos: "cos",
    Abs: "|",
    Tanh: "tanh",
    Sigmoid: "σ",
    Sign: "sign",
    Maximum: "max",
    Minimum: "min",
}
SILENT = (Reshape, Squeeze, Unsqueeze, ReshapeLike, ExpandTo)
"""What changes no number; in the midst of a formula it goes without saying."""
SPARE = "uvwabcde"
"""Letters for what is used more than once."""
ZERO = Numeral(0)


class FormulaReader:
    """Reads a stretch of a training graph as formulas, with letters for the values that come into it."""

    def __init__(self, made: Sequence[Node], letters: Mapping[Value, Formula]) -> None:
        self.makers = {r: node for node in made for r in node.results}
        self.letters = dict(letters)
        self.where: list[tuple[str, Formula]] = []
        """What spare letters stand for."""
        taken = {e.name for e in letters.values() if isinstance(e, Letter)}
        self.spare = (name for name in SPARE if name not in taken)

    def read(self, values: Iterable[Value]) -> list[Formula]:
        """The formulas of some values; what they or one of them use more than once gets a letter first."""
        wanted = list(values)
        for value in self._several(wanted):
            name = next(self.spare, "")
            if name:
                self.where.append((name, self.formula(value)))
                self.letters[value] = Letter(name)
        return [self._whole(value) for value in wanted]

    def _several(self, wanted: Sequence[Value]) -> Iterator[Value]:
        """What is used more than once and is more than a letter, in the order in which it is made."""
        uses = Counter(v for node in self._leading(wanted) for v in node.inputs)
        uses.update(wanted)
        for node in self._leading(wanted):
            for result in node.results:
                bare = isinstance(node.op, Constant | Elements | Positions | BatchSize)
                if uses[result] > 1 and not bare and result not in self.letters:
                    yield result

    def _leading(self, wanted: Sequence[Value]) -> list[Node]:
        seen: dict[Node, None] = {}

        def visit(value: Value) -> None:
            node = self.makers.get(value)
            if node is not None and node not in seen and value not in self.letters:
                for operand in node.inputs:
                    visit(operand)
                seen[node] = None

        for value in wanted:
            visit(value)
        return list(seen)

    def _whole(self, value: Value) -> Formula:
        node = self.makers.get(value)
        if node is not None and isinstance(node.op, SILENT) and value not in self.letters:
            words = "at every place" if isinstance(node.op, ExpandTo) else "in another shape"
            return Rearranged(self.formula(value), words)
        return self.formula(value)

    def formula(self, value: Value) -> Formula:
        """A value by its letter, or by what makes it."""
        if value in self.letters:
            return self.letters[value]
        node = self.makers.get(value)
        if node is None:
            return Letter(value.name.rpartition(".")[2] or value.name)
        assert isinstance(node.op, Op)
        found = self._made(node.op)
        if len(node.results) > 1:
            return called(f"{node.op.name}[{node.results.index(value) + 1}]", *map(self.formula, node.inputs))
        return found

    def _made(self, op: Op) -> Formula:
        say = self.formula
        match op:
            case Constant():
                return Numeral(op.value)
            case Add():
                return Added(tuple(map(say, op.x)))
            case Mul():
                return times(*map(say, op.x))
            case Sub():
                return say(op.a) - say(op.b)
            case Div():
                return say(op.a) / say(op.b)
            case Neg():
                return -say(op.x)
            case Power():
                return Raised(say(op.a), say(op.b))
            case Matmul():
                return say(op.a) @ say(op.b)
            case Sum() | Mean():
                start = int(op.x.type.batched)
                axes = tuple(axis + start for axis in op.along)
                return summed(say(op.x), op.x.type, axes, keep=op.keep, mean=isinstance(op, Mean))
            case _:
                return self._backward(op)

    def _backward(self, op: Op) -> Formula:
        say = self.formula
        match op:
            case SumTo():
                return fitted(say(op.x), op.x.type, op.like.type)
            case Gate():
                return say(op.dy) * Indicator(say(op.x), ">", ZERO)
            case Choose():
                above, below = say(op.above), say(op.below)
                return above * Indicator(say(op.x), ">", ZERO) + below * Indicator(say(op.x), "≤", ZERO)
            case LinearInputGradient():
                return say(op.dy) @ say(op.weight)
            case LinearWeightGradient():
                return Transposed(AsRows(say(op.dy))) @ AsRows(say(op.x))
            case BatchSize():
                return Letter("N")
            case Elements() | Positions():
                return called("count", say(op.like))
            case Transpose() if op.axes[-2:] == (len(op.axes) - 1, len(op.axes) - 2):
                return Transposed(say(op.x))
            case _ if isinstance(op, SILENT):
                return say(op.x)
        return Applied(FUNCTIONS.get(type(op), op.name), tuple(map(say, op.operands())))
