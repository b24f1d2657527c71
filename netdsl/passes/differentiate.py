"""Reverse-mode differentiation: a network and its losses in, one flat graph of the training step's forward and backward
passes out, in our own operations.

Every operation states its gradient beside its facts (`Op.gradient`), and its training form where that differs
(`Op.training`). A composite needs neither: its body is differentiated. Gradients of a value used several times, and of
a weight shared by several layers, are added up. What nothing learned leads to gets no gradient and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import netdsl.passes.recurrence as recurrence
from netdsl.dims.tensors import DType, TensorType, Value, WeightValue
from netdsl.graph import Graph, Net, Node, RecipeTerm, Recurrent
from netdsl.ops.arithmetic import Add
from netdsl.ops.base import NoGradient, Op
from netdsl.passes.inline import FlatPlace, opened
from netdsl.passes.tape import Pen, Writer
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.text.source import Span


@dataclass(eq=False)
class Differentiated:
    """A differentiated network."""

    graph: Graph
    fields: dict[str, Value]
    """What a sample brings by name: inputs of the network and labels."""
    loss: Value
    losses: dict[str, Value]
    """Each `loss` row by name."""
    outputs: dict[str, Value]
    """The network's outputs by name, those in training mode."""
    weights: dict[str, WeightValue]
    """Every weight that the graph reads or changes, by state-dict key."""
    parts: list[dict[str, Value]]
    """By group of losses: their gradient of each trainable weight that they depend on, by key."""
    carried: dict[str, Value]
    """Buffers that the forward pass changes (running statistics), by key, with their next value."""
    seed: Value
    writer: Writer
    arrows: dict[Value, Value]
    """What stands for each arrow of the losses' own graphs."""

    @property
    def gradients(self) -> dict[str, Value]:
        """Those of all losses together, where they are one group."""
        (whole,) = self.parts
        return whole


@dataclass(eq=False)
class Entry:
    """One operation of the forward pass, as the backward pass finds it."""

    node: Node
    op: Op | Recurrent
    pen: Pen
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    learns: bool
    """Whether a weight, here or before, has a part in it."""


@dataclass(eq=False)
class Differentiator:
    """State of one differentiation."""

    writer: Writer
    entries: list[Entry] = field(default_factory=list)
    learned: set[Value] = field(default_factory=set)
    incoming: dict[Value, list[Value]] = field(default_factory=dict)
    weight_gradients: dict[str, list[Value]] = field(default_factory=dict)

    # ------------------------------------------------------------ forward

    def forward(self, graph: Graph, values: dict[Value, Value], path: str = "", key: str = "") -> None:
        """Write the training form of a graph; `values` learns what stands for each of its arrows."""
        for place in opened(graph, values, path, key):
            results = self.write(place)
            values.update(zip(place.node.results, results, strict=True))

    def write(self, place: FlatPlace) -> tuple[Value, ...]:
        if isinstance(place.op, Recurrent):
            return recurrence.write(self, place, place.op)
        op = place.op.on(place.operands)
        pen = Pen(self.writer, op, place.path, place.key, place.node.span)
        results = op.training(pen) or self.plain(op, pen)
        self.note(place.node, op, pen, place.operands, results)
        return results

    def plain(self, op: Op, pen: Pen) -> tuple[Value, ...]:
        """The operation as it is; its weights become values of the graph, under the same keys."""
        for weight in op.weights():
            self.writer.weight(pen.key_of(weight.name), weight)
        results = self.writer.append(pen.path, op, pen.span)
        self.writer.graph.nodes[-1].keyed = pen.key
        return results

    def note(
        self, node: Node, op: Op | Recurrent, pen: Pen, operands: tuple[Value, ...], results: tuple[Value, ...]
    ) -> None:
        own = isinstance(op, Recurrent) or any(w.trainable and not w.buffer for w in op.weights())
        learns = own or any(v in self.learned for v in operands)
        if learns:
            self.learned.update(results)  # whole numbers too: what made them must say that it has no gradient
        self.entries.append(Entry(node, op, pen, operands, results, learns))

    # ------------------------------------------------------------ backward

    def backward(self, starts: Iterable[tuple[Value, Value]] = ()) -> None:
        """Propagate to every weight, from losses with the gradient of each, and from what has arrived already."""
        for loss, gradient in starts:
            self.incoming.setdefault(loss, []).append(gradient)
        for entry in reversed(self.entries):
            outgoing = tuple(self.total(r, entry.pen) for r in entry.results)
            if entry.learns and any(g is not None for g in outgoing):
                self.step(entry, outgoing)

    def propagated(self, starts: Iterable[tuple[Value, Value]], pen: Pen) -> dict[str, Value]:
        """The gradients of some losses alone, by weight."""
        self.forget()
        self.backward(starts)
        return {k: g for k, parts in self.weight_gradients.items() if (g := summed(parts, pen)) is not None}

    def forget(self) -> None:
        """Make room for the gradients of other losses."""
        self.incoming, self.weight_gradients = {}, {}

    def step(self, entry: Entry, outgoing: tuple[Value | None, ...]) -> None:
        entry.pen.path = f"{entry.pen.path.removesuffix('.gradient')}.gradient"
        if isinstance(entry.op, Recurrent):
            recurrence.step(self, entry, outgoing)
            return
        wanted = set(self.wanted(entry))
        entry.pen.wanted = wanted.__contains__
        try:
            found = entry.op.gradient(entry.pen, entry.results, outgoing)
        except NoGradient as error:
            if not wanted:
                return
            help = "nothing can be learned through it: take it out of the way from the weights to the loss"
            raise NetError([Diagnostic("no-gradient", str(error), (Label(entry.node.span),), help=help)]) from None
        self.spread(entry, found)

    def wanted(self, entry: Entry) -> Iterator[str]:
        """Names of the inputs and weights whose gradient something needs."""
        assert isinstance(entry.op, Op)
        for declared in entry.op.inputs():
            value = getattr(entry.op, declared.name)
            operands = value if declared.many else (value,)
            if any(v in self.learned for v in operands if v is not None):
                yield declared.name
        yield from (w.name for w in entry.op.weights() if w.trainable and not w.buffer)

    def spread(self, entry: Entry, found: Mapping[str, Any]) -> None:
        """Hand gradients on to the values and weights they are of."""
        assert isinstance(entry.op, Op)
        for declared in entry.op.inputs():
            given = found.get(declared.name)
            value = getattr(entry.op, declared.name)
            pairs = zip(value, given or (), strict=False) if declared.many else ((value, given),)
            for operand, gradient in pairs:
                self.add(operand, gradient)
        for weight in entry.op.weights():
            gradient = found.get(weight.name)
            if isinstance(gradient, Value) and weight.trainable and not weight.buffer:
                self.add_weight(entry.pen.key_of(weight.name), gradient)

    def add(self, operand: Value | None, gradient: object) -> None:
        if isinstance(operand, WeightValue) and isinstance(gradient, Value):
            if operand.weight.trainable and not operand.weight.buffer:
                self.add_weight(operand.name, gradient)
        elif operand is not None and operand in self.learned and isinstance(gradient, Value):
            _same_type(operand, gradient)
            self.incoming.setdefault(operand, []).append(gradient)

    def add_weight(self, key: str, gradient: Value) -> None:
        _same_type(self.writer.weights[key], gradient)
        self.weight_gradients.setdefault(key, []).append(gradient)

    def total(self, value: Value, pen: Pen) -> Value | None:
        """All gradients that arrive at a value, added up."""
        return summed(self.incoming.get(value, []), pen)


def forget_unread(worker: Differentiator, wanted: Iterable[Value]) -> None:
    """Rows that nothing reads change no running statistics: PyTorch does not compute them either."""
    needed = set(wanted)
    for node in reversed(worker.writer.graph.nodes):
        if any(r in needed for r in node.results):
            needed.update(node.inputs)
    live = {e.pen.key for e in worker.entries if any(r in needed for r in e.results)}
    for entry in worker.entries:
        if entry.pen.key not in live and isinstance(entry.op, Op):
            for weight in entry.op.weights():
                worker.writer.carried.pop(entry.pen.key_of(weight.name), None)


def _same_type(value: Value, gradient: Value) -> None:
    kind, got = value.type, gradient.type
    same = kind.batched == got.batched and len(kind.shape) == len(got.shape)
    assert same, f"the gradient of {value} is {got}"


def summed(gradients: list[Value], pen: Pen) -> Value | None:
    """The sum of some values, or None of none."""
    if len(gradients) > 1:
        total: Value = pen(Add, tuple(gradients))
        gradients[:] = [total]
    return gradients[0] if gradients else None


def differentiate(
    net: Net,
    losses: Iterable[RecipeTerm] | None = None,
    scale: Value | None = None,
    groups: Sequence[Sequence[int]] | None = None,
) -> Differentiated:
    """The forward and backward pass of a net's losses (its recipe's, or those given).

    Gradients are multiplied by `scale` from the first on, where there is one. `groups` of losses, by their numbers, get
    gradients of their own: one backward pass each.
    Raises `NetError` (`no-gradient`) where a loss depends on an operation that nothing can be learned through.
    """
    terms = list(losses) if losses is not None else list(net.recipe.losses if net.recipe else [])
    graph = Graph(net.name, list(net.inputs))
    seed = Value("seed", TensorType((), DType.INT, batched=False))
    worker = Differentiator(Writer(graph, seed=seed))
    values: dict[Value, Value] = {v: v for v in net.inputs}
    worker.forward(net, values)
    outputs = {o.name: values[o.value] for o in net.outputs}
    fields = {v.name: v for v in net.inputs}
    named = zip(_numbered(t.name for t in terms), terms, strict=True)
    arrows: dict[Value, Value] = {}
    found = {name: _write_term(worker, t, {**fields, **outputs}, fields, arrows) for name, t in named}
    pen = Pen(worker.writer, next(iter(worker.entries)).pen.op, "loss", "", _span(net))
    loss = summed(list(found.values()), pen)
    assert loss is not None, "a net without a loss cannot be differentiated"
    forget_unread(worker, [*outputs.values(), *found.values()])
    start = scale or pen.number(1.0)
    each = list(found.values())
    apart = [each] if groups is None else [[each[number] for number in group] for group in groups]
    parts = [worker.propagated([(one, start) for one in group], pen) for group in apart]
    writer = worker.writer
    return Differentiated(
        graph, fields, loss, found, outputs, writer.weights, parts, writer.carried, seed, writer, arrows
    )


def _numbered(names: Iterable[str]) -> Iterator[str]:
    """Names that differ: a second `cross_entropy` is `cross_entropy2`."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}{seen[name]}"


def _span(net: Net) -> Span:
    assert net.span is not None
    return net.span


def _write_term(
    worker: Differentiator,
    term: RecipeTerm,
    known: Mapping[str, Value],
    fields: dict[str, Value],
    values: dict[Value, Value],
) -> Value:
    """The forward pass of one loss; labels that are new become inputs. `values` learns what stands for its arrows."""
    for wanted in term.graph.inputs:
        if wanted.name not in known and wanted.name not in fields:
            fields[wanted.name] = Value(wanted.name, wanted.type)
            worker.writer.graph.inputs.append(fields[wanted.name])
        values[wanted] = known.get(wanted.name) or fields[wanted.name]
    worker.forward(term.graph, values, path=f"loss.{term.name}")
    return values[term.graph.outputs[0].value]
