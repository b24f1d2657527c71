"""Recurrence through time: a recurrent block and its gradient as two loops, one forward and one backward.

The body is differentiated like any graph. What its backward part reads of the forward part becomes one more output of
the forward loop, stacked along time; the gradients of the states are the states of the backward loop. Gradients of
weights that are sums over samples are taken after the loop, from stacked values and for all steps in one product;
others are added up as one more state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import netdsl.passes.differentiate as differentiate
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import DType, TensorType, Value, WeightValue
from netdsl.graph import Graph, Node, Output, Recurrent, State, leading_to
from netdsl.graph.loops import parted
from netdsl.ops.arithmetic import Add, Mul
from netdsl.ops.backward.base import SumTo
from netdsl.ops.backward.dropout import StepSeeds
from netdsl.ops.backward.linear import LinearWeightGradient
from netdsl.ops.base import Op
from netdsl.ops.const import Const
from netdsl.ops.value import Constant
from netdsl.passes.tape import Pen, Writer

if TYPE_CHECKING:
    from netdsl.passes.differentiate import Differentiator, Entry
    from netdsl.passes.inline import FlatPlace

OVER_TIME = (LinearWeightGradient, SumTo)
"""Sums over samples that may as well run over samples and steps."""


class Taped(Recurrent):
    """The forward loop, with what its gradient needs to know."""

    worker: Differentiator
    """The differentiation of the body."""
    node: Node
    stacked: dict[Value, Value]
    """By value of the body: the sequence of it outside."""
    whole: dict[Value, Value]
    """By value of the body that is given whole: the value outside."""


def over_time(type: TensorType, steps: object) -> TensorType:
    """A value of every step, stacked."""
    return type.with_shape(steps, *type.shape)  # type: ignore[arg-type]


def write(worker: Differentiator, place: FlatPlace, block: Recurrent) -> tuple[Value, ...]:
    """Append what runs once and the forward loop, its body in training form; the results of the block."""
    outer, operands = worker.writer, place.operands
    parts, before = parted(block), dict(zip(block.given, operands[len(block.sequences) :], strict=False))
    worker.forward(parts.before(block), before, place.path, place.key, (*place.within, place.node))
    inner = type(worker)(Writer(Graph(block.name), outer.weights, dict(outer.carried)), still=worker.still)
    inner.writer.draws = outer.draws
    seeds = inner.writer.seed = Value("seeds", TensorType((), DType.INT, batched=False))
    own = [*block.sequences, *(s.current for s in block.states)]
    values = {v: Value(v.name, v.type) for v in own}
    values |= {v: before[v] if isinstance(before[v], WeightValue) else Value(v.name, v.type) for v in parts.kept}
    whole = {values[v]: before[v] for v in parts.kept if not isinstance(before[v], WeightValue)}
    trained = any(w.trainable and not w.buffer for _, w in block.body.weights())
    learns = trained or any(v in worker.learned for v in operands)
    inner.learned.update(v for v, outside in whole.items() if outside in worker.learned)
    _learned(worker, inner, block, values, operands, learns)
    inner.forward(parts.within(block), values, key=place.key, within=(*place.within, place.node))
    sequences = {values[own]: outside for own, outside in zip(block.sequences, operands, strict=False)}
    if inner.writer.draws > outer.draws:
        sequences[seeds] = _seeds(outer, place, block)
        outer.draws = inner.writer.draws
    states = _states(block, values, operands[len(block.sequences) + len(block.given) :])
    buffers = list(_buffers(inner, outer))
    inner.writer.graph.outputs = [Output(o.name, values[o.value], False, o.span) for o in block.body.outputs]
    taped = _loop(block, place, inner, (sequences, whole), (*states, *buffers), tuple(buffers))
    outer.graph.nodes.append(taped.node)
    taped.node.name = outer.unique(place.path)
    count = len(block.body.outputs)
    results = taped.node.results[:count]
    outer.carried |= {s.name: v for s, v in zip(buffers, taped.node.results[count:], strict=True)}
    if learns:
        worker.learned.update(results)
    pen = Pen(outer, _first_op(taped.body), place.path, place.key, place.node.span, place.within)
    worker.entries.append(differentiate.Entry(place.node, taped, pen, taped.node.inputs, results, learns))
    return results


def _loop(
    block: Recurrent, place: FlatPlace, inner: Differentiator,
    entering: tuple[dict[Value, Value], dict[Value, Value]], states: tuple[State, ...], buffers: tuple[State, ...],
) -> Taped:  # fmt: skip
    """The forward loop as a node whose results are those of the block, then the buffers after the last step.

    `entering` are sequences and what is given whole, by value of the body.
    """
    graph, (sequences, whole) = inner.writer.graph, entering
    graph.inputs = [*sequences, *whole, *(s.current for s in states)]
    taped = Taped(
        block.name, block.settings, graph, block.span, block.origin,
        sequences=tuple(sequences), given=tuple(whole), length=None if sequences else block.length,
        states=states, final=buffers,
    )  # fmt: skip
    results = [Value(r.name, r.type) for r in place.node.results]
    inputs = (*sequences.values(), *whole.values(), *(s.initial for s in states if isinstance(s.initial, Value)))
    ends = (Value(s.name, s.current.type) for s in buffers)
    taped.worker, taped.whole = inner, whole
    taped.node = Node(place.path, taped, inputs, (*results, *ends), place.node.span, within=place.within)
    pairs = zip(graph.outputs, results, strict=True)
    alike = {o.value: r for o, r in pairs if r.type.batched == o.value.type.batched}
    taped.stacked = {**sequences, **alike}
    return taped


def _seeds(outer: Writer, place: FlatPlace, block: Recurrent) -> Value:
    """A seed for each step."""
    assert outer.seed is not None
    path, span, within = place.path, place.node.span, place.within
    like = place.operands[0]
    if block.length is not None:
        symbols = symbols_of(block.length)
        sized = next((v for v in place.operands if any(symbols & symbols_of(size) for size in v.shape)), None)
        counted = Const(sized if symbols else None, (block.length,), "arange", "int")
        (like,) = outer.append(f"{path}.steps", counted, span, within)
    return outer.append(f"{path}.seeds", StepSeeds(outer.seed, like), span, within)[0]


def _states(block: Recurrent, values: dict[Value, Value], initial: tuple[Value, ...]) -> list[State]:
    """The block's states in the new body; `initial` are the values that some start as, in order."""
    given = iter(initial)
    starts = [next(given) if isinstance(s.initial, Value) else s.initial for s in block.states]
    return [
        State(s.name, values[s.current], values[s.following], start)
        for s, start in zip(block.states, starts, strict=True)
    ]


def _learned(
    worker: Differentiator, inner: Differentiator, block: Recurrent, values: dict[Value, Value],
    operands: tuple[Value, ...], learns: bool,
) -> None:  # fmt: skip
    """What of the body's inputs depends on something learned: its states, once anything does."""
    for own, operand in zip(block.sequences, operands, strict=False):
        if operand in worker.learned:
            inner.learned.add(values[own])
    if learns:
        inner.learned.update(values[s.current] for s in block.states if s.current.type.dtype is DType.FLOAT)


def _buffers(inner: Differentiator, outer: Writer) -> Iterator[State]:
    """Buffers that the body changes (running statistics) as states: the next step reads what this one wrote."""
    for key, following in inner.writer.carried.items():
        before = outer.carried.get(key, outer.weights[key])
        if following is before:
            continue
        current = Value(key, following.type)
        _replace(inner.writer.graph, before, current)
        yield State(key, current, following, before)


def _replace(graph: Graph, old: Value, new: Value) -> None:
    for node in graph.nodes:
        if old in node.inputs:
            node.inputs = tuple(new if v is old else v for v in node.inputs)
            if isinstance(node.op, Op):
                node.op = node.op.on(node.inputs)


def _first_op(graph: Graph) -> Op:
    return next((node.op for _, node in graph.walk() if isinstance(node.op, Op)), Constant(0.0))


@dataclass(eq=False)
class BackwardLoop:
    """The backward loop of one block under construction."""

    outer: Differentiator
    entry: Entry
    taped: Taped
    graph: Graph
    states: list[State] = field(default_factory=list)
    final: list[State] = field(default_factory=list)
    sequences: dict[Value, Value] = field(default_factory=dict)
    """By input of the backward body: the sequence outside."""
    whole: dict[Value, Value] = field(default_factory=dict)
    """By input of the backward body that is the same at every step: the value outside."""
    outputs: dict[Value, Value] = field(default_factory=dict)
    """By value of the backward body: the sequence of it outside."""

    @property
    def inner(self) -> Differentiator:
        return self.taped.worker

    @property
    def steps(self) -> object:
        return self.taped.turns(self.entry.operands)

    def output(self, value: Value) -> Value:
        """A value of the backward body, stacked."""
        if value not in self.outputs:
            self.outputs[value] = Value(value.name, over_time(value.type, self.steps))
        return self.outputs[value]

    def stacked(self, value: Value) -> Value:
        """The forward body's value of every step."""
        known = self.taped.stacked
        if value not in known:
            made = known[value] = Value(value.name, over_time(value.type, self.steps))
            node, outputs = self.taped.node, self.taped.body.outputs
            count = len(outputs)
            node.results = (*node.results[:count], made, *node.results[count:])
            outputs.append(Output(f"saved{count}", value, False, node.span))
        return known[value]

    def outside(self, value: Value, produced: dict[Value, Node]) -> Value:
        """A value that the backward body reads or makes, as a sequence outside."""
        if value in self.sequences:
            return self.sequences[value]
        if any(value is s.current for s in self.states):
            return self.output(value)
        return self.output(value) if value in produced else self.stacked(value)


def step(worker: Differentiator, entry: Entry, outgoing: tuple[Value | None, ...]) -> None:
    """Append the backward loop and hand on the gradients it gives."""
    taped = entry.op
    assert isinstance(taped, Taped)
    inner = taped.worker
    inner.forget()
    graph = Graph(f"{taped.name}_gradient")
    inner.writer.graph, inner.writer.numbers = graph, {}
    loop = BackwardLoop(worker, entry, taped, graph)
    pen = Pen(inner.writer, _first_op(taped.body), "gradient", "", entry.node.span, entry.pen.within)
    carried = _begin(loop, outgoing, pen)
    inner.backward()
    for state, before in carried:
        total = inner.total(state.current, pen)
        before.following = total if total is not None else pen(Mul, (before.current, pen.number(0.0)))
    _hand_out(loop, carried, pen)


def _begin(loop: BackwardLoop, outgoing: tuple[Value | None, ...], pen: Pen) -> list[tuple[State, State]]:
    """What arrives at a step: gradients of its outputs, and of its states from the step after. Pairs of states."""
    inner = loop.inner
    for output, gradient in zip(loop.taped.body.outputs, outgoing, strict=False):
        if gradient is not None and output.value in inner.learned:
            arrives = Value(f"d_{output.name}", gradient.type.with_shape(*gradient.shape[1:]))
            loop.sequences[arrives] = gradient
            _arrive(inner, output.value, arrives, pen)
    carried = []
    for state in loop.taped.states:
        if state.current in inner.learned:
            arrives = Value(f"d_{state.name}", state.current.type)
            before = State(arrives.name, arrives, arrives, 0.0)
            loop.states.append(before)
            carried.append((state, before))
            _arrive(inner, state.following, arrives, pen)
    return carried


def _arrive(inner: Differentiator, value: Value, gradient: Value, pen: Pen) -> None:
    """Add the gradient of something that leaves the step; one value for all samples was repeated on the way out."""
    if gradient.type.batched and not value.type.batched:
        gradient = pen(SumTo, gradient, value)
    inner.add(value, gradient)


def _hand_out(loop: BackwardLoop, carried: list[tuple[State, State]], pen: Pen) -> None:
    """Finish the loop and give sequences, initial states and weights their gradients."""
    taped, inner, outer, entry = loop.taped, loop.inner, loop.outer, loop.entry
    found: list[tuple[Value, Value]] = []
    for own, operand in zip(taped.sequences, entry.operands, strict=False):
        total = inner.total(own, pen) if own in inner.learned else None
        if total is not None:
            found.append((operand, loop.output(total)))
    ends: dict[State, Value] = {}
    for own, operand in taped.whole.items():
        total = inner.total(own, pen) if own in inner.learned else None
        if total is not None:
            found.append((operand, _summed(loop, f"d_{own.name}", [total], ends, pen)))
    for state, before in carried:
        if isinstance(state.initial, Value) and _needed(outer, state.initial):
            ends[before] = Value(before.name, before.current.type)
            found.append((state.initial, ends[before]))
    later = [
        (key, part) for key, parts in inner.weight_gradients.items() for part in _parts(loop, key, parts, ends, pen)
    ]
    _append(loop, ends)
    for operand, gradient in found:
        if gradient.type.batched and not operand.type.batched:
            gradient = entry.pen(SumTo, gradient, operand)
        outer.add(operand, gradient)
    for key, made in later:
        if isinstance(made, Op):
            path, here = f"{entry.pen.path}.{made.name}", entry.pen
            made = outer.writer.append(path, made, here.span, here.within)[0]
        outer.add_weight(key, made)


def _needed(outer: Differentiator, value: Value) -> bool:
    return value in outer.learned or (isinstance(value, WeightValue) and value.weight.trainable)


def _parts(
    loop: BackwardLoop, key: str, parts: list[Value], ends: dict[State, Value], pen: Pen
) -> Iterator[Op | Value]:
    """Gradients of a weight: operations to append after the loop, or the last value of a sum that the loop carries."""
    produced = loop.graph.producer()
    rest: list[Value] = []
    for part in parts:
        made = _after(loop, key, produced[part], produced) if part in produced else None
        if made is None:
            rest.append(part)
        else:
            yield made
    if rest:
        yield _summed(loop, f"d_{key}", rest, ends, pen)


def _summed(loop: BackwardLoop, name: str, parts: list[Value], ends: dict[State, Value], pen: Pen) -> Value:
    """The sum over all steps, which the loop carries: its value after the last."""
    current = Value(name, parts[0].type)
    state = State(current.name, current, pen(Add, (current, *parts)), 0.0)
    loop.states.append(state)
    ends[state] = Value(current.name, current.type)
    return ends[state]


def _after(loop: BackwardLoop, key: str, node: Node, produced: dict[Value, Node]) -> Op | None:
    """The same sum over all steps at once, if the operation is one that may run over time."""
    op = node.op
    if not isinstance(op, OVER_TIME) or op.result().batched or not loop.taped.whole.keys().isdisjoint(node.inputs):
        return None
    if isinstance(op, SumTo):
        weight = loop.outer.writer.weights[key]
        return SumTo(loop.outside(op.x, produced), weight) if op.x.type.batched else None
    return LinearWeightGradient(loop.outside(op.dy, produced), loop.outside(op.x, produced))


def _append(loop: BackwardLoop, ends: dict[State, Value]) -> None:
    """Append the loop: prune its body, and bring in what the body reads from outside."""
    taped, graph = loop.taped, loop.graph
    graph.nodes = leading_to(graph.nodes, [*loop.outputs, *(s.following for s in loop.states)])
    _bring_in(loop)
    pen, outer = loop.entry.pen, loop.outer.writer
    reads = {v for node in graph.nodes for v in node.inputs} | {*loop.outputs, *(s.following for s in loop.states)}
    sequences = {v: outside for v, outside in loop.sequences.items() if v in reads}
    if not sequences:  # a loop must go over something
        sequences = dict(list(loop.sequences.items())[:1])
    length = None if sequences else taped.turns(loop.entry.operands)
    whole = {v: outside for v, outside in loop.whole.items() if v in reads}
    graph.inputs = [*sequences, *whole, *(s.current for s in loop.states)]
    graph.outputs = [Output(f"{v.name}_{i}", v, False, pen.span) for i, v in enumerate(loop.outputs)]
    block = Recurrent(
        graph.name, {}, graph, taped.span, origin=taped.origin, sequences=tuple(sequences), given=tuple(whole),
        length=length, states=tuple(loop.states), reverse=not taped.reverse, final=tuple(ends),
    )  # fmt: skip
    results = (*loop.outputs.values(), *ends.values())
    outer.graph.nodes.append(
        Node(
            outer.unique(pen.path), block, (*sequences.values(), *whole.values()), results, pen.span, within=pen.within
        )
    )


def _bring_in(loop: BackwardLoop) -> None:
    """What the backward body reads of the forward body: numbers and parameters again, all else whole or stacked."""
    made = loop.graph.producer()
    forward = loop.taped.body.producer()
    own = {*made, *loop.sequences, *(s.current for s in loop.states)}
    wanted = [v for node in loop.graph.nodes for v in node.inputs]
    wanted += [*loop.outputs, *(s.following for s in loop.states)]
    again: dict[Node, None] = {}
    for value in wanted:
        if value in own or isinstance(value, WeightValue):
            continue
        node = forward.get(value)
        if value in loop.taped.whole:
            loop.whole[value] = loop.taped.whole[value]
        elif node is not None and not node.inputs:
            again[node] = None
        else:
            loop.sequences[value] = loop.stacked(value)
        own.add(value)
    loop.graph.nodes[:0] = again
