"""One loop of training for every engine that computes: its steps, its epochs, and what is kept behind each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.augment.row import varying_of
from netdsl.runtime.data.fit import check_batches, check_fit, spare_scores
from netdsl.runtime.data.sets import BatchPart, Dataset, MadeSplit, cut, load_data, order_of, share
from netdsl.runtime.data.waiting import Awaited
from netdsl.runtime.engines.choice import open_engine
from netdsl.runtime.engines.engine import BatchFields
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.history import best_of
from netdsl.runtime.runs.made import FINISHED
from netdsl.runtime.runs.recipes import Plan, pipeline, plan_of, recipe_json, written
from netdsl.runtime.runs.tensorfile import beneath, save_arrays
from netdsl.runtime.scoring.terms import Terms
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.training.best import Judge
from netdsl.runtime.training.heading import made_words, rerun_words, sharing_words, steering_words, trained_words
from netdsl.runtime.training.logbook import Logbook
from netdsl.runtime.training.progress import Reporter, guessing, overfitting, overfitting_plot
from netdsl.runtime.training.provenance import begun
from netdsl.runtime.training.saved import Saved, changes, other_meaning, read_saved, save, with_memory
from netdsl.runtime.training.starting import StartingWeights, start_of
from netdsl.weights.given import WeightSource

OnEpoch = Callable[[Mapping[str, Any]], None]
History = list[dict[str, Any]]
CHECKPOINT_SECONDS = 60.0
CURVES_SECONDS = 20.0
TARGETS = 1000
"""Samples of which the mean of a target is taken, at most."""


@dataclass
class Position:
    """How far a run is: whole epochs, steps of the epoch under way, and what those have added up to."""

    epoch: int = 0
    step: int = 0
    totals: RunningTotals = field(default_factory=RunningTotals)
    seconds: float = 0.0
    history: History = field(default_factory=list)


OTHER_DATA = (
    "epochs so far were scored on the data as they were: which is best is told across both, so begin a run of its own "
    "where that matters"
)


class Trainer:
    """One run in one process."""

    def __init__(
        self, net: Net, folder: RunFolder, device: str | None, reporter: Reporter, checkpoint_seconds: float,
        engine: str = "torch", weights: WeightSource | None = None, data: Data | None = None,
    ) -> None:  # fmt: skip
        self.net = net
        self.plan: Plan = plan_of(net, data)
        self.source = weights if weights is not None else self.plan.weights
        self.started: dict[str, str] = {}
        self.folder = folder
        self.checkpoint_seconds = checkpoint_seconds
        self.dataset: Dataset = load_data(self.plan.data, net, net.defaults, varying_of(net, self.plan))
        check_fit(net, self.plan, self.dataset)
        if self.plan.augment and isinstance(self.plan.data, HandedData):
            self.dataset.notes.append("`augment` is left out: what is handed over is taken as it is")
        spare = spare_scores(net, self.plan, self.dataset)
        self.dataset.notes += [spare] if spare else []
        self.terms = Terms(net, self.plan.losses, self.plan.metrics)
        self.judge = Judge(self.plan, self.terms)
        self.engine, self.engine_name = open_engine(engine, net, self.plan, self.dataset, device), engine
        self.logbook: Logbook | None = None
        """Of the first process, once it has begun."""
        self.rank, self.world = self.engine.rank, self.engine.world
        check_batches(net, self.plan, self.dataset, self.world)
        self.reporter = reporter if self.rank == 0 else Reporter(quiet=True)
        self.position = Position()
        batches = len(cut(np.arange(len(self.dataset.splits["train"])), self.plan.batch))
        self.steps = math.ceil(batches / self.plan.accumulate)
        self.saved = self.drawn = time.monotonic()

    # ------------------------------------------------------------ starting

    def start(self, resume: bool, overwrite: bool = False) -> None:
        """Begin anew, or take up a checkpoint."""
        if self.rank == 0:
            self.folder.hold(resume, overwrite)
        notes = self._take_up(read_saved(self.folder.checkpoint, self.net)) if resume else self._begin()
        if self.rank == 0:
            with self.folder.writing():
                self.folder.sweep(everything=not resume)
                self.folder.start(self.net, recipe_json(self.plan), self.dataset.sizes, self.started)
                notes += self._enter(resume) if self._goes_on() else []
        self.reporter.head([*self._head(resume, str(self.folder.path)), *notes])

    def _enter(self, resume: bool) -> list[str]:
        """Begin an entry of the run's logbook."""
        place = (self.position.epoch, self.position.step)
        session = begun(self.engine, self.engine_name, self.net, self.folder.path, place, self._samples())
        self.logbook = Logbook(self.folder, self.engine, session, resume, self.position.history)
        return self.logbook.open()

    def kept(self) -> AbstractContextManager[None]:
        """Around `run`: however it ends, the folder says so."""
        return nullcontext() if self.logbook is None else self.logbook.kept()

    def _begin(self) -> list[str]:
        start = StartingWeights({}, {}, [])
        if self.source is not None:
            start = start_of(self.net, self.source, self.engine.drawn())
        self.engine.begin(beneath("model/", start.weights), {}, str(self.folder.checkpoint))
        self.started = start.origin
        return start.notes

    def _head(self, resume: bool, where: str) -> Iterator[str]:
        counts = ", ".join(f"{len(s):,} {n}" for n, s in self.dataset.splits.items() if len(s))
        name = f"{self.net.name}, {self.plan.name}" if self.plan.name else self.net.name
        yield f"{name}: {trained_words(self.net, self.plan)} on {self.engine.where}, {where}"
        yield f"{written(self.plan.data)}: {counts}" + "".join(f"; {note}" for note in self.dataset.notes)
        yield from [f"augment {pipeline(self.plan.augment)}"] if self.plan.augment else ()
        for turn in self.plan.turns:
            part = f"{turn.name}: " if turn.name else ""
            clip = f", clip {turn.clip:g}" if turn.name and turn.clip is not None else ""
            yield f"{part}{written(turn.optimizer)}, {written(turn.schedule)}{clip}, batch {self.plan.batch}"
        yield from steering_words(self.plan)
        yield from rerun_words(self.plan, self.engine.libraries)
        yield from () if resume else made_words(self.net, self.plan)
        yield from sharing_words(self.net, self.plan, self.world)
        if resume and self.position.epoch >= self.plan.epochs:
            done = f"{self.position.epoch} of {self.plan.epochs} epochs are done"
            yield f"nothing left to do: {done}; the `.net` file with `--folder {where} --resume --epochs N` goes on"
        elif resume and (why := self._worn_out()):
            yield f"nothing left to do: {why}; the `.net` file with `--folder {where} --resume --patience N` goes on"
        elif resume:
            yield f"resumed after epoch {self.position.epoch}, step {self.position.step} of {self.steps}"

    def _take_up(self, saved: Saved) -> list[str]:
        """Go on from a checkpoint; what is different from now on, in words."""
        facts, self.started = saved.facts, self.folder.stored().get("started", {})
        changed = changes(facts["recipe"], recipe_json(self.plan), facts["samples"], self._samples())
        if facts["batch"] != self.plan.batch * self.plan.accumulate and facts["step"]:
            raise RunError(
                f"{saved.path} was made within an epoch of batch {facts['batch']}: the batch cannot change there"
            )
        other = next((c for c in changed if c.startswith(("data ", "augment ", "seed ", "samples "))), None)
        if facts["step"] and other is not None:
            raise RunError(f"{saved.path} was made within an epoch, where this cannot change: {other}")
        if facts["step"] > self.steps:
            raise RunError(f"{saved.path} is damaged: it was made at step {facts['step']} of {self.steps}")
        moved = other_meaning(self.folder.weights, self.dataset.facts)
        if moved and not any(c.startswith("data ") for c in changed):
            raise RunError(
                f"{self.folder.path}: the data are not those that it learned from: {moved}; begin a run of its own, "
                "or bring them back"
            )
        tensors, note = with_memory(saved, self.plan.turns, self.net)
        self.engine.begin(tensors, facts, str(saved.path))
        totals = saved.totals(self.rank)
        self.position = Position(facts["epoch"], facts["step"], totals, facts["seconds"], facts["history"])
        return [
            *(f"changed since the checkpoint: {c}" for c in (*changed, *filter(None, [moved]))),
            *filter(None, [note]),
            *([OTHER_DATA] if any(c.startswith("data ") for c in changed) and facts["history"] else []),
        ]

    def _samples(self) -> dict[str, int]:
        return {name: len(split) for name, split in self.dataset.splits.items()}

    # ------------------------------------------------------------ the loop

    def run(self, told: Sequence[OnEpoch]) -> None:
        """Every epoch that is left; the first process tells each."""
        while self._goes_on():
            started = time.monotonic() - self.position.seconds
            self._train_epoch(started)
            row = self._finish_epoch(started)
            overfits = not self.plan.parts and overfitting(self.position.history) is not None
            self.reporter.epoch(row, self.plan.epochs, overfits)
            for tell in told if self.rank == 0 else ():
                tell(row)
        if self.rank == 0 and self.position.history:
            with self.folder.writing():
                self.folder.write_history(self.position.history)
                self._draw()
            self._remark()
        if self.position.history and not self.best_row():
            raise RunError(
                "no epoch can be called the best, for the loss or the first metric on validation was never a number: "
                "no weights are kept"
            )
        if self.logbook is not None:
            with self.folder.writing():
                self.logbook.close(FINISHED, self._worn_out() or "")

    def _planned(self) -> tuple[Awaited[BatchFields], list[list[BatchPart]]]:
        """What is left of the epoch: its batches in order, and which of them make a step together."""
        self.engine.turn_to(self.position.epoch)
        epoch, batch = self.position.epoch, self.plan.batch
        order = order_of(self.dataset.splits["train"], self.plan.seed, epoch, batch, self.world)
        batches = cut(order, batch)
        left = batches[self.position.step * self.plan.accumulate :]
        shares = [share(batch, self.rank, self.world) for batch in left]
        groups = [shares[i : i + self.plan.accumulate] for i in range(0, len(shares), self.plan.accumulate)]
        return Awaited(self.engine.batches("train", [s.indices for s in shares], epoch)), groups

    def _train_epoch(self, started: float) -> None:
        fed, groups = self._planned()
        self.reporter.begin(self.position.epoch + 1, self.plan.epochs, self.steps, self.position.step)
        self.shown, began = 0.0, time.monotonic()
        for group in groups:
            loss = self._step(fed, group)
            self.position.step += 1
            self._show(loss)
            if self.world == 1 and time.monotonic() - self.saved > self.checkpoint_seconds:
                self.position.seconds = time.monotonic() - started
                self._require_finite(self.position.totals)
                self._require_sound()
                self._save()
        self.waited = fed.seconds / max(time.monotonic() - began, 1e-9)

    def _step(self, fed: Iterator[BatchFields], group: list[BatchPart]) -> Any:
        """One step of the optimizer, over `accumulate` batches of all processes."""
        number = self.position.epoch * self.steps + self.position.step
        return self.engine.step(fed, group, self._rates(number), number, self.position.totals)

    def _rates(self, number: int) -> list[float]:
        """The learning rate of a step of the run, for each part of the recipe."""
        steps, history = self.plan.epochs * self.steps, self.position.history
        scales = [t.schedule.scale(number, steps, self.steps) for t in self.plan.turns]
        lowered = [self.judge.lowered(t.schedule, history) for t in self.plan.turns]
        return [float(t.optimizer.lr * s * low) for t, s, low in zip(self.plan.turns, scales, lowered, strict=True)]

    def _goes_on(self) -> bool:
        """Whether there is an epoch left."""
        return self.position.epoch < self.plan.epochs and not self._worn_out()

    def _worn_out(self) -> str | None:
        """Why no other epoch is begun, although some are left; one that is under way goes to its end."""
        return None if self.position.step else self.judge.worn_out(self.position.history)

    def _show(self, loss: Any) -> None:
        now = time.monotonic()
        if now - self.shown > 0.1:  # reading the loss waits for the device
            self.reporter.advance(self.position.step, float(loss))
            self._require_finite(self.position.totals)
            self.shown = now

    def _require_finite(self, totals: RunningTotals) -> None:
        """End a run that has diverged: what follows would be lost time, and what it keeps of no use."""
        wrong = next((value for value in totals.settled().losses.values() if not math.isfinite(value)), None)
        if wrong is not None:
            raise self._diverged(f"the loss became {wrong}")

    def _diverged(self, what: str) -> RunError:
        kept = "the last good checkpoint is kept" if self.folder.checkpoint.exists() else "nothing is kept yet"
        return RunError(
            f"{what} in epoch {self.position.epoch + 1}, by step {self.position.step} of {self.steps}: try a smaller "
            f"learning rate, or `clip 1.0`; {kept}"
        )

    # ------------------------------------------------------------ the end of an epoch

    def _finish_epoch(self, started: float) -> dict[str, Any]:
        totals = self._gathered(self.position.totals)
        self._require_finite(totals)
        trained = self.terms.result(totals)
        empty = next((name for name, value in trained["losses"].items() if not math.isfinite(value)), None)
        if empty is not None:
            raise RunError(f"nothing counts for the loss {empty}: every label of the epoch is to be ignored")
        rates = self._rates(self.position.epoch * self.steps + self.position.step - 1)
        row = {"epoch": self.position.epoch + 1, "lr": rates[0], "train": trained, "validation": self._validate()}
        if self.plan.parts:
            row["rates"] = dict(zip(self.plan.parts, rates, strict=True))
        row["seconds"] = round(time.monotonic() - started, 3)
        row |= {"waiting": round(self.waited, 4)} if isinstance(self.dataset.splits["train"], MadeSplit) else {}
        row["best"] = self.judge.is_best(row, self.position.history)
        self._require_sound()
        self.position = Position(self.position.epoch + 1, history=[*self.position.history, row])
        if row["best"] and self.rank == 0:
            with self.folder.writing():
                facts = {"epoch": row["epoch"], **self.dataset.facts}
                save_arrays(self.folder.weights, self.engine.averaged() or self.engine.weights(), facts)
        self._save()
        return row

    def _require_sound(self) -> None:
        """A step may have ruined the weights although its own loss was a number."""
        if not all(np.isfinite(value).all() for value in self.engine.weights().values()):
            raise self._diverged("weights became infinite or NaN")

    def _validate(self) -> dict[str, Any] | None:
        """Losses and metrics of the validation split; None when nothing is held out."""
        if not len(self.dataset.splits["validation"]):
            return None
        totals = RunningTotals()
        batches = cut(np.arange(len(self.dataset.splits["validation"])), self.plan.batch)
        shares = [own for b in batches if len(own := b[self.rank :: self.world])]
        self.engine.score(self.engine.batches("validation", shares), totals)
        return self.terms.result(self._gathered(totals))

    def _gathered(self, totals: RunningTotals) -> RunningTotals:
        """The sum over all processes."""
        if self.world == 1:
            return totals
        whole = RunningTotals()
        for part in self.engine.gathered(totals.settled()):
            whole.add(part)
        return whole

    def best_row(self) -> dict[str, Any]:
        return best_of(self.position.history) or {}

    # ------------------------------------------------------------ keeping

    def _save(self) -> None:
        """Replace the checkpoint; processes hand their random states and sums to the first."""
        own = self.engine.tensors() | beneath(f"totals/{self.rank}/", self.position.totals.arrays())
        parts = self.engine.gathered(own)
        if self.rank == 0:
            tensors = {name: value for part in parts for name, value in part.items()}
            with self.folder.writing():
                save(self.folder.checkpoint, tensors, self._facts())
                self.folder.write_history(self.position.history)
                if self.logbook is not None:
                    self.logbook.reach(self.position.epoch, self.position.step, self.position.history)
                if time.monotonic() - self.drawn > CURVES_SECONDS:
                    self._draw()
        self.engine.wait()
        self.saved = time.monotonic()

    def _facts(self) -> dict[str, Any]:
        return {
            "net": self.net.name,
            "recipe": recipe_json(self.plan),
            "samples": self._samples(),
            "epoch": self.position.epoch,
            "step": self.position.step,
            "batch": self.plan.batch * self.plan.accumulate,
            "seconds": self.position.seconds,
            "history": self.position.history,
            **self.engine.facts(),
        }

    def _draw(self) -> None:
        from netdsl.runtime.training.curves import draw_curves

        if self.position.history:
            draw_curves(self.folder.curves, self.net.name, self.position.history)
        self.drawn = time.monotonic()

    def _remark(self) -> None:
        """What is worth saying of the whole run, below its table."""
        history, best = self.position.history, self.best_row()
        why = self._worn_out()
        if why is not None and len(history) < self.plan.epochs:
            self.reporter.head([f"{why}, as `patience {self.plan.patience}` says"])
        if self.plan.parts:
            return
        since = overfitting(history)
        if since is not None and best:
            first = self.judge.first
            by = "lowest validation loss" if first is None else f"best {first.name} on validation"
            self.reporter.warn(overfitting_plot(history, since, f"epoch {best['epoch']}, which has the {by}"))
        guessed = guessing(history, self.plan.losses, self.steps, self._targets)
        if guessed is not None:
            self.reporter.warn(guessed)

    def _targets(self, name: str) -> Any:
        """A field of some training samples, spread evenly where that is cheap; None for what is no field."""
        samples = self.dataset.splits["train"]
        near = isinstance(samples, MadeSplit) and samples.pieces is not None  # all over it would be read whole
        some = (
            np.arange(min(len(samples), TARGETS)) if near else np.arange(0, len(samples), 1 + len(samples) // TARGETS)
        )
        return samples.fetch(some).get(name)
