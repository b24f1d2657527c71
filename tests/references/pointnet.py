"""PointNet for classification, from the paper (Qi, Su, Mo and Guibas, CVPR 2017).

Figure 2 and section 4.2, sizes and regularisation after appendix C: an input transform by a matrix of 3×3, one MLP for all
points (64, 64), a feature transform by a matrix of 64×64, a second MLP (64, 128, 1024), the maximum over all points, and
fully connected layers (512, 256, classes), the last behind dropout that keeps 0.7. Batch norm and ReLU follow every layer
but the last. A T-Net is such a network itself (64, 128, 1024; 512, 256) whose matrix begins as the identity; equation 2
keeps that of the features near orthogonal.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def per_point(*sizes: int) -> nn.Sequential:
    """One MLP for all points: [C, N] -> [sizes[-1], N]"""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv1d(before, after, 1), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def connected(*sizes: int) -> nn.Sequential:
    """Fully connected layers, each with batch norm."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


class TNet(nn.Module):
    """points [C, N] -> a matrix [C, C]"""

    def __init__(self, channels: int, widths: tuple[int, ...], hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels
        self.points = per_point(channels, *widths)
        self.whole = connected(widths[-1], *hidden)
        self.matrix = nn.Linear(hidden[-1], channels * channels)
        nn.init.zeros_(self.matrix.weight)
        with torch.no_grad():
            self.matrix.bias.copy_(torch.eye(channels).flatten())

    def forward(self, x: Tensor) -> Tensor:
        x = self.whole(self.points(x).amax(dim=2))
        return self.matrix(x).unflatten(1, (self.channels, self.channels))


class PointNet(nn.Module):
    """points [3, N] -> logits [classes], and how far the feature transform is from orthogonal"""

    def __init__(self, classes: int = 40, scale: int = 64, drop: float = 0.3) -> None:
        super().__init__()
        widths, hidden = (scale, 2 * scale, 16 * scale), (8 * scale, 4 * scale)
        self.first = TNet(3, widths, hidden)
        self.low = per_point(3, scale, scale)
        self.second = TNet(scale, widths, hidden)
        self.high = per_point(scale, *widths)
        self.whole = connected(widths[-1], *hidden)
        self.drop = drop
        self.logits = nn.Linear(hidden[-1], classes)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        x = (points.transpose(1, 2) @ self.first(points)).transpose(1, 2)
        x = self.low(x)
        turn = self.second(x)
        x = (x.transpose(1, 2) @ turn).transpose(1, 2)
        x = self.whole(self.high(x).amax(dim=2))
        lean = torch.eye(turn.shape[1]) - turn @ turn.transpose(1, 2)
        return self.logits(F.dropout(x, self.drop, self.training)), (lean**2).sum(dim=(1, 2))
