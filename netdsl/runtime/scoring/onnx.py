"""Losses and metrics of weights on a split through onnxruntime, without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.scoring import ScoringGraph, draft_scoring
from netdsl.codegen.onnx.weights import start
from netdsl.graph import Net
from netdsl.graph.clock import clock
from netdsl.passes.step import TrainingStep
from netdsl.recipe import Data
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.handed import Handed, given
from netdsl.runtime.data.tallies import followed
from netdsl.runtime.judging.examination import Examination
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.judging.views import Viewer, Views
from netdsl.runtime.judging.watching import Scrutiny
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.runs.tensorfile import learned
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.scoring.terms import MetricTerm, Terms
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.sessions.binding import Device, DeviceBinding
from netdsl.runtime.sessions.opening import open_net, open_quietly, run_once, seed_of
from netdsl.runtime.sessions.session import Session
from netdsl.weights.files import WeightsError
from netdsl.weights.fit import GivenWeights, fit


class OnnxScoring:
    """The inference graph of a net with its losses and metrics; weights are tensors on the device."""

    def __init__(self, net: Net, plan: Plan, device: str | None, watch: Scrutiny | None = None) -> None:
        self.terms = Terms(net, plan.losses, plan.metrics)
        rows = [] if watch is None else [watch.term]
        self.detail = None if watch is None else MetricTerm(watch.term, watch)
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


def evaluate_run(
    run_folder: str | Path, split: str = "test", data: Data | Handed | None = None, device: str | None = None,
    net_name: str | None = None, views: Views | None = None,
) -> dict[str, Any]:  # fmt: skip
    """As `netdsl.runtime.evaluate.evaluate`, through onnxruntime alone."""
    return judge_run(run_folder, split, data, device, net_name, views=views).found


def judge_run(
    run_folder: str | Path, split: str = "test", data: Data | Handed | None = None, device: str | None = None,
    net_name: str | None = None, *, worst: int = 0, views: Views | None = None,
) -> Judgement:  # fmt: skip
    """As `netdsl.runtime.evaluate.judge`, through onnxruntime alone."""
    folder = RunFolder(run_folder)
    known = learned(folder, net_name)
    net = known.net
    asked = Examination(net, split, given(data), known.facts, worst, views, known.notes)
    plan, watch, viewer = asked.plan, asked.watch, asked.viewer
    scoring = OnnxScoring(net, plan, device, watch) if viewer is None else _of_answers(net, plan, device, watch)
    held = _held(net, scoring, known.weights, folder.weights)
    feed = ArrayFeed(asked.samples, plan.workers, split_check(net, plan, split))
    look = None if viewer is None else _looking(viewer, open_net(net, known.weights, device, str(folder.weights)))

    def fed(batches: list[Array]) -> Iterator[Mapping[str, Array]]:
        found = feed.batches(batches)
        return found if look is None else map(look, found, count())

    def again(batches: list[Array]) -> Iterator[list[Array]]:
        for values in scoring.answered(fed(batches), held):
            yield [values[asked.shown], *scoring.read(values)]

    totals = RunningTotals()
    scoring.score(followed(fed(asked.batches), len(asked.batches), "evaluating"), held, totals)
    return asked.judgement(scoring.terms.result(totals), totals, again)


def _of_answers(net: Net, plan: Plan, device: str | None, watch: Scrutiny | None) -> OnnxScoring:
    """What scores outputs that are given as fields are."""
    aux = {o.name for o in net.outputs if o.aux}
    losses, metrics = (
        [t for t in terms if aux.isdisjoint(v.name for v in t.graph.inputs)] for terms in (plan.losses, plan.metrics)
    )
    return OnnxScoring(Net(net.name, [], [], []), replace(plan, losses=losses, metrics=metrics), device, watch)


def _looking(viewer: Viewer, session: Session) -> Callable[[Mapping[str, Array], int], dict[str, Array]]:
    """The fields of a batch of a number with the outputs for them, averaged over views."""

    def look(fields: Mapping[str, Array], number: int) -> dict[str, Array]:
        found = viewer(fields[viewer.name], lambda pictures: run_once(session, {viewer.name: pictures}, number))
        return {**fields, **found}

    return look


def _held(net: Net, scoring: OnnxScoring, arrays: Mapping[str, Array], path: Path) -> dict[str, Any]:
    """The weights of a file, on the device."""
    try:
        found = fit(GivenWeights(arrays), scoring.weights, (key for key, _ in net.weights()))
        device = Device(scoring.session.device)
        return {key: device.hold(start(key, w, found, 0)) for key, w in scoring.weights.items()}
    except WeightsError as error:
        raise RunError(f"{path}: {error}") from None
