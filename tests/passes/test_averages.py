"""What a loss over a set is: that of each batch as its row gives it, averaged by samples, alike on both engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from through_onnx import evaluate_run

from netdsl.program import load_text
from netdsl.runtime.data.sets import load_data, shuffled
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train

TEXT = """
net Same {{
  input image [64]
  output again: linear(64)
}}
train Same {{
  data digits
  loss {}
  optimizer sgd(lr=1e-20)
  epochs 1
  seed 0
  batch 150
}}
"""
ROWS = {
    "(again, image) -> mse": lambda mse: mse,
    "(again, image) -> mse -> sqrt": np.sqrt,
    "(again, image) -> mse -> log": np.log,
    "((again, image) -> mse) ** 2": np.square,
    "1 / ((again, image) -> mse)": np.reciprocal,
}
"""A row, and what it makes of the mean of a batch."""


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_functions_of_a_mean_are_averaged_by_samples(row: str, engine: str, tmp_path: Path) -> None:
    """Batches of 150 and one of what is left: the average is of their own values, each by its samples."""
    net = load_text(TEXT.format(row), "same.net").net()
    done = train(net, tmp_path / "run", device="cpu", quiet=True, engine=engine)
    scorer = evaluate if engine == "torch" else evaluate_run
    found = {
        "train": done.history[0]["train"]["loss"],
        "validation": done.history[0]["validation"]["loss"],
        "test": scorer(tmp_path / "run", device="cpu")["loss"],
    }
    weights, _ = load_arrays(done.weights)
    data = load_data(plan_of(net).data, net)
    for split, loss in found.items():
        samples = data.split(split)
        order = shuffled(len(samples), 0, 0) if split == "train" else np.arange(len(samples))
        image = samples.fetch(order)["image"].astype(np.float64)
        wrong = image @ weights["again.weight"].T.astype(np.float64) + weights["again.bias"] - image
        batches = [wrong[i : i + 150] for i in range(0, len(wrong), 150)]
        assert len({len(b) for b in batches}) == 2
        values = [ROWS[row](np.square(batch).mean()) for batch in batches]
        assert loss == pytest.approx(np.average(values, weights=[len(b) for b in batches]), rel=1e-5)
