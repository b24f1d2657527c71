"""OSVOS (Caelles et al., CVPR 2017), with the names of kmaninis/OSVOS-PyTorch (36562ef)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

COUNTS = (2, 2, 3, 3, 3)
"""Convolutions a stage of VGG-16."""


def cut(x: Tensor, like: Tensor) -> Tensor:
    """The middle of a map; of an odd number of pixels that are too many, the last is the one more."""
    top, left = ((a - b) // 2 for a, b in zip(x.shape[-2:], like.shape[-2:], strict=True))
    return x[..., top : top + like.shape[-2], left : left + like.shape[-1]]


def bilinear(layer: nn.ConvTranspose2d) -> None:
    """Each map by itself, by triangles as wide as the kernel."""
    side = layer.kernel_size[0]
    slope = 1 - (torch.arange(side) - (side - 1) / 2).abs() / (side / 2)
    nn.init.zeros_(layer.weight)
    for number in range(layer.in_channels):
        layer.weight.data[number, number] = slope[:, None] * slope


class OSVOS(nn.Module):
    """`said2` to `said5`, then the mask."""

    def __init__(self, width: int = 64, maps: int = 16) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        names: tuple[str, ...] = ("side_prep", "score_dsn", "upscale", "upscale_")
        for name in names:
            self.add_module(name, nn.ModuleList())
        before = 3
        for number, count in enumerate(COUNTS):
            now = width * min(8, 2**number)
            layers: list[nn.Module] = [nn.MaxPool2d(2, ceil_mode=True)] if number else []
            for _ in range(count):
                layers += [nn.Conv2d(before, now, 3, padding=1), nn.ReLU()]
                before = now
            self.stages.append(nn.Sequential(*layers))
            if number:
                self.sides(now, maps, 2**number)
        self.fuse = nn.Conv2d(4 * maps, 1, 1)

    def sides(self, width: int, maps: int, step: int) -> None:
        self.side_prep.append(nn.Conv2d(width, maps, 3, padding=1))
        self.score_dsn.append(nn.Conv2d(maps, 1, 1))
        for held, channels in ((self.upscale, maps), (self.upscale_, 1)):
            layer = nn.ConvTranspose2d(channels, channels, 2 * step, stride=step, bias=False)
            bilinear(layer)
            held.append(layer)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, maps, said = image, [], []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number:
                seen = self.side_prep[number - 1](x)
                maps.append(cut(self.upscale[number - 1](seen), image))
                said.append(cut(self.upscale_[number - 1](self.score_dsn[number - 1](seen)), image))
        return [*said, self.fuse(torch.cat(maps, 1))]
