"""PyTorch's optimizers for the declared ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from netdsl.passes.manner import Manner, plain_decay
from netdsl.recipe import optimizers as declared
from netdsl.recipe.optimizers import Optimizer

CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


OWN = ("no_decay", "layer_decay", "weight_decay")
"""Settings that say how the groups differ."""


def make_optimizer(
    optimizer: Optimizer,
    module: nn.Module,
    moves: frozenset[str] | None = None,
    manners: Callable[[str, int], Manner] | None = None,
) -> torch.optim.Optimizer:
    """The optimizer over a module's trained weights, or those with the keys that it moves, in groups of one manner.

    A group has its `speed`, what the learning rate is multiplied by for it.
    """
    settings = {f.name: getattr(optimizer, f.name) for f in optimizer.settings() if f.name not in OWN}
    if isinstance(optimizer, declared.Adam):
        settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    trained = [(name, p) for name, p in named if moves is None or name in moves]
    return CLASSES[optimizer.name](groups(optimizer, trained, manners), **settings)


def groups(
    optimizer: Optimizer,
    trained: Iterable[tuple[str, nn.Parameter]],
    manners: Callable[[str, int], Manner] | None = None,
) -> list[dict[str, Any]]:
    """Parameters by how they are moved, each in the order of the state dict."""
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained:
        axes = parameter.ndim
        manner = manners(name, axes) if manners else Manner(decay=plain_decay(optimizer, axes))
        found.setdefault((manner.speed, manner.decay), []).append(parameter)
    return [{"params": p, "weight_decay": decay, "speed": speed} for (speed, decay), p in found.items()]


def parameter_names(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The state-dict keys of an optimizer's parameters, in its own order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
