"""The loss and metrics of trained weights on a split: through PyTorch, or of an ONNX file through onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.fit import check_fit
from netdsl.runtime.data.sets import Feed, cut, load_data
from netdsl.runtime.engines.checkpoint import load_weights
from netdsl.runtime.engines.device import choose_device
from netdsl.runtime.kept import starts
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import data_of, departures, known_of, plan_of, recipe_of
from netdsl.runtime.runs.tensorfile import learned
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, build_module, named, output_names
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.scoring.terms import evaluation
from netdsl.runtime.sessions.opening import check_outputs, open_quietly, run_once

Predictor = Callable[[dict[str, Tensor], int], Mapping[str, Tensor]]
"""`(fields, number of the batch) -> outputs`; what is drawn follows from the number."""


def evaluate(
    run_folder: str | Path,
    split: str = "test",
    data: Data | None = None,
    device: str | None = None,
    net_name: str | None = None,
) -> dict[str, Any]:
    """`{"split": …, "loss": …, "metrics": {name: …}}` of a run's best weights, through PyTorch.

    With `"notes"`, what is doubtful about the data, where there is anything. `net_name` is another net of the run's
    text, which computes with the weights that the run has learned.
    """
    net, module, notes = load_other(run_folder, net_name, device)
    where = choose_device(device)
    names = [value.name for value in net.fed]

    def forward(fields: dict[str, Tensor], number: int) -> Mapping[str, Tensor]:
        return named(module(*(fields[n] for n in names)), output_names(net, False))

    found = score(net, forward, split, data, where)
    return {**found, "notes": [*notes, *found.get("notes", ())]} if notes else found


def evaluate_onnx(
    path: str | Path,
    net: Net,
    split: str = "test",
    data: Data | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """As `evaluate`, with the outputs computed by onnxruntime from an ONNX file of the net."""
    session = open_quietly(path, device)
    recipe = recipe_of(net)
    check_outputs(session, net, {v.name for t in (*recipe.losses, *recipe.metrics) for v in t.graph.inputs})

    def forward(fields: dict[str, Tensor], number: int) -> Mapping[str, Tensor]:
        given = {name: value.numpy() for name, value in fields.items()}
        found = run_once(session, {**given, **starts(net, {v.name: given[v.name] for v in net.fed})}, number)
        return {name: torch.from_numpy(value) for name, value in found.items()}

    return score(net, forward, split, data, torch.device("cpu"))


@torch.no_grad()
def score(net: Net, forward: Predictor, split: str, data: Data | None, device: torch.device) -> dict[str, Any]:
    """Losses and metrics of the recipe over a whole split."""
    plan = plan_of(net)
    plan.data = data_of(net, data)
    dataset = load_data(plan.data, net, net.defaults)
    check_fit(net, plan, dataset)
    samples = dataset.split(split)
    scoring = Scoring(net, plan.losses, plan.metrics).to(device)
    totals = RunningTotals()
    feed = Feed(samples, device, plan.workers, split_check(net, plan, split))
    for number, fields in enumerate(feed.batches(cut(np.arange(len(samples)), plan.batch))):
        with scoring.drawing(number):
            values = {**fields, **forward(fields, number)}
            scoring.loss(totals, values)
            scoring.count(totals, values)
    found = scoring.result(totals)
    doubts = [*departures(data, known_of(net)), *dataset.doubts]
    return evaluation(split, len(samples), found, doubts, plan.parts)


def load_run(run_folder: str | Path, device: str | None = None) -> tuple[Net, nn.Module]:
    """A run's net, and its module with the best weights, ready to compute."""
    net, module, _ = load_other(run_folder, None, device)
    return net, module


def load_other(
    run_folder: str | Path, name: str | None, device: str | None = None
) -> tuple[Net, nn.Module, tuple[str, ...]]:
    """As `load_run` for a net of the run's file by name, with what is worth knowing of its weights."""
    folder = RunFolder(run_folder)
    found = learned(folder, name)
    module = build_module(found.net, 0)
    load_weights(module, {key: torch.from_numpy(value) for key, value in found.weights.items()}, str(folder.weights))
    return found.net, module.to(choose_device(device)).eval(), found.notes
