"""Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, as BVLC's `bvlc_googlenet/train_val.prototxt` has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

TABLE = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""#1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5 and pool proj of table 1."""


class Inception(nn.Module):
    def __init__(self, before: int, widths: Sequence[int]) -> None:
        super().__init__()
        ones, reduce3, threes, reduce5, fives, pooled = widths
        self.one = nn.Conv2d(before, ones, 1)
        self.reduce3, self.three = nn.Conv2d(before, reduce3, 1), nn.Conv2d(reduce3, threes, 3, padding=1)
        self.reduce5, self.five = nn.Conv2d(before, reduce5, 1), nn.Conv2d(reduce5, fives, 5, padding=2)
        self.proj = nn.Conv2d(before, pooled, 1)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.three(torch.relu(self.reduce3(x)))
        five = self.five(torch.relu(self.reduce5(x)))
        return torch.relu(torch.cat([self.one(x), three, five, self.proj(self.pool(x))], 1))


class Head(nn.Module):
    def __init__(self, before: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, 128, 1)
        self.fc, self.classifier = nn.Linear(2048, 1024), nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(nn.functional.avg_pool2d(x, 5, 3))).flatten(1)
        return self.classifier(torch.relu(self.fc(x)))


class GoogLeNet(nn.Module):
    """Scores, and those of the two heads; without any dropout."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.reduce2, self.conv2 = nn.Conv2d(64, 64, 1), nn.Conv2d(64, 192, 3, padding=1)
        before, modules = 192, {}
        for name, widths in TABLE.items():
            modules[name] = Inception(before, widths)
            before = widths[0] + widths[2] + widths[4] + widths[5]
        self.inceptions = nn.ModuleDict(modules)
        self.classifier = nn.Linear(1024, classes)
        self.loss1, self.loss2 = Head(512, classes), Head(528, classes)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.norm(self.pool(torch.relu(self.conv1(x))))
        x = torch.relu(self.conv2(torch.relu(self.reduce2(x))))
        x = self.pool(self.norm(x))
        seen = {}
        for name, inception in self.inceptions.items():
            x = seen[name] = inception(x)
            if name in ("3b", "4e"):
                x = self.pool(x)
        return self.classifier(x.mean((2, 3))), self.loss1(seen["4a"]), self.loss2(seen["4d"])
