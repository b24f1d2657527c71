"""How long a step takes at least: each row as long as its products or its bytes, whichever is more.

The roofline of Williams, Waterman and Patterson ("Roofline: an insightful visual performance model", 2009). It assumes
that products run at the card's peak, that every operation reads and writes memory once, and that nothing overlaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netdsl.analysis.nesting import chains
from netdsl.analysis.report import Row
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


class Estimate(NamedTuple):
    """The time of every layer by its path, and of them all."""

    rows: Mapping[str, RowTime]
    total: RowTime

    @property
    def compute(self) -> float:
        return self.total.compute


def estimate(traffic: Traffic, batch: int, card: CardSheet, precision: str) -> Estimate:
    """Forward and backward of each row apart."""
    times: dict[str, RowTime] = {}
    total = RowTime(0.0, 0.0)
    for key in dict.fromkeys((*traffic.macs, *traffic.moved)):
        compute = 2 * at_batch(traffic.macs.get(key, NOTHING), batch) / card.rate(precision)
        memory = at_batch(traffic.moved.get(key, NOTHING), batch) / card.bandwidth
        one = RowTime(compute, 0.0) if compute > memory else RowTime(0.0, memory)
        total = _sum(total, one)
        times[key[1]] = _sum(times.get(key[1], RowTime(0.0, 0.0)), one)
    return Estimate(times, total)


def blocks_too(times: Mapping[str, RowTime], rows: Sequence[Row]) -> dict[str, RowTime]:
    """The times of layers, and of blocks those of all that is inside them."""
    total: dict[str, RowTime] = {}
    around = chains(rows)
    for path, one in times.items():
        for outer in around.get(path, (path,)):
            total[outer] = _sum(total.get(outer, RowTime(0.0, 0.0)), one)
    return total


def _sum(one: RowTime, other: RowTime) -> RowTime:
    return RowTime(one.compute + other.compute, one.memory + other.memory)
