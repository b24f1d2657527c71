"""Steps of training as runs take them with PyTorch, on a CPU, with all that is alive followed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from tracked import Tracked

from netdsl.analysis.counts import shape_at
from netdsl.analyzer import sizes_of
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net
from netdsl.recipe.optimizers import Optimizer
from netdsl.runtime.engines.optimizers import make_optimizer
from netdsl.runtime.scoring.pytorch import Scoring, build_module, named, output_names


class Measured(NamedTuple):
    """Bytes alive in a step that finds the optimizer's state there."""

    kept: int
    """At the end of the forward pass, all that was there before included."""
    peak: int


def drawn(values: Iterable[Value], at: dict[str, int], batch: int) -> dict[str, Tensor]:
    """Something for each input, by name."""
    found = {}
    for value in values:
        shape = ((batch,) if value.type.batched else ()) + shape_at(value.type, at)
        kinds = {DType.FLOAT: torch.rand, DType.BOOL: lambda s: torch.ones(s, dtype=torch.bool)}
        made = kinds.get(value.type.dtype, lambda s: torch.randint(0, 2, s))
        found[value.name] = made(shape)
    return found


class Steps:
    """A net with its recipe's losses, as the engine torch trains it."""

    def __init__(
        self, net: Net, batch: int, optimizer: Optimizer, sizes: dict[str, int] | None = None, half: bool = False
    ) -> None:
        assert net.recipe is not None
        self.net, self.half = net, half
        self.module = build_module(net).train()
        losses = net.recipe.turns[0].losses
        self.scoring = Scoring(net, losses, [])
        given = {o.name for o in net.outputs}
        labels = [v for t in losses for v in t.graph.inputs if v.name not in given]
        values = {v.name: v for v in (*labels, *net.fed)}
        self.fields = drawn(values.values(), sizes_of(net, sizes), batch)
        self.optimizer = make_optimizer(optimizer, self.module)

    def run_again(self, rows: Iterable[str]) -> None:
        """Checkpoint some modules."""
        for row in rows:
            part = self.module.get_submodule(row)
            part.forward = partial(checkpoint, part.forward, use_reentrant=False)  # type: ignore[method-assign]

    def outputs(self) -> dict[str, Tensor]:
        """As accelerate has them: computed under autocast, given in full precision."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            result = self.module(*(self.fields[v.name] for v in self.net.fed))
        made = named(result, output_names(self.net, True))
        return {k: v.float() if v.is_floating_point() else v for k, v in made.items()}

    def step(self, tracked: Tracked) -> int:
        """One step; what was alive at the end of its forward pass."""
        values = {**self.fields, **self.outputs()}
        for part in self.scoring.modules:
            part.train()
        loss = torch.stack([term(values) for term in self.scoring.losses]).sum()
        kept = tracked.now
        loss.backward()
        del values
        self.optimizer.step()
        self.optimizer.zero_grad()
        return kept

    def measured(self) -> Measured:
        tracked = Tracked()
        tracked.hold([*self.module.parameters(), *self.module.buffers(), *self.fields.values()])
        with tracked:
            self.step(tracked)
            tracked.peak = 0
            kept = self.step(tracked)
        return Measured(kept, tracked.peak)


def inference_peak(module: nn.Module, inputs: list[Tensor], half: bool = False) -> int:
    """The most bytes alive during a call."""
    tracked = Tracked()
    tracked.hold([*module.parameters(), *module.buffers(), *inputs])
    with tracked, torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        module.eval()(*inputs)
    return tracked.peak
