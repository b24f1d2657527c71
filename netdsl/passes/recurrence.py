"""Recurrence through time: a recurrent block and its gradient as two scans, one forward and one backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdsl.ir import Recurrent
from netdsl.tensors import Value

if TYPE_CHECKING:
    from netdsl.passes.differentiate import Differentiator, Entry
    from netdsl.passes.inline import Place


def write(worker: Differentiator, place: Place, block: Recurrent) -> tuple[Value, ...]:
    raise NotImplementedError


def step(worker: Differentiator, entry: Entry, outgoing: tuple[Value | None, ...]) -> None:
    raise NotImplementedError
