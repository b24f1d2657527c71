"""The training step on CUDA: recorded kernels against the open step, and against PyTorch on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_step import QUICK, SLOW, STEPS, Torch, batch_of, small

from netdsl.codegen.onnx.weights import initial
from netdsl.graph import Net
from netdsl.passes.pipeline import training_step
from netdsl.program import load_text
from netdsl.runtime.runs.recipes import recipe_of
from netdsl.runtime.sessions.session import cuda_devices
from netdsl.runtime.sessions.stepping import Stepping, held_by
from netdsl.runtime.train import train

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(cuda_devices() == 0, reason="no CUDA device"),
]

os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # float32 is multiplied as such


def started(net: Net, weights: dict[str, Any], **settings: Any) -> Stepping:
    step = Stepping(training_step(net, operands=True), "cuda", **settings)
    step.begin(step.weights, lambda key, weight: weights[key] if key in weights else initial(key, weight, 0))
    return step


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_recorded_steps_are_pytorchs(name: str) -> None:
    """Ten steps of a spec at a small size, replayed from the first on, the loss of each as PyTorch's on the CPU."""
    case = {**QUICK, **SLOW}[name]
    net = small(name, case)
    sizes = {**net.defaults, **case.get("sizes", {})}
    first = Torch(net)
    references = [first, *(Torch(net, part, first.module) for part in range(1, len(recipe_of(net).turns)))]
    steps = [Stepping(training_step(net, operands=True, part=r.part), "cuda") for r in references]
    needed, weights = {k: w for step in steps for k, w in step.weights.items()}, first.weights()
    held = held_by(steps, needed, lambda key, weight: weights[key] if key in weights else initial(key, weight, 0))
    for step in steps:
        step.use(held)
    for number in range(STEPS):
        fields = batch_of(net, sizes, number)
        for step, reference in zip(steps, references, strict=True):
            rate = reference.part.optimizer.lr * (1 - number / (2 * STEPS))
            found = step.run({**fields, "learning_rate": rate, "ema_share": 0.1, "seed": number})
            loss, _ = reference.step(fields, rate)
            assert float(found["loss"]) == pytest.approx(loss, rel=2e-4), f"step {number}"
    assert all(step.recordings for step in steps), "something was not recorded"


MIXED = """
net Mixed(classes = 3) {
  input image [1, H, W]
  conv(8, 3, pad=1, bias=false) -> batchnorm -> relu -> maxpool(2)
  conv(6, 5, pad=2, stride=2) -> relu -> dropout(0.3) -> global_avgpool -> flatten
  output logits: linear(classes)
}
train Mixed {
  data      mnist("nowhere")
  loss      (logits, label) -> cross_entropy
  optimizer adam(lr=0.01)
}
"""


def mixed_batch(number: int, count: int = 4, side: int = 12) -> dict[str, Any]:
    random = np.random.default_rng(number)
    image = random.normal(size=(count, 1, side, side)).astype(np.float32)
    return {"image": image, "label": random.integers(0, 3, count), "learning_rate": 0.01, "seed": number}


def test_batches_of_other_sizes_take_the_open_step() -> None:
    """Seven steps, some of other sizes, with and without recording: the same losses, dropout included."""
    losses = []
    for recorded in (True, False):
        step = started(load_text(MIXED).net(), {})
        if not recorded:
            step.sizes = {}
        given = [(4, 12), (4, 12), (1, 12), (4, 12), (4, 9), (4, 12), (4, 12)]
        losses.append([float(step.run(mixed_batch(i, *size))["loss"]) for i, size in enumerate(given)])
        assert bool(step.recordings) == recorded
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


DIGITS = (Path(__file__).parents[2] / "specs" / "lenet.net").read_text(encoding="utf-8")


@pytest.mark.parametrize("precision", ["no", "fp16", "bf16"])
def test_digits_are_learned(precision: str, tmp_path: Path) -> None:
    net = load_text(DIGITS, "lenet.net", None, {} if precision == "no" else {"precision": precision}).net("LeNet")
    found = train(net, tmp_path, device="cuda", quiet=True, engine="onnx")
    assert found.best["validation"]["metrics"]["accuracy"] > 0.97


def test_a_run_goes_on_with_the_other_engine(tmp_path: Path) -> None:
    text = load_text(DIGITS, "lenet.net", None, {"epochs": "2"}).net("LeNet")
    train(text, tmp_path, device="cuda", quiet=True, engine="onnx")
    whole = load_text(DIGITS, "lenet.net", None, {"epochs": "4"}).net("LeNet")
    found = train(whole, tmp_path, device="cuda" if torch.cuda.is_available() else "cpu", quiet=True, resume=True)
    assert found.best["validation"]["metrics"]["accuracy"] > 0.85
