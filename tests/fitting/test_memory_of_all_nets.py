"""Memory of a step of every net that is small enough against what PyTorch allocates."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch_steps import Steps

import netdsl
from netdsl.analyzer import sizes_of
from netdsl.fitting.asked import asked
from netdsl.fitting.fit import simulated
from netdsl.fitting.ledger import at_batch
from netdsl.graph import Net
from netdsl.program import load_file
from netdsl.recipe.optimizers import OPTIMIZERS

BATCH = 2
MOST_MACS, MOST_BYTES = 4_000_000_000, 600_000_000
"""Of a step: larger nets take too long or too much here, and parts that take turns have no one step."""


def nets(path: Path) -> list[Net]:
    found = (netdsl.load(path, name) for name in load_file(path).names)
    return [
        net for net in found if net.recipe is not None and len(net.recipe.turns) == 1 and net.recipe.turns[0].losses
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(Path("specs").glob("*.net")), ids=lambda path: path.stem)
def test_a_step_takes_what_pytorch_allocates(path: Path) -> None:
    for net in nets(path):
        whole = netdsl.fit(net, batch=BATCH)
        if whole.step_macs >= MOST_MACS or whole.peak_bytes >= MOST_BYTES:
            continue
        for precision in ("no", "bf16"):
            measured = Steps(net, BATCH, OPTIMIZERS["adam"](), None, precision != "no").measured()
            words = asked(net, batch=BATCH, precision=precision, optimizer="adam")
            model, (kept,) = simulated(net, sizes_of(net), words._replace(accumulate=1, average=False))
            told = at_batch(kept.alive, BATCH), at_batch(model.ledger.peak(BATCH).alive, BATCH)
            assert told == pytest.approx(tuple(measured), rel=0.1, abs=64), (net.name, precision)
