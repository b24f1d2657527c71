"""A run judged on a split through onnxruntime, without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.weights import start
from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.tallies import followed
from netdsl.runtime.judging.examination import Examination
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.judging.views import Viewer, Views
from netdsl.runtime.runs.learned import RunSource, learned
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.scoring.onnx import OnnxScoring
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.scoring.terms import MetricTerm
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.sessions.binding import Device
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.runtime.sessions.session import Session
from netdsl.weights.files import WeightsError
from netdsl.weights.fit import GivenWeights, fit


def judge_run(
    run: RunSource, split: str, data: Data | None, device: str | None, net_name: str | None, worst: int,
    views: Views | None,
) -> Judgement:  # fmt: skip
    """As `netdsl.runtime.evaluate.judge`, through onnxruntime alone."""
    known = learned(run, net_name)
    net = known.net
    asked = Examination(net, split, data, known.facts, worst, views, known.notes, known.origin)
    plan, viewer = asked.plan, asked.viewer
    detail = None if asked.watch is None else MetricTerm(asked.watch.term, asked.watch)
    scoring = OnnxScoring(net, plan, device, detail) if viewer is None else _of_answers(net, plan, device, detail)
    held = _held(net, scoring, known.weights, known.place)
    feed = ArrayFeed(asked.samples, plan.workers, split_check(net, plan, split, asked.dataset.sizes))
    look = None if viewer is None else _looking(viewer, open_net(net, known.weights, device, known.place))

    def fed(batches: list[Array]) -> Iterator[Mapping[str, Array]]:
        found = feed.batches(batches)
        return found if look is None else map(look, found, count())

    def again(batches: list[Array]) -> Iterator[list[Array]]:
        for values in scoring.answered(fed(batches), held):
            yield [values[asked.shown], *scoring.read(values)]

    totals = RunningTotals()
    scoring.score(followed(fed(asked.batches), len(asked.batches), "evaluating"), held, totals)
    return asked.judgement(scoring.terms.result(totals), totals, again)


def _of_answers(net: Net, plan: Plan, device: str | None, detail: MetricTerm | None) -> OnnxScoring:
    """What scores outputs that are given as fields are."""
    aux = {o.name for o in net.outputs if o.aux}
    losses, metrics = (
        [t for t in terms if aux.isdisjoint(v.name for v in t.graph.inputs)] for terms in (plan.losses, plan.metrics)
    )
    return OnnxScoring(Net(net.name, [], [], []), replace(plan, losses=losses, metrics=metrics), device, detail)


def _looking(viewer: Viewer, session: Session) -> Callable[[Mapping[str, Array], int], dict[str, Array]]:
    """The fields of a batch of a number with the outputs for them, averaged over views."""

    def look(fields: Mapping[str, Array], number: int) -> dict[str, Array]:
        found = viewer(fields[viewer.name], lambda pictures: run_once(session, {viewer.name: pictures}, number))
        return {**fields, **found}

    return look


def _held(net: Net, scoring: OnnxScoring, arrays: Mapping[str, Array], place: str) -> dict[str, Any]:
    """The weights of a file, on the device."""
    try:
        found = fit(GivenWeights(arrays), scoring.weights, (key for key, _ in net.weights()))
        device = Device(scoring.session.device)
        return {key: device.hold(start(key, w, found, 0)) for key, w in scoring.weights.items()}
    except WeightsError as error:
        raise RunError(f"{place}: {error}") from None
