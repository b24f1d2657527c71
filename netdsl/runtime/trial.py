"""The first steps of a training, of which nothing is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.handed import Handed, given
from netdsl.runtime.data.sets import BatchPart, cut
from netdsl.runtime.engines.engine import BatchFields
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.rows import SaidRow, with_rows
from netdsl.runtime.scoring.terms import by_part
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.training.progress import Reporter
from netdsl.runtime.training.trainer import Position, Trainer
from netdsl.weights.given import WeightSource


def try_steps(
    net: Net,
    steps: int,
    *,
    device: str | None = None,
    quiet: bool = False,
    engine: str = "torch",
    weights: WeightSource | None = None,
    recipe: str | None = None,
    data: Data | Handed | str | None = None,
    **rows: SaidRow,
) -> list[float]:
    """The loss of each of the first `steps` steps of a run, as `train` would take them; nothing is written.

    Steps beyond the epochs of the recipe are those of its last epoch, for no rate and no loss has a later one. Then one
    batch of validation is scored, to see that this works too. Raises `RunError` and `DataError` as `train`
    does, also for a loss that is not finite.
    """
    samples = None if isinstance(data, str) else given(data)
    net = with_rows(net, rows, data if isinstance(data, str) else samples, recipe)
    trial = Trial(net, RunFolder("nowhere"), device, Reporter(quiet), math.inf, engine, weights, samples)
    return trial.attempt(steps)


class Trial(Trainer):
    """A training that is broken off after some steps."""

    def attempt(self, steps: int) -> list[float]:
        """The losses of the first steps, said one by one."""
        notes = self._begin()
        self.reporter.head([*self._head(False, "a trial, of which nothing is kept"), *notes])
        losses: list[float] = []
        while len(losses) < steps:
            fed, groups = self._planned()
            for group in groups[: steps - len(losses)]:
                losses.append(self._attempt(fed, group))
            self.position = Position(min(self.position.epoch + 1, self.plan.epochs - 1))
        self._score_one()
        return losses

    def _attempt(self, fed: Iterator[BatchFields], group: list[BatchPart]) -> float:
        started, self.position.totals = time.monotonic(), RunningTotals()
        self._step(fed, group)
        self.position.step += 1
        self._require_finite(self.position.totals)
        found = self.terms.result(self._gathered(self.position.totals))
        loss: float = found["loss"]
        each = by_part(found["losses"], self.plan.parts) or {"loss": loss}
        shown = ", ".join(f"{name} {value:.4f}" for name, value in each.items())
        where = f"epoch {self.position.epoch + 1}, step {self.position.step} of {self.steps}"
        self.reporter.head([f"{where}: {shown}, {time.monotonic() - started:.3f} seconds"])
        return loss

    def _score_one(self) -> None:
        totals, validation = RunningTotals(), np.arange(len(self.dataset.splits["validation"]))
        if not len(validation):
            return
        self.engine.score(self.engine.batches("validation", cut(validation, self.plan.batch)[:1]), totals)
        found = self.terms.result(totals)
        each = by_part(found["losses"], self.plan.parts) or {"loss": found["loss"]}
        shown = ", ".join(f"{name} {value:.4f}" for name, value in (each | found["metrics"]).items())
        self.reporter.head([f"validation, one batch: {shown}"])
