"""Running averages of weights and frozen normalisations of a module, through PyTorch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netdsl.base.arrays import Array


def average_of(module: nn.Module, kept: Mapping[str, Array]) -> AveragedModel:
    """The averages of a module's weights, those `kept` in a checkpoint, or else the weights as they are.

    Buffers are no averages, but those of the module: running statistics are averages themselves.
    """
    average = AveragedModel(module)
    average.n_averaged.fill_(1)  # else the first step would copy the weights, whatever was kept
    own = dict(average.module.named_parameters())
    with torch.no_grad():
        for key, value in kept.items():
            own[key].copy_(torch.from_numpy(value))
    return average


def follow(average: AveragedModel, module: nn.Module, share: float) -> None:
    """Let a share of the averages become the weights as they are now."""
    average.multi_avg_fn = get_ema_multi_avg_fn(1 - share)  # type: ignore[no-untyped-call]
    average.update_parameters(module)


def frozen_norms(module: nn.Module, still: Collection[str]) -> list[nn.Module]:
    """The normalisations whose running statistics are to stay as they are."""
    return [part for name, part in module.named_modules() if f"{name}.running_mean".removeprefix(".") in still]
