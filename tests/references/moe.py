"""The mixture of experts of Mixtral, from the paper (Jiang et al., "Mixtral of Experts", 2024, section 2.1).

The output is a sum over experts of `softmax(top-k(x · W))` times the expert, a SwiGLU; nothing is left out. Written as a
loop over experts that picks the steps that chose each, of all samples together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Expert(nn.Module):
    """steps [N, C] -> [N, C]"""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class SparseExperts(nn.Module):
    """x [B, T, C] -> [B, T, C]"""

    def __init__(self, width: int, hidden: int, count: int, top: int) -> None:
        super().__init__()
        self.top = top
        self.router = nn.Linear(width, count, bias=False)
        self.experts = nn.ModuleList(Expert(width, hidden) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        steps = x.flatten(0, 1)
        scores, chosen = self.router(steps).topk(self.top, dim=1)
        weights = scores.softmax(dim=1)
        made = torch.zeros_like(steps)
        for number, expert in enumerate(self.experts):
            place, which = (chosen == number).nonzero(as_tuple=True)
            made = made.index_add(0, place, expert(steps[place]) * weights[place, which, None])
        return made.unflatten(0, x.shape[:2])
