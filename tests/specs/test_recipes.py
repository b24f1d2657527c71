"""Every spec can be trained: each net has a recipe, and each file one for data that come with netdsl or are drawn."""

from __future__ import annotations

from functools import cache
from math import isfinite
from pathlib import Path

import pytest

from netdsl.graph import Net
from netdsl.program import load_file
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.train import train
from netdsl.runtime.trial import try_steps

SPECS = Path(__file__).parents[2] / "specs"
SHOWN = {"local", "upsampling"}
"""Files whose nets show what layers count and give."""
FILES = [path.stem for path in sorted(SPECS.glob("*.net")) if path.stem not in SHOWN]
SPEAKING = ("Sample", "Speak", "Step")
"""How nets end that only use weights of others, step by step."""
UNTRAINED = {
    "CharRNNFused", "Hello", "NeuroIoUMask", "RoadRefiner",
    "ClockworkDeep", "ClockworkFixed", "ClockworkPipelined", "ClockworkShallow",
}  # fmt: skip
"""The slides' toy, whose weights are drawn there, the half of another net, and those that learn as another of their
file does."""
SETTINGS: dict[str, dict[str, str]] = {name: {"width": "8"} for name in ("osvos", "road_audit", "roads", "unet")}
"""What makes a wide net narrow."""


@cache
def nets(file: str) -> dict[str, Net]:
    program = load_file(SPECS / f"{file}.net", SETTINGS.get(file, {}))
    return {
        name: program.net(name, trained=False)
        for name in program.names
        if SETTINGS.get(file, {}).keys() <= set(program.parameters(name))
    }


def here(path: str) -> bool:
    """Whether a file of data comes along: it lies where commands run, or beside the text."""
    return any((folder / path).exists() for folder in (SPECS.parent, SPECS))


def runnable(file: str) -> list[tuple[int, str, str]]:
    """Parameters, net and recipe of each that finds its data here, the smallest net first."""
    found: list[tuple[int, str, str]] = []
    for name, net in nets(file).items():
        for recipe, section in net.sections.items():
            data = section.recipe.data if section.recipe is not None else None
            if data is not None and all(map(here, data.paths().values())):
                found.append((sum(weight.elements for _, weight in net.weights()), name, recipe))
    return sorted(found)


@pytest.mark.parametrize("file", FILES)
def test_every_net_has_a_recipe(file: str) -> None:
    program = load_file(SPECS / f"{file}.net")
    others = {name for name in program.names if not program.net(name, trained=False).sections} - UNTRAINED
    assert {name for name in others if not name.endswith(SPEAKING)} == set()


LONG = {"clockwork", "deconvnet", "deeplab", "ensemble", "linknet", "pspnet", "race", "road_audit", "roads"}
"""Files whose smallest recipe takes seconds to begin; of the same kind are fcn and segnet."""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("file", [pytest.param(f, marks=pytest.mark.slow) if f in LONG else f for f in FILES])
def test_a_small_one_takes_steps_here(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    assert runnable(file), f"specs/{file}.net has no recipe for data that come with netdsl or are drawn"
    _, name, recipe = runnable(file)[0]
    losses = try_steps(nets(file)[name], 2, recipe=recipe, batch=4, accumulate=1, workers=0, quiet=True, device="cpu")
    assert len(losses) == 2
    assert all(map(isfinite, losses))


STATED = [
    ("mlp", "MLP2", "", 0.95),
    ("alexnet", "AlexNetDigits", "", 0.93),
    ("vgg", "VGGDigits", "", 0.92),
    ("resnet", "ResNetCIFAR", "small", 0.94),
]
"""What the comments say of the test digits, with some room for other machines."""


@pytest.mark.slow
@pytest.mark.parametrize(("file", "net", "recipe", "wanted"), STATED)
def test_a_small_one_learns_what_it_says(file: str, net: str, recipe: str, wanted: float, tmp_path: Path) -> None:
    train(nets(file)[net], tmp_path, recipe=recipe, device="cpu", quiet=True)
    assert evaluate(tmp_path, device="cpu")["metrics"]["accuracy"] > wanted
