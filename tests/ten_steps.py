"""Ten steps of a recipe on one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.runtime.data.sets import BatchPart, Dataset
from netdsl.runtime.engines.choice import open_engine
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.scoring.pytorch import RunningTotals

STEPS = 10


def ten_losses(
    engine: str, net: Net, plan: Plan, data: Dataset, size: int, rates: Sequence[float] | None = None
) -> list[float]:
    """The loss of each step on the first `size` samples, by learning rates by turn; else the recipe's own."""
    player = open_engine(engine, net, plan, data, "cpu")
    start = {f"model/{k}": v.numpy().copy() for k, v in torch_module(net, 0).state_dict().items()}
    player.begin(start, {}, "these weights")
    player.turn_to(0)
    losses, batch = [], np.arange(size)
    for number in range(STEPS):
        totals = RunningTotals()
        own = [turn.optimizer.lr for turn in plan.turns] if rates is None else list(rates)
        player.step(player.batches("train", [batch]), [BatchPart(batch, size, size)], own, number, totals)
        losses.append(sum(totals.means().values()))
    return losses
