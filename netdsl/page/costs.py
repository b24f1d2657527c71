"""What the rows of a report cost as functions of the sizes and of the batch, and the schedule that memory follows.

The walk is that of `netdsl.analysis.walk` with exact sizes in the place of numbers. Nothing is added up over rows: sums
of many sizes are long, and whoever puts numbers in adds those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import cast

from netdsl.analysis.columns import in_rows
from netdsl.analysis.counts import LayerAt
from netdsl.analysis.memory import Timeline
from netdsl.base.record import anew, entity
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Block, Graph, Node, Recurrent, joined
from netdsl.graph.loops import parted
from netdsl.ops.base import Follows, Mingled, Op, Read
from netdsl.ops.value import BatchAxis
from netdsl.page.forms import Forms, PerBatch

STATED = tuple((column.name, column.number) for column in in_rows() if column.partial and column.number)
"""The columns whose numbers an operation states for one run of it, with each number."""
MEMORY = "activation_bytes"


class OpenLayer(LayerAt):
    """A layer whose sizes are open: its numbers are exact sizes, those of one run of it."""

    __slots__ = ()

    def asked(self, what: str, question: Callable[[], Extent]) -> int:
        try:
            return cast(int, question())  # an extent reckons as a number does
        except NotImplementedError:
            self.silent = True
            return 0


@entity
class RowCosts:
    """The numbers of one row by column, as places in the list of numbers; None where the operation states none."""

    numbers: dict[str, int | None]
    """Of a block what it has beside its rows."""
    steps: Extent = 1
    loose: bool = False
    """Whether its receptive field follows the sizes."""


@entity
class Costs:
    """The walk. `paths` are those of the rows: what has none is counted nowhere."""

    forms: Forms
    paths: Collection[str]
    rows: dict[str, RowCosts] = anew(factory=dict)
    schedule: Timeline = anew(factory=Timeline)
    """Its sizes are places in the list of numbers; a workspace is the place of a timeline in `inner`, from 1 on."""
    held: list[int] = anew(factory=list)
    """Numbers of what stays for the whole run."""
    inner: list[tuple[list[int], Timeline]] = anew(factory=list)
    """What recurrent blocks hold and run inside one step."""
    sees: set[Value] = anew(factory=set)
    """Values that the input of the net leads to."""
    loose: set[Value] = anew(factory=set)
    """Those of them that do not see the same at all sizes."""
    known: dict[tuple[int, Extent], dict[str, int | None]] = anew(factory=dict)

    def net(self, graph: Graph) -> None:
        self.held = self.hold(graph.inputs)
        self.sees.update(graph.inputs)
        self.graph(graph, "", 1)
        self.schedule.keep(o.value for o in graph.outputs)

    def hold(self, values: Iterable[Value]) -> list[int]:
        """Numbers of values that are there from the beginning to the end."""
        every = list(values)
        for value in every:
            self.schedule.hold(value, 0)
        return [self.forms.number(memory(value.type)) for value in every]

    def graph(self, graph: Graph, path: str, steps: Extent) -> None:
        for node in graph.nodes:
            here = joined(path, node.name)
            if isinstance(node.op, Recurrent):
                self.recurrent(node, node.op, here, steps)
            elif isinstance(node.op, Block):
                self.block(node, node.op, here, steps)
            elif isinstance(node.op, BatchAxis):
                self.schedule.alias(node.results[0], node.inputs[0])
                self.see(node)
            elif here in self.paths:
                self.layer(node, node.op, here, steps)

    def layer(self, node: Node, op: Op, path: str, steps: Extent) -> None:
        many = steps * items(node.results)
        if (id(op), many) not in self.known:
            self.known[id(op), many] = self.stated(node, op, many)
        numbers = dict(self.known[id(op), many])
        numbers[MEMORY] = self.forms.number(self.run(node, op, path)._replace(times=steps))
        self.see(node, op)
        self.rows[path] = RowCosts(numbers, many, node.results[0] in self.loose)

    def stated(self, node: Node, op: Op, many: Extent) -> dict[str, int | None]:
        """The numbers that the operation states, for `many` runs of it."""
        batched = any(r.type.per_sample for r in node.results)
        found: dict[str, int | None] = {}
        for name, number in STATED:
            layer = OpenLayer(op)
            value: Extent = number(layer)
            told = PerBatch(each=value, times=many) if batched else PerBatch(once=value, times=many)
            found[name] = None if layer.silent else self.forms.number(told)
        return found

    def run(self, node: Node, op: Op, path: str) -> PerBatch:
        """Put the layer on the schedule; the bytes of its results."""
        if not node.inputs:
            return PerBatch()
        if op.in_place():
            self.schedule.view(path, node.inputs, node.results)
            return PerBatch()
        self.schedule.run(path, node.inputs, self.sized(node.results))
        return memory_of(node.results)

    def sized(self, values: Sequence[Value]) -> list[tuple[Value, int]]:
        return [(value, self.forms.number(memory(value.type))) for value in values]

    def see(self, node: Node, op: Op | None = None) -> None:
        """What results see follows from what operands see, and from how the operation reads them."""
        seeing = [place for place, value in enumerate(node.inputs) if value in self.sees]
        if seeing:
            self.sees.update(node.results)
        if self.loose.intersection(node.inputs) or (op is not None and follows_sizes(op, seeing, len(node.results))):
            self.loose.update(node.results)

    def block(self, node: Node, op: Block, path: str, steps: Extent) -> None:
        for inner, outer in zip(op.body.inputs, node.inputs, strict=True):
            self.schedule.alias(inner, outer)
            self.same(inner, outer)
        self.graph(op.body, path, steps)
        for result, output in zip(node.results, op.body.outputs, strict=True):
            self.schedule.alias(result, output.value)
            self.same(result, output.value)
        self.rows[path] = RowCosts({}, steps, node.results[0] in self.loose)

    def same(self, value: Value, other: Value) -> None:
        """`value` sees what `other` sees, which need not be what it saw where its body was used before."""
        for kept in (self.sees, self.loose):
            (kept.add if other in kept else kept.discard)(value)

    def recurrent(self, node: Node, op: Recurrent, path: str, steps: Extent) -> None:
        parts = parted(op)
        for inner, outer in zip(op.given, node.inputs[len(op.sequences) :], strict=False):
            self.schedule.alias(inner, outer)
        for seen in (self.sees, self.loose):
            seen.update(op.body.inputs)
        self.graph(parts.before(op), path, steps)
        outside, self.schedule = self.schedule, Timeline()
        held = self.hold(state.current for state in op.states)
        many = steps * node.results[0].type.shape[0]
        self.graph(parts.within(op), path, many)
        self.schedule.keep(state.following for state in op.states)
        self.schedule.keep(output.value for output in op.body.outputs)
        self.inner.append((held, self.schedule))
        self.schedule, reads = outside, (*node.inputs, *parts.kept)
        self.schedule.run(path, reads, self.sized(node.results), len(self.inner))
        for seen in (self.sees, self.loose):
            seen.update(node.results)
        own = self.forms.number(memory_of(node.results)._replace(times=steps))
        self.rows[path] = RowCosts({MEMORY: own}, many, True)


def memory(type_: TensorType) -> PerBatch:
    """Bytes of one tensor."""
    size = type_.bytes
    for extent in type_.folded:
        size = size * extent
    return PerBatch(each=size) if type_.per_sample else PerBatch(once=size)


def memory_of(values: Iterable[Value]) -> PerBatch:
    total = PerBatch()
    for value in values:
        total = total.plus(memory(value.type))
    return total


def items(values: Iterable[Value]) -> Extent:
    """How many items of a sample each of some values stands for: 1 outside `along`."""
    for value in values:
        total: Extent = 1
        for extent in value.type.folded:
            total = total * extent
        if total != 1:
            return total
    return 1


def follows_sizes(op: Op, seeing: Sequence[int], results: int) -> bool:
    """Whether what a position sees through some operands of an operation is not the same at all sizes."""
    operands = tuple(op.operands())
    read = [i for i in seeing if operands[i] is not getattr(op, "like", None)]
    return any(_open(answer) for i in read for result in range(results) for answer in op.reading(i, result))


def _open(answer: Follows | Read | Mingled) -> bool:
    if isinstance(answer, Follows):
        window = answer.window
        return window is not None and any(type(n) is not int for n in (window.before, window.after, window.kernel))
    return not answer.features
