"""LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998, section II.B."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

ROWS = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)
"""Table I: a row for each map of S2, a column for each of C3 that reads it."""


def squash(a: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(2 * a / 3)


class Subsampling(nn.Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient, self.bias = nn.Parameter(torch.rand(maps, 1, 1)), nn.Parameter(torch.randn(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        four = x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
        return squash(self.coefficient * four + self.bias)


class LeNet5(nn.Module):
    """How far 28×28 pixels are from each of `targets` `[10, 84]`."""

    def __init__(self, targets: Tensor) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = nn.ModuleList(nn.Conv2d(sum(row[i] == "X" for row in ROWS), 1, 5) for i in range(16))
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.targets = targets

    def dense(self) -> tuple[Tensor, Tensor]:
        """C3 as one convolution, zero where nothing is joined."""
        weight = torch.zeros(16, 6, 5, 5)
        for i, part in enumerate(self.c3):
            weight[i, [k for k, row in enumerate(ROWS) if row[i] == "X"]] = part.weight[0]
        return weight, torch.cat([part.bias for part in self.c3])

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, (2, 2, 2, 2), value=-0.1)
        x = self.s2(squash(self.c1(x)))
        x = self.s4(squash(conv2d(x, *self.dense())))
        x = squash(self.f6(squash(self.c5(x)).flatten(1)))
        return ((x[:, None] - self.targets) ** 2).sum(2)

    def loss(self, x: Tensor, label: Tensor, j: float = 0.1) -> Tensor:
        """Equation 9."""
        y = LeNet5.forward(self, x)
        others = torch.log(torch.exp(torch.tensor(-j)) + torch.exp(-y).sum(1))
        return (y.gather(1, label[:, None])[:, 0] + others).mean()
