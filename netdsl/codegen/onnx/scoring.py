"""The inference graph with a recipe's losses, and with what its metrics count on: how an engine without PyTorch scores.

Weights are inputs, so that one session serves every epoch of a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from onnx import helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.codegen.onnx.draft import Draft, batch_symbol, bind_outputs, check, make_model
from netdsl.codegen.onnx.lower import Lowering, NodePlace
from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.model import properties
from netdsl.codegen.onnx.passes import finished
from netdsl.codegen.onnx.scope import ELEMENTS, GraphScope, Ledger, ValueNames, names_used, seed_input, seed_property
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Net, Node, RecipeTerm
from netdsl.graph.begun import begun
from netdsl.graph.clock import of_clock
from netdsl.ops.loss import Counted
from netdsl.passes.pipeline import inference
from netdsl.passes.step import averaged


@dataclass
class ScoringGraph:
    """A draft whose outputs are losses and operands of metrics."""

    draft: Draft
    fields: list[str] = field(default_factory=list)
    """The inputs that a batch gives."""
    terms: dict[str, str] = field(default_factory=dict)
    """By `loss` row: the output that holds its value on the batch."""
    counts: dict[str, str] = field(default_factory=dict)
    """By `loss` row: the output that says what it was divided by, where that is no number of samples."""
    operands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By `metric` row: the outputs or fields that it counts on."""


def draft_scoring(net: Net, losses: Iterable[RecipeTerm], metrics: Iterable[RecipeTerm]) -> ScoringGraph:
    """Write and check the graph. Terms that read `aux` outputs are left out: these exist in training only."""
    return _Writer(net).write(list(losses), list(metrics))


class _Writer:
    def __init__(self, net: Net) -> None:
        self.net = net
        self.graph = inference(begun(net))
        self.fields: dict[str, Value] = {v.name: v for v in self.graph.inputs}
        self.aux = {o.name for o in net.outputs if o.aux}
        self.outputs: list[tuple[str, Value]] = []

    def write(self, losses: list[RecipeTerm], metrics: list[RecipeTerm]) -> ScoringGraph:
        losses = [averaged(t) for t in losses if not self._in_training_only(t)]
        metrics = [t for t in metrics if not self._in_training_only(t)]
        for term in (*losses, *metrics):
            self._add_labels(term)
        batch = batch_symbol({s for v in self.fields.values() for d in v.shape for s in symbols_of(d)})
        reserved = [*self.fields, *(f"score_{i}" for i in range(2 * len(losses) + 2 * len(metrics)))]
        self.scope = GraphScope(Ledger(reserved, dict(self.net.weights()), batch))
        read = {v for node in self.graph.nodes for v in node.inputs}
        inputs = sorted(self.fields.values(), key=lambda v: v not in read)
        self.lowering = Lowering(RuntimeSizes(self.scope, inputs))
        self.names: ValueNames = {v: TensorName(v.name) for v in self.fields.values()}
        self.lowering.write(self.graph, self.scope, self.names, NodePlace())
        self.values = {**self.fields, **{o.name: o.value for o in self.graph.outputs}}
        terms = {t.name: self._write_loss(t) for t in losses}
        counts = {t.name: self._write_count(t) for t in losses if t.divisor.label is not None}
        operands = {t.name: self._write_operands(t) for t in metrics}
        self.lowering.check()
        given = [name for name, value in self.fields.items() if not of_clock(value)]
        return ScoringGraph(self._draft(), given, terms, counts, operands)

    def _in_training_only(self, term: RecipeTerm) -> bool:
        return any(v.name in self.aux for v in term.graph.inputs)

    def _add_labels(self, term: RecipeTerm) -> None:
        outputs = {o.name for o in self.graph.outputs}
        for wanted in term.graph.inputs:
            if wanted.name not in outputs:
                self.fields.setdefault(wanted.name, Value(wanted.name, wanted.type))

    def _write_loss(self, term: RecipeTerm) -> str:
        self._write_term(term.graph, f"/loss/{term.name}")
        return self._out(term.graph.outputs[0].value)

    def _write_count(self, term: RecipeTerm) -> str:
        divisor = term.divisor
        assert divisor.label is not None
        op = Counted(divisor.label, ignore=divisor.ignore, weight=divisor.weights)
        count = Value("count", op.result())
        node = Node("count", op, (divisor.label,), (count,), term.span)
        place = NodePlace(f"/loss/{term.name}/count", f"loss.{term.name}.count")
        self.lowering.write(Graph(term.name, [divisor.label], [node]), self.scope, self.names, place)
        return self._out(count)

    def _write_operands(self, term: RecipeTerm) -> tuple[str, ...]:
        *before, last = term.graph.nodes
        self._write_term(Graph(term.name, term.graph.inputs, before), f"/metric/{term.name}")
        fields = set(self.fields)
        return tuple(n if (n := self.names[v]) in fields else self._out(v) for v in last.inputs)

    def _write_term(self, graph: Graph, path: str) -> None:
        self.names.update({v: self.names[self.values[v.name]] for v in graph.inputs})
        self.lowering.write(graph, self.scope, self.names, NodePlace(path, path.strip("/").replace("/", ".")))

    def _out(self, value: Value) -> str:
        """Let a value out, once."""
        known = next((n for n, v in self.outputs if self.names[v] == self.names[value]), None)
        if known is None:
            known = f"score_{len(self.outputs)}"
            self.outputs.append((known, value))
        return known

    def _draft(self) -> Draft:
        scope, ledger = self.scope, self.scope.ledger
        bind_outputs(self.outputs, scope, self.names)
        nodes = finished(scope.nodes, [name for name, _ in self.outputs], ledger)
        used = names_used(nodes)
        own = {k: w for k, w in ledger.weights.items() if k in used}
        inputs = [ledger.info(v.name, v.type) for v in self.fields.values()]
        graph = helper.make_graph(
            nodes,
            f"{self.net.name}_scoring",
            [
                *inputs,
                *seed_input(ledger),
                *(helper.make_tensor_value_info(k, ELEMENTS[w.dtype], w.shape) for k, w in own.items()),
            ],
            [ledger.info(name, value.type) for name, value in self.outputs],
            [tensor for name, tensor in ledger.constants.items() if name in used],
        )
        draft = Draft(
            make_model(
                graph, self.net.doc, {**properties(self.net), "netdsl.kind": "scoring", **seed_property(ledger)}
            ),
            own,
        )
        check(draft)
        return draft
