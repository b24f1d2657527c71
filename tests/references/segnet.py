"""SegNet and SegNet-Basic, from the prototxt files of alexgkendall/SegNet-Tutorial (bb68b64), with the layers' names."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

STAGES = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
"""How many convolutions each stage of VGG-16 has."""


def pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    """Caffe's pooling, which rounds up, with its mask."""
    return F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)


def upsampled(x: Tensor, mask: Tensor, like: Tensor) -> Tensor:
    """Zeros of the size that was pooled, and each number where its mask says."""
    out = x.new_zeros(*like.shape)
    return out.flatten(2).scatter(2, mask.flatten(2), x.flatten(2)).view_as(out)


class SegNet(nn.Module):
    """`segnet_train.prototxt`: VGG-16 and its mirror."""

    def __init__(self, classes: int = 11, width: int = 64) -> None:
        super().__init__()
        before = 3
        for stage, count in STAGES.items():
            for number in range(1, count + 1):
                now = width * min(8, 2 ** (stage - 1))
                self.layer(f"conv{stage}_{number}", before, now)
                before = now
        for stage, count in reversed(STAGES.items()):
            for number in range(count, 0, -1):
                now = width * min(8, 2 ** max(0, stage - (2 if number == 1 else 1)))
                if (stage, number) == (1, 1):
                    self.conv1_1_D = nn.Conv2d(before, classes, 3, padding=1)
                else:
                    self.layer(f"conv{stage}_{number}_D", before, now)
                before = now

    def layer(self, name: str, before: int, now: int) -> None:
        self.add_module(name, nn.Conv2d(before, now, 3, padding=1))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(now))

    def through(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x)))

    def forward(self, x: Tensor) -> Tensor:
        seen = {}
        for stage, count in STAGES.items():
            for number in range(1, count + 1):
                x = self.through(f"conv{stage}_{number}", x)
            whole = x
            x, mask = pooled(x)
            seen[stage] = (mask, whole)
        for stage, count in reversed(STAGES.items()):
            x = upsampled(x, *seen[stage])
            for number in range(count, 0, -1):
                if (stage, number) != (1, 1):
                    x = self.through(f"conv{stage}_{number}_D", x)
        return self.conv1_1_D(x)


class SegNetBasic(nn.Module):
    """`segnet_basic_train.prototxt`: four layers of 7×7 each way, the way back without ReLU."""

    def __init__(self, classes: int = 11, width: int = 64) -> None:
        super().__init__()
        for stage in range(1, 5):
            for name, before in ((f"conv{stage}", 3 if stage == 1 else width), (f"conv_decode{stage}", width)):
                self.add_module(name, nn.Conv2d(before, width, 7, padding=3))
                self.add_module(f"{name}_bn", nn.BatchNorm2d(width))
        self.conv_classifier = nn.Conv2d(width, classes, 1)

    def through(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x))

    def forward(self, x: Tensor) -> Tensor:
        x = F.local_response_norm(x, 5, 0.0001, 0.75)
        seen = {}
        for stage in range(1, 5):
            whole = F.relu(self.through(f"conv{stage}", x))
            x, mask = pooled(whole)
            seen[stage] = (mask, whole)
        for stage in range(4, 0, -1):
            x = self.through(f"conv_decode{stage}", upsampled(x, *seen[stage]))
        return self.conv_classifier(x)
