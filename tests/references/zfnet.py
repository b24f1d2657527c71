"""Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ZFNet(nn.Module):
    """Filters of 7×7 and 5×5 in steps of two, contrast normalisation behind the first two poolings, three dense layers.

    `widths` are the channels of the five convolutions and the two hidden layers behind them, `last` the positions of
    the last map.
    """

    def __init__(self, channels: int, classes: int, widths: Sequence[int], last: int) -> None:
        super().__init__()
        c1, c2, c3, c4, c5, f6, f7 = widths
        self.layer1 = nn.Conv2d(channels, c1, 7, stride=2, padding=1)
        self.layer2 = nn.Conv2d(c1, c2, 5, stride=2)
        self.layer3 = nn.Conv2d(c2, c3, 3, padding=1)
        self.layer4 = nn.Conv2d(c3, c4, 3, padding=1)
        self.layer5 = nn.Conv2d(c4, c5, 3, padding=1)
        self.layer6 = nn.Linear(c5 * last, f6)
        self.layer7 = nn.Linear(f6, f7)
        self.softmax = nn.Linear(f7, classes)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.contrast = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.contrast(self.pool(torch.relu(self.layer1(x))))
        x = self.contrast(self.pool(torch.relu(self.layer2(x))))
        x = torch.relu(self.layer4(torch.relu(self.layer3(x))))
        x = self.pool(torch.relu(self.layer5(x))).flatten(1)
        x = self.drop(torch.relu(self.layer6(x)))
        return self.softmax(self.drop(torch.relu(self.layer7(x))))
