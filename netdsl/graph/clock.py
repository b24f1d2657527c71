"""The time in a run, which the weight of a loss may follow: numbers that are the same for all samples of an epoch."""

from __future__ import annotations

from collections.abc import Iterable

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import RecipeTerm

CLOCK = ("epoch", "epochs")
"""Their names: the epochs that are over, and those that the run has."""

TICK = TensorType((), DType.FLOAT, batched=False)


def of_clock(value: Value) -> bool:
    """Whether an input of a loss is one of them, and no field of a sample."""
    return value.name in CLOCK and not value.type.batched


def clock(losses: Iterable[RecipeTerm], epoch: int, epochs: int) -> dict[str, float]:
    """Those that some losses read, in an epoch, counted from 0."""
    now = {"epoch": float(epoch), "epochs": float(epochs)}
    return {v.name: now[v.name] for term in losses for v in term.graph.inputs if of_clock(v)}
