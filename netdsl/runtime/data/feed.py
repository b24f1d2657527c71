"""Batches of one split as arrays: what an engine without PyTorch reads. Samples that are decoded come from threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.base.arrays import Array
from netdsl.runtime.data.sets import Check, MadeSplit, SampleSplit
from netdsl.runtime.data.tallies import ahead

Batch = dict[str, Array]


class ArrayFeed:
    """Batches in order; those that have to be made are made a few ahead by `workers` threads.

    `check` sees each batch, with its places in the split, and may refuse it.
    """

    def __init__(self, split: SampleSplit, workers: int = 0, check: Check | None = None) -> None:
        self.split = split
        self.check = check or (lambda batch, indices: None)
        self.workers = workers if isinstance(split, MadeSplit) else 0

    def batches(self, plan: Sequence[Array], epoch: int | None = None) -> Iterator[Batch]:
        """The planned batches in order, by field name, varied as in an epoch of training."""
        for indices, batch in zip(plan, self._fetched(plan, epoch), strict=True):
            self.check(batch, indices)
            yield batch

    def _fetched(self, plan: Sequence[Array], epoch: int | None) -> Iterator[Batch]:
        if not self.workers:
            return (self.split.fetch(indices, epoch) for indices in plan)
        return ahead(plan, lambda indices: self.split.fetch(indices, epoch), self.workers, 2 * self.workers)
