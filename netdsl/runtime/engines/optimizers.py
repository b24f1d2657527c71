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


def make_optimizer(optimizer: Optimizer, module: nn.Module) -> torch.optim.Optimizer:
    """The optimizer over a module's trained weights; with `no_decay` in two groups."""
    settings = {f.name: getattr(optimizer, f.name) for f in optimizer.settings() if f.name != "no_decay"}
    if isinstance(optimizer, declared.Adam):
        settings["betas"] = (settings.pop("beta1"), settings.pop("beta2"))
    return CLASSES[optimizer.name](groups(module, optimizer.no_decay), **settings)


def groups(module: nn.Module, no_decay: bool) -> list[dict[str, Any]]:
    """Parameters that are trained, in the order of the state dict; biases and normalisations apart if asked."""
    trained = [p for p in module.parameters() if p.requires_grad]
    if not no_decay:
        return [{"params": trained}]
    flat = [p for p in trained if p.ndim < 2]
    return [{"params": [p for p in trained if p.ndim >= 2]}, {"params": flat, "weight_decay": 0.0}]


def parameter_names(module: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The state-dict keys of an optimizer's parameters, in its own order."""
    names = {id(p): name for name, p in module.named_parameters()}
    return [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
