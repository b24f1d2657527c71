"""Metrics of a run: in both engines alike, told over the whole split, kept through a kill, the best by what is better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from broken_off import broken_off
from through_onnx import evaluate_run

import netdsl.runtime.scoring.totals as totals
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.train import train

TEXT = """
net Both {
  input image [1, 8, 8]
  seen: flatten -> linear(12) -> relu
  output logits: seen -> linear(10)
  output again: seen -> linear(64) -> reshape([1, 8, 8])
}
train Both {
  data digits
  loss (logits, label) -> cross_entropy
  loss (again, image) -> mse
  metric (logits, label) -> perplexity
  metric (logits, label) -> auc
  metric (logits, label) -> average_precision(bins=50)
  metric (logits, label) -> f1
  metric three: (logits, label) -> recall(only=3)
  metric (again, image) -> rmse
  metric (again, image) -> mae
  metric (again, image) -> mse
  metric (again, image) -> r2
  optimizer adam(lr=0.01)
  batch 100
  epochs 2
}
"""


def net_of() -> Net:
    return load_text(TEXT, "both.net").net()


def test_both_engines_tell_the_same_of_a_split(tmp_path: Path) -> None:
    run = train(net_of(), tmp_path / "run", quiet=True, device="cpu")
    ours, theirs = (score(run.folder, device="cpu") for score in (evaluate, evaluate_run))
    assert ours["metrics"] == pytest.approx(theirs["metrics"], rel=1e-4)
    assert ours["metrics"]["mse"] == pytest.approx(ours["metrics"]["rmse"] ** 2)
    assert ours["metrics"]["three"] == pytest.approx(ours["by_class"][3]["recall"])
    assert ours["metrics"]["f1"] == pytest.approx(np.mean([c["f1"] for c in ours["by_class"]]))
    lowest = min(run.history, key=lambda row: row["validation"]["metrics"]["perplexity"])
    assert run.best["epoch"] == lowest["epoch"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_what_is_kept_of_every_position_survives_a_kill(engine: str, tmp_path: Path) -> None:
    whole = train(net_of(), tmp_path / "whole", quiet=True, device="cpu", engine=engine)
    with broken_off(6, epochs=1):
        train(net_of(), tmp_path / "cut", quiet=True, device="cpu", engine=engine, checkpoint_seconds=0)
    done = train(None, tmp_path / "cut", resume=True, quiet=True, device="cpu", engine=engine)
    assert [r["train"] for r in done.history] == [r["train"] for r in whole.history]


def test_scores_beyond_what_can_be_kept_are_counted_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_ROWS", 100_000)
    with pytest.raises(RunError, match=r"auc keeps every score of a split.*`bins`"):
        train(net_of(), tmp_path / "run", quiet=True, device="cpu")


def test_what_was_counted_otherwise_is_not_added_to() -> None:
    found = totals.RunningTotals()
    found.add_counts("miou", {"confusion": np.zeros((3, 3))})
    for other in ({"both": np.zeros(3)}, {"confusion": np.zeros((2, 2))}):
        with pytest.raises(RunError, match="counted so far for miou"):
            found.add_counts("miou", other)
    found.add_counts("auc", {"each_score": np.zeros((3, 2))})
    with pytest.raises(RunError, match="kept so far for auc"):
        found.add_counts("auc", {"each_score": np.zeros((3, 4))})


def test_rows_are_kept_in_order_in_few_pieces() -> None:
    found = totals.RunningTotals()
    for number in range(100):
        found.add_counts("auc", {"each_score": np.array([[number]])})
    assert len(found.rows["auc"]["each_score"]) < 8
    assert found.counted("auc")["each_score"][:, 0].tolist() == list(range(100))
    restored = totals.RunningTotals.from_arrays(found.arrays())
    restored.add(found)
    assert restored.counted("auc")["each_score"][:, 0].tolist() == [*range(100), *range(100)]
