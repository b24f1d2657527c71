"""U-Net as milesial/Pytorch-UNet builds it (`unet/unet_model.py`, commit 21d7850), bilinear or not, with its names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Double(nn.Module):
    """Two convolutions of 3×3, each normalised."""

    def __init__(self, taken: int, given: int, middle: int | None = None) -> None:
        super().__init__()
        pairs = [(taken, middle or given), (middle or given, given)]
        layers = [[nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()] for a, b in pairs]
        self.double_conv = nn.Sequential(*layers[0], *layers[1])

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)  # type: ignore[no-any-return]


class Down(nn.Module):
    """Half the size."""

    def __init__(self, taken: int, given: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), Double(taken, given))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    """Twice the size, padded to that of what it is joined to."""

    def __init__(self, taken: int, given: int, bilinear: bool) -> None:
        super().__init__()
        self.up: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        if not bilinear:
            self.up = nn.ConvTranspose2d(taken, taken // 2, 2, stride=2)
        self.conv = Double(taken, given, taken // 2 if bilinear else None)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return self.conv(torch.cat([skip, x], dim=1))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Four levels down, four up."""

    def __init__(self, channels: int = 3, classes: int = 2, bilinear: bool = False, width: int = 64) -> None:
        super().__init__()
        w, half = width, 2 if bilinear else 1
        self.inc = Double(channels, w)
        self.down1, self.down2, self.down3 = (Down(w << i, 2 * w << i) for i in range(3))
        self.down4 = Down(8 * w, 16 * w // half)
        self.up1, self.up2, self.up3 = (Up(16 * w >> i, (8 * w >> i) // half, bilinear) for i in range(3))
        self.up4 = Up(2 * w, w, bilinear)
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(w, classes, 1)})

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.inc(x)]
        for down in (self.down1, self.down2, self.down3, self.down4):
            seen.append(down(seen[-1]))
        x = seen.pop()
        for up in (self.up1, self.up2, self.up3, self.up4):
            x = up(x, seen.pop())
        return self.outc["conv"](x)  # type: ignore[no-any-return]
