"""Clockwork FCN in stages, from shelhamer/clockwork-fcn (19a413e), `nets/stage-net-fcn8s.py`, with the layers' names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
"""How many convolutions each stage of VGG-16 has."""


def enlarged(x: Tensor, kernel: int, step: int) -> Tensor:
    """Caffe's fixed bilinear kernel, each class by itself."""
    slope = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / (kernel / 2)
    weight = (slope[:, None] * slope).expand(x.shape[1], 1, kernel, kernel)
    return F.conv_transpose2d(x, weight, stride=step, groups=x.shape[1])


def cropped(x: Tensor, like: Tensor, offset: int) -> Tensor:
    high, wide = like.shape[-2:]
    return x[..., offset : offset + high, offset : offset + wide]


class StagedFCN8s(nn.Module):
    """The layers, and what runs from one blob to another."""

    def __init__(self, classes: int = 21, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        before = 3
        for stage, count in STAGES.items():
            for number in range(1, count + 1):
                now = width * min(8, 2 ** (stage - 1))
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(before, now, 3, padding=100 if before == 3 else 1))
                before = now
        self.fc6 = nn.Conv2d(before, hidden, 7)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        for name, channels in (("pool3", 4 * width), ("pool4", before), ("fr", hidden)):
            self.add_module(f"score_{name}", nn.Conv2d(channels, classes, 1))

    def pooled(self, x: Tensor, *stages: int) -> Tensor:
        for stage in stages:
            for number in range(1, STAGES[stage] + 1):
                x = F.relu(self.get_submodule(f"conv{stage}_{number}")(x))
            x = F.max_pool2d(x, 2, ceil_mode=True)
        return x

    def upper(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """conv1_1 to score_pool3."""
        x = self.pooled(image, 1, 2, 3)
        return x, self.score_pool3(x)

    def middle(self, pool3: Tensor) -> tuple[Tensor, Tensor]:
        """conv4_1 to score_pool4."""
        x = self.pooled(pool3, 4)
        return x, self.score_pool4(x)

    def lower(self, pool4: Tensor) -> Tensor:
        """conv5_1 to upscore2."""
        x = self.pooled(pool4, 5)
        return enlarged(self.score_fr(F.relu(self.fc7(F.relu(self.fc6(x))))), 4, 2)

    def fused(self, image: Tensor, pool3: Tensor, pool4: Tensor, deep: Tensor) -> Tensor:
        """score_pool4c to score."""
        x = enlarged(deep + cropped(pool4, deep, 5), 4, 2)
        return cropped(enlarged(x + cropped(pool3, x, 9), 16, 8), image, 31)
