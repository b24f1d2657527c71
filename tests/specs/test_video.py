"""Nets of films and of outlines: the numbers of modules written apart from them, and what they learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from references.osvos import OSVOS
from safetensors.torch import save_file
from ten_steps import ten_losses
from torch import Tensor

import netdsl
from netdsl.codegen.pytorch.module import torch_module
from netdsl.elaborate.recipes import read_data
from netdsl.program import load_file
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.train import train

SPECS = Path(__file__).parents[2] / "specs"
ENGINES = pytest.mark.parametrize("engine", ["torch", "onnx"])

torch.set_num_threads(1)


def drawn(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5))


# ---------------------------------------------------------------- one-shot segmentation

THIN = {"width": "4", "maps": "3"}


def test_osvos_says_what_its_reference_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = OSVOS(width=4, maps=3)
    net = load_file(SPECS / "osvos.net", THIN).net("OSVOS", trained=False)
    begun = torch_module(net, 0).state_dict()
    for step in range(4):
        torch.testing.assert_close(begun[f"side{step + 2}.upscale.weight"], theirs.upscale[step].weight.data)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    map = str(SPECS / "weights" / "osvos.osvos_pytorch.map")
    ours = torch_module(net, weights=netdsl.Weights(str(tmp_path / "theirs.safetensors"), map=map))
    for size in ((33, 47), (64, 38)):
        image = drawn(2, 3, *size)
        mask, *said = ours(image).values()
        for mine, wanted in zip([*said, mask], theirs(image), strict=True):
            torch.testing.assert_close(mine, wanted, rtol=1e-6, atol=1e-6)
            assert float(wanted.detach().std()) > 1e-4


@ENGINES
def test_ten_steps_on_one_batch_lower_the_loss_of_osvos(engine: str) -> None:
    recipe = {"data": "moving_object(size=32, count=10, mean=0.5, std=0.25)"}
    net = load_file(SPECS / "osvos.net", THIN, recipe, by="small").net("OSVOS")
    plan = plan_of(net)
    losses = ten_losses(engine, net, plan, load_data(plan.data, net, {}), 8, [0.01])
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_one_frame_is_enough_to_find_its_object_in_the_film(tmp_path: Path) -> None:
    """The parent alone does not know which figure is meant."""
    settings, film = {"width": "16"}, "moving_object(size=64, count=40, film=36, mean=0.5, std=0.25)"
    net = load_file(SPECS / "osvos.net", settings).net("OSVOS")
    train(net, tmp_path / "parent", recipe="small", device="cpu", quiet=True)
    before = evaluate(tmp_path / "parent", data=read_data(film), device="cpu")["metrics"]["iou"]
    weights = netdsl.Weights(str(tmp_path / "parent" / "weights.safetensors"))
    train(net, tmp_path / "own", recipe="small_one_frame", weights=weights, device="cpu", quiet=True)
    after = evaluate(tmp_path / "own", device="cpu")["metrics"]["iou"]
    assert after > max(0.6, 2 * before)
