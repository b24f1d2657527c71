"""Polygon-RNN (Castrejón et al., CVPR 2017), from the paper: VGG-16, four depths of it, and two convolutional LSTMs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = (2, 2, 3, 3, 3)


class Cell(nn.Module):
    """A step of a convolutional LSTM: gates in the order input, forget, output and what is new."""

    def __init__(self, before: int, hidden: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before + hidden, 4 * hidden, 3, padding=1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = self.conv(torch.cat([x, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class PolygonRNN(nn.Module):
    """Cells are numbered row by row; `grid * grid` ends an outline, and the number behind begins it."""

    def __init__(self, grid: int = 28, width: int = 64, hidden: int = 16) -> None:
        super().__init__()
        self.grid, self.hidden = grid, hidden
        self.convs, before = nn.ModuleList(), 3
        for number, count in enumerate(STAGES):
            for _ in range(count):
                self.convs.append(nn.Conv2d(before, width * min(8, 2**number), 3, padding=1))
                before = width * min(8, 2**number)
        self.skips = nn.ModuleList(nn.Conv2d(n * width, 2 * width, 3, padding=1) for n in (2, 4, 8, 8))
        self.fuse = nn.Conv2d(8 * width, 2 * width, 3, padding=1)
        self.cells = nn.ModuleList([Cell(2 * width + 3, hidden), Cell(hidden, hidden)])
        self.scores = nn.Linear(grid * grid * hidden, grid * grid + 1)

    def features(self, image: Tensor) -> Tensor:
        convs, x, depths = iter(self.convs), image, []
        for number, count in enumerate(STAGES):
            for _ in range(count):
                x = F.relu(next(convs)(x))
            depths.append(x)
            if number < 4:
                x = F.max_pool2d(x, 2)
        seen = [F.max_pool2d(depths[1], 4), F.max_pool2d(depths[2], 2), depths[3], depths[4]]
        seen = [F.relu(skip(x)) for skip, x in zip(self.skips, seen, strict=True)]
        seen[3] = F.interpolate(seen[3], scale_factor=2, mode="bilinear")
        return F.relu(self.fuse(torch.cat(seen, 1)))

    def plane(self, number: Tensor) -> Tensor:
        """1 in the cell `[N]`."""
        flat = torch.zeros(len(number), self.grid**2 + 2)
        flat[torch.arange(len(number)), number] = 1
        return flat[:, : self.grid**2].reshape(-1, 1, self.grid, self.grid)

    def begin(self, image: Tensor) -> list[Tensor]:
        return [torch.zeros(len(image), self.hidden, self.grid, self.grid) for _ in range(4)]

    def step(self, features: Tensor, last: Tensor, before: Tensor, first: Tensor, kept: list[Tensor]) -> Tensor:
        """The scores of the next vertex; what is kept becomes that of the next step."""
        x = torch.cat([features, self.plane(last), self.plane(before), self.plane(first)], 1)
        for number, cell in enumerate(self.cells):
            x, kept[2 * number + 1] = cell(x, kept[2 * number], kept[2 * number + 1])
            kept[2 * number] = x
        return self.scores(x.flatten(1))

    def forward(self, image: Tensor, vertices: Tensor) -> Tensor:
        """Scores `[N, T, cells + 1]`, each told the vertices before."""
        features, kept = self.features(image), self.begin(image)
        nowhere = torch.full((len(image),), self.grid**2 + 1)
        found = []
        for t in range(vertices.shape[1]):
            before = vertices[:, t - 1] if t else nowhere
            first = vertices[:, 1] if t else nowhere
            found.append(self.step(features, vertices[:, t], before, first, kept))
        return torch.stack(found, 1)

    def outline(self, image: Tensor, length: int) -> Tensor:
        """The likeliest vertices `[N, length]`, each read by the next step."""
        features, kept = self.features(image), self.begin(image)
        said = [torch.full((len(image),), self.grid**2 + 1)] * 2
        for t in range(length):
            first = said[2] if t else said[0]
            said.append(self.step(features, said[-1], said[-2], first, kept).argmax(1))
        return torch.stack(said[2:], 1)
