"""Small recipes of the specs: ten steps on one batch lower the loss with either engine, and a whole run learns."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from ten_steps import ten_losses

from netdsl.program import load_file
from netdsl.runtime.data.sets import Dataset, InMemory, load_data
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.train import train

torch.set_num_threads(1)

SPECS = Path(__file__).parents[2] / "specs"
ENGINES = ("torch", "onnx")
BATCH = 16


class Taught(NamedTuple):
    """A recipe that ends within minutes, and how much of its first metric a whole run reaches on the test samples."""

    file: str
    net: str
    reaches: float
    recipe: str | None = "small"
    settings: dict[str, str] = {}
    """What makes the net smaller for the ten steps."""
    deep: bool = False
    """Whether its training step takes seconds to open; that it is PyTorch's is held by tests/passes/test_step.py."""
    asked: dict[str, str] = {}
    """What the recipe asks to be set, for the whole run as well."""

    def __str__(self) -> str:
        return self.net


SPELLER = {"read": "12", "words": "14", "width": "16", "hidden": "64", "drop": "0"}

TAUGHT = [
    Taught("fitting", "Line", 0.95, None),
    Taught("fitting", "Polynomial", 0.85, None),
    Taught("fitting", "LinearSVM", 0.95, None),
    Taught("fitting", "PointsMLP", 0.9, None),
    Taught("perceptron", "Perceptron", 0.97, None),
    Taught("perceptron", "PerceptronPoints", 0.95, None),
    Taught("local", "LocalDigits", 0.9, None),
    Taught("local", "ConvDigits", 0.9, None),
    Taught("sentiment", "Sentiment", 0.95, asked={"vocab": "100", "width": "16", "hidden": "32", "drop": "0"}),
    Taught("translate", "Seq2Seq", 0.9, settings={"hidden": "8"}, asked={**SPELLER, "layers": "1"}),
    Taught("translate", "Context", 0.9, settings={"hidden": "8"}, asked=SPELLER),
    Taught("translate", "Attention", 0.95, settings={"hidden": "8"}, asked=SPELLER),
    Taught("caption", "CaptionShapes", 0.8, None, settings={"hidden": "8"}),
    Taught("caption", "ShowAndTellShapes", 0.8, None, settings={"hidden": "8", "width": "8"}),
    Taught("caption", "NeuralTalk2Shapes", 0.8, None, settings={"hidden": "8", "width": "8", "drop": "0"}),
    Taught("caption", "ShowAttendTellShapes", 0.8, None, settings={"hidden": "8", "width": "8", "drop": "0"}),
    Taught("video_labels", "FrameLabels", 0.9, None, settings={"hidden": "8"}, deep=True),
    Taught("char_rnn", "CharRNN", 0.45, settings={"hidden": "8"}),
    Taught("lenet5", "LeNet5", 0.95),
    Taught("googlenet", "GoogLeNetDigits", 0.95, settings={"width": "2"}, deep=True),
    Taught("senet", "SENetDigits", 0.95, settings={"width": "4"}, deep=True),
    Taught("drn", "DRNDigits", 0.95, settings={"width": "2"}, deep=True),
    Taught("xception", "XceptionDigits", 0.95, settings={"width": "4"}, deep=True),
    Taught("wider_resnet", "WiderResNetDigits", 0.95, settings={"width": "2"}, deep=True),
    Taught("zfnet", "ZFNetDigits", 0.95, settings={"width": "4"}),
]

STEPPED = [
    pytest.param(engine, taught, marks=pytest.mark.slow) if engine == "onnx" and taught.deep else (engine, taught)
    for taught in TAUGHT
    for engine in ENGINES
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("engine", "taught"), STEPPED, ids=str)
def test_ten_steps_on_one_batch_lower_the_loss(engine: str, taught: Taught) -> None:
    net = load_file(
        SPECS / f"{taught.file}.net", taught.asked | taught.settings, {"batch": str(BATCH)}, taught.recipe
    ).net(taught.net)
    plan = plan_of(net)
    fields = load_data(plan.data, net, {}).splits["train"].fetch(np.arange(BATCH))
    split = InMemory(fields)
    losses = ten_losses(engine, net, plan, Dataset({"train": split, "validation": split}, ()), BATCH)
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("taught", TAUGHT, ids=str)
def test_a_whole_run_learns(taught: Taught, tmp_path: Path) -> None:
    net = load_file(SPECS / f"{taught.file}.net", taught.asked, by=taught.recipe).net(taught.net)
    train(net, tmp_path, device="cpu", quiet=True)
    metrics = evaluate(tmp_path, device="cpu")["metrics"]
    assert next(iter(metrics.values())) > taught.reaches
