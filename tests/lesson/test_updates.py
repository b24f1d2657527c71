"""Each optimizer's rule, carried out line by line with its numbers, against torch.optim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from computed import computed

from netdsl.lesson.updates import rule, update_rule
from netdsl.program import load_text
from netdsl.recipe import OPTIMIZERS

RULES: list[tuple[str, dict[str, Any], Any]] = [
    ("sgd", {"lr": 0.1}, torch.optim.SGD),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}, torch.optim.SGD),
    ("sgd", {"lr": 0.1, "momentum": 0.8, "nesterov": True}, torch.optim.SGD),
    ("adam", {"lr": 0.02}, torch.optim.Adam),
    ("adam", {"lr": 0.02, "weight_decay": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6}, torch.optim.Adam),
    ("adamw", {"lr": 0.02, "weight_decay": 0.1}, torch.optim.AdamW),
    ("rmsprop", {"lr": 0.02}, torch.optim.RMSprop),
    ("rmsprop", {"lr": 0.02, "momentum": 0.5, "centered": True, "weight_decay": 0.1}, torch.optim.RMSprop),
    ("adagrad", {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.05}, torch.optim.Adagrad),
]


@pytest.mark.parametrize(
    ("name", "settings", "reference"), RULES, ids=lambda v: str(v) if isinstance(v, dict) else None
)
def test_rules_are_torchs(name: str, settings: dict[str, Any], reference: Any) -> None:
    lines = rule(OPTIMIZERS[name](**settings))
    betas = {"betas": (settings.get("beta1", 0.9), settings.get("beta2", 0.999))} if name.startswith("adam") else {}
    plain = {k: v for k, v in settings.items() if not k.startswith("beta")}
    weight = torch.nn.Parameter(torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64))
    optimizer = reference([weight], **plain, **betas)
    numbers: dict[str, Any] = {"w": weight.detach().numpy().copy(), "α": settings["lr"], "m": 0.0, "v": 0.0, "u": 0.0}
    for step in range(1, 5):
        gradient = np.sin(np.arange(3) + step)
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        numbers |= {"∂J/∂w": gradient, "t": step}
        for target, formula in lines:
            numbers[target.name] = computed(formula, numbers)
        assert np.allclose(numbers["w"], weight.detach().numpy(), rtol=1e-12), f"step {step}"


def test_every_optimizer_has_a_rule() -> None:
    assert {name for name, _, _ in RULES} == set(OPTIMIZERS)


def test_what_a_recipe_says_of_its_weights_is_said() -> None:
    text = """net A {
      input x [1]
      output y: linear(1)
    }
    train A {
      data curve([1, 2])
      loss (y, label) -> mse
      optimizer adamw(lr=0.1, no_decay=true, layer_decay=0.5)
      schedule cosine(warmup=1)
      clip 2
    }"""
    recipe = load_text(text).net().recipe
    assert recipe is not None
    found = update_rule(recipe.turns[0])
    assert found.lines[0] == "w ← w − 0.01·α·w"
    said = " / ".join(found.where)
    assert "norm is at most 2" in said
    assert "do not decay" in said
    assert "0.5 once more with each layer" in said
    assert "schedule `cosine(warmup=1" in said
