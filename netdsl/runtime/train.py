"""Training a net by its recipe, and going on where a run stopped."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netdsl.ir import Net
from netdsl.ops.base import Declared
from netdsl.runtime import checkpoint
from netdsl.runtime.data import Dataset, Feed, cut, input_sizes, load_data, mirrored, share, shuffled
from netdsl.runtime.device import make_accelerator
from netdsl.runtime.errors import RunError
from netdsl.runtime.fit import check_fit
from netdsl.runtime.folder import RunFolder
from netdsl.runtime.optimizers import make_optimizer
from netdsl.runtime.progress import Reporter, overfitting, overfitting_plot
from netdsl.runtime.recipes import Plan, plan_of, recipe_json
from netdsl.runtime.scoring import Scoring, Totals, build_module, named, output_names

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
) -> Run:
    """Train by the net's recipe and keep everything in `run_folder`.

    With `resume` a run goes on where its last checkpoint was made, on a CPU bit for bit as if it had never stopped;
    `net` may then be None, and is read from the folder. Checkpoints are made after every epoch, and within one every
    `checkpoint_seconds` (when there is one process). Raises `RunError` and `DataError` with one line.
    """
    folder = RunFolder(run_folder)
    if net is None:
        net = folder.load_net()
    if folder.checkpoint.exists() and not resume and not overwrite:
        raise RunError(f"{folder.path} holds a run already: resume it or choose another folder")
    if resume and not folder.checkpoint.exists():
        raise RunError(f"{folder.path} holds no checkpoint to resume from")
    trainer = Trainer(net, folder, device, Reporter(quiet), checkpoint_seconds)
    try:
        trainer.start(resume)
        trainer.run(on_epoch)
    finally:
        trainer.reporter.end()
    return Run(folder.path, net, trainer.position.history, trainer.best_row())


class Trainer:
    """One run in one process."""

    def __init__(
        self, net: Net, folder: RunFolder, device: str | None, reporter: Reporter, checkpoint_seconds: float
    ) -> None:
        self.net = net
        self.plan: Plan = plan_of(net)
        self.folder = folder
        self.checkpoint_seconds = checkpoint_seconds
        self.dataset: Dataset = load_data(self.plan.data, net, net.defaults)
        check_fit(net, self.plan, self.dataset)
        self.scoring = Scoring(net, self.plan.losses, self.plan.metrics)
        outputs = {o.name for o in net.outputs}
        self.accelerator = make_accelerator(device, self.plan.precision, bool(outputs - self.scoring.reads))
        self.reporter = reporter if self.accelerator.is_main_process else Reporter(quiet=True)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.inputs = [value.name for value in net.inputs]
        self.position = Position()
        self._build()

    def _build(self) -> None:
        self.module: nn.Module = build_module(self.net, self.plan.seed).to(self.accelerator.device)
        self.scoring.to(self.accelerator.device)
        self.optimizer = make_optimizer(self.plan.optimizer, self.module)
        splits, workers = self.dataset.splits, self.plan.workers
        self.feeds = {n: Feed(splits[n], self.accelerator.device, workers) for n in ("train", "validation")}
        batches = len(cut(np.arange(len(splits["train"])), self.plan.batch))
        self.steps = math.ceil(batches / self.plan.accumulate)
        self.saved = self.drawn = time.monotonic()

    # ------------------------------------------------------------ starting

    def start(self, resume: bool) -> None:
        """Seed, or take up a checkpoint; then hand the module over to accelerate."""
        torch.manual_seed(self.plan.seed + self.rank)
        if resume:
            self._restore()
        if self.accelerator.is_main_process:
            self.folder.sweep(everything=not resume)
            sizes = input_sizes(self.plan.data, self.net, self.net.defaults)
            self.folder.start(self.net, recipe_json(self.plan), sizes)
        self.model, self.stepper = self.accelerator.prepare(self.module, self.optimizer)
        self.reporter.head(list(self._head(resume)))

    def _head(self, resume: bool) -> Iterator[str]:
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.dataset.splits.items())
        trained = sum(p.numel() for p in self.module.parameters() if p.requires_grad)
        processes = f", {self.world} processes" if self.world > 1 else ""
        where = f"{self.accelerator.device}{processes}, {self.folder.path}"
        yield f"{self.net.name}: {trained:,} trained weights on {where}"
        yield f"{_shown(self.plan.data)}: {counts}" + "".join(f"; {note}" for note in self.dataset.notes)
        yield f"{_shown(self.plan.optimizer)}, {_shown(self.plan.schedule)}, batch {self.plan.batch}"
        if resume:
            yield f"resumed after epoch {self.position.epoch}, step {self.position.step} of {self.steps}"

    def _restore(self) -> None:
        tensors, facts = checkpoint.load_tensors(self.folder.checkpoint)
        name = str(self.folder.checkpoint)
        checkpoint.load_weights(self.module, checkpoint.under(tensors, "model/"), name)
        checkpoint.load_optimizer(self.module, self.optimizer, checkpoint.under(tensors, "optimizer/"))
        if facts["batch"] != self.plan.batch * self.plan.accumulate and facts["step"]:
            raise RunError(f"{name} was made within an epoch of batch {facts['batch']}: the batch cannot change there")
        totals = Totals.from_tensors(checkpoint.under(tensors, f"totals/{self.rank}/"))
        self.position = Position(facts["epoch"], facts["step"], totals, facts["seconds"], facts["history"])
        checkpoint.load_generators(checkpoint.under(tensors, f"random/{self.rank}/"))
        if self.accelerator.scaler is not None and facts["scaler"]:
            self.accelerator.scaler.load_state_dict(facts["scaler"])

    # ------------------------------------------------------------ the loop

    def run(self, on_epoch: OnEpoch | None) -> None:
        """Every epoch that is left."""
        while self.position.epoch < self.plan.epochs:
            started = time.monotonic() - self.position.seconds
            self._train_epoch(started)
            row = self._finish_epoch(started)
            self.reporter.epoch(row, self.plan.epochs)
            self._warn()
            if on_epoch is not None and self.accelerator.is_main_process:
                on_epoch(row)
        if self.accelerator.is_main_process and self.position.history:
            self.folder.write_history(self.position.history)
            self._draw()

    def _train_epoch(self, started: float) -> None:
        epoch, count, seed = self.position.epoch, len(self.dataset.splits["train"]), self.plan.seed
        batches = cut(shuffled(count, seed, epoch), self.plan.batch)
        left = batches[self.position.step * self.plan.accumulate :]
        flips = mirrored(count, seed, epoch) if self.dataset.flip else None
        shares = [share(batch, self.rank, self.world) for batch in left]
        fed = self.feeds["train"].batches([s.indices for s in shares], flips)
        self.model.train()
        self.reporter.begin(epoch + 1, self.plan.epochs, self.steps, self.position.step)
        self.shown = 0.0
        for first in range(0, len(shares), self.plan.accumulate):
            group = shares[first : first + self.plan.accumulate]
            loss = self._step(fed, group)
            self.position.step += 1
            self._show(loss)
            if self.world == 1 and time.monotonic() - self.saved > self.checkpoint_seconds:
                self.position.seconds = time.monotonic() - started
                self._save()

    def _step(self, fed: Iterator[dict[str, Tensor]], group: list[Any]) -> Tensor:
        """One step of the optimizer, over `accumulate` batches of all processes, weighted by their samples."""
        whole = sum(s.total for s in group)
        for number, part in enumerate(group, 1):
            fields = next(fed)
            waiting = contextlib.nullcontext() if number == len(group) else self.accelerator.no_sync(self.model)
            with waiting:
                values = self._forward(self.model, fields, True)
                loss = self.scoring.loss(self.position.totals, values, True, part.counted > 0)
                # several processes: gradients are averaged, so a share counts world times its part of the whole
                self.accelerator.backward(loss * (part.counted * self.world / whole))
            if part.counted:
                with torch.no_grad():
                    self.scoring.count(self.position.totals, values, True)
        if self.plan.clip is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        self._set_rate()
        self.stepper.step()
        self.stepper.zero_grad()
        return loss

    def _forward(self, model: Any, fields: Mapping[str, Tensor], training: bool) -> dict[str, Tensor]:
        """Outputs and fields by name."""
        result = model(*(fields[name] for name in self.inputs))
        return {**fields, **named(result, output_names(self.net, training))}

    def _set_rate(self) -> None:
        step = self.position.epoch * self.steps + self.position.step
        self.rate = self.plan.optimizer.lr * self.plan.schedule.scale(step, self.plan.epochs * self.steps, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate

    def _show(self, loss: Tensor) -> None:
        now = time.monotonic()
        if self.reporter.live and now - self.shown > 0.1:  # reading the loss waits for the device
            self.reporter.advance(self.position.step, float(loss))
            self.shown = now

    # ------------------------------------------------------------ the end of an epoch

    def _finish_epoch(self, started: float) -> dict[str, Any]:
        trained = self.scoring.result(self._gathered(self.position.totals))
        if not math.isfinite(trained["loss"]):
            raise RunError(
                f"the loss became {trained['loss']} in epoch {self.position.epoch + 1}: try a smaller learning rate, "
                f"or `clip 1.0`; the last good checkpoint is kept"
            )
        row = {"epoch": self.position.epoch + 1, "lr": self.rate, "train": trained, "validation": self._validate()}
        row["seconds"] = round(time.monotonic() - started, 3)
        row["best"] = all(self._merit(row) > self._merit(r) for r in self.position.history)
        self.position = Position(self.position.epoch + 1, history=[*self.position.history, row])
        if row["best"] and self.accelerator.is_main_process:
            checkpoint.save_tensors(self.folder.weights, self.module.state_dict(), {"epoch": row["epoch"]})
        self._save()
        return row

    @torch.no_grad()
    def _validate(self) -> dict[str, Any]:
        self.model.eval()
        totals = Totals()
        plain = self.accelerator.unwrap_model(self.model)
        batches = [
            b[self.rank :: self.world] for b in cut(np.arange(len(self.feeds["validation"].split)), self.plan.batch)
        ]
        shares = [b for b in batches if len(b)]
        for fields in self.feeds["validation"].batches(shares):
            values = self._forward(plain, fields, False)
            self.scoring.loss(totals, values)
            self.scoring.count(totals, values)
        return self.scoring.result(self._gathered(totals))

    def _gathered(self, totals: Totals) -> Totals:
        """The sum over all processes."""
        if self.world == 1:
            return totals
        from accelerate.utils import gather_object

        whole = Totals()
        for part in gather_object([totals.settled()]):
            whole.add(part)
        return whole

    def _merit(self, row: Mapping[str, Any]) -> tuple[float, float]:
        """What makes an epoch the best: the first metric on validation, then a smaller validation loss."""
        found = row["validation"]
        shared = [m for m in self.scoring.metrics if m.name in found["metrics"]]
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
        own = {f"random/{self.rank}/{k}": v for k, v in checkpoint.generator_tensors().items()}
        own |= {f"totals/{self.rank}/{k}": v for k, v in self.position.totals.tensors().items()}
        parts = [own]
        if self.world > 1:
            from accelerate.utils import gather_object

            parts = gather_object([own])
        if self.accelerator.is_main_process:
            tensors = {f"model/{k}": v for k, v in self.module.state_dict().items()}
            optimizer = checkpoint.optimizer_tensors(self.module, self.optimizer)
            tensors |= {f"optimizer/{k}": v for k, v in optimizer.items()}
            for part in parts:
                tensors |= part
            checkpoint.save_tensors(self.folder.checkpoint, tensors, self._facts())
            self.folder.write_history(self.position.history)
            if time.monotonic() - self.drawn > CURVES_SECONDS:
                self._draw()
        self.accelerator.wait_for_everyone()
        self.saved = time.monotonic()

    def _facts(self) -> dict[str, Any]:
        scaler = self.accelerator.scaler
        return {
            "format": 1,
            "net": self.net.name,
            "epoch": self.position.epoch,
            "step": self.position.step,
            "batch": self.plan.batch * self.plan.accumulate,
            "seconds": self.position.seconds,
            "history": self.position.history,
            "scaler": scaler.state_dict() if scaler is not None else None,
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
