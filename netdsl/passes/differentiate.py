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
from netdsl.graph import Graph, Net, Node, Part, RecipeTerm, Recurrent, joined, leading_to
from netdsl.graph.begun import begun
from netdsl.graph.naming import told_apart
from netdsl.graph.phases import training_graph
from netdsl.graph.trail import trail_to
from netdsl.ops.arithmetic import Add
from netdsl.ops.base import NoGradient, Op
from netdsl.passes.inline import FlatPlace, opened
from netdsl.passes.tape import Pen, Writer
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.text.source import Span

RUNNING = "running_mean"
"""The running statistic that says whether a normalisation is frozen."""


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
    moves: frozenset[str] | None = None
    """The keys of the weights that are learned; None for all that are trained."""
    still: frozenset[str] = frozenset()
    """The keys of running statistics that stay as they are, and are what normalises."""
    entries: list[Entry] = field(default_factory=list)
    learned: set[Value] = field(default_factory=set)
    incoming: dict[Value, list[Value]] = field(default_factory=dict)
    weight_gradients: dict[str, list[Value]] = field(default_factory=dict)

    # ------------------------------------------------------------ forward

    def forward(
        self, graph: Graph, values: dict[Value, Value], path: str = "", key: str = "", within: tuple[Node, ...] = ()
    ) -> None:
        """Write the training form of a graph; `values` learns what stands for each of its arrows."""
        for place in opened(graph, values, path, key, within):
            results = self.write(place)
            values.update(zip(place.node.results, results, strict=True))

    def write(self, place: FlatPlace) -> tuple[Value, ...]:
        if isinstance(place.op, Recurrent):
            return recurrence.write(self, place, place.op)
        op = place.op.on(place.operands)
        frozen = place.node.frozen or joined(place.key, RUNNING) in self.still
        pen = Pen(self.writer, op, place.path, place.key, place.node.span, place.within, frozen=frozen)
        results = op.training(pen) or self.plain(op, pen)
        self.writer.settle(results, place.node.results)
        self.note(place.node, op, pen, place.operands, results)
        return results

    def plain(self, op: Op, pen: Pen) -> tuple[Value, ...]:
        """The operation as it is; its weights become values of the graph, under the same keys."""
        for weight in pen.weights():
            self.writer.weight(pen.key_of(weight.name), weight)
        results = self.writer.append(pen.path, op, pen.span, pen.within)
        self.writer.graph.nodes[-1].keyed = pen.key
        return results

    def note(
        self, node: Node, op: Op | Recurrent, pen: Pen, operands: tuple[Value, ...], results: tuple[Value, ...]
    ) -> None:
        own = isinstance(op, Recurrent) or any(self.moved(pen.key_of(name)) for name in pen.trained())
        learns = own or any(v in self.learned for v in operands)
        if learns:
            self.learned.update(results)  # whole numbers too: what made them must say that it has no gradient
        self.entries.append(Entry(node, op, pen, operands, results, learns))

    def moved(self, key: str) -> bool:
        return self.moves is None or key in self.moves

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
            at = trail_to(entry.node.span, entry.pen.within)
            told = Diagnostic("no-gradient", str(error), (Label(at.span),), notes=at.notes(), help=help)
            raise NetError([told]) from None
        self.spread(entry, found)

    def wanted(self, entry: Entry) -> Iterator[str]:
        """Names of the inputs and weights whose gradient something needs."""
        assert isinstance(entry.op, Op)
        for declared in entry.op.inputs():
            value = getattr(entry.op, declared.name)
            operands = value if declared.many else (value,)
            if any(v in self.learned for v in operands if v is not None):
                yield declared.name
        yield from (name for name in entry.pen.trained() if self.moved(entry.pen.key_of(name)))

    def spread(self, entry: Entry, found: Mapping[str, Any]) -> None:
        """Hand gradients on to the values and weights they are of."""
        assert isinstance(entry.op, Op)
        for declared in entry.op.inputs():
            given = found.get(declared.name)
            value = getattr(entry.op, declared.name)
            pairs = zip(value, given or (), strict=False) if declared.many else ((value, given),)
            for operand, gradient in pairs:
                self.add(operand, gradient)
        for name in entry.pen.trained():
            gradient = found.get(name)
            if isinstance(gradient, Value):
                self.add_weight(entry.pen.key_of(name), gradient)

    def add(self, operand: Value | None, gradient: object) -> None:
        if isinstance(operand, WeightValue) and isinstance(gradient, Value):
            if operand.weight.trainable and not operand.weight.buffer:
                self.add_weight(operand.name, gradient)
        elif operand is not None and operand in self.learned and isinstance(gradient, Value):
            _same_type(operand, gradient)
            self.incoming.setdefault(operand, []).append(gradient)

    def add_weight(self, key: str, gradient: Value) -> None:
        if not self.moved(key):
            return
        _same_type(self.writer.weights[key], gradient)
        self.weight_gradients.setdefault(key, []).append(gradient)

    def total(self, value: Value, pen: Pen) -> Value | None:
        """All gradients that arrive at a value, added up."""
        return summed(self.incoming.get(value, []), pen)


def forget_unread(worker: Differentiator, wanted: Iterable[Value]) -> None:
    """Rows that nothing reads change no running statistics: PyTorch does not compute them either."""
    ends = set(wanted)
    needed = ends.union(*(node.inputs for node in leading_to(worker.writer.graph.nodes, ends)))
    live = {e.pen.key for e in worker.entries if not needed.isdisjoint(e.results)}
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


@dataclass(eq=False)
class Differentiated:
    """A network being differentiated, and differentiated."""

    net: Net
    worker: Differentiator
    fields: dict[str, Value]
    """What a sample brings by name: inputs of the network and labels."""
    outputs: dict[str, Value] = field(default_factory=dict)
    """The network's outputs by name, those in training mode."""
    losses: dict[str, Value] = field(default_factory=dict)
    """Each `loss` row by name."""
    arrows: dict[Value, Value] = field(default_factory=dict)
    """What stands for each arrow of the losses' own graphs."""
    parts: list[dict[str, Value]] = field(default_factory=list)
    """By group of losses: their gradient of each trainable weight that they depend on, by key."""

    @property
    def writer(self) -> Writer:
        return self.worker.writer

    @property
    def graph(self) -> Graph:
        return self.writer.graph

    @property
    def seed(self) -> Value:
        assert self.writer.seed is not None
        return self.writer.seed

    @property
    def weights(self) -> dict[str, WeightValue]:
        """Every weight that the graph reads or changes, by state-dict key."""
        return self.writer.weights

    @property
    def carried(self) -> dict[str, Value]:
        """Buffers that the forward pass changes (running statistics), by key, with their next value."""
        return self.writer.carried

    @property
    def gradients(self) -> dict[str, Value]:
        """Those of all losses together, where they are one group."""
        (whole,) = self.parts
        return whole

    def forward(self, losses: Iterable[RecipeTerm]) -> None:
        """Write the forward pass of the net and of some losses, with their sum."""
        terms = list(losses)
        values: dict[Value, Value] = {v: v for v in self.net.inputs}
        graph = training_graph(self.net)
        self.worker.forward(graph, values)
        self.outputs = {o.name: values[o.value] for o in graph.outputs}
        for name, term in zip(told_apart(t.name for t in terms), terms, strict=True):
            known = {**self.fields, **self.outputs}
            self.losses[name] = _write_term(self.worker, term, known, self.fields, self.arrows)
        self.pen = Pen(self.writer, next(iter(self.worker.entries)).pen.op, "loss", "", span_of(self.net))
        loss = summed(list(self.losses.values()), self.pen)
        assert loss is not None, "a net without a loss cannot be differentiated"
        self.loss = loss
        forget_unread(self.worker, [*self.outputs.values(), *self.losses.values()])

    def backward(self, scale: Value | None = None, groups: Sequence[Sequence[int]] | None = None) -> None:
        """Write the backward pass, one for each of the `groups` of losses by their numbers; all are one without.

        Gradients are multiplied by `scale` from the first on, where there is one.
        """
        start = scale or self.pen.number(1.0)
        each = list(self.losses.values())
        apart = [each] if groups is None else [[each[number] for number in group] for group in groups]
        self.parts = [self.worker.propagated([(one, start) for one in group], self.pen) for group in apart]


def started(
    net: Net,
    moves: frozenset[str] | None = None,
    still: frozenset[str] = frozenset(),
    kind: type[Differentiator] = Differentiator,
) -> Differentiated:
    """A differentiation of which nothing is written: a graph with the net's inputs and the seed of a step.

    Gradients are those of all weights that are trained, or of those with the keys that it `moves`; what is `still` is
    frozen. `kind` is what does it: one that notes what it does, for somebody who reads along.
    """
    net, seed = begun(net), Value("seed", TensorType((), DType.INT, batched=False))
    graph = Graph(net.name, [*net.inputs, seed])
    if still:
        trained = (k for k, w in net.weights() if w.trainable and not w.buffer)
        moves = frozenset(trained if moves is None else moves) - still
    worker = kind(Writer(graph, seed=seed), moves, still)
    return Differentiated(net, worker, {v.name: v for v in net.inputs})


def differentiate(net: Net, losses: Iterable[RecipeTerm]) -> Differentiated:
    """The forward and backward pass of some losses of a net.

    Raises `NetError` (`no-gradient`) where a loss depends on an operation that nothing can be learned through.
    """
    found = started(net)
    found.forward(losses)
    found.backward()
    return found


def nothing_learned(net: Net, part: Part | None = None) -> NetError:
    """The error for losses that stay as they are, whatever the weights that are trained become."""
    message = f"no weight of {net.name} that is trained has a part in its loss"
    if part is not None and part.name:
        message = f"no weight that the part `{part.name}` moves has a part in its loss"
    help = "gradients end at `detach` and at class numbers: let it read what comes before them"
    losses = part.losses if part is not None else net.recipe.losses if net.recipe is not None else ()
    labels = tuple(Label(term.span) for term in losses)
    return NetError([Diagnostic("no-gradient", message, labels, help=help)])


def span_of(net: Net) -> Span:
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
