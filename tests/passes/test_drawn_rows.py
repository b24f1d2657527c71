"""Drawn nets of all that a row can say, on both engines: values, gradients and training steps, at sizes that are left open
and in every form that a text can be brought into."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawn_rows import Drawing
from following import strays
from gradients import check
from test_form import figures, read_back
from test_step import Onnx

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.python.text import WIDTH
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.elaborate.turns import Movable
from netdsl.graph import Net
from netdsl.passes.pipeline import training_step
from netdsl.passes.step import part_of
from netdsl.runtime.parity import parity
from netdsl.surface import load_text
from netdsl.text.diagnostics import NetError
from netdsl.text.formatter import formatted
from netdsl.text.source import Source

torch.set_num_threads(1)

FEW = range(9)
HUNDREDS = [pytest.param(range(start, start + 100), marks=pytest.mark.slow, id=str(start)) for start in (100, 200, 300)]
SEEDS = [pytest.param(FEW, id="few"), *HUNDREDS]
RATE = 0.01
RECIPE = "\ntrain Drawn {\n  loss (y, label) -> cross_entropy\n  optimizer adam(lr=0.01, eps=0.001)\n}\n"


@pytest.mark.parametrize("seeds", SEEDS)
def test_values_and_gradients(seeds: range) -> None:
    """What cancels is judged by the size of what it is a difference of, which is about one."""
    for seed in seeds:
        text = Drawing(seed).text()
        check(text, sizes=load_text(text).domain.choose(5), tolerance=1e-3, seed=seed, least=1.0)


@pytest.mark.parametrize("seeds", SEEDS)
def test_every_size_on_both_engines(seeds: range) -> None:
    for seed in seeds:
        net = load_text(Drawing(seed).text())
        for length in (4, 7):
            assert parity(net, sizes=net.domain.choose(length)).worst < 1e-3, f"seed {seed}, length {length}"


@pytest.mark.parametrize("seeds", SEEDS)
def test_three_steps_on_both_engines(seeds: range) -> None:
    for seed in seeds:
        net = load_text(Drawing(seed).text() + RECIPE)
        module = torch_module(net, 0).train()
        start = {k: v.numpy().copy() for k, v in module.state_dict().items()}
        ours = Onnx(onnx_step(net, weights=start))
        fields = batch_of(net, seed)
        for number, loss in enumerate(losses(module, fields)):
            found = ours.step(fields, RATE, number)
            assert float(found["loss"]) == pytest.approx(loss, rel=2e-3), f"seed {seed}, step {number}"
        for key, value in module.state_dict().items():
            got = ours.state.get(key, start[key])  # what is frozen or read by nothing is not carried
            np.testing.assert_allclose(got, value, rtol=0, atol=2e-3, err_msg=f"seed {seed}, {key}")


PARTS = """
train Drawn {{
  part odd {{ moves ({}); loss (y, label) -> cross_entropy; optimizer adam(lr=0.01, eps=0.001) }}
  part even {{ moves ({}); loss (y, label) -> cross_entropy; optimizer sgd(lr=0.01, momentum=0.9) }}
}}
"""


@pytest.mark.parametrize("seeds", [pytest.param(range(4), id="few"), *HUNDREDS])
def test_rows_by_turns_on_both_engines(seeds: range) -> None:
    """Every other row is moved by a part of its own."""
    made = [net for seed in seeds if (net := in_parts(Drawing(seed).text())) is not None]
    assert len(made) > len(seeds) / 2
    for net in made:
        module = torch_module(net, 0).train()
        start, state = {k: v.numpy().copy() for k, v in module.state_dict().items()}, dict[str, Array]()
        steps = [Onnx(onnx_step(net, weights=start, part=part)) for part in ("odd", "even")]
        fields = batch_of(net, 0)
        for number, loss in enumerate(taking_turns(net, module, fields)):
            steps[number % 2].state = state
            found = steps[number % 2].step(fields, RATE, number)
            assert float(found["loss"]) == pytest.approx(loss, rel=2e-3), f"{net}, turn {number}"
        for key, value in module.state_dict().items():
            np.testing.assert_allclose(state.get(key, start[key]), value, rtol=0, atol=2e-3, err_msg=f"{net}, {key}")


def in_parts(text: str) -> Net | None:
    """A drawn net whose rows are moved by turns; None where what some of them move is not learned."""
    net = load_text(text)
    owners = Movable(net, broken=False).owners
    if len(owners) < 2:
        return None
    try:
        net = load_text(text + PARTS.format(", ".join(owners[::2]), ", ".join(owners[1::2])))
        assert not any(fault.code != "nothing-to-learn" for fault in net.faults), net.faults
        for part in ("odd", "even"):
            training_step(net, part=part_of(net, part))
    except NetError:
        return None
    return net


def taking_turns(net: Net, module: torch.nn.Module, fields: dict[str, Array]) -> Iterator[float]:
    """What PyTorch says of three turns of each part: a fresh forward pass for each, and what it does not move stays."""
    assert net.recipe is not None
    named = dict(module.named_parameters())
    moved = [[p for k, p in named.items() if k in (part.moves or ())] for part in net.recipe.parts]
    optimizers = [torch.optim.Adam(moved[0], lr=RATE, eps=1e-3), torch.optim.SGD(moved[1], lr=RATE, momentum=0.9)]
    x, label = (torch.from_numpy(fields[name]) for name in ("x", "label"))
    for number in range(6):
        loss = F.cross_entropy(scored(module, x).flatten(0, 1), label.flatten())
        module.zero_grad()
        loss.backward()
        optimizers[number % 2].step()
        yield loss.item()


def test_a_size_that_a_row_below_its_input_settles() -> None:
    """Where the classes of the scores lie is read off their shape, which is written otherwise before that row."""
    text = "net Drawn {\n  input x [T, 3]\n  nine: x + (x -> slice(0, end=9))\n  output y: x -> linear(2)\n}\n"
    net = load_text(text + RECIPE)
    module = torch_module(net, 0).train()
    ours = Onnx(onnx_step(net, weights={k: v.numpy().copy() for k, v in module.state_dict().items()}))
    fields = batch_of(net, 0)
    for number, loss in enumerate(losses(module, fields)):
        assert float(ours.step(fields, RATE, number)["loss"]) == pytest.approx(loss, rel=1e-5)


def losses(module: torch.nn.Module, fields: dict[str, Array]) -> Iterator[float]:
    """What PyTorch's own optimizer and loss say of three steps, one after the other."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=RATE, eps=1e-3)
    x, label = (torch.from_numpy(fields[name]) for name in ("x", "label"))
    for _ in range(3):
        loss = F.cross_entropy(scored(module, x).flatten(0, 1), label.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def scored(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The scores, of a net that keeps states at its first call."""
    found = module(x)
    scores: torch.Tensor = found["y"] if isinstance(found, dict) else found
    return scores


def batch_of(net: Net, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    sizes = net.domain.choose(5)
    steps = int(net.outputs[0].value.type.at(sizes).shape[0])
    image = random.normal(size=(2, sizes["T"], 3)).astype(np.float32)
    return {"x": image, "label": random.integers(0, 2, (2, steps))}


@pytest.mark.parametrize("seeds", SEEDS)
def test_its_other_forms_say_the_same(seeds: range) -> None:
    """The graph as text, and the text as the formatter has it."""
    for seed in seeds:
        text = Drawing(seed).text()
        net = load_text(text)
        assert figures(read_back(net)) == figures(net), f"seed {seed}"
        layout = formatted(Source("text", text))
        assert formatted(Source("text", layout)) == layout, f"seed {seed}"
        assert str(load_text(layout)) == str(net), f"seed {seed}"


@pytest.mark.parametrize("seeds", SEEDS)
def test_sources_are_as_a_formatter_has_them(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        (tmp_path / f"n{seed}.py").write_text(torch_source(load_text(Drawing(seed).text())))
    options = ["--isolated", "--line-length", str(WIDTH), "--diff"]
    words = [sys.executable, "-m", "ruff", "format", *options, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:4000] or done.stderr


@pytest.mark.parametrize("seeds", [pytest.param(range(5), id="few"), *HUNDREDS])
def test_arguments_are_followed(seeds: range) -> None:
    for seed in seeds:
        assert not list(strays(partial(load_text, Drawing(seed).text()), 2)), f"seed {seed}"
