"""The losses and metrics of a recipe, as far as no engine is needed: what they read, and what their sums mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netdsl.ir import Graph, Term
from netdsl.runtime.errors import RunError
from netdsl.runtime.pictures import Array
from netdsl.runtime.totals import Totals


class LossTerm:
    """One loss term, a mean over the samples of a batch."""

    def __init__(self, term: Term) -> None:
        self.name = term.name
        self.reads = [value.name for value in term.graph.inputs]
        self.label, self.ignore, self.class_weights = counted_by(term.graph)

    def weight_of(self, fields: Mapping[str, Array]) -> float:
        """What the batch's mean was divided by, so that means add up to the mean over the whole set."""
        if self.label is None:
            return float(len(next(iter(fields.values()))))
        label = fields[self.label]
        kept = label != self.ignore
        if self.class_weights is None:
            return float(kept.sum())
        return float(np.asarray(self.class_weights, np.float64)[label[kept]].sum())


def counted_by(graph: Graph) -> tuple[str | None, int, tuple[float, ...] | None]:
    """The label, ignored class and class weights of the one loss of a term that leaves positions out, if any."""
    ops: list[Any] = [node.op for node in graph.nodes if hasattr(node.op, "ignore") and hasattr(node.op, "label")]
    if len(ops) != 1 or ops[0].label not in graph.inputs:
        return None, -1, None
    return ops[0].label.name, int(ops[0].ignore), getattr(ops[0], "weight", None) or None


class MetricTerm:
    """One metric: counts of a batch, and the value of counts added up over a set."""

    def __init__(self, term: Term) -> None:
        self.name = term.name
        self.reads = [value.name for value in term.graph.inputs]
        last = term.graph.producer()[term.graph.outputs[0].value]
        self.op: Any = last.op
        if not hasattr(self.op, "counts"):
            raise RunError(f"`{last.kind}` is no metric: the `metric` row {term.name} must end in one")

    def count(self, operands: Iterable[Array]) -> dict[str, Array]:
        """The counts of one batch, from what the metric reads."""
        try:
            return {k: np.asarray(v) for k, v in self.op.counts(*operands).items()}
        except ValueError as error:  # a label that is no class
            raise RunError(str(error)) from None

    def value(self, totals: Mapping[str, Array]) -> float:
        return float(self.op.value(totals))

    @property
    def higher_is_better(self) -> bool:
        return bool(getattr(self.op, "higher_is_better", True))


class Terms:
    """The losses and metrics of a net's recipe. Terms that read `aux` outputs exist in training only."""

    losses: list[Any]
    metrics: list[Any]

    def __init__(self, net: Graph, losses: Iterable[Term], metrics: Iterable[Term]) -> None:
        aux = {o.name for o in net.outputs if o.aux}
        self.losses = [self.loss_term(t) for t in numbered(losses)]
        self.metrics = [self.metric_term(t) for t in numbered(metrics)]
        self.training_only = {t.name for t in (*self.losses, *self.metrics) if aux.intersection(t.reads)}

    def loss_term(self, term: Term) -> LossTerm:
        return LossTerm(term)

    def metric_term(self, term: Term) -> MetricTerm:
        return MetricTerm(term)

    @property
    def reads(self) -> set[str]:
        """Every output and field that some loss reads."""
        return {name for loss in self.losses for name in loss.reads}

    def result(self, totals: Totals) -> dict[str, Any]:
        """`{"loss": …, "losses": {term: …}, "metrics": {name: …}}` over everything added up."""
        losses = totals.means()
        metrics = {m.name: m.value(totals.counts[m.name]) for m in self.metrics if m.name in totals.counts}
        return {"loss": sum(losses.values()), "losses": losses, "metrics": metrics}


def numbered(terms: Iterable[Term]) -> list[Term]:
    """Terms with names of their own: a second `cross_entropy` is `cross_entropy2`."""
    seen: dict[str, int] = {}
    found: list[Term] = []
    for term in terms:
        seen[term.name] = seen.get(term.name, 0) + 1
        number = seen[term.name]
        found.append(term if number == 1 else Term(f"{term.name}{number}", term.graph, term.span))
    return found
