"""Losses and metrics of weights through onnxruntime, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.scoring import ScoringGraph, draft_scoring
from netdsl.graph import Net
from netdsl.graph.clock import clock
from netdsl.passes.step import TrainingStep
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.scoring.terms import MetricTerm, Terms
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.sessions.binding import DeviceBinding
from netdsl.runtime.sessions.opening import open_quietly, seed_of


class OnnxScoring:
    """The inference graph of a net with its losses and metrics; weights are tensors on the device."""

    def __init__(self, net: Net, plan: Plan, device: str | None, detail: MetricTerm | None = None) -> None:
        """`detail` is counted beside the metrics of the plan."""
        self.terms = Terms(net, plan.losses, plan.metrics)
        self.detail = detail
        rows = [] if detail is None else [detail.term]
        self.graph = draft_scoring(net, plan.losses, [*plan.metrics, *rows])
        self.session = open_quietly(self.graph.draft.model, device)
        self.weights = self.graph.draft.weights
        self.now = clock(plan.losses, plan.epochs - 1, plan.epochs)
        """The time in the run, which losses may weigh by: that of the last epoch, until somebody says another."""

    def score(self, fed: Iterable[Mapping[str, Array]], held: Mapping[str, object], totals: RunningTotals) -> None:
        """Add losses and counts of batches, computed with the held weights."""
        for found in self.answered(fed, held):
            add_batch(self.terms, self.graph, found, size_of(found), totals)
            if self.detail is not None:
                totals.add_counts(self.detail.name, self.detail.count(self.read(found)))

    def read(self, found: Mapping[str, Array]) -> list[Array]:
        """What the detail counts on."""
        assert self.detail is not None
        return [found[name] for name in self.graph.operands[self.detail.name]]

    def answered(
        self, fed: Iterable[Mapping[str, Array]], held: Mapping[str, object]
    ) -> Iterator[dict[str, Array]]:  # fmt: skip
        """The fields of each batch and what the graph gives for it; what is drawn follows from its number."""
        binding = DeviceBinding(self.session, {name: held[name] for name in self.weights}, {})
        for number, fields in enumerate(fed):
            given = {name: fields[name] for name in self.graph.fields}
            yield {**fields, **binding.run({**given, **self.now, **seed_of(self.session, number)})}


def add_batch(
    terms: Terms, graph: ScoringGraph | TrainingStep, found: Mapping[str, Array], size: int, totals: RunningTotals
) -> None:
    """Add what a graph gave for one batch of a size: losses times what they were divided by, counts of metrics."""
    for term in terms.losses:
        if term.name in graph.terms:
            weight = float(found[graph.counts[term.name]]) if term.name in graph.counts else float(size)
            totals.add_loss(term.name, float(found[graph.terms[term.name]]) * weight if weight else 0.0, weight)
    for metric in terms.metrics:
        if metric.name in graph.operands:
            totals.add_counts(metric.name, metric.count(found[n] for n in graph.operands[metric.name]))


def size_of(fields: Mapping[str, Array]) -> int:
    """The number of samples in a batch."""
    return len(next(iter(fields.values())))
