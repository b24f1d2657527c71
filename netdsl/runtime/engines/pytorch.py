"""Training through PyTorch: the emitted module, torch's optimizer, devices and processes through accelerate."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net, Part
from netdsl.graph.clock import clock
from netdsl.passes.differentiate import nothing_learned
from netdsl.passes.manner import Manners
from netdsl.runtime.data.sets import BatchPart, Dataset, Feed
from netdsl.runtime.engines import checkpoint
from netdsl.runtime.engines.averages import average_of, follow, frozen_norms
from netdsl.runtime.engines.device import make_accelerator
from netdsl.runtime.engines.engine import BatchFields
from netdsl.runtime.engines.optimizers import make_optimizer
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.runs.tensorfile import beneath, remembered, under
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, build_module, named, output_names
from netdsl.runtime.scoring.ranges import split_check


@dataclass
class Turn:
    """One part of a recipe, which may be all of it: its losses and metrics, its optimizer and what that moves."""

    part: Part
    scoring: Scoring
    optimizer: torch.optim.Optimizer
    stepper: Any = None
    """The optimizer as accelerate steps it."""

    @property
    def moved(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]


class TorchEngine:
    """One process of a run through PyTorch."""

    libraries: tuple[str, ...] = ("torch", "accelerate")

    def __init__(self, net: Net, plan: Plan, dataset: Dataset, device: str | None) -> None:
        self.net = net
        self.plan = plan
        self.scoring = Scoring(net, plan.losses, plan.metrics)
        changing = bool(plan.parts) or bool(plan.freeze)
        unused = bool({o.name for o in net.outputs} - self.scoring.reads) or changing
        self.accelerator = make_accelerator(device, plan.precision, unused)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes
        self.inputs = [value.name for value in net.fed]
        place = self.accelerator.device
        self.module: nn.Module = build_module(net, plan.seed).to(place)
        self.scoring.to(place)
        self.learned = {name: p for name, p in self.module.named_parameters() if p.requires_grad}
        self.trainable = set(self.learned)
        """The names of the weights that are trained in the epoch under way."""
        self.kept: list[nn.Module] = []
        """Normalisations that are frozen in it."""
        self.average: AveragedModel | None = None
        self.clock = self._clock(plan.epochs - 1)
        """The time in the run, which losses may weigh by: that of the last epoch, until an epoch is turned to."""
        self.turns = [self._turn(part) for part in plan.turns]
        splits = [(n, dataset.splits[n]) for n in ("train", "validation")]
        self.feeds = {
            n: Feed(split, place, plan.workers, split_check(net, plan, n, dataset.sizes)) for n, split in splits
        }

    @property
    def where(self) -> str:
        processes = f", {self.world} processes" if self.world > 1 else ""
        return f"{self.accelerator.device}{processes}"

    @property
    def device(self) -> str:
        place = self.accelerator.device
        return f"{place} ({torch.cuda.get_device_name(place)})" if place.type == "cuda" else str(place)

    def memory(self) -> int | None:
        place = self.accelerator.device
        return torch.cuda.max_memory_allocated(place) if place.type == "cuda" else None

    def _turn(self, part: Part) -> Turn:
        scoring = Scoring(self.net, part.losses, part.metrics).to(self.accelerator.device)
        manners = Manners(self.net, part, self.plan.settings)
        return Turn(part, scoring, make_optimizer(part.optimizer, self.module, part.moves, manners))

    def drawn(self) -> dict[str, Array]:
        return self.weights()

    def begin(self, tensors: Mapping[str, Array], facts: Mapping[str, object], name: str) -> None:
        torch.manual_seed(self.plan.seed + self.rank)
        if tensors:
            self._restore({k: torch.from_numpy(v) for k, v in tensors.items()}, facts, name)
        self.model, *steppers = self.accelerator.prepare(self.module, *(turn.optimizer for turn in self.turns))
        for turn, stepper in zip(self.turns, steppers, strict=True):
            turn.stepper = stepper
        if self.plan.ema is not None:
            self.average = average_of(self.module, under(tensors, "average/"))

    def turn_to(self, epoch: int) -> None:
        self.clock = self._clock(epoch)
        still = self.plan.steering.still(self.module.state_dict(), epoch)
        self.trainable = {name for name in self.learned if name not in still}
        self.kept = frozen_norms(self.module, still)
        for name, parameter in self.learned.items():
            parameter.requires_grad_(name in self.trainable)

    def _clock(self, epoch: int) -> dict[str, Tensor]:
        now = clock(self.plan.losses, epoch, self.plan.epochs)
        return {name: torch.tensor(value, device=self.accelerator.device) for name, value in now.items()}

    def _restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object], name: str) -> None:
        checkpoint.load_weights(self.module, under(tensors, "model/"), name)
        memory = under(tensors, "optimizer/")
        for turn in self.turns:
            checkpoint.load_optimizer(self.module, turn.optimizer, remembered(memory, turn.part.moves))
        checkpoint.load_generators(under(tensors, f"random/{self.rank}/"), name)
        if self.accelerator.scaler is not None and facts.get("scaler"):
            try:
                self.accelerator.scaler.load_state_dict(facts["scaler"])
            except (KeyError, RuntimeError):
                raise RunError(f"{name} is damaged: its loss scale cannot be read") from None

    # ------------------------------------------------------------ computing

    def batches(self, split: str, plan: Sequence[Array], epoch: int | None = None) -> Iterator[BatchFields]:
        return self.feeds[split].batches(plan, epoch)

    def step(
        self,
        fed: Iterator[BatchFields],
        group: Sequence[BatchPart],
        rates: Sequence[float],
        number: int,
        totals: RunningTotals,
    ) -> Tensor:
        self.model.train()
        for norm in self.kept:
            norm.eval()
        batches = [next(fed) for _ in group]
        turns = zip(self.turns, rates, strict=True)
        loss = torch.stack([self._take(turn, batches, group, rate, totals) for turn, rate in turns]).sum()
        if self.average is not None and not all(turn.stepper.step_was_skipped for turn in self.turns):
            follow(self.average, self.module, self.plan.share(number))
        return loss

    def _take(
        self,
        turn: Turn,
        batches: Sequence[BatchFields],
        group: Sequence[BatchPart],
        rate: float,
        totals: RunningTotals,
    ) -> Tensor:
        """One part's turn on the batches of a step; the loss of the last of them."""
        if turn.part.moves is not None:  # gradients of what others move are not worked out
            for name, parameter in self.learned.items():
                parameter.requires_grad_(name in self.trainable and name in turn.part.moves)
        shares = self._shares(turn.scoring, batches, group)
        for fields, part, share in zip(batches, group, shares, strict=True):
            loss = self._backward(turn, fields, part, share, part is group[-1], totals)
        if turn.part.clip is not None:
            self.accelerator.clip_grad_norm_(turn.moved, turn.part.clip)
        for parameters in turn.optimizer.param_groups:
            parameters["lr"] = rate * parameters["speed"]
        turn.stepper.step()
        turn.stepper.zero_grad()
        return loss

    def _shares(
        self, scoring: Scoring, batches: Sequence[BatchFields], group: Sequence[BatchPart]
    ) -> list[dict[str, float] | None]:  # fmt: skip
        """What each loss of each batch counts in the step, so that all batches of all processes are as one."""
        if len(batches) == self.world == 1:
            return [None]
        own = [scoring.weights(b) * (p.counted > 0) for b, p in zip(batches, group, strict=True)]
        parts = [torch.tensor(w, dtype=torch.float64) for w in self.gathered(torch.stack(own).sum(0).tolist())]
        whole = torch.stack(parts).sum(0)
        # gradients of several processes are averaged, so a share counts world times its part of the whole
        names = [term.name for term in scoring.losses]
        each = [w * self.world / torch.where(whole > 0, whole, 1.0) for w in own]
        return [dict(zip(names, shares.tolist(), strict=True)) for shares in each]

    def _backward(
        self,
        turn: Turn,
        fields: BatchFields,
        part: BatchPart,
        shares: Mapping[str, float] | None,
        last: bool,
        totals: RunningTotals,
    ) -> Tensor:
        """Add the gradients of one batch; its loss as such."""
        with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
            values = self._forward(self.model, fields, True)
            losses = turn.scoring.loss(totals, values, True, part.counted > 0)
            counted = losses if shares is None else {n: loss * shares[n] for n, loss in losses.items()}
            whole = torch.stack(list(counted.values())).sum()
            if not whole.requires_grad:
                raise nothing_learned(self.net, turn.part)
            self.accelerator.backward(whole)
        if part.counted:
            with torch.no_grad():
                turn.scoring.count(totals, values, True)
        return torch.stack(list(losses.values())).sum().detach()

    def _forward(self, model: Any, fields: BatchFields, training: bool) -> dict[str, Tensor]:
        """Outputs and fields by name."""
        result = model(*(fields[name] for name in self.inputs))
        return {**fields, **self.clock, **named(result, output_names(self.net, training))}

    @torch.no_grad()
    def score(self, fed: Iterator[BatchFields], totals: RunningTotals) -> None:
        plain = self.accelerator.unwrap_model(self.model) if self.average is None else self.average.module
        plain.eval()
        for number, fields in enumerate(fed):
            with self.scoring.drawing(number):
                values = self._forward(plain, fields, False)
                self.scoring.loss(totals, values)
                self.scoring.count(totals, values)

    # ------------------------------------------------------------ keeping

    def weights(self) -> dict[str, Array]:
        return checkpoint.arrays_of(self.module.state_dict())

    def averaged(self) -> dict[str, Array] | None:
        return None if self.average is None else checkpoint.arrays_of(self.average.module.state_dict())

    def tensors(self) -> dict[str, Array]:
        own = beneath(f"random/{self.rank}/", checkpoint.arrays_of(checkpoint.generator_tensors()))
        if self.rank == 0:
            own |= beneath("model/", self.weights())
            averages = self.averaged() or {}
            own |= beneath("average/", {n: v for n, v in averages.items() if n in self.learned})
            for turn in self.turns:
                memory = checkpoint.optimizer_tensors(self.module, turn.optimizer)
                own |= beneath("optimizer/", checkpoint.arrays_of(memory))
        return own

    def facts(self) -> dict[str, Any]:
        scaler = self.accelerator.scaler
        return {"scaler": scaler.state_dict() if scaler is not None else None}

    def gathered(self, part: object) -> list[Any]:
        if self.world == 1:
            return [part]
        from accelerate.utils import gather_object

        return list(gather_object([part]))

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()
