"""NeuroIoU: what its surrogate is to learn is the true loss, and what it has learned is close to that on drawn masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file
from netdsl.runtime.engines.checkpoint import load_run
from netdsl.runtime.train import train

SPEC = Path(__file__).parents[2] / "specs" / "neuroiou.net"


def test_the_true_loss_is_that_of_the_masks_that_are_decided() -> None:
    """Class by class of each image, without the pixels that are ignored; where nothing is, nothing is lost: 1 - 0 / 0."""
    net = load_file(SPEC, {"width": "2", "classes": "4", "hidden": "5"}).net("NeuroIoU", trained=False)
    module = torch_module(net, 0).eval()
    random = np.random.default_rng(0)
    image = torch.from_numpy(random.normal(size=(2, 3, 16, 32)).astype(np.float32))
    label = random.integers(0, 3, (2, 16, 32))
    label[random.random(label.shape) < 0.2] = 255
    out = module(image, torch.from_numpy(label))
    guess, known = out["mask"].argmax(1).numpy(), label != 255
    for sample in range(2):
        losses = []
        for k in range(4):
            there, said = (label[sample] == k), (guess[sample] == k) & known[sample]
            either = (there | said).sum()
            losses.append(1 - (there & said).sum() / max(either, 1))
        np.testing.assert_allclose(out["wanted"][sample].detach(), losses, atol=1e-6)
        seen = [k for k in range(4) if (label[sample] == k).any()]
        assert out["surplus"][sample].item() == pytest.approx(out["learned"][sample, seen].mean().item(), rel=1e-5)


def test_the_network_learns_through_the_surrogate() -> None:
    net = load_file(SPEC, {"width": "2", "classes": "4", "hidden": "5"}).net("NeuroIoU", trained=False)
    module = torch_module(net, 0).train()
    module(torch.randn(2, 3, 16, 16), torch.randint(0, 4, (2, 16, 16)))["surplus"].sum().backward()
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for n, w in module.named_parameters() if n.startswith("mask.logits") or n == "mask.mask.weight")  # fmt: skip


def drawn(seed: int) -> tuple[Tensor, Tensor]:
    """Pairs of discs, which meet more or less, `[64, 32, 32]` each."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    centre, size = random.uniform(8, 24, (64, 2, 1, 1)), random.uniform(4, 10, (64, 1, 1))
    off = random.uniform(-1, 1, (64, 2, 1, 1)) * size[:, None]
    near = [(y - c[:, 0]) ** 2 + (x - c[:, 1]) ** 2 < size**2 for c in (centre, centre + off)]
    return torch.from_numpy(near[0]).float(), torch.from_numpy(near[1]).float()


def surrogate_error(module: nn.Module) -> tuple[float, float]:
    """How far what it says is from the true loss on drawn masks, at most and on average; it has met no such pairs."""
    said, there = drawn(1)
    both, beyond, missed = ((a * b).sum((1, 2)) for a, b in ((said, there), (said, 1 - there), (1 - said, there)))
    shares = torch.stack([both, beyond, missed], 1) / (2 * both + beyond + missed)[:, None]
    true = 1 - both / (both + beyond + missed)
    off = (module.loss(shares[:, None])[:, 0] - true).abs()
    assert true.min() < 0.2
    assert true.max() > 0.8
    return off.max().item(), off.mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_what_the_surrogate_says_approaches_the_true_loss(engine: str, tmp_path: Path) -> None:
    program = load_file(SPEC, {"classes": "2", "width": "8"})
    net = program.net("NeuroIoU", trained=False).by("small")
    first = surrogate_error(torch_module(net, 0))
    run = train(net, tmp_path / "run", device="cpu", quiet=True, engine=engine)
    found = run.best["validation"]["metrics"]
    assert found["miou"] > 0.75
    assert found["mae"] < 0.08
    most, mean = surrogate_error(load_run(tmp_path / "run", device="cpu")[1])
    assert mean < 0.12 < first[1]
    assert most < 0.25
