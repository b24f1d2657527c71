"""How long a step takes at least: each row as long as its products or its bytes, whichever is more.

The roofline of Williams, Waterman and Patterson ("Roofline: an insightful visual performance model", 2009). It assumes
that products run at the card's peak, that every operation reads and writes memory once, and that nothing overlaps.
"""

from __future__ import annotations

from typing import NamedTuple

from netdsl.fitting.cards import CardSheet
from netdsl.fitting.ledger import NOTHING, at_batch
from netdsl.fitting.tape import Traffic


class RowTime(NamedTuple):
    """Seconds in which compute is the bound, and those in which memory is."""

    compute: float
    memory: float

    @property
    def seconds(self) -> float:
        return self.compute + self.memory

    @property
    def bound(self) -> str | None:
        if not self.seconds:
            return None
        return "compute" if self.compute >= self.memory else "memory"


class Estimate:
    """The time of every row, those inside a block also with it."""

    def __init__(self, times: dict[str, RowTime], total: RowTime) -> None:
        self._times = times
        self.total = total

    @property
    def compute(self) -> float:
        return self.total.compute

    def row(self, path: str) -> RowTime:
        return self._times.get(path, RowTime(0.0, 0.0))


def estimate(traffic: Traffic, batch: int, card: CardSheet, precision: str) -> Estimate:
    """Forward and backward of each row apart."""
    times: dict[str, RowTime] = {}
    total = RowTime(0.0, 0.0)
    for key in dict.fromkeys((*traffic.macs, *traffic.moved)):
        compute = 2 * at_batch(traffic.macs.get(key, NOTHING), batch) / card.rate(precision)
        memory = at_batch(traffic.moved.get(key, NOTHING), batch) / card.bandwidth
        one = RowTime(compute, 0.0) if compute > memory else RowTime(0.0, memory)
        total = _sum(total, one)
        parts = key[1].split(".")
        for length in range(1, len(parts) + 1):
            outer = ".".join(parts[:length])
            times[outer] = _sum(times.get(outer, RowTime(0.0, 0.0)), one)
    return Estimate(times, total)


def _sum(one: RowTime, other: RowTime) -> RowTime:
    return RowTime(one.compute + other.compute, one.memory + other.memory)
