"""Van den Oord, Vinyals and Kavukcuoglu, "Neural Discrete Representation Learning", 2017, sections 3 and 4.1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """ReLU, 3×3 convolution, ReLU, 1×1 convolution, and what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(width, width, 3, padding=1)
        self.thin = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.thin(F.relu(self.wide(F.relu(x))))


class VQVAE(nn.Module):
    """Two strided convolutions and two residual blocks down to codes, and the same way back."""

    def __init__(self, channels: int, width: int, count: int) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        self.down2 = nn.Conv2d(width, width, 4, stride=2, padding=1)
        self.encoder = nn.ModuleList(Residual(width) for _ in range(2))
        self.codes = nn.Parameter(torch.empty(count, width).uniform_(-1 / count, 1 / count))
        self.decoder = nn.ModuleList(Residual(width) for _ in range(2))
        self.up1 = nn.ConvTranspose2d(width, width, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)

    def encode(self, x: Tensor) -> Tensor:
        z = F.relu(self.down2(F.relu(self.down1(x))))
        for block in self.encoder:
            z = block(z)
        return z

    def nearest(self, z: Tensor) -> Tensor:
        """Equation 1: the number of the nearest code at each position, `[N, H, W]`."""
        far = torch.cdist(z.permute(0, 2, 3, 1).flatten(1, 2).contiguous(), self.codes.expand(len(z), -1, -1))
        return far.argmin(2).unflatten(1, z.shape[2:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The image again, what the encoder says, and the codes taken for it."""
        z = self.encode(x)
        e = self.codes[self.nearest(z)].permute(0, 3, 1, 2)
        y = z + (e - z).detach()
        for block in self.decoder:
            y = block(y)
        return self.up2(F.relu(self.up1(y))), z, e

    def loss(self, x: Tensor) -> Tensor:
        """Equation 3 with a commitment of 0.25, each term a mean over all numbers."""
        y, z, e = self(x)
        return F.mse_loss(y, x) + F.mse_loss(e, z.detach()) + 0.25 * F.mse_loss(z, e.detach())
