"""Answers from several views of a picture against a few lines of PyTorch, with both engines and of ONNX files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from through_onnx import evaluate_run
from torch import Tensor
from torch.nn import functional

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli import attempt
from netdsl.runtime.data.sets import input_sizes, load_data
from netdsl.runtime.engines.checkpoint import load_run
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.judging.views import Viewer, Views
from netdsl.runtime.pictures.tiling import starts
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.train import train

MAPS = """
net Seg(classes = 4) {
  input image [3, H, W]
  assert H % 2 == 0
  assert W % 2 == 0
  deep: conv(8, 3, stride=2, pad=1) -> relu -> conv(8, 3, pad=1) -> relu -> resize(scale=2, mode=bilinear)
  output mask: (deep, image) -> concat -> conv(classes, 3, pad=1)
}
train Seg {
  data shapes(count=40, size=(24, 32), mean=0.5, std=0.25)
  loss (mask, label) -> cross_entropy
  metric (mask, label) -> pixel_accuracy
  metric (mask, label) -> miou
  epochs 2
  batch 4
}
"""
CLASSES = """
net Digit {
  input image [1, H, W]
  output logits: conv(8, 3, pad=1) -> relu -> global_avgpool -> linear(10)
}
train Digit {
  data digits(size=16)
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  epochs 1
}
"""
FIXED = CLASSES.replace("Digit", "Fixed").replace("[1, H, W]", "[1, 8, 8]").replace("(size=16)", "")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, text in {"maps": MAPS, "classes": CLASSES, "fixed": FIXED}.items():
        found[name] = tmp_path_factory.mktemp("views") / name
        train(netdsl.load_text(text), found[name], quiet=True, device="cpu")
    return found


def test_split(run: Path) -> tuple[Tensor, Tensor, Any]:
    net, module, *_ = load_run(run, device="cpu")
    samples = load_data(plan_of(net).data, net, net.defaults).splits["test"]
    batch = samples.fetch(np.arange(len(samples)))
    return torch.from_numpy(batch["image"]), torch.from_numpy(batch["label"]), module.eval()


test_split.__test__ = False  # type: ignore[attr-defined]


def scaled(x: Tensor, high: int, wide: int) -> Tensor:
    return functional.interpolate(x, (high, wide), mode="bilinear", align_corners=False)


@torch.no_grad()
def test_maps_are_averaged_over_sizes_and_mirrors(runs: dict[str, Path]) -> None:
    image, label, module = test_split(runs["maps"])
    whole = torch.zeros(len(image), 4, 24, 32)
    for high, wide in ((12, 16), (24, 32), (36, 48)):
        for flip in (False, True):
            x = scaled(image, high, wide)
            p = module(x.flip(-1) if flip else x).softmax(1)
            whole += scaled(p.flip(-1) if flip else p, 24, 32) / 6
    views = Views((0.5, 1.0, 1.5), flip=True)
    for found in (evaluate(runs["maps"], device="cpu", views=views), evaluate_run(runs["maps"], views=views)):
        assert found["loss"] == pytest.approx(functional.nll_loss(whole.log(), label).item(), rel=1e-5)
        right = (whole.argmax(1) == label).float().mean().item()
        assert found["metrics"]["pixel_accuracy"] == pytest.approx(right, abs=1e-4)
        assert any("averaged over 3 sizes (0.5, 1, 1.5), both ways round" in note for note in found["notes"])


@torch.no_grad()
def test_maps_are_averaged_where_windows_overlap(runs: dict[str, Path]) -> None:
    image, label, module = test_split(runs["maps"])
    total, seen = torch.zeros(len(image), 4, 24, 32), torch.zeros(24, 32)
    for top in (0, 8):
        for left in (0, 10, 16):
            total[..., top : top + 16, left : left + 16] += module(
                image[..., top : top + 16, left : left + 16]
            ).softmax(1)
            seen[top : top + 16, left : left + 16] += 1
    assert seen.min() >= 1
    views = Views(window=16, stride=10)
    assert (starts(24, 16, 6), starts(32, 16, 6)) == ([0, 8], [0, 10, 16])
    for found in (evaluate(runs["maps"], device="cpu", views=views), evaluate_run(runs["maps"], views=views)):
        assert found["loss"] == pytest.approx(functional.nll_loss((total / seen).log(), label).item(), rel=1e-5)


@torch.no_grad()
def test_windows_larger_than_a_view_see_zeros_around_it(runs: dict[str, Path]) -> None:
    image, label, module = test_split(runs["maps"])
    padded = functional.pad(scaled(image, 12, 16), (0, 14, 0, 18))
    found = scaled(module(padded).softmax(1)[..., :12, :16], 24, 32)
    got = evaluate(runs["maps"], device="cpu", views=Views((0.5,), window=30))
    assert got["loss"] == pytest.approx(functional.nll_loss(found.log(), label).item(), rel=1e-5)


@torch.no_grad()
def test_classes_are_averaged_too(runs: dict[str, Path]) -> None:
    image, label, module = test_split(runs["classes"])
    each = [module(scaled(image, side, side)).softmax(1) for side in (12, 16, 20)]
    mean = torch.stack(each).mean(0)
    views = Views((0.75, 1.0, 1.25))
    for found in (evaluate(runs["classes"], device="cpu", views=views), evaluate_run(runs["classes"], views=views)):
        assert found["loss"] == pytest.approx(functional.nll_loss(mean.log(), label).item(), rel=1e-5)
        assert found["metrics"]["accuracy"] == pytest.approx((mean.argmax(1) == label).float().mean().item())


@torch.no_grad()
def test_a_net_of_one_size_looks_through_windows(runs: dict[str, Path]) -> None:
    image, label, module = test_split(runs["fixed"])
    large = scaled(image, 16, 16)
    each = [module(large[..., t : t + 8, x : x + 8]).softmax(1) for t in (0, 4, 8) for x in (0, 4, 8)]
    mean = torch.stack(each).mean(0)
    found = evaluate(runs["fixed"], device="cpu", views=Views((2.0,), window=8, stride=4))
    assert found["loss"] == pytest.approx(functional.nll_loss(mean.log(), label).item(), rel=1e-5)


def test_one_view_is_no_view(runs: dict[str, Path]) -> None:
    plain, same = (evaluate(runs["maps"], device="cpu", views=views) for views in (None, Views((1.0,))))
    assert same["loss"] == pytest.approx(plain["loss"], rel=1e-6)
    assert same["metrics"] == plain["metrics"]


def test_sizes_are_those_that_the_net_takes(runs: dict[str, Path]) -> None:
    net, *_ = load_run(runs["maps"], device="cpu")
    plan = plan_of(net)
    sizes = input_sizes(plan.data, net, net.defaults)
    assert Viewer(net, plan, Views((0.5, 0.71, 1.0)), sizes).shapes == [(12, 16), (18, 24), (24, 32)]


@pytest.mark.parametrize(
    ("run", "views", "message"),
    [
        (
            "fixed",
            Views((0.5,)),
            "Fixed takes pictures of 8×8 alone, not at 0.5 of it: look through windows of that size, --window 8",
        ),
        ("fixed", Views(window=6), "Fixed takes pictures of 8×8, not windows of 6"),
        ("maps", Views(window=7), "Seg takes no H = 7: it needs even sizes"),
        ("maps", Views(window=8, stride=9), "windows of 8 every 9 pixels leave places unseen"),
        ("maps", Views((1000.0,)), "at 1000 a view has a side of 32,000 pixels: 16,384 are the most"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_views_that_cannot_be(runs: dict[str, Path], run: str, views: Views, message: str) -> None:
    for score in (evaluate, evaluate_run):
        with pytest.raises(RunError) as found:
            score(runs[run], views=views)
        assert str(found.value).startswith(message)


def test_from_the_command_line(runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = str(runs["maps"] / "weights.safetensors")
    text = tmp_path / "seg.net"
    text.write_text(MAPS)
    model = str(tmp_path / "seg.onnx")
    assert attempt(["compile", str(text), "--to", "onnx", "--weights", weights, "-o", model]) == 0
    capsys.readouterr()
    losses = []
    for more in ([], ["--engine", "onnx"], ["--onnx", model]):
        asked = ["--scales", "0.5,1", "--flip", "--window", "16", "--stride", "8", "--format", "json"]
        assert attempt(["evaluate", str(runs["maps"]), *asked, *more]) == 0
        said = capsys.readouterr()
        losses.append(json.loads(said.out)["loss"])
        assert "averaged over 2 sizes (0.5, 1), both ways round, windows of 16 every 8" in said.err
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    for wrong in (["--scales", "1,0"], ["--scales", "big"], ["--stride", "4"], ["--window", "0"]):
        with pytest.raises(SystemExit) as ended:
            attempt(["evaluate", str(runs["maps"]), *wrong])
        assert ended.value.code == 2
