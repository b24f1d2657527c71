"""Blocks that run again in the backward pass: the numbers are to the bit those of a run without, and less is kept."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from broken_off import broken_off
from torch_steps import Steps

import netdsl
from netdsl.base.errors import RunError
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.recipe.optimizers import OPTIMIZERS
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import apply_recipe, plan_of, recipe_json
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train
from netdsl.runtime.training.heading import rerun_words

torch.set_num_threads(1)

TEXT = """
block residual(c) {
  input x [c, H, W]
  body: x -> conv(c, 3, pad=1) -> batchnorm -> dropout(0.3) -> relu -> conv(c, 3, pad=1) -> batchnorm
  output y: (x + body) -> relu
}
block stage(c) {
  input x [d, H, W]
  conv(c, 3, pad=1) -> batchnorm -> relu
  output y: residual(c) * 2
}
net Small(classes = 10) {
  input image [1, 8, 8]
  shared both: residual(4)
  stem: image -> conv(4, 3, pad=1) -> both
  once: stem -> both
  first: stage(4)
  second: stage(6)
  output logits: global_avgpool -> linear(classes)
}
train Small {
  data       digits
  loss       (logits, label) -> cross_entropy
  optimizer  sgd(lr=0.05, momentum=0.9)
  checkpoint (first, second.y.residual1, both)
  epochs     2
  batch      480
}
"""


def net_of(**recipe: str) -> Net:
    return load_text(TEXT, "small.net", None, recipe).net("Small")


def learned(net: Net, half: bool) -> dict[str, Any]:
    """All that two steps leave: gradients, weights, running statistics, and the state of the generator."""
    torch.manual_seed(3)
    steps = Steps(net, 5, OPTIMIZERS["sgd"](lr=0.1, momentum=0.9), half=half)
    module = steps.module
    found: dict[str, Any] = {}
    for number in range(2):
        values = {**steps.fields, **steps.outputs()}
        loss = torch.stack([term(values) for term in steps.scoring.losses]).sum()
        loss.backward()
        found |= {f"{number}.{key}": p.grad.clone() for key, p in module.named_parameters() if p.grad is not None}
        found |= {f"{number}.loss": loss.detach(), f"{number}.drawn": torch.get_rng_state()}
        steps.optimizer.step()
        steps.optimizer.zero_grad()
    return found | module.state_dict()


@pytest.mark.parametrize("half", [False, True])
def test_every_number_is_that_of_a_run_without(half: bool) -> None:
    with_it, without = learned(net_of(), half), learned(net_of(checkpoint="none"), half)
    assert with_it.keys() == without.keys()
    assert [key for key, value in without.items() if not torch.equal(value, with_it[key])] == []
    assert without["first.batchnorm1.num_batches_tracked"] == 2
    assert without["both.body.batchnorm1.num_batches_tracked"] == 4


def test_the_source_says_so_only_where_it_is_asked_for() -> None:
    source = torch_source(net_of())
    assert 'for path in ("first", "second.y.residual1", "both"):' in source
    assert "use_reentrant=False" in source
    assert "Rerun" not in torch_source(net_of(checkpoint="none"))
    assert 'for path in ("second",):' in torch_source(net_of(checkpoint="second"))


def test_modules_are_copied_pickled_and_the_same_at_inference() -> None:
    module, plain = netdsl.torch_module(net_of(), seed=1), netdsl.torch_module(net_of(checkpoint="none"), seed=1)
    image = torch.randn(2, 1, 8, 8)
    for made in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert made.first.forward.block is made.first
        assert torch.equal(made.eval()(image), plain.eval()(image))


def test_less_is_alive_at_the_peak_as_the_report_says() -> None:
    net, plain = net_of(), net_of(checkpoint="none")
    sgd = OPTIMIZERS["sgd"](lr=0.1)
    measured, before = (Steps(n, 64, sgd).measured() for n in (net, plain))
    found = netdsl.fit(net, batch=64, optimizer="sgd")
    assert measured.peak < before.peak
    assert found.peak_bytes == pytest.approx(measured.peak, rel=0.03)
    assert found.checkpoint is not None
    assert found.checkpoint.peak_before == pytest.approx(before.peak, rel=0.03)
    assert found.checkpoint.blocks == ("both", "both_use1", "first", "second.y.residual1")
    assert netdsl.fit(net, batch=64, checkpoint=()).checkpoint is None


def kept(folder: Path) -> dict[str, Any]:
    return load_arrays(RunFolder(folder).checkpoint)[0]


def test_a_run_is_that_without_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    train(net_of(checkpoint="none"), tmp_path / "plain", device="cpu", quiet=True)
    with broken_off(4):
        train(net_of(), tmp_path / "cut", device="cpu", quiet=True, checkpoint_seconds=0.0)
    torch.manual_seed(99)
    train(None, tmp_path / "cut", device="cpu", quiet=True, resume=True)
    left, right = kept(tmp_path / "plain"), kept(tmp_path / "cut")
    assert left.keys() == right.keys()
    assert [name for name, value in left.items() if not np.array_equal(value, right[name])] == []
    recipe = json.loads((tmp_path / "cut" / "recipe.json").read_text())
    assert recipe["recipe"]["settings"]["checkpoint"] == ["first", "second.y.residual1", "both"]


def test_a_kept_recipe_must_name_blocks() -> None:
    net = net_of()
    stored = json.loads(json.dumps(recipe_json(plan_of(net))))
    apply_recipe(net, stored)
    assert net.recipe is not None
    assert net.recipe.settings["checkpoint"] == ("first", "second.y.residual1", "both")
    for wrong, said in (["stem.conv1"], "has no block `stem.conv1`"), ("first", "rows of the net"), ([1], "rows"):
        with pytest.raises(RunError, match=said):
            apply_recipe(net, {**stored, "settings": {**stored["settings"], "checkpoint": wrong}})
    old = {key: value for key, value in stored["settings"].items() if key != "checkpoint"}
    apply_recipe(net, {**stored, "settings": old})
    assert net.recipe.settings["checkpoint"] == ()


def test_a_run_without_pytorch_says_what_becomes_of_it() -> None:
    assert [*rerun_words(plan_of(net_of()), ("torch",))] == []
    assert "the numbers are the same" in next(rerun_words(plan_of(net_of()), ("onnxruntime",)))


NUMBERED = """
block double(c) {
  conv(c, 3, pad=1) -> batchnorm -> relu
}
block stage(c, many) {
  conv(c, 1)
  double(c) * many
}
net Deep(classes = 10, width = 8, n = 3, m = 2, k = 4, r = 2) {
  input image [1, 8, 8]
  first: conv(width, 3, pad=1)
  free: double(width) * k
  early: double(width) * n
  inner: stage(width, m)
  for i in range(r) { turn: double(width) }
  output logits: global_avgpool -> linear(classes)
}
train Deep {
  data       digits
  loss       (logits, label) -> cross_entropy
  checkpoint ROWS
}
"""


@pytest.mark.parametrize(
    ("rows", "fixed"),
    [("early", "n"), ("early.double2", "n"), ("inner", ""), ("inner.double2", "m"), ("turn2", "r"),
     ("(early, inner.double1)", "nm"), ("free", "k")],
)  # fmt: skip
def test_a_class_takes_no_other_number_of_what_runs_again(rows: str, fixed: str) -> None:
    """Of blocks that it names there would be none at another number, or more that do not run again."""
    net = load_text(NUMBERED.replace("ROWS", rows)).net()
    source, made = torch_source(net), type(netdsl.torch_module(net))
    told = [f"{setting} = {net.settings[setting]}" for setting in fixed]
    assert (f"Fixed in this text: {', '.join(told)}." in source) == bool(fixed)
    again = made(width=4, **dict.fromkeys([s for s in "nmkr" if s not in fixed], 1))
    assert any("forward" in vars(part) for part in again.modules())
    for setting in fixed:
        with pytest.raises(TypeError, match="unexpected keyword"):
            made(**{setting: 1})
