"""Classifiers beside plain modules that were written from papers and other people's files: the same numbers and slopes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from references.googlenet import GoogLeNet
from references.lenet5 import LeNet5
from references.zfnet import ZFNet
from torch import Tensor, nn

from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring

torch.set_num_threads(1)

SPECS = Path(__file__).parents[2] / "specs"


class Held(NamedTuple):
    """A net and the module that it is held against, whose weights stand in the same order."""

    file: str
    net: str
    reference: Callable[[], nn.Module]
    shape: tuple[int, ...]
    params: int
    settings: dict[str, str] = {}

    def __str__(self) -> str:
        return self.net


PICTURES = """
..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ....##. #...... .#..... ......# #.....# #.....#
#.....# .#.#... #.....# ......# ...#.#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# .#...#. ######. #...... .....#. #.....# #.....#
#.....# ...#... .....#. ..####. #....#. ......# ######. ....#.. .#####. #.....#
#.....# ...#... ....#.. ......# #....#. ......# #.....# ....#.. #.....# .######
#.....# ...#... ...#... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
"""


def targets() -> Tensor:
    """The digits as `lenet5.net` draws them, `[10, 84]`."""
    lines = [line.split() for line in PICTURES.split("\n") if line]
    dots = [[[1.0 if dot == "#" else -1.0 for dot in line[digit]] for line in lines] for digit in range(10)]
    return torch.tensor(dots).flatten(1)


class Nearness(LeNet5):
    """With the sign turned, as the spec has it."""

    def forward(self, x: Tensor) -> Tensor:
        return -super().forward(x)


HELD = [
    Held("lenet5", "LeNet5", lambda: Nearness(targets()), (1, 28, 28), 60_000),
    Held("zfnet", "ZFNetDigits", lambda: ZFNet(1, 10, (8, 16, 24, 24, 16, 64, 64), 1), (1, 64, 64), 21_674),
]

LARGE = [
    Held("googlenet", "GoogLeNet", lambda: GoogLeNet(1000), (3, 224, 224), 13_378_280),
    Held("zfnet", "ZFNet", lambda: ZFNet(3, 1000, (96, 256, 384, 384, 256, 4096, 4096), 36), (3, 224, 224), 62_357_608),
]


def given(module: nn.Module, other: nn.Module) -> None:
    """Give a module the weights of another, in order."""
    theirs = list(other.state_dict().values())
    module.load_state_dict(dict(zip(module.state_dict(), theirs, strict=True)))


def drawn(module: nn.Module) -> nn.Module:
    """With biases and gains that matter."""
    generator = torch.Generator().manual_seed(3)
    for held in module.state_dict().values():
        if held.dtype.is_floating_point and held.ndim == 1:
            held.add_(torch.rand(held.shape, generator=generator) * 0.1)
    return module


def undropped(module: nn.Module) -> nn.Module:
    """In training, with heads, and without dropout."""
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return module.train()


def told(found: Any) -> list[Tensor]:
    """The outputs, scores first."""
    return list(found.values()) if isinstance(found, dict) else list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize("held", [*HELD, *(pytest.param(h, marks=pytest.mark.slow) for h in LARGE)], ids=str)
def test_scores_and_slopes_are_those_of_the_reference(held: Held) -> None:
    net = load_file(SPECS / f"{held.file}.net", held.settings).net(held.net, trained=False)
    torch.manual_seed(0)
    ours, theirs = torch_module(net, seed=1), drawn(held.reference())
    given(ours, theirs)
    assert sum(p.numel() for p in theirs.parameters()) == held.params
    x = torch.randn(2, *held.shape, generator=torch.Generator().manual_seed(5), requires_grad=True)
    found, wanted = (told(undropped(m)(x)) for m in (ours, theirs))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6 * float(b.detach().abs().max()))
    slopes = [torch.autograd.grad((values[0] ** 2).sum(), x)[0] for values in (found, wanted)]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-5 * float(slopes[1].abs().max()))


def test_what_lenet5_is_fined_is_equation_9() -> None:
    net = load_file(SPECS / "lenet5.net").net("LeNet5")
    torch.manual_seed(0)
    ours, theirs = torch_module(net, seed=1), Nearness(targets())
    given(ours, theirs)
    generator = torch.Generator().manual_seed(5)
    image, label = torch.rand(6, 1, 28, 28, generator=generator), torch.tensor([3, 1, 4, 1, 5, 9])
    plan = plan_of(net)
    losses = Scoring(net, plan.losses, plan.metrics).loss(
        RunningTotals(), {"scores": ours(image), "label": label}, True
    )
    wanted = LeNet5.loss(theirs, image, label)
    (found,) = losses.values()
    torch.testing.assert_close(found, wanted)
