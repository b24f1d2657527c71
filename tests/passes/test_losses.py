"""Losses of masks on both engines, values and gradients: their authors' examples, other libraries, formulas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from loss_numbers import EXAMPLES, KEPT, cases, drawn
from test_step import Onnx
from torch import Tensor

import netdsl
from netdsl.base.arrays import Array
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring

torch.set_num_threads(1)

THEIRS = json.loads(KEPT.read_text(encoding="utf-8"))
AUTHORS = json.loads(EXAMPLES.read_text(encoding="utf-8"))
Found = tuple[float, Array]
"""A loss, and its gradient in the shape of the scores."""


def both(call: str, scores: Array, labels: Array) -> dict[str, Found]:
    """What each engine makes of scores that are the weights of a net: each sample looks up its own."""
    block = call.partition("(")[0]
    use = "" if block in netdsl.ops.REGISTRY else f"use std.losses {{ {block} }}\n"
    shape = ", ".join(map(str, scores.shape[1:]))
    text = (
        f"{use}net N {{\n  input n int[]\n  output a: embedding({len(scores)}, {scores[0].size}) -> reshape([{shape}])\n}}\n"
        f"train N {{\n  loss (a, label) -> {call}\n  optimizer sgd(lr=1)\n}}\n"
    )
    net = load_text(text).net()
    module = torch_module(net, 0).double()
    ((key, weight),) = module.named_parameters()
    with torch.no_grad():
        weight.copy_(torch.from_numpy(scores.reshape(len(scores), -1)))
    n = np.arange(len(scores))
    given = {"n": torch.from_numpy(n), "label": torch.from_numpy(labels)}
    scoring = Scoring(net, net.recipe.losses, [])
    (loss,) = scoring.loss(RunningTotals(), given | {"a": module(given["n"])}, True).values()
    loss.backward()
    assert weight.grad is not None
    start = weight.detach().float().numpy().copy()
    ours = Onnx(onnx_step(net, weights={key: start.copy()}))
    step = ours.step({"n": n, "label": labels}, 1.0)
    moved = start.astype(np.float64) - ours.state[key]
    return {
        "torch": (loss.item(), weight.grad.numpy().reshape(scores.shape)),
        "onnx": (float(step["loss"]), moved.reshape(scores.shape)),
    }


@pytest.mark.parametrize("name", cases())
def test_losses_are_those_of_other_libraries(name: str) -> None:
    case = cases()[name]
    for value, gradient in both(case.call, case.scores, case.labels).values():
        assert value == pytest.approx(THEIRS[name]["loss"], rel=2e-6)
        np.testing.assert_allclose(gradient.ravel(), THEIRS[name]["gradient"], rtol=0, atol=6e-7)


def test_numbers_are_kept_for_what_is_compared() -> None:
    assert THEIRS.keys() == cases().keys()


def settings_of(given: dict[str, Any]) -> str:
    """The authors' settings in our words."""
    words = {
        "ignore": "ignore",
        "per_image": "per_image",
        "classes": "only" if type(given.get("classes")) is list else "classes",
    }
    return ", ".join(f"{words[k]}={str(v).lower() if isinstance(v, bool) else v}" for k, v in given.items())


def example(given: dict[str, Any]) -> tuple[str, Array, Array, Array | None]:
    """A call, scores, labels and the gradient, None where it hangs on which of equal errors comes first."""
    labels = np.array(given["labels"])
    if given["name"] == "lovasz_hinge":
        return f"lovasz_hinge({settings_of(given['kw'])})", np.array(given["logits"])[:, None], labels, np.array(given["dlogits"])[:, None]  # fmt: skip
    call = f"lovasz_softmax({settings_of(given.get('kw', {}))})"
    if "logits" in given:
        return call, np.array(given["logits"]), labels, np.array(given["dlogits"])
    shares, slopes = np.array(given["probas_BCHW"]), np.array(given["dprobas"])
    through = shares * (slopes - (shares * slopes).sum(1, keepdims=True))  # of a softmax
    return call, np.log(shares.clip(1e-9)), labels, None if tied(shares, labels) else through


def tied(shares: Array, labels: Array) -> bool:
    """Whether two errors of a class are equal."""
    errors = np.abs(np.eye(shares.shape[1])[labels * (labels < 255)].transpose(0, 3, 1, 2) - shares)
    rows = (np.round(errors[:, k][labels < 255], 9) for k in range(shares.shape[1]))
    return any(len(set(row.tolist())) < len(row) for row in rows)


@pytest.mark.parametrize("number", [n for n, e in enumerate(AUTHORS) if e["name"] != "lovasz_grad"])
def test_lovasz_is_that_of_its_authors(number: int) -> None:
    call, scores, labels, slopes = example(AUTHORS[number])
    for engine, (value, gradient) in both(call, scores, labels).items():
        assert value == pytest.approx(AUTHORS[number]["loss"], abs=1e-7 if engine == "torch" else 1e-6)
        if slopes is not None:
            np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-7 if engine == "torch" else 6e-7)


def test_gradients_of_the_authors_are_compared_where_no_errors_are_equal() -> None:
    compared = [e for e in AUTHORS if e["name"] != "lovasz_grad" and example(e)[3] is not None]
    assert len(compared) == 8


@pytest.mark.parametrize("given", [e for e in AUTHORS if e["name"] == "lovasz_grad"], ids=lambda e: str(e["gt_sorted"]))
def test_the_slopes_of_sorted_errors_are_those_of_the_authors(given: dict[str, Any]) -> None:
    """Scores in falling order of their errors: a hinge has one slope for each, times the sign of its label."""
    truth = np.array(given["gt_sorted"])
    errors = np.linspace(1.5, 0.5, len(truth))
    scores = ((1 - errors) * (2 * truth - 1)).reshape(1, 1, 1, -1)
    for _, gradient in both("lovasz_hinge", scores, truth.reshape(1, 1, -1)).values():
        np.testing.assert_allclose(gradient.ravel() * (1 - 2 * truth), given["grad"], rtol=0, atol=1e-6)


def balanced(x: Tensor, y: Tensor, ignore: int = -100) -> Tensor:
    """Image by image, by the formula of the paper."""
    total, seen = x.sum() * 0, 0
    for scores, labels in zip(x[:, 0], y, strict=True):
        no, yes = (scores[labels == k].sigmoid() for k in (0, 1))
        share = len(no) / (len(no) + len(yes))
        total = total - share * yes.log().sum() - (1 - share) * (1 - no).log().sum()
        seen += int((labels != ignore).sum())
    return total / seen


def hardest(x: Tensor, y: Tensor, threshold: float, least: int, ignore: int = -100) -> Tensor:
    """The losses in falling order, cut where the share is large enough, but behind the first `least`."""
    costs = F.cross_entropy(x, y, ignore_index=ignore, reduction="none")[y != ignore].sort(descending=True).values
    place = min(least, len(costs)) - 1
    return costs[: place + 1].mean() if costs[place] < -np.log(threshold) else costs[costs > -np.log(threshold)].mean()


MANY, SOME, LONE, FEW = drawn(5, 4), drawn(6, 4, 255), drawn(7, 1), drawn(8, 1, 255)
WEIGHT = torch.tensor([0.5, 2, 1, 3], dtype=torch.float64)
FORMULAS: dict[str, tuple[tuple[Array, Array], Callable[[Tensor, Tensor], Tensor]]] = {
    "balanced_cross_entropy": (LONE, balanced),
    "balanced_cross_entropy(ignore=255)": (FEW, lambda x, y: balanced(x, y, 255)),
    "ohem_cross_entropy(0.5, least=3)": (MANY, lambda x, y: hardest(x, y, 0.5, 3)),
    "ohem_cross_entropy(0.2, least=30, ignore=255)": (SOME, lambda x, y: hardest(x, y, 0.2, 30, 255)),
    "ohem_cross_entropy(ignore=255)": (SOME, lambda x, y: F.cross_entropy(x, y, ignore_index=255)),
    "focal(0, ignore=255)": (SOME, lambda x, y: F.cross_entropy(x, y, ignore_index=255)),
    "binary_focal(0, alpha=0.5)": (
        LONE, lambda x, y: F.binary_cross_entropy_with_logits(x[:, 0], y.double()) / 2,
    ),
    "cross_entropy(ignore=255, weight=[0.5, 2, 1, 3])": (
        SOME, lambda x, y: F.cross_entropy(x, y, WEIGHT, ignore_index=255),
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", FORMULAS)
def test_losses_follow_their_formula(call: str) -> None:
    (scores, labels), by_hand = FORMULAS[call]
    x = torch.from_numpy(scores).double().requires_grad_()
    wanted = by_hand(x, torch.from_numpy(labels))
    wanted.backward()
    assert x.grad is not None
    for value, gradient in both(call, scores, labels).values():
        assert value == pytest.approx(wanted.item(), rel=2e-6)
        np.testing.assert_allclose(gradient, x.grad, rtol=0, atol=6e-7)


BLOCKS = [
    line.split()[1].partition("(")[0]
    for line in (Path(netdsl.__file__).parent / "stdlib" / "losses.net").read_text(encoding="utf-8").splitlines()
    if line.startswith("block ")
]
OF_MASKS = [name for name in BLOCKS if name not in ("lovasz", "contrast")]


@pytest.mark.parametrize("block", OF_MASKS)
def test_a_batch_without_labels_that_count_is_no_trouble(block: str) -> None:
    """Scores far from 0 neither: nothing is learned, and nothing is NaN."""
    lone = block in ("binary_focal", "balanced_cross_entropy", "lovasz_hinge")
    scores, labels = drawn(9, 1 if lone else 3)
    for value, gradient in both(f"{block}(ignore=255)", scores, np.full_like(labels, 255)).values():
        assert value == 0
        assert not gradient.any()
    for value, gradient in both(f"{block}(ignore=255)", 80 * scores, labels).values():
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_every_loss_of_masks_is_held_against_another() -> None:
    compared = {case.call for case in cases().values()} | FORMULAS.keys()
    assert {call.partition("(")[0] for call in compared} - {"cross_entropy"} == set(OF_MASKS)


def test_losses_of_several_heads_add_up() -> None:
    """A mask, its auxiliary head at 0.4 as in PSPNet, and a second task: one row each."""
    text = """
    use std.losses { dice }
    net Two {
      input image [2, H, W]
      trunk: conv(4, 3, pad=1) -> tanh
      output mask: conv(3, 1)
      output aux side: trunk -> conv(3, 1)
      output depth: trunk -> conv(1, 1)
    }
    train Two {
      loss (mask, label) -> cross_entropy(ignore=255)
      loss 0.4 * ((side, label) -> cross_entropy(ignore=255))
      loss 0.1 * ((depth, distance) -> smooth_l1)
      loss 0.5 * ((mask, label) -> dice(ignore=255))
      optimizer sgd(lr=1)
    }
    """
    net = load_text(text).net()
    random, (_, labels) = np.random.default_rng(1), drawn(10, 3, 255)
    fields = {
        "image": random.normal(size=(2, 2, 4, 5)).astype(np.float32),
        "label": labels, "distance": random.normal(size=(2, 1, 4, 5)).astype(np.float32),
    }  # fmt: skip
    module = torch_module(net, 0).train()
    ours = Onnx(onnx_step(net, weights={k: v.numpy().copy() for k, v in module.state_dict().items()}))
    given = {k: torch.from_numpy(v) for k, v in fields.items()}
    out = module(given["image"])
    y, known = given["label"], given["label"] != 255
    said = out["mask"].softmax(1) * known[:, None]
    there = F.one_hot(y * known, 3).movedim(-1, 1) * known[:, None]
    share = (2 * (said * there).sum((0, 2, 3)) + 1) / ((said + there).sum((0, 2, 3)) + 1)
    loss = (
        F.cross_entropy(out["mask"], y, ignore_index=255)
        + 0.4 * F.cross_entropy(out["side"], y, ignore_index=255)
        + 0.1 * F.smooth_l1_loss(out["depth"], given["distance"])
        + 0.5 * (1 - share.mean())
    )
    loss.backward()
    assert float(ours.step(fields, 1.0)["loss"]) == pytest.approx(loss.item(), rel=2e-6)
    for key, weight in module.named_parameters():
        assert weight.grad is not None
        np.testing.assert_allclose(ours.state[key], (weight - weight.grad).detach(), rtol=0, atol=1e-6, err_msg=key)
