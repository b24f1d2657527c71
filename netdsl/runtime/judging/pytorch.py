"""A run judged on a split through PyTorch, or with the outputs of an ONNX file in the place of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from netdsl.base.arrays import Array
from netdsl.graph import Net
from netdsl.graph.clock import clock
from netdsl.recipe import Data
from netdsl.runtime.data.sets import Feed
from netdsl.runtime.data.tallies import followed
from netdsl.runtime.engines.checkpoint import load_run
from netdsl.runtime.engines.device import choose_device
from netdsl.runtime.judging.examination import Examination
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.judging.views import Viewer, Views
from netdsl.runtime.runs.learned import RunSource
from netdsl.runtime.runs.recipes import recipe_of
from netdsl.runtime.scoring.pytorch import (
    MetricModule,
    RunningTotals,
    Scoring,
    TensorsByName,
    as_array,
    named,
    output_names,
)
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.sessions.kept import starts
from netdsl.runtime.sessions.opening import check_outputs, open_quietly, run_once

Predictor = Callable[[dict[str, Tensor], int], Mapping[str, Tensor]]
"""`(fields, number of the batch) -> outputs`; what is drawn follows from the number."""


def judge_run(
    run: RunSource, split: str, data: Data | None, device: str | None, net_name: str | None, worst: int,
    views: Views | None,
) -> Judgement:  # fmt: skip
    """As `netdsl.runtime.evaluate.judge`, through PyTorch."""
    net, module, known = load_run(run, net_name, device)
    where = choose_device(device)
    names = [value.name for value in net.fed]

    def forward(fields: dict[str, Tensor], number: int) -> Mapping[str, Tensor]:
        return named(module(*(fields[n] for n in names)), output_names(net, False))

    asked = Examination(net, split, data, known.facts, worst, views, known.notes, known.origin)
    return score(asked, forward, where)


def judge_file(
    path: str | Path, net: Net, split: str, data: Data | None, device: str | None, worst: int, views: Views | None
) -> Judgement:
    """As `judge_run`, with the outputs computed by onnxruntime from an ONNX file of the net."""
    session = open_quietly(path, device)
    recipe = recipe_of(net)
    check_outputs(session, net, {v.name for t in (*recipe.losses, *recipe.metrics) for v in t.graph.inputs})

    def forward(fields: dict[str, Tensor], number: int) -> Mapping[str, Tensor]:
        given = {name: value.numpy() for name, value in fields.items()}
        fed = {v.name: given[v.name] for v in net.fed if v.name in given}
        found = run_once(session, {**given, **starts(net, fed)}, number)
        return {name: torch.from_numpy(value) for name, value in found.items()}

    asked = Examination(net, split, data, session.facts, worst, views)
    return score(asked, forward, torch.device("cpu"))


@torch.no_grad()
def score(asked: Examination, forward: Predictor, device: torch.device) -> Judgement:
    """Losses, which weigh as in the last epoch, and metrics over a whole split, and what is told beside them."""
    plan, watch = asked.plan, asked.watch
    if asked.viewer is not None:
        forward = _viewed(asked.viewer, forward, device)
    scoring = Scoring(asked.net, plan.losses, plan.metrics).to(device)
    detail = None if watch is None else MetricModule(watch.term, watch)
    scoring.modules += [] if detail is None or detail.module is None else [detail.module.to(device)]
    totals, ticks = RunningTotals(), clock(plan.losses, plan.epochs - 1, plan.epochs)
    now = {name: torch.tensor(value, device=device) for name, value in ticks.items()}
    feed = Feed(asked.samples, device, plan.workers, split_check(asked.net, plan, asked.split, asked.dataset.sizes))

    def answered(batches: list[Array]) -> Iterator[TensorsByName]:
        for number, fields in enumerate(feed.batches(batches)):
            with scoring.drawing(number):
                yield {**fields, **now, **forward(fields, number)}

    def again(batches: list[Array]) -> Iterator[list[Array]]:
        assert detail is not None
        for values in answered(batches):
            yield [as_array(values[asked.shown]), *detail.arrays(values)]

    for values in followed(answered(asked.batches), len(asked.batches), "evaluating"):
        scoring.loss(totals, values)
        scoring.count(totals, values)
        if detail is not None:
            totals.add_counts(detail.name, detail.counts(values))
    return asked.judgement(scoring.result(totals), totals, again)


def _viewed(viewer: Viewer, forward: Predictor, device: torch.device) -> Predictor:
    """Answers that are averaged over several views."""

    def viewed(fields: dict[str, Tensor], number: int) -> Mapping[str, Tensor]:
        def once(pictures: Array) -> dict[str, Array]:
            found = forward({**fields, viewer.name: torch.from_numpy(pictures).to(device)}, number)
            return {name: found[name].numpy(force=True) for name in viewer.outputs}

        found = viewer(fields[viewer.name].numpy(force=True), once)
        return {name: torch.from_numpy(value).to(device) for name, value in found.items()}

    return viewed
