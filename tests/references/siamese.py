"""Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", 2006, over Caffe's towers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Tower(nn.Module):
    """`examples/siamese/mnist_siamese.prototxt` of Caffe, layer by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)
        self.feat = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv1(x), 2)
        x = F.max_pool2d(self.conv2(x), 2)
        return self.feat(self.ip2(F.relu(self.ip1(x.flatten(1)))))


def contrastive(place: Tensor, label: Tensor, margin: float = 1.0) -> Tensor:
    """Equation 4, pair by pair: half the square of a distance, or of what it lacks of the margin. The mean of all."""
    total = place.new_zeros(())
    for i in range(len(place)):
        for j in range(len(place)):
            if i != j:
                distance = (place[i] - place[j]).norm()
                same = bool(label[i] == label[j])
                total = total + 0.5 * (distance**2 if same else (margin - distance).clamp(min=0) ** 2)
    return total / len(place) ** 2
