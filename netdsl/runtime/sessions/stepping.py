"""A training step in onnxruntime with what it carries: tensors that stay on the device from step to step.

Everything carried exists twice. A step reads one set and writes the other, then they change places: nothing is copied.

On CUDA a small network's kernels take less time than starting them one by one. So the step is opened a second time for
the sizes of the first batch, its kernels are recorded, and batches of those sizes replay them; others take the first
way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        held, other = {}, {}
        for key, weight in weights.items():
            array = start(key, weight)  # one at a time: a large net exists twice as it is
            held[key] = self.device.hold(array)
            other[key] = self.device.empty(array) if key in self.carried else held[key]
        self.sides = [held, other]
        self.bindings = [DeviceBinding(self.session, reads, writes) for reads, writes in self._ways()]
        self.recordings: list[Recording] = []
        self.sizes: dict[str, int] | None = None
        """Those of the first batch."""

    def _ways(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """What a step reads, and what it writes under the names of its outputs: both ways."""
        return [
            (reads, {f"{key}{NEXT}": writes[key] for key in self.carried})
            for reads, writes in (self.sides, self.sides[::-1])
        ]

    @property
    def held(self) -> dict[str, Any]:
        """What the next step reads."""
        return self.sides[0]

    def run(self, given: Mapping[str, object]) -> dict[str, Array]:
        """One step; what is reported of it."""
        sizes = self._sizes(given)
        if self.sizes is None:
            self.sizes = sizes
            if self.device.kind == "cuda":
                self.recordings = self._record(given, sizes)
        recorded = self.recordings and sizes == self.sizes
        found = (self.recordings if recorded else self.bindings)[0].run(given)
        for pair in (self.sides, self.bindings, self.recordings):
            pair.reverse()
        return found

    def _sizes(self, given: Mapping[str, Any]) -> dict[str, int]:
        """The size of every symbol in this batch."""
        ports = [port for port in self.session.inputs if port.name in given]
        pairs = [pair for port in ports for pair in zip(port.shape, np.shape(given[port.name]), strict=True)]
        return {symbol: size for symbol, size in pairs if isinstance(symbol, str)}

    def _record(self, given: Mapping[str, object], sizes: Mapping[str, int]) -> list[Recording]:
        """The step for these sizes alone, recorded both ways; nothing where it cannot be, as with a recurrence of open
        length or an operator that CUDA does not have."""
        draft = draft_step(self.graph, sizes, cuda=True)
        wanted = self.bindings[0].run(given)
        try:
            session = Session(draft.model, self.session.device, pattern=False, sizes=sizes, recorded=True)
            fed = {
                port.name: self.device.hold(np.asarray(given[port.name], port.dtype))
                for port in session.inputs
                if port.name not in self.held
            }
            returned = {name: self.device.empty(array) for name, array in wanted.items()}
            made = [
                Recording(session, reads, writes, fed, returned, number)
                for number, (reads, writes) in enumerate(self._ways(), start=1)
            ]
            found = made[0].run(given)
        except (SessionError, RunError):
            return []
        if not np.allclose(found["loss"], wanted["loss"], rtol=NEAR, atol=NEAR, equal_nan=True):
            return []
        for binding in self.bindings:
            binding.options = shrinking(self.device)
        return made
