"""Recipes without data: what their fields are follows from their losses, and their step is that of PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from netdsl.cli.app import run as command
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.target import TARGETS
from netdsl.dims.tensors import DType
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, named, output_names
from netdsl.runtime.train import train
from netdsl.text.diagnostics import NetError

BLOCKS = """
block masked() {
  input scores [C]
  input truth int[]
  input weight [C]
  (scores * weight, truth) -> cross_entropy
}
block doubled(n = 2) {
  input scores [C, H, W], truth int[H, W]
  n * ((scores, truth) -> cross_entropy(ignore=255))
}
block pairs() {
  input y [n]
  input other [n, 2]
  (y, other -> mean(axis=1)) -> mse
}
"""


def net_of(output: str, *rows: str, given: str = "x [3, 4, 6]") -> Net:
    body = f"net A {{\n  input {given}\n  output y: {output}\n}}\n"
    return load_text(f"{BLOCKS}{body}train A {{\n  {chr(10).join(rows)}\n  optimizer sgd(lr=0.1)\n}}\n", "a.net").net()


VECTOR, MAP, STEPS = "flatten -> linear(5)", "conv(5, 1)", "conv(5, 1) -> tokens"
WANTED = [
    (VECTOR, "loss (y, label) -> cross_entropy", {"label": "int[]"}),
    (MAP, "loss (y, label) -> cross_entropy(ignore=255)", {"label": "int[4, 6]"}),
    (STEPS, "loss (y, label) -> cross_entropy", {"label": "int[24]"}),
    (STEPS, "loss (y, label) -> cross_entropy(axis=0)", {"label": "int[5]"}),
    (MAP, "loss (y -> log_softmax, mask) -> nll", {"mask": "int[4, 6]"}),
    (VECTOR, "loss (y, label) -> multi_margin", {"label": "int[]"}),
    (VECTOR, "loss (y, label) -> mse", {"label": "[5]"}),
    (MAP, "loss (y, other) -> l1", {"other": "[5, 4, 6]"}),
    (VECTOR, "loss (y -> sigmoid, label) -> binary_cross_entropy", {"label": "[5]"}),
    (VECTOR, "loss 0.5 * ((y, label) -> cross_entropy) + 2 * ((y, value) -> mse)", {"label": "int[]", "value": "[5]"}),
    (VECTOR, "loss (y, kind, prior) -> masked", {"kind": "int[]", "prior": "[5]"}),
    (MAP, "loss (y, label) -> doubled(n=3)", {"label": "int[4, 6]"}),
    (VECTOR, "loss (y, both) -> pairs", {"both": "[5, 2]"}),
    (VECTOR, "loss (y, label) -> hinge", {"label": "[5]"}),
]


@pytest.mark.parametrize(("output", "row", "wanted"), WANTED)
def test_fields_follow_from_the_losses(output: str, row: str, wanted: dict[str, str]) -> None:
    """And the step computes the loss that PyTorch does, at another batch too."""
    net = net_of(output, row)
    assert net.recipe is not None
    found = {v.name: str(v.type) for v in net.recipe.losses[0].graph.inputs if v.name != "y"}
    assert found == wanted
    weights = {k: v.detach().numpy() for k, v in torch_module(net, 0).state_dict().items()}
    model = onnx_step(net, weights=weights)
    for batch in (2, 3):
        fields = draw(net, batch)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        fed = {n: v for n, v in fields.items() if n in {i.name for i in session.get_inputs()}}
        loss = session.run(["loss"], {**fed, "learning_rate": np.array(0.1, np.float32), "seed": np.array(0)})[0]
        assert loss == pytest.approx(reference(net, fields), rel=1e-5)


def draw(net: Net, batch: int) -> dict[str, Any]:
    assert net.recipe is not None
    rng = np.random.default_rng(batch)
    values = {v.name: v for term in net.recipe.losses for v in (*net.inputs, *term.graph.inputs) if v.name != "y"}
    shapes = {n: (v.type, (batch, *map(int, v.shape))) for n, v in values.items()}
    return {
        n: rng.integers(0, 5, s) if t.dtype is DType.INT else rng.uniform(0.1, 0.9, s).astype(np.float32)
        for n, (t, s) in shapes.items()
    }


def reference(net: Net, fields: dict[str, Any]) -> float:
    """The sum of the losses through PyTorch, with the weights that a seed of 0 gives."""
    assert net.recipe is not None
    values = {n: torch.from_numpy(v) for n, v in fields.items()}
    module = torch_module(net, 0).train()
    values |= named(module(*(values[v.name] for v in net.inputs)), output_names(net, True))
    losses = Scoring(net, net.recipe.losses, []).loss(RunningTotals(), values, True)
    return float(torch.stack(list(losses.values())).sum())


def test_a_metric_may_come_before_its_loss_and_shares_its_field() -> None:
    net = net_of(VECTOR, "metric (y, label) -> accuracy", "loss (y, label) -> cross_entropy")
    assert net.recipe is not None
    terms = (*net.recipe.losses, *net.recipe.metrics)
    assert {str(v.type) for t in terms for v in t.graph.inputs if v.name == "label"} == {"int[]"}


def test_a_row_that_is_no_output_is_no_field() -> None:
    text = "net A {\n  input x [4]\n  hid: linear(3) -> relu\n  output y: linear(3)\n}\n"
    with pytest.raises(NetError, match="`hid` is a row of `A`, but not an output"):
        load_text(f"{text}train A {{\n  loss (y, hid) -> mse\n}}\n").net()


def test_training_asks_for_data_at_its_place(tmp_path: Path) -> None:
    """A located message that names the ways out; every other command works."""
    file = tmp_path / "own.net"
    file.write_text("net Own {\n  input x [6]\n  output y: linear(1)\n}\ntrain Own {\n  loss (y, label) -> mse\n}\n")
    with pytest.raises(NetError) as raised:
        command(["train", str(file), "--folder", str(tmp_path / "run")])
    (found,) = raised.value.diagnostics
    assert (found.code, found.message) == ("missing-data", "the recipe of `Own` has no `data`")
    assert found.labels[0].span.line == 5
    assert all(way in str(found.help) for way in ("`data digits`", "--data", "compile --to onnx-train"))
    for rest in (["check"], ["report"], ["parity"]):
        assert command([*rest, str(file)]) == 0
    for target in TARGETS:
        assert command(["compile", str(file), "--to", target, "-o", str(tmp_path / target)]) == 0


def test_data_from_the_command_line_is_data(tmp_path: Path) -> None:
    text = "net A {\n  input image [64]\n  output y: linear(10)\n}\ntrain A {\n  loss (y, label) -> cross_entropy\n}\n"
    net = load_text(text, "a.net", None, {"data": "digits", "epochs": "1"}).net()
    run = train(net, tmp_path / "run", quiet=True, device="cpu")
    assert evaluate(run.folder, device="cpu")["samples"] == 179
