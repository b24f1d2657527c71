"""Training through onnxruntime: the training step as one graph (`stepping.py`), without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.codegen.onnx.weights import initial
from netdsl.dims.tensors import DType, Weight
from netdsl.graph import Net, Part
from netdsl.graph.clock import clock
from netdsl.passes.differentiate import nothing_learned
from netdsl.passes.optimize import AVERAGE, SEPARATOR, counter_of
from netdsl.passes.pipeline import training_step
from netdsl.passes.step import FLAG, RATE, SCALE, SEED, SHARE, STEADY, gathers
from netdsl.recipe import Steering
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.sets import BatchPart, Dataset
from netdsl.runtime.engines.engine import BatchFields
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.runs.tensorfile import beneath, remembered, under
from netdsl.runtime.scoring.onnx import OnnxScoring, add_batch, size_of
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.sessions.binding import arrays_of
from netdsl.runtime.sessions.session import on_cuda
from netdsl.runtime.sessions.stepping import Stepping, held_by


class OnnxEngine:
    """A run through onnxruntime, in one process."""

    rank, world = 0, 1
    libraries: tuple[str, ...] = ("onnxruntime",)

    def __init__(self, net: Net, plan: Plan, dataset: Dataset, device: str | None) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RunError("the engine onnx trains in one process: leave the launcher out, or use the engine torch")
        if plan.precision == "bf16" and not on_cuda(device):
            raise RunError("onnxruntime computes bf16 with CUDA only: leave `precision` out, or use the engine torch")
        self.net, self.plan = net, plan
        self.own = dict(net.weights())
        self.steering, self.asked = plan.steering, device
        self.whole = [self._opened(part, self.steering.stages[-1]) for part in plan.turns]
        """The steps once all is trained that ever is: they carry what those of the first epochs do, and more."""
        self.steps = self.whole
        self.scoring = OnnxScoring(net, plan, device)
        splits = [(n, dataset.splits[n]) for n in ("train", "validation")]
        self.feeds = {
            n: ArrayFeed(split, plan.workers, split_check(net, plan, n, dataset.sizes)) for n, split in splits
        }

    def _opened(self, part: Part, epoch: int) -> Stepping:
        """The step of one part of the recipe, in an epoch."""
        graph = training_step(self.net, operands=True, part=part, epoch=epoch)
        if not any(c.weight.trainable and c.name in self.own for c in graph.carried):
            raise nothing_learned(self.net, part)
        return Stepping(graph, self.asked)

    @property
    def where(self) -> str:
        return f"onnxruntime {self.device}"

    @property
    def device(self) -> str:
        return str(self.steps[0].session.device)

    def memory(self) -> int | None:
        return None  # onnxruntime does not say

    @property
    def needed(self) -> dict[str, Weight]:
        """All that is held: the weights of the net, and what its steps carry."""
        each = (self.own, *(step.weights for step in self.whole))
        return {key: weight for weights in each for key, weight in weights.items()}

    @property
    def carried(self) -> set[str]:
        return {key for step in self.steps for key in step.carried}

    def drawn(self) -> dict[str, Array]:
        return {key: initial(key, weight, self.plan.seed) for key, weight in self.own.items()}

    def begin(self, tensors: Mapping[str, Array], facts: Mapping[str, object], name: str) -> None:
        given = self._given(tensors, name) | scale_of(facts) if tensors else None
        self.state = held_by(self.whole, self.needed, lambda key, weight: self._start(key, weight, given))
        self.stage: int | None = None

    def turn_to(self, epoch: int) -> None:
        self.clock = self.scoring.now = clock(self.plan.losses, epoch, self.plan.epochs)
        stage, stages = self.steering.stage_of(epoch), self.steering.stages
        if stage == self.stage:
            return
        self.stage = stage
        last = stage == stages[-1]
        self.steps = self.whole if last else [self._opened(part, stage) for part in self.plan.turns]
        for step in self.steps:
            step.use(self.state)

    def _given(self, tensors: Mapping[str, Array], name: str) -> dict[str, Array]:
        """Weights and state of a checkpoint under the names of the step, compared with what it needs."""
        model, memory = under(tensors, "model/"), under(tensors, "optimizer/")
        averages = {f"{key}{SEPARATOR}{AVERAGE}": value for key, value in under(tensors, "average/").items()}
        given = {**model, **averages, **slots_of(memory, name, self.plan.turns, self.steering)}
        for key in model:
            if key not in self.own:
                raise RunError(f"{name} has a weight `{key}` that the net has not")
        for key, weight in self.needed.items():
            if key not in given and key in self.own:
                raise RunError(f"{name} has no weight `{key}`")
            if key in given and given[key].shape != weight.shape:
                found, needed = list(given[key].shape), list(weight.shape)
                raise RunError(f"{name}: weight `{key}` is {found}, the net needs {needed}")
            if key in given and (given[key].dtype.kind == "f") != (weight.dtype is DType.FLOAT):
                raise RunError(f"{name}: weight `{key}` holds {given[key].dtype}, the net needs {weight.dtype}")
        return given

    def _start(self, key: str, weight: Weight, given: Mapping[str, Array] | None) -> Array:
        """What a tensor starts as: what was given; else weights are drawn, averages are those, and the rest is zero."""
        if given is not None and key in given:
            return given[key].astype(NUMPY[weight.dtype], copy=False)
        averaged = key.removesuffix(f"{SEPARATOR}{AVERAGE}")
        if averaged != key:
            return self._start(averaged, self.own[averaged], given)
        return initial(key, weight, self.plan.seed)

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
    ) -> float:
        batches = [next(fed) for _ in group] if len(self.steps) > 1 else fed
        turns = zip(range(len(self.steps)), rates, strict=True)
        return sum(self._turn(turn, batches, len(group), rate, number, totals) for turn, rate in turns)

    def _turn(
        self, turn: int, batches: Iterable[BatchFields], many: int, rate: float, number: int, totals: RunningTotals
    ) -> float:  # fmt: skip
        """One step of one part of the recipe; the loss of its last batch."""
        step = self.steps[turn]
        share = {} if self.plan.ema is None else {SHARE: self.plan.share(number)}
        for count, fields in enumerate(islice(batches, many), start=1):
            seed = step_seed(self.plan.seed, number, count, turn)
            found = step.run({**fields, **self.clock, RATE: rate, SEED: seed, FLAG: count == many, **share})
            add_batch(self.scoring.terms, step.graph, {**fields, **found}, size_of(fields), totals)
        return float(found["loss"])

    def score(self, fed: Iterator[BatchFields], totals: RunningTotals) -> None:
        self.scoring.score(fed, {**self.state.reads, **self._averages()}, totals)

    # ------------------------------------------------------------ keeping

    def weights(self) -> dict[str, Array]:
        return arrays_of(self.state.reads, self.own)

    def _averages(self) -> dict[str, Any]:
        """The averages of weights, as the device holds them; nothing without `ema`."""
        slots = {key: f"{key}{SEPARATOR}{AVERAGE}" for key in self.own} if self.plan.ema is not None else {}
        return {key: self.state.reads[slot] for key, slot in slots.items() if slot in self.state.reads}

    def averaged(self) -> dict[str, Array] | None:
        if self.plan.ema is None:
            return None
        return arrays_of({**self.state.reads, **self._averages()}, self.own)

    def tensors(self) -> dict[str, Array]:
        # a checkpoint is made between two steps: nothing is being added up
        memory: dict[str, Array] = {}
        for part, step in zip(self.plan.turns, self.steps, strict=True):
            counters = {counter_of(part.name, stage) for stage in self.steering.stages}
            slots = [key for key in step.carried if SEPARATOR in key and key not in counters and _remembers(key)]
            state = arrays_of(self.state.reads, slots)
            own = {"/".join(key.rsplit(SEPARATOR, 1)): value for key, value in state.items()}
            made = arrays_of(self.state.reads, counters.intersection(step.carried))
            weights = {key.rpartition("/")[0] for key in own} if made else ()
            memory |= own | {f"{w}/{STEP}": made[counter_of(part.name, self.steering.thaws(w) or 0)] for w in weights}
        averages = arrays_of(self._averages(), self._averages())
        kept = beneath("model/", self.weights()) | beneath("optimizer/", memory)
        return kept | beneath("average/", averages)

    def facts(self) -> dict[str, Any]:
        if SCALE not in self.carried:
            return {"scaler": None}
        now = arrays_of(self.state.reads, (SCALE, STEADY))
        return {"scaler": {**SCALER, "scale": float(now[SCALE]), "_growth_tracker": int(now[STEADY])}}

    def gathered(self, part: object) -> list[Any]:
        return [part]

    def wait(self) -> None:
        """There is one process."""


def _remembers(key: str) -> bool:
    """Whether a carried tensor is what an optimizer remembers of a weight."""
    return not gathers(key) and key.rpartition(SEPARATOR)[2] != AVERAGE


STEP = "step"
"""The slot in which PyTorch counts the updates of one weight; here one number serves all."""


def slots_of(
    memory: Mapping[str, Array], name: str, parts: Sequence[Part], steering: Steering | None = None
) -> dict[str, Array]:
    """The memory of optimizers, kept as `<weight>/<slot>`, under the names of the steps.

    Weights that began to learn in one epoch, by the `steering` of their recipe, were updated as often.
    """
    steering = steering or Steering()
    counts = {key: value for key, value in memory.items() if key.endswith(f"/{STEP}")}
    made: dict[str, Array] = {}
    for part, stage in product(parts, steering.stages):
        of_stage = (key for key in counts if (steering.thaws(key.rpartition("/")[0]) or 0) == stage)
        own = remembered({key: counts[key] for key in of_stage}, part.moves)
        if len({float(value) for value in own.values()}) > 1:
            few, many = (pick(own, key=lambda k: float(counts[k])).rpartition("/")[0] for pick in (min, max))
            raise RunError(
                f"{name} has updated `{few}` fewer times than `{many}`, which the engine onnx cannot go on with: use "
                "the engine torch"
            )
        made |= {counter_of(part.name, stage): next(iter(own.values()))} if own else {}
    return made | {SEPARATOR.join(k.rsplit("/", 1)): v for k, v in memory.items() if k not in counts}


SCALER = {"growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
"""How a loss scale changes, as a checkpoint keeps it for PyTorch."""


def scale_of(facts: Mapping[str, Any]) -> dict[str, Array]:
    """The loss scale that a checkpoint of either engine has."""
    found = facts.get("scaler") or {}
    pairs = ((SCALE, "scale"), (STEADY, "_growth_tracker"))
    return {name: np.array(found[key], np.float32) for name, key in pairs if key in found}


def step_seed(seed: int, number: int, count: int, turn: int = 0) -> int:
    """The seed of one batch: follows from the run's seed and the step alone, so any position can be returned to.

    Each part of a recipe draws anew.
    """
    return int(np.random.SeedSequence([seed, number, count, *([turn] if turn else [])]).generate_state(1)[0])
