"""A training step in onnxruntime with what it carries: tensors that stay on the device from step to step.

Everything carried exists twice. A step reads one and writes the other, then they change places: nothing is copied.
Parts of a recipe are steps over the same tensors.

On CUDA a small network's kernels take less time than starting them one by one. So the step is opened a second time for
the sizes of the first batch, its kernels are recorded, and batches of those sizes replay them; others take the first
way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.step import NEXT, draft_step
from netdsl.dims.tensors import Weight
from netdsl.passes.step import TrainingStep
from netdsl.runtime.sessions.binding import Device, DeviceBinding, Recording, shrinking
from netdsl.runtime.sessions.opening import open_quietly
from netdsl.runtime.sessions.session import Session, SessionError, on_cuda

MANY = 1000
"""A step of more nodes runs on a CPU as it is written; others open soon, and a plan may save their largest tensor."""

NEAR = 1e-2
"""How far the loss of a recording may be from that of the open step: other kernels, TF32 or half precision."""


class HeldTensors:
    """Tensors on a device by name; of those that steps change there are two, one to read and one to write."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.reads: dict[str, Any] = {}
        self.writes: dict[str, Any] = {}
        self.turned: set[str] = set()
        """The names whose two tensors have changed places, once or an odd number of times."""

    def hold(self, name: str, array: Array, twice: bool) -> None:
        self.reads[name] = self.device.hold(array)
        if twice:
            self.writes[name] = self.device.empty(array)

    def turn(self, names: Collection[str]) -> None:
        """What was written is read from now on."""
        for name in names:
            self.reads[name], self.writes[name] = self.writes[name], self.reads[name]
        self.turned.symmetric_difference_update(names)


@dataclass
class Recorder:
    """A session whose kernels are recorded for batches of one size, and what comes and goes on the device."""

    session: Session
    fed: dict[str, Any]
    returned: dict[str, Any]


class Stepping:
    """The step of a graph on a device; `weights` are those it reads, all of which `begin` gives their numbers."""

    def __init__(self, graph: TrainingStep, device: str | None, threads: int | None = None) -> None:
        self.graph = graph
        draft = draft_step(graph, cuda=on_cuda(device))
        self.weights = draft.weights
        as_written = not on_cuda(device) and len(draft.model.graph.node) > MANY
        self.session = open_quietly(draft.model, device, threads, as_written=as_written)
        self.device = Device(self.session.device)
        self.carried = {c.name: c.weight for c in graph.carried}

    def begin(self, weights: Mapping[str, Weight], start: Callable[[str, Weight], Array]) -> None:
        """Hold these weights on the device, each as `start(key, weight)`."""
        self.use(held_by([self], weights, start))

    def use(self, tensors: HeldTensors) -> None:
        """Step over tensors that are there, which other steps may change as well."""
        self.tensors = tensors
        self.bindings: dict[frozenset[str], DeviceBinding] = {}
        """By the names that have changed places."""
        self.recordings: dict[frozenset[str], Recording] = {}
        self.recorder: Recorder | None = None
        self.options: Any = None
        self.sizes: dict[str, int] | None = None
        """Those of the first batch."""

    @property
    def held(self) -> dict[str, Any]:
        """What the next step reads."""
        return self.tensors.reads

    def run(self, given: Mapping[str, object]) -> dict[str, Array]:
        """One step; what is reported of it."""
        sizes = self._sizes(given)
        if self.sizes is None:
            self.sizes = sizes
            if self.device.kind == "cuda":
                self._record(given, sizes)
        recorded = self.recorder is not None and sizes == self.sizes
        found = (self._recording() if recorded else self._binding()).run(given)
        self.tensors.turn(self.carried)
        return found

    # ------------------------------------------------------------ ways to run

    def _way(self) -> frozenset[str]:
        """Which of the tensors that it reads have changed places: its own, and those that other steps change."""
        return frozenset(self.tensors.turned.intersection(self.weights))

    def _written(self) -> dict[str, Any]:
        """What a step writes, under the names of its outputs."""
        return {f"{key}{NEXT}": self.tensors.writes[key] for key in self.carried}

    def _binding(self) -> DeviceBinding:
        way = self._way()
        if way not in self.bindings:
            self.bindings[way] = DeviceBinding(self.session, self.held, self._written())
        self.bindings[way].options = self.options
        return self.bindings[way]

    def _recording(self) -> Recording:
        way, recorder = self._way(), self.recorder
        assert recorder is not None
        if way not in self.recordings:
            number = len(self.recordings) + 1
            self.recordings[way] = Recording(
                recorder.session, self.held, self._written(), recorder.fed, recorder.returned, number
            )
        return self.recordings[way]

    def _sizes(self, given: Mapping[str, Any]) -> dict[str, int]:
        """The size of every symbol in this batch."""
        ports = [port for port in self.session.inputs if port.name in given]
        pairs = [pair for port in ports for pair in zip(port.shape, np.shape(given[port.name]), strict=True)]
        return {symbol: size for symbol, size in pairs if isinstance(symbol, str)}

    def _record(self, given: Mapping[str, object], sizes: Mapping[str, int]) -> None:
        """Open the step for these sizes alone, to be recorded; not where it cannot be, as with a recurrence of open
        length or an operator that CUDA does not have."""
        draft = draft_step(self.graph, sizes, cuda=True)
        wanted = self._binding().run(given)
        try:
            session = Session(draft.model, self.session.device, pattern=False, sizes=sizes, recorded=True)
            fed = {
                port.name: self.device.hold(np.asarray(given[port.name], port.dtype))
                for port in session.inputs
                if port.name not in self.held
            }
            returned = {name: self.device.empty(array) for name, array in wanted.items()}
            self.recorder = Recorder(session, fed, returned)
            found = self._recording().run(given)
        except (SessionError, RunError):
            self._forget_recordings()
            return
        if not np.allclose(found["loss"], wanted["loss"], rtol=NEAR, atol=NEAR, equal_nan=True):
            self._forget_recordings()
            return
        self.options = shrinking(self.device)

    def _forget_recordings(self) -> None:
        self.recorder, self.recordings = None, {}


def held_by(
    steps: Sequence[Stepping], weights: Mapping[str, Weight], start: Callable[[str, Weight], Array]
) -> HeldTensors:  # fmt: skip
    """Tensors for steps that work on the same ones, each as `start(key, weight)`."""
    tensors, carried = HeldTensors(steps[0].device), set[str]().union(*(step.carried for step in steps))
    for key, weight in weights.items():
        tensors.hold(key, start(key, weight), key in carried)  # one at a time: a large net exists twice as it is
    return tensors
