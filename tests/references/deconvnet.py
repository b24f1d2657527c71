"""DeconvNet, from the prototxt file of HyeonwooNoh/DeconvNet (87dd133), with the layers' names."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

DOWN = {1: (1, 1), 2: (2, 2), 3: (4, 4, 4), 4: (8, 8, 8), 5: (8, 8, 8)}
"""The channels of each convolution, in units of the first one's."""
UP = {5: (8, 8, 8), 4: (8, 8, 4), 3: (4, 4, 2), 2: (2, 1), 1: (1, 1)}


class DeconvNet(nn.Module):
    """`DeconvNet_inference_deploy.prototxt`, where a width of 64 is that of the file."""

    def __init__(self, classes: int = 21, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        before = 3
        for stage, widths in DOWN.items():
            for number, share in enumerate(widths, start=1):
                self.layer(
                    f"conv{stage}_{number}", f"bn{stage}_{number}", nn.Conv2d(before, share * width, 3, padding=1)
                )
                before = share * width
        self.layer("fc6", "bnfc6", nn.Conv2d(before, hidden, 7))
        self.layer("fc7", "bnfc7", nn.Conv2d(hidden, hidden, 1))
        self.layer("fc6-deconv", "fc6-deconv-bn", nn.ConvTranspose2d(hidden, before, 7))
        for stage, widths in UP.items():
            for number, share in enumerate(widths, start=1):
                deconv = nn.ConvTranspose2d(before, share * width, 3, padding=1)
                self.layer(f"deconv{stage}_{number}", f"debn{stage}_{number}", deconv)
                before = share * width
        self.add_module("seg-score-voc", nn.Conv2d(before, classes, 1))

    def layer(self, name: str, norm: str, layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
        self.add_module(name, layer)
        self.add_module(norm, nn.BatchNorm2d(layer.out_channels))

    def through(self, name: str, norm: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(norm)(self.get_submodule(name)(x)))

    def forward(self, x: Tensor) -> Tensor:
        masks = {}
        for stage, widths in DOWN.items():
            for number in range(1, len(widths) + 1):
                x = self.through(f"conv{stage}_{number}", f"bn{stage}_{number}", x)
            x, masks[stage] = F.max_pool2d(x, 2, return_indices=True)
        x = self.through("fc7", "bnfc7", self.through("fc6", "bnfc6", x))
        x = self.through("fc6-deconv", "fc6-deconv-bn", x)
        for stage, widths in UP.items():
            x = F.max_unpool2d(x, masks[stage], 2)
            for number in range(1, len(widths) + 1):
                x = self.through(f"deconv{stage}_{number}", f"debn{stage}_{number}", x)
        return self.get_submodule("seg-score-voc")(x)
