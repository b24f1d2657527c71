"""Spatial transformer networks, from the paper (Jaderberg, Simonyan, Zisserman and Kavukcuoglu, NIPS 2015).

Section 3.1: a localisation network ends in a regression of the six numbers of an affine transformation, which begins as
the identity. Section 3.2: positions of the output, from -1 to 1, are turned by it (equation 1). Section 3.3: the input is
read there bilinearly (equation 5). Appendix, on digits: the localisation network pools first and has two 5×5
convolutions, the classifier a 9×9 and a 7×7 one, each followed by 2×2 pooling.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Localisation(nn.Module):
    """image [C, 28, 28] -> the two rows of an affine transformation [2, 3]"""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 5)
        self.conv2 = nn.Conv2d(filters, filters, 5)
        self.hidden = nn.Linear(filters, filters)
        self.theta = nn.Linear(filters, 6)
        nn.init.zeros_(self.theta.weight)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.conv1(F.max_pool2d(image, 2)))
        x = F.relu(self.conv2(F.max_pool2d(x, 2)))
        return self.theta(F.relu(self.hidden(x.flatten(1)))).unflatten(1, (2, 3))


class SpatialTransformerNet(nn.Module):
    """image [C, 28, 28] -> logits [classes]"""

    def __init__(self, channels: int = 1, classes: int = 10, filters: int = 20, width: int = 32) -> None:
        super().__init__()
        self.located = Localisation(channels, filters)
        self.conv1 = nn.Conv2d(channels, width, 9)
        self.conv2 = nn.Conv2d(width, 2 * width, 7)
        self.logits = nn.Linear(2 * width * 2 * 2, classes)

    def forward(self, image: Tensor) -> Tensor:
        grid = F.affine_grid(self.located(image), list(image.shape), align_corners=False)
        x = F.grid_sample(image, grid, align_corners=False)
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return self.logits(x.flatten(1))
