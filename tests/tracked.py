"""What PyTorch allocates: the bytes of all storages that are alive, followed call by call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tracked(TorchDispatchMode):
    """Counts what is alive while it is on: what was there before is held by `hold`.

    Each storage counts once, whatever views of it there are. What a kernel allocates inside itself is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.now = self.peak = 0
        self.where = ""
        self.log: list[tuple[str, int]] | None = None

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        self.hold(found)
        if self.now > self.peak:
            self.peak, self.where = self.now, str(func)
        if self.log is not None:
            self.log.append((str(func), self.now))
        return found

    def hold(self, tensors: object) -> None:
        """Count the storages of tensors, those that are counted already but once."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.alive:
            self.now += size - self.alive[key]
            self.alive[key] = size
            return
        self.alive[key] = size
        self.now += size
        weakref.finalize(storage, self._free, key).atexit = False

    def _free(self, key: int) -> None:
        self.now -= self.alive.pop(key)


def measured(run: Callable[[], object], held: object = ()) -> tuple[int, object]:
    """The most bytes alive at once while something runs, those of `held` among them, and what it gave."""
    tracked = Tracked()
    tracked.hold(held)
    with tracked:
        result = run()
    return tracked.peak, result
