"""Memory as PyTorch's allocator sees it: storages that come and go, and the moments at which the most are alive.

A size is `fixed + each · batch` bytes, so that one simulated step tells the peak at every batch.
"""

from __future__ import annotations

from typing import NamedTuple

Growing = tuple[int, int]
"""What is there once, and what every sample adds."""

NOTHING: Growing = (0, 0)


def plus(*sizes: Growing) -> Growing:
    return sum(fixed for fixed, _ in sizes), sum(each for _, each in sizes)


def times(size: Growing, factor: int) -> Growing:
    return size[0] * factor, size[1] * factor


def at_batch(size: Growing, batch: int) -> int:
    return size[0] + size[1] * batch


class Instant(NamedTuple):
    """What is alive just before something is freed."""

    alive: Growing
    phase: str
    path: str


class TensorStorage:
    """Memory that some tensors stand in. It is free once nothing refers to it, as in PyTorch."""

    __slots__ = ("ledger", "path", "size")

    def __init__(self, ledger: MemoryLedger, size: Growing) -> None:
        self.ledger = ledger
        self.size = size
        self.path = ledger.path
        """The row that made it."""
        ledger.take(self)

    def __del__(self) -> None:
        self.ledger.give(self)


class MemoryLedger:
    """What is alive, and every moment at which it was more than just after."""

    def __init__(self) -> None:
        self.fixed = self.each = 0
        self.moments: list[Instant] = []
        self.alive: dict[int, tuple[str, Growing]] = {}
        """Growing and row of each storage."""
        self.phase = self.path = ""
        self._rising = False

    def at(self, phase: str, path: str) -> None:
        """From now on it is this row that takes and gives."""
        if (phase, path) != (self.phase, self.path):
            self.settle()
            self.phase, self.path = phase, path

    def take(self, storage: TensorStorage) -> None:
        self.fixed += storage.size[0]
        self.each += storage.size[1]
        self.alive[id(storage)] = storage.path, storage.size
        self._rising = True

    def give(self, storage: TensorStorage) -> None:
        self.settle()
        self.fixed -= storage.size[0]
        self.each -= storage.size[1]
        del self.alive[id(storage)]

    def settle(self) -> None:
        """Remember what is alive if it has grown."""
        if self._rising:
            self.moments.append(Instant((self.fixed, self.each), self.phase, self.path))
            self._rising = False

    @property
    def now(self) -> Growing:
        return self.fixed, self.each

    def lift(self, first: int, size: Growing) -> None:
        """Add to the moments from number `first` on what was alive beside them."""
        self.settle()
        self.moments[first:] = [m._replace(alive=plus(m.alive, size)) for m in self.moments[first:]]

    def peak(self, batch: int) -> Instant:
        """The first of the moments with the most alive."""
        self.settle()
        return max(self.moments, key=lambda m: at_batch(m.alive, batch))

    def largest_batch(self, room: int) -> int:
        """The most samples with which no moment needs more bytes than there are; 0 where not even one fits."""
        self.settle()
        counts = [self._count(m.alive, room) for m in self.moments]
        return max(0, min((c for c in counts if c is not None), default=0))

    @staticmethod
    def _count(alive: Growing, room: int) -> int | None:
        fixed, each = alive
        if each > 0:
            return (room - fixed) // each
        return None if fixed <= room else 0
