"""PyTorch's optimizers for the declared ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from netdsl.recipe import optimizers as declared
from netdsl.recipe.optimizers import Optimizer

CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


def make_optimizer(
    optimizer: Optimizer, module: nn.Module, moves: frozenset[str] | None = None
) -> torch.optim.Optimizer:
    """The optimizer over a module's trained weights, or those with the keys that it moves; `no_decay` parts them."""
    settings = {f.name: getattr(optimizer, f.name) for f in optimizer.settings() if f.name != "no_decay"}
    if isinstance(optimizer, declared.Adam):
        settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
    return CLASSES[optimizer.name](groups(module, optimizer.no_decay, moves), **settings)


def groups(module: nn.Module, no_decay: bool, moves: frozenset[str] | None = None) -> list[dict[str, Any]]:
    """Parameters that are trained, in the order of the state dict; biases and normalisations apart if asked."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    trained = [p for name, p in named if moves is None or name in moves]
    if not no_decay:
        return [{"params": trained}]
    flat = [p for p in trained if p.ndim < 2]
    return [{"params": [p for p in trained if p.ndim >= 2]}, {"params": flat, "weight_decay": 0.0}]


def parameter_names(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The state-dict keys of an optimizer's parameters, in its own order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
