"""What other libraries make of losses of masks, with their gradients, kept in `loss_numbers.json`.

`python tests/passes/loss_numbers.py` writes the file where segmentation_models_pytorch 0.6.0 (`smp`), kornia 0.9.0
(`kornia`) and torchvision 0.29.1 (`focal`) are installed, by torch 2.13.0 in float32; the tests only read it. Beside them
stand the worked examples of the authors of Lovász-Softmax (bermanmaxim/LovaszSoftmax, pytorch/lovasz_losses.py at 7d48792,
run in float64), in `lovasz_examples.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

KEPT = Path(__file__).with_suffix(".json")
EXAMPLES = Path(__file__).with_name("lovasz_examples.json")


class Case(NamedTuple):
    """A loss as a row calls it, scores `[N, K, H, W]`, labels `[N, H, W]`, and what another makes of them."""

    call: str
    scores: np.ndarray
    labels: np.ndarray
    theirs: Callable[[Any, Any, Any], Any]
    """Libraries by name, scores and labels as tensors, to a loss."""


def drawn(seed: int, classes: int, ignore: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Two images of 4 by 5 pixels; of one score a pixel the classes are two. All classes are there."""
    random = np.random.RandomState(seed)
    scores = 2 * random.randn(2, classes, 4, 5)
    labels = random.randint(0, max(classes, 2), (2, 4, 5))
    if ignore is not None:
        labels[random.rand(2, 4, 5) < 0.2] = ignore
    return scores.astype(np.float32), labels


def cases() -> dict[str, Case]:
    """By name. The `smooth` of the Dice of smp is added to the half of what ours is added to; kornia's mean is over
    the classes too, so that its sum is taken.
    """
    many, some, lone, few = drawn(1, 3), drawn(2, 3, 255), drawn(3, 1), drawn(4, 1, 255)
    masks, one = {"mode": "multiclass"}, {"mode": "binary"}
    return {
        "dice": Case("dice", *many, lambda by, x, y: by["smp"].DiceLoss(**masks, smooth=0.5)(x, y)),
        "dice, some ignored": Case("dice(smooth=0, ignore=255)", *some, lambda by, x, y: by["smp"].DiceLoss(
            **masks, ignore_index=255)(x, y)),
        "tversky": Case("tversky(smooth=0)", *many, lambda by, x, y: by["smp"].TverskyLoss(
            **masks, alpha=0.3, beta=0.7)(x, y)),
        "tversky, some ignored": Case("tversky(0.9, beta=0.2, ignore=255)", *some, lambda by, x, y: by["smp"].TverskyLoss(
            **masks, alpha=0.9, beta=0.2, smooth=1.0, ignore_index=255)(x, y)),
        "intersection over union": Case("tversky(1, beta=1, smooth=0.1)", *many, lambda by, x, y: by["smp"].JaccardLoss(
            **masks, smooth=0.1)(x, y)),
        "focal": Case("focal", *many, lambda by, x, y: by["kornia"].focal_loss(x, y, None, 2.0, "sum") / y.numel()),
        "focal, another power": Case("focal(1.5)", *many, lambda by, x, y: by["kornia"].focal_loss(
            x, y, None, 1.5, "sum") / y.numel()),
        "binary_focal": Case("binary_focal", *lone, lambda by, x, y: by["focal"](
            x[:, 0], y.float(), reduction="mean")),
        "binary_focal, some ignored": Case("binary_focal(3, alpha=0.6, ignore=255)", *few, lambda by, x, y: by["focal"](
            x[:, 0][y != 255], y[y != 255].float(), 0.6, 3, "mean")),
        "lovasz_softmax": Case("lovasz_softmax", *many, lambda by, x, y: by["smp"].LovaszLoss(**masks)(x, y)),
        "lovasz_softmax, some ignored": Case("lovasz_softmax(ignore=255)", *some, lambda by, x, y: by["smp"].LovaszLoss(
            **masks, ignore_index=255)(x, y)),
        "lovasz_softmax of each image": Case("lovasz_softmax(per_image=true, ignore=255)", *some,
            lambda by, x, y: by["smp"].LovaszLoss(**masks, per_image=True, ignore_index=255)(x, y)),
        "lovasz_hinge": Case("lovasz_hinge", *lone, lambda by, x, y: by["smp"].LovaszLoss(**one)(x, y)),
        "lovasz_hinge of each image": Case("lovasz_hinge(per_image=true, ignore=255)", *few, lambda by, x, y: by[
            "smp"].LovaszLoss(**one, per_image=True, ignore_index=255)(x, y)),
    }  # fmt: skip


def theirs() -> dict[str, dict[str, Any]]:
    import torch
    import torchvision
    from kornia import losses as kornia
    from segmentation_models_pytorch import losses as smp

    libraries = {"smp": smp, "kornia": kornia, "focal": torchvision.ops.sigmoid_focal_loss}
    found = {}
    for name, case in cases().items():
        scores = torch.from_numpy(case.scores).requires_grad_()
        loss = case.theirs(libraries, scores, torch.from_numpy(case.labels))
        loss.backward()
        assert scores.grad is not None
        found[name] = {"loss": loss.item(), "gradient": [round(g, 9) for g in scores.grad.flatten().tolist()]}
    return found


if __name__ == "__main__":
    KEPT.write_text(json.dumps(theirs()).replace("}, ", "},\n ") + "\n", encoding="utf-8")
