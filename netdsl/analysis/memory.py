"""Peak memory of inference: which tensors live at the same moment when the rows run in order.

What is counted: inputs, which belong to the caller and stay for the whole run; every result from the row that makes
it to the last row that reads it (an output of the net to the end). A row holds its operands and its results at once.
A view of its operand (flatten, dropout in inference) needs no memory of its own. Activations are not reused in place:
a relu has its operand and its result side by side. Weights are counted apart. What a runtime adds for itself (the
indices that PyTorch's max pooling keeps, workspaces of convolution libraries) is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netdsl.dims.tensors import Value


class Storage:
    """Memory that one tensor and all views of it stand in; free after the step `last_use`, -1 when nothing reads it."""

    __slots__ = ("last_use", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.last_use = -1


class TimedOp(NamedTuple):
    """One operation of the schedule."""

    path: str
    made: tuple[Storage, ...]
    workspace: int = 0
    """Bytes that it takes inside itself beside its results: the body of a recurrent block."""


class Timeline:
    """The steps in order, filled while the graph is walked.

    `held` are the bytes that stay for the whole run: the inputs. A value without storage takes no memory of its own.
    """

    def __init__(self) -> None:
        self.steps: list[TimedOp] = []
        self.held = 0
        self.storages: dict[Value, Storage | None] = {}

    def hold(self, value: Value, size: int) -> None:
        """A value that is there from the beginning to the end."""
        self.held += size
        self.storages[value] = None

    def alias(self, value: Value, other: Value) -> None:
        """`value` is another name of `other`, as with the inputs and outputs of a block."""
        self.storages[value] = self.storages.get(other)

    def run(self, path: str, reads: Iterable[Value], makes: Iterable[tuple[Value, int]], workspace: int = 0) -> None:
        """One operation that makes new tensors of the given sizes."""
        made = []
        for value, size in makes:
            storage = Storage(size)
            self.storages[value] = storage
            made.append(storage)
        self._read(reads)
        self.steps.append(TimedOp(path, tuple(made), workspace))

    def view(self, path: str, reads: Sequence[Value], results: Iterable[Value]) -> None:
        """One operation whose results stand in the memory of the first value that it reads."""
        self._read(reads)
        for result in results:
            self.alias(result, reads[0])
        self.steps.append(TimedOp(path, ()))

    def keep(self, values: Iterable[Value]) -> None:
        """Values that are wanted after the last step."""
        for value in values:
            storage = self.storages.get(value)
            if storage is not None:
                storage.last_use = len(self.steps)

    def _read(self, values: Iterable[Value]) -> None:
        for value in values:
            storage = self.storages.get(value)
            if storage is not None:
                storage.last_use = len(self.steps)

    def live(self) -> Iterator[tuple[str, int]]:
        """The bytes alive during each step."""
        frees: dict[int, int] = {}
        now = self.held
        for index, step in enumerate(self.steps):
            for storage in step.made:
                now += storage.size
                last = max(index, storage.last_use)
                frees[last] = frees.get(last, 0) + storage.size
            yield step.path, now + step.workspace
            now -= frees.pop(index, 0)

    def peak(self) -> tuple[int, str]:
        """The most bytes alive at once and the path of the first step with so many."""
        best, where = self.held, ""
        for path, size in self.live():
            if size > best or not where:
                best, where = max(size, best), path
        return best, where
