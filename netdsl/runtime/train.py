"""Training a net by its recipe, and going on where a run stopped: one loop for every engine that computes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.ir import Net
from netdsl.ops.base import Declared
from netdsl.runtime.data import Dataset, Share, cut, input_sizes, load_data, mirrored, share, shuffled
from netdsl.runtime.engine import Fields, open_engine
from netdsl.runtime.errors import RunError
from netdsl.runtime.fit import check_fit
from netdsl.runtime.folder import RunFolder
from netdsl.runtime.pictures import Array
from netdsl.runtime.progress import Reporter, overfitting, overfitting_plot
from netdsl.runtime.recipes import Plan, plan_of, recipe_json
from netdsl.runtime.tensorfile import beneath, load_arrays, save_arrays, under
from netdsl.runtime.terms import Terms
from netdsl.runtime.totals import Totals

OnEpoch = Callable[[Mapping[str, Any]], None]
History = list[dict[str, Any]]
CHECKPOINT_SECONDS = 60.0
CURVES_SECONDS = 20.0


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


@dataclass
class Position:
    """How far a run is: whole epochs, steps of the epoch under way, and what those have added up to."""

    epoch: int = 0
    step: int = 0
    totals: Totals = field(default_factory=Totals)
    seconds: float = 0.0
    history: History = field(default_factory=list)


def train(
    net: Net | None,
    run_folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str | None = None,
    on_epoch: OnEpoch | None = None,
    quiet: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    engine: str = "torch",
) -> Run:
    """Train by the net's recipe and keep everything in `run_folder`.

    With `resume` a run goes on where its last checkpoint was made, on a CPU bit for bit as if it had never stopped;
    `net` may then be None, and is read from the folder. Checkpoints are made after every epoch, and within one every
    `checkpoint_seconds` (when there is one process). `engine` computes: "torch", or "onnx" for onnxruntime without
    PyTorch; checkpoints are the same, so a run can go on with the other one. Raises `RunError` and `DataError` with
    one line.
    """
    folder = RunFolder(run_folder)
    if net is None:
        net = folder.load_net()
    if folder.checkpoint.exists() and not resume and not overwrite:
        raise RunError(f"{folder.path} holds a run already: resume it or choose another folder")
    if resume and not folder.checkpoint.exists():
        raise RunError(f"{folder.path} holds no checkpoint to resume from")
    trainer = Trainer(net, folder, device, Reporter(quiet), checkpoint_seconds, engine)
    try:
        trainer.start(resume)
        trainer.run(on_epoch)
    finally:
        trainer.reporter.end()
    return Run(folder.path, net, trainer.position.history, trainer.best_row())


class Trainer:
    """One run in one process."""

    def __init__(
        self,
        net: Net,
        folder: RunFolder,
        device: str | None,
        reporter: Reporter,
        checkpoint_seconds: float,
        engine: str = "torch",
    ) -> None:
        self.net = net
        self.plan: Plan = plan_of(net)
        self.folder = folder
        self.checkpoint_seconds = checkpoint_seconds
        self.dataset: Dataset = load_data(self.plan.data, net, net.defaults)
        check_fit(net, self.plan, self.dataset)
        self.terms = Terms(net, self.plan.losses, self.plan.metrics)
        self.engine = open_engine(engine, net, self.plan, self.dataset, device)
        self.rank, self.world = self.engine.rank, self.engine.world
        self.reporter = reporter if self.rank == 0 else Reporter(quiet=True)
        self.position = Position()
        batches = len(cut(np.arange(len(self.dataset.splits["train"])), self.plan.batch))
        self.steps = math.ceil(batches / self.plan.accumulate)
        self.saved = self.drawn = time.monotonic()

    # ------------------------------------------------------------ starting

    def start(self, resume: bool) -> None:
        """Begin anew, or take up a checkpoint."""
        tensors, facts = load_arrays(self.folder.checkpoint) if resume else ({}, {})
        if resume:
            self._take_up(tensors, facts)
        self.engine.begin(tensors, facts, str(self.folder.checkpoint))
        if self.rank == 0:
            self.folder.sweep(everything=not resume)
            sizes = input_sizes(self.plan.data, self.net, self.net.defaults)
            self.folder.start(self.net, recipe_json(self.plan), sizes)
        self.reporter.head(list(self._head(resume)))

    def _head(self, resume: bool) -> Iterator[str]:
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.dataset.splits.items() if len(s))
        yield f"{self.net.name}: {self.engine.trained:,} trained weights on {self.engine.where}, {self.folder.path}"
        yield f"{_shown(self.plan.data)}: {counts}" + "".join(f"; {note}" for note in self.dataset.notes)
        yield f"{_shown(self.plan.optimizer)}, {_shown(self.plan.schedule)}, batch {self.plan.batch}"
        if resume:
            yield f"resumed after epoch {self.position.epoch}, step {self.position.step} of {self.steps}"

    def _take_up(self, tensors: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
        if facts["batch"] != self.plan.batch * self.plan.accumulate and facts["step"]:
            raise RunError(
                f"{self.folder.checkpoint} was made within an epoch of batch {facts['batch']}: "
                f"the batch cannot change there"
            )
        totals = Totals.from_arrays(under(tensors, f"totals/{self.rank}/"))
        self.position = Position(facts["epoch"], facts["step"], totals, facts["seconds"], facts["history"])

    # ------------------------------------------------------------ the loop

    def run(self, on_epoch: OnEpoch | None) -> None:
        """Every epoch that is left."""
        while self.position.epoch < self.plan.epochs:
            started = time.monotonic() - self.position.seconds
            self._train_epoch(started)
            row = self._finish_epoch(started)
            self.reporter.epoch(row, self.plan.epochs)
            self._warn()
            if on_epoch is not None and self.rank == 0:
                on_epoch(row)
        if self.rank == 0 and self.position.history:
            self.folder.write_history(self.position.history)
            self._draw()

    def _train_epoch(self, started: float) -> None:
        epoch, count, seed = self.position.epoch, len(self.dataset.splits["train"]), self.plan.seed
        batches = cut(shuffled(count, seed, epoch), self.plan.batch)
        left = batches[self.position.step * self.plan.accumulate :]
        flips = mirrored(count, seed, epoch) if self.dataset.flip else None
        shares = [share(batch, self.rank, self.world) for batch in left]
        fed = self.engine.batches("train", [s.indices for s in shares], flips)
        self.reporter.begin(epoch + 1, self.plan.epochs, self.steps, self.position.step)
        self.shown = 0.0
        for first in range(0, len(shares), self.plan.accumulate):
            loss = self._step(fed, shares[first : first + self.plan.accumulate])
            self.position.step += 1
            self._show(loss)
            if self.world == 1 and time.monotonic() - self.saved > self.checkpoint_seconds:
                self.position.seconds = time.monotonic() - started
                self._save()

    def _step(self, fed: Iterator[Fields], group: list[Share]) -> Any:
        """One step of the optimizer, over `accumulate` batches of all processes."""
        number = self.position.epoch * self.steps + self.position.step
        return self.engine.step(fed, group, self._rate(number), number, self.position.totals)

    def _rate(self, number: int) -> float:
        """The learning rate of a step of the run."""
        scale = self.plan.schedule.scale(number, self.plan.epochs * self.steps, self.steps)
        return float(self.plan.optimizer.lr * scale)

    def _show(self, loss: Any) -> None:
        now = time.monotonic()
        if self.reporter.live and now - self.shown > 0.1:  # reading the loss waits for the device
            self.reporter.advance(self.position.step, float(loss))
            self.shown = now

    # ------------------------------------------------------------ the end of an epoch

    def _finish_epoch(self, started: float) -> dict[str, Any]:
        trained = self.terms.result(self._gathered(self.position.totals))
        if not math.isfinite(trained["loss"]):
            raise RunError(
                f"the loss became {trained['loss']} in epoch {self.position.epoch + 1}: try a smaller learning rate, "
                f"or `clip 1.0`; the last good checkpoint is kept"
            )
        rate = self._rate(self.position.epoch * self.steps + self.position.step - 1)
        row = {"epoch": self.position.epoch + 1, "lr": rate, "train": trained, "validation": self._validate()}
        row["seconds"] = round(time.monotonic() - started, 3)
        row["best"] = all(self._merit(row) > self._merit(r) for r in self.position.history)
        self.position = Position(self.position.epoch + 1, history=[*self.position.history, row])
        if row["best"] and self.rank == 0:
            save_arrays(self.folder.weights, self.engine.weights(), {"epoch": row["epoch"], **self.dataset.facts})
        self._save()
        return row

    def _validate(self) -> dict[str, Any] | None:
        """Losses and metrics of the validation split; None when nothing is held out."""
        if not len(self.dataset.splits["validation"]):
            return None
        totals = Totals()
        batches = cut(np.arange(len(self.dataset.splits["validation"])), self.plan.batch)
        shares = [own for b in batches if len(own := b[self.rank :: self.world])]
        self.engine.score(self.engine.batches("validation", shares), totals)
        return self.terms.result(self._gathered(totals))

    def _gathered(self, totals: Totals) -> Totals:
        """The sum over all processes."""
        if self.world == 1:
            return totals
        whole = Totals()
        for part in self.engine.gathered(totals.settled()):
            whole.add(part)
        return whole

    def _merit(self, row: Mapping[str, Any]) -> tuple[float, float]:
        """What makes an epoch the best: the first metric on validation, then a smaller validation loss.

        Without validation it is told by training.
        """
        found = row["validation"] or row["train"]
        shared = [m for m in self.terms.metrics if m.name in found["metrics"]]
        if not shared:
            return 0.0, -found["loss"]
        value = found["metrics"][shared[0].name]
        sign = 1 if shared[0].higher_is_better else -1
        return sign * (value if math.isfinite(value) else -math.inf), -found["loss"]

    def best_row(self) -> dict[str, Any]:
        return next((row for row in reversed(self.position.history) if row["best"]), {})

    # ------------------------------------------------------------ keeping

    def _save(self) -> None:
        """Replace the checkpoint; processes hand their random states and sums to the first."""
        own = self.engine.tensors() | beneath(f"totals/{self.rank}/", self.position.totals.arrays())
        parts = self.engine.gathered(own)
        if self.rank == 0:
            tensors = {name: value for part in parts for name, value in part.items()}
            save_arrays(self.folder.checkpoint, tensors, self._facts())
            self.folder.write_history(self.position.history)
            if time.monotonic() - self.drawn > CURVES_SECONDS:
                self._draw()
        self.engine.wait()
        self.saved = time.monotonic()

    def _facts(self) -> dict[str, Any]:
        return {
            "format": 1,
            "net": self.net.name,
            "epoch": self.position.epoch,
            "step": self.position.step,
            "batch": self.plan.batch * self.plan.accumulate,
            "seconds": self.position.seconds,
            "history": self.position.history,
            **self.engine.facts(),
        }

    def _draw(self) -> None:
        from netdsl.runtime.curves import draw_curves

        if self.position.history:
            draw_curves(self.folder.curves, self.net.name, self.position.history)
        self.drawn = time.monotonic()

    def _warn(self) -> None:
        since = overfitting(self.position.history)
        if since is not None and not self.reporter.warned:
            self.reporter.warned = True
            self.reporter.warn(overfitting_plot(self.position.history, since))
        elif since is None:
            self.reporter.warned = False


def _shown(declared: Declared) -> str:
    """A declaration as an author would write it."""
    return repr(declared).removesuffix("()")
