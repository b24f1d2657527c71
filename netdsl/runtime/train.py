"""Training a net by its recipe, and going on where a run stopped: one loop for every engine that computes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdsl.base.asking import public
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.handed import Handed, given
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import recipe_json
from netdsl.runtime.runs.rows import SaidRow, with_rows
from netdsl.runtime.training.progress import Reporter
from netdsl.runtime.training.saved import require_same
from netdsl.runtime.training.tracking import check_trackers, tracking
from netdsl.runtime.training.trainer import CHECKPOINT_SECONDS, History, OnEpoch, Trainer
from netdsl.weights.given import WeightSource


@dataclass
class Run:
    """A finished (or resumed and finished) training."""

    folder: Path
    net: Net
    history: History
    best: dict[str, Any]
    """The row of `history` whose weights are kept."""

    @property
    def weights(self) -> Path:
        return RunFolder(self.folder).weights


@public()
def train(
    net: Net | None,
    run_folder: str | Path,
    *,
    recipe: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str | None = None,
    on_epoch: OnEpoch | None = None,
    quiet: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    engine: str = "torch",
    weights: WeightSource | None = None,
    data: Data | Handed | str | None = None,
    track: Sequence[str] = (),
    **rows: SaidRow,
) -> Run:
    """Train by the net's recipe and keep everything in `run_folder`; `recipe` names another than that in force.

    `data`, in words of a recipe or samples by split (`Handed`), is used instead of the recipe's, which then needs none.
    Other `rows` take the place of those of the recipe too, in the language's own syntax, as `optimizer="sgd(lr=0.1)"`
    or `epochs=3`; by them a net without a `train` section is trained, where a `loss` is among them. A wrong one is
    shown in a `NetError`.

    With `resume` a run goes on where its last checkpoint was made, on a CPU bit for bit as if it had never stopped;
    `net` may then be None, and is read from the folder; one that is given must be the run's own, by the recipe of that
    run or another that has its losses and metrics. Without, the folder must be empty, or with `overwrite` that of a
    run, of which only the run's files are replaced. Checkpoints are made after every epoch, and within one every
    `checkpoint_seconds` (when there is one process). `engine` computes: "torch", or "onnx" for onnxruntime without
    PyTorch; checkpoints are the same, so a run can go on with the other one. It starts from `weights`, a file or
    arrays by key, in the place of those that the recipe names. Each epoch is told to the trackers of these names, as
    accelerate knows them. Raises `RunError` and `DataError` with one line.
    """
    if resume and weights is not None:
        raise RunError("a run that goes on has weights of its own: leave `weights` out, or begin anew")
    check_trackers(track)
    folder = RunFolder(run_folder)
    folder.check_free(resume, overwrite)
    samples = None if isinstance(data, str) else given(data)
    asked = data if isinstance(data, str) else samples
    if net is None and (rows or isinstance(data, str)):
        raise RunError(f"{folder.path} has its net and recipe: give the net too, to go on with other rows")
    if net is None:
        net = folder.load_net()
    elif resume:
        net = with_rows(net, rows, asked, folder.recipe if recipe is None else recipe)
        require_same(folder.load_net(), net, folder.path)
    else:
        net = with_rows(net, rows, asked, recipe)
    trainer = Trainer(net, folder, device, Reporter(quiet), checkpoint_seconds, engine, weights, samples)
    try:
        trainer.start(resume, overwrite)
        with trainer.kept(), _told(trainer, track) as tell:
            trainer.run([told for told in (tell, on_epoch) if told is not None])
    finally:
        trainer.reporter.end()
        folder.release()
    return Run(folder.path, net, trainer.position.history, trainer.best_row())


def _told(trainer: Trainer, track: Sequence[str]) -> AbstractContextManager[OnEpoch | None]:
    """What tells epochs to trackers, in the first process."""
    if not track or trainer.rank != 0:
        return nullcontext()
    recipe = recipe_json(trainer.plan)
    return tracking(track, trainer.net.name, trainer.folder.path, recipe, trainer.reporter.warn)
