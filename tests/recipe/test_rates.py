"""Schedules against PyTorch's: the same rates at every step."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from netdsl.ops.base import RuleError
from netdsl.recipe import SCHEDULES

LR = 0.4


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)


@pytest.mark.parametrize("steps", [3, 7, 10, 100])
@pytest.mark.parametrize("rise", [0.15, 0.3, 0.5])
@pytest.mark.parametrize("linear", [False, True])
def test_one_cycle_is_pytorchs(steps: int, rise: float, linear: bool) -> None:
    theirs = optimizer()
    kind: Any = "linear" if linear else "cos"
    scheduler = lr_scheduler.OneCycleLR(
        theirs, LR, total_steps=steps, pct_start=rise, anneal_strategy=kind, div_factor=25, final_div_factor=1e4,
        cycle_momentum=False,
    )  # fmt: skip
    ours = SCHEDULES["onecycle"](rise=rise, linear=linear)
    for step in range(steps):
        assert LR * ours.scale(step, steps, 5) == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9), step
        theirs.step()
        if step + 1 < steps:
            scheduler.step()


@pytest.mark.parametrize(("every", "growth"), [(2, 1), (1, 2), (3, 2), (1, 3)])
def test_restarts_are_pytorchs(every: int, growth: int) -> None:
    theirs, per_epoch, floor = optimizer(), 4, 0.05
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(theirs, every, growth, eta_min=floor * LR)
    ours = SCHEDULES["cosine"](every=every, growth=growth, floor=floor)
    rates = []
    for step in range(14 * per_epoch):
        scheduler.step(step / per_epoch)  # type: ignore[arg-type]
        rates.append(LR * ours.scale(step, 14 * per_epoch, per_epoch))
        assert rates[-1] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9), step
    assert rates.count(LR) > 2, "it has begun anew"


@pytest.mark.parametrize("higher", [False, True])
@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_a_plateau_is_pytorchs(higher: bool, patience: int, cooldown: int) -> None:
    theirs, drawn = optimizer(), random.Random(patience + 10 * cooldown)
    mode: Any = "max" if higher else "min"
    scheduler = lr_scheduler.ReduceLROnPlateau(
        theirs, mode, factor=0.5, patience=patience, threshold=0.05, cooldown=cooldown, min_lr=0.05 * LR
    )
    ours = SCHEDULES["plateau"](factor=0.5, patience=patience, threshold=0.05, cooldown=cooldown, floor=0.05)
    measures: list[float] = []
    for epoch in range(60):
        measures.append(float("nan") if epoch == 9 else drawn.uniform(0.5, 1.0) + (epoch if higher else -epoch) / 100)
        scheduler.step(measures[-1])
        assert LR * ours.lowered(measures, higher) == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9), epoch
    assert ours.lowered(measures, higher) < 0.5


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(RuleError, match="climbs by itself"):
        SCHEDULES["onecycle"](warmup=1)
    with pytest.raises(RuleError, match="`growth` is for restarts"):
        SCHEDULES["cosine"](growth=2)
    with pytest.raises(RuleError, match="`factor` must be below 1"):
        SCHEDULES["plateau"](factor=1)
