"""Training through onnxruntime: the training step as one graph (`stepping.py`), without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.codegen.onnx.weights import initial
from netdsl.dims.tensors import DType, Weight
from netdsl.graph import Net
from netdsl.passes.differentiate import nothing_learned
from netdsl.passes.optimize import SEPARATOR, UPDATES_MADE
from netdsl.passes.pipeline import training_step
from netdsl.passes.step import FLAG, RATE, SCALE, SEED, STEADY, gathers
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.sets import BatchPart, Dataset
from netdsl.runtime.engines.engine import BatchFields
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.runs.tensorfile import beneath, under
from netdsl.runtime.scoring.onnx import OnnxScoring, add_batch, size_of
from netdsl.runtime.scoring.ranges import split_check
from netdsl.runtime.scoring.totals import RunningTotals
from netdsl.runtime.sessions.binding import arrays_of
from netdsl.runtime.sessions.session import on_cuda
from netdsl.runtime.sessions.stepping import Stepping


class OnnxEngine:
    """A run through onnxruntime, in one process."""

    rank, world = 0, 1

    def __init__(self, net: Net, plan: Plan, dataset: Dataset, device: str | None) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RunError("the engine onnx trains in one process: leave the launcher out, or use the engine torch")
        if plan.precision == "bf16" and not on_cuda(device):
            raise RunError("onnxruntime computes bf16 with CUDA only: leave `precision` out, or use the engine torch")
        self.net, self.plan = net, plan
        self.own = dict(net.weights())
        self.graph = training_step(net, operands=True)
        if not any(c.weight.trainable and c.name in self.own for c in self.graph.carried):
            raise nothing_learned(net)
        self.stepping = Stepping(self.graph, device)
        self.scoring = OnnxScoring(net, plan, device)
        splits = [(n, dataset.splits[n]) for n in ("train", "validation")]
        self.feeds = {n: ArrayFeed(split, plan.workers, split_check(net, plan, n)) for n, split in splits}

    @property
    def where(self) -> str:
        return f"onnxruntime {self.stepping.session.device}"

    @property
    def trained(self) -> int:
        return sum(w.elements for w in self.own.values() if w.trainable and not w.buffer)

    def begin(self, tensors: Mapping[str, Array], facts: Mapping[str, object], name: str) -> None:
        given = self._given(tensors, name) | scale_of(facts) if tensors else None
        self.stepping.begin({**self.own, **self.stepping.weights}, lambda k, weight: self._start(k, weight, given))

    def _given(self, tensors: Mapping[str, Array], name: str) -> dict[str, Array]:
        """Weights and state of a checkpoint under the names of the step, compared with what it needs."""
        model, memory = under(tensors, "model/"), under(tensors, "optimizer/")
        given = {**model, **slots_of(memory, name)}
        for key in model:
            if key not in self.own:
                raise RunError(f"{name} has a weight `{key}` that the net has not")
        for key, weight in {**self.own, **self.stepping.weights}.items():
            if key not in given and key in self.own:
                raise RunError(f"{name} has no weight `{key}`")
            if key in given and given[key].shape != weight.shape:
                found, needed = list(given[key].shape), list(weight.shape)
                raise RunError(f"{name}: weight `{key}` is {found}, the net needs {needed}")
            if key in given and (given[key].dtype.kind == "f") != (weight.dtype is DType.FLOAT):
                raise RunError(f"{name}: weight `{key}` holds {given[key].dtype}, the net needs {weight.dtype}")
        return given

    def _start(self, key: str, weight: Weight, given: Mapping[str, Array] | None) -> Array:
        """What a tensor starts as: what was given; else weights are drawn, and the rest is zero."""
        if given is not None and key in given:
            return given[key].astype(NUMPY[weight.dtype], copy=False)
        return initial(key, weight, self.plan.seed)

    # ------------------------------------------------------------ computing

    def batches(self, split: str, plan: Sequence[Array], flips: Array | None = None) -> Iterator[BatchFields]:
        return self.feeds[split].batches(plan, flips)

    def step(
        self, fed: Iterator[BatchFields], group: Sequence[BatchPart], rate: float, number: int, totals: RunningTotals
    ) -> float:
        for count in range(1, len(group) + 1):
            fields = next(fed)
            seed = step_seed(self.plan.seed, number, count)
            given = {**fields, RATE: rate, SEED: seed, FLAG: count == len(group)}
            found = self.stepping.run(given)
            add_batch(self.scoring.terms, self.graph, {**fields, **found}, size_of(fields), totals)
        return float(found["loss"])

    def score(self, fed: Iterator[BatchFields], totals: RunningTotals) -> None:
        self.scoring.score(fed, self.stepping.held, totals)

    # ------------------------------------------------------------ keeping

    def weights(self) -> dict[str, Array]:
        return arrays_of(self.stepping.held, self.own)

    def tensors(self) -> dict[str, Array]:
        # a checkpoint is made between two steps: nothing is being added up
        slots = [key for key in self.stepping.carried if SEPARATOR in key and not gathers(key)]
        state = arrays_of(self.stepping.held, slots)
        memory = {"/".join(key.rsplit(SEPARATOR, 1)): value for key, value in state.items()}
        if UPDATES_MADE in self.stepping.carried:
            made = arrays_of(self.stepping.held, (UPDATES_MADE,))[UPDATES_MADE]
            memory |= {f"{key.rpartition('/')[0]}/{STEP}": made for key in memory}
        return beneath("model/", self.weights()) | beneath("optimizer/", memory)

    def facts(self) -> dict[str, Any]:
        if SCALE not in self.stepping.carried:
            return {"scaler": None}
        now = arrays_of(self.stepping.held, (SCALE, STEADY))
        return {"scaler": {**SCALER, "scale": float(now[SCALE]), "_growth_tracker": int(now[STEADY])}}

    def gathered(self, part: object) -> list[Any]:
        return [part]

    def wait(self) -> None:
        """There is one process."""


STEP = "step"
"""The slot in which PyTorch counts the updates of one weight; here one number serves all."""


def slots_of(memory: Mapping[str, Array], name: str) -> dict[str, Array]:
    """An optimizer's memory, kept as `<weight>/<slot>`, under the names of the step."""
    counts = {key: value for key, value in memory.items() if key.endswith(f"/{STEP}")}
    if len({float(value) for value in counts.values()}) > 1:
        few, many = (pick(counts, key=lambda k: float(counts[k])).rpartition("/")[0] for pick in (min, max))
        raise RunError(
            f"{name} has updated `{few}` fewer times than `{many}`, which the engine onnx cannot go on with: use the "
            "engine torch"
        )
    made = {UPDATES_MADE: next(iter(counts.values()))} if counts else {}
    return made | {SEPARATOR.join(k.rsplit("/", 1)): v for k, v in memory.items() if k not in counts}


SCALER = {"growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
"""How a loss scale changes, as a checkpoint keeps it for PyTorch."""


def scale_of(facts: Mapping[str, Any]) -> dict[str, Array]:
    """The loss scale that a checkpoint of either engine has."""
    found = facts.get("scaler") or {}
    pairs = ((SCALE, "scale"), (STEADY, "_growth_tracker"))
    return {name: np.array(found[key], np.float32) for name, key in pairs if key in found}


def step_seed(seed: int, number: int, part: int) -> int:
    """The seed of one batch: follows from the run's seed and the step alone, so any position can be returned to."""
    return int(np.random.SeedSequence([seed, number, part]).generate_state(1)[0])
