"""What trains: the loop of `netdsl.runtime.train` knows an engine by these few calls, and no library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from netdsl.base.arrays import Array
from netdsl.runtime.data.sets import BatchPart
from netdsl.runtime.scoring.totals import RunningTotals

BatchFields = Mapping[str, Any]
"""A batch by field name, as the engine holds it."""


class Engine(Protocol):
    """One network being trained, with its optimizer, on a device; tensors are arrays where they come and go."""

    rank: int
    world: int
    """This process among how many."""
    libraries: tuple[str, ...]
    """The modules that compute."""

    @property
    def where(self) -> str:
        """The device, for the head of a run."""

    @property
    def device(self) -> str:
        """The device of this process, with what it is called where that is known."""

    def memory(self) -> int | None:
        """The most bytes that were held on the device so far; None where it shares the memory of the process."""

    def drawn(self) -> dict[str, Array]:
        """The weights as the seed draws them, before it begins."""

    def begin(self, tensors: Mapping[str, Array], facts: Mapping[str, object], name: str) -> None:
        """Seed; take up the tensors of a checkpoint called `name`, if there are any."""

    def turn_to(self, epoch: int) -> None:
        """Train from now on what is trained in an epoch, counted from 0; said after `begin`, before the first step."""

    def batches(self, split: str, plan: Sequence[Array], epoch: int | None = None) -> Iterator[BatchFields]:
        """The planned batches in order, varied as in an epoch of training."""

    def step(
        self,
        fed: Iterator[BatchFields],
        group: Sequence[BatchPart],
        rates: Sequence[float],
        number: int,
        totals: RunningTotals,
    ) -> Any:
        """One step of the optimizer over the next batches, weighted by their samples; returns the last one's loss.

        Parts of a recipe take turns, each with its rate: the loss is the sum of theirs. `number` counts the steps of
        the run.
        """

    def score(self, fed: Iterator[BatchFields], totals: RunningTotals) -> None:
        """Add losses and counts of batches, computed as for inference; with `ema` by the averages."""

    def weights(self) -> dict[str, Array]:
        """The weights by state-dict key."""

    def averaged(self) -> dict[str, Array] | None:
        """With `ema` the weights that score: averages, and buffers as they are."""

    def tensors(self) -> dict[str, Array]:
        """What this process adds to a checkpoint: `model/`, `optimizer/` and `random/<rank>/` tensors."""

    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps beside tensors."""

    def gathered(self, part: object) -> list[Any]:
        """The parts of all processes."""

    def wait(self) -> None:
        """Until all processes have come here."""
