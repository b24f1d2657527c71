"""Runs that are steered: rows frozen at first, rates by row, averages, plateaus and early ends, by both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from broken_off import broken_off
from through_onnx import evaluate_run

from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime import train as training
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import apply_recipe, plan_of, recipe_json
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train
from netdsl.runtime.training.saved import save
from netdsl.runtime.trial import try_steps

torch.set_num_threads(1)

TEXT = """
net Small(classes = 10) {
  input image [1, 8, 8]
  stem: conv(4, 3, bias=false) -> batchnorm -> relu
  body: flatten -> linear(16, bias=false) -> batchnorm -> relu
  output logits: linear(classes)
}
train Small {
  data      digits
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  optimizer adamw(lr=0.005, eps=0.001, layer_decay=0.9)
  schedule  plateau(factor=0.5, patience=0, threshold=0.5)
  freeze    (stem(epochs=1), "body.batchnorm1*"(2))
  rate      logits(2)
  decay     "*norm*"(0)
  ema       0.95
  epochs    4
  batch     240
}
"""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def net_of(text: str = TEXT, **recipe: str) -> Net:
    return load_text(text, "small.net", None, recipe).net("Small")


def run(net: Net | None, folder: Path, engine: str = "torch", **more: Any) -> training.Run:
    return train(net, folder, device="cpu", quiet=True, engine=engine, **more)


def kept(folder: Path) -> dict[str, Any]:
    return load_arrays(RunFolder(folder).checkpoint)[0]


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("after", [4, 9, 17])
def test_a_killed_run_goes_on_bit_for_bit(
    tmp_path: Path, engine: str, after: int
) -> None:  # fmt: skip
    """Within the epoch of each stage: what is frozen, rates, counters and averages are as if nothing had been."""
    whole = run(net_of(), tmp_path / "whole", engine)
    with broken_off(after):
        run(net_of(), tmp_path / "cut", engine, checkpoint_seconds=0.0)
    torch.manual_seed(99)
    resumed = run(None, tmp_path / "cut", engine, resume=True)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    left, right = kept(tmp_path / "whole"), kept(tmp_path / "cut")
    assert left.keys() == right.keys()
    assert [name for name, value in left.items() if not np.array_equal(value, right[name])] == []
    best, again = (load_arrays(RunFolder(tmp_path / name).weights)[0] for name in ("whole", "cut"))
    assert all(np.array_equal(value, again[name]) for name, value in best.items())


WITH_PARTS = """
net Small(classes = 10) {
  input image [1, 8, 8]
  stem: conv(4, 3, bias=false) -> batchnorm -> relu
  output logits: flatten -> linear(classes)
  output other: stem -> detach -> flatten -> linear(classes)
}
train Small {
  data      digits
  metric    (logits, label) -> accuracy
  freeze    stem(epochs=1)
  rate      (logits(2), other(0.5))
  ema       0.95
  epochs    4
  batch     240
  part first {
    moves     (stem, logits)
    loss      (logits, label) -> cross_entropy
    optimizer adamw(lr=0.005, eps=0.001, layer_decay=0.9)
    schedule  plateau(factor=0.5, patience=0, threshold=0.5)
  }
  part second {
    moves     other
    loss      (1 - epoch / epochs) * ((other, label) -> cross_entropy)
    loss      (2 + epoch) * (other * other -> mean)
    optimizer sgd(lr=0.05, momentum=0.9)
  }
}
"""

GOING_ON = [
    ("torch", TEXT, {}),
    ("onnx", TEXT, {}),
    ("torch", TEXT, {"accumulate": "2", "batch": "120", "clip": "0.5"}),
    ("onnx", WITH_PARTS, {}),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("first", "text", "recipe"), GOING_ON)
def test_a_run_goes_on_with_the_other_engine(tmp_path: Path, first: str, text: str, recipe: dict[str, str]) -> None:
    """From a checkpoint within the frozen epochs: the same losses and weights, averages and memory."""
    begun = run(net_of(text, **recipe, epochs="1"), tmp_path / "start", first)
    assert not any(name.startswith("optimizer/stem") for name in kept(tmp_path / "start"))
    for engine in ("torch", "onnx"):
        folder = tmp_path / engine
        folder.mkdir()
        for path in (tmp_path / "start").rglob("*"):
            target = folder / path.relative_to(tmp_path / "start")
            target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
        run(net_of(text, **recipe), folder, engine, resume=True)
    left, right = kept(tmp_path / "onnx"), kept(tmp_path / "torch")
    assert left.keys() == {name for name in right if not name.startswith("random/")}
    for name, value in left.items():
        if not name.startswith("totals/"):
            atol = 2e-3 * np.abs(right[name]).max(initial=1e-6)
            np.testing.assert_allclose(value, right[name], rtol=0, atol=atol, err_msg=name)
    assert {float(left[f"optimizer/{n}/step"]) for n in ("logits.weight", "stem.conv1.weight")} == {24.0, 18.0}
    assert len(begun.history) == 1


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_what_is_frozen_stays_and_what_scores_is_the_average(tmp_path: Path, engine: str) -> None:
    done = run(net_of(freeze="(stem, body.batchnorm1)", epochs="2", ema="0.5"), tmp_path / "frozen", engine)
    plain = net_of(freeze="none", epochs="1", ema="none", optimizer="sgd(lr=0)")
    run(plain, tmp_path / "begun", engine)
    start, end = kept(tmp_path / "begun"), kept(tmp_path / "frozen")
    for name in ("stem.conv1.weight", "stem.batchnorm1.weight", "body.batchnorm1.bias"):
        assert np.array_equal(start[f"model/{name}"], end[f"model/{name}"]), name
    assert np.all(end["model/stem.batchnorm1.running_mean"] == 0)
    assert np.all(end["model/body.batchnorm1.running_var"] == 1)
    weights, facts = load_arrays(RunFolder(tmp_path / "frozen").weights)
    assert facts["epoch"] == 2
    assert np.array_equal(weights["body.linear1.weight"], end["average/body.linear1.weight"])
    assert not np.array_equal(weights["body.linear1.weight"], end["model/body.linear1.weight"])
    assert done.history[-1]["best"]


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_weights_of_losses_follow_the_epoch(tmp_path: Path, engine: str) -> None:
    """Weights stay as they are: the loss of each epoch is its share of the loss alone."""
    still = {"optimizer": "sgd(lr=0)", "freeze": "(stem, body)", "ema": "none", "schedule": "constant"}
    whole = run(net_of(**still), tmp_path / "a", engine)
    loss = "loss      (logits, label) -> cross_entropy"
    changing = TEXT.replace(loss, f"{loss.replace('(', '(1 - epoch / epochs) * ((', 1)})")
    done = run(net_of(changing, **still), tmp_path / "b", engine)
    for split in ("train", "validation"):
        shares = [b[split]["loss"] / a[split]["loss"] for a, b in zip(whole.history, done.history, strict=True)]
        assert shares == pytest.approx([1, 0.75, 0.5, 0.25], rel=1e-5)
    assert evaluate(tmp_path / "b", device="cpu")["loss"] == pytest.approx(
        evaluate(tmp_path / "a", device="cpu")["loss"] / 4, rel=1e-5
    )
    assert evaluate_run(tmp_path / "b")["loss"] == pytest.approx(evaluate_run(tmp_path / "a")["loss"] / 4, rel=1e-5)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_steps_beyond_the_epochs_are_those_of_the_last(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The loss alone is the same at each step, and weighs no less than in the last epoch."""
    text = """net Small { input image [1, 8, 8]
    output logits: flatten -> linear(10) }
    train Small { data digits
    loss (1 - epoch / epochs) * ((logits, label) -> cross_entropy)
    metric (logits, label) -> accuracy
    optimizer sgd(lr=0)
    epochs 2
    batch 2000 }"""
    losses = np.array(try_steps(net_of(text), 8, device="cpu", engine=engine))
    assert losses[0] > 0
    assert losses / losses[0] == pytest.approx([1] + 7 * [0.5], rel=1e-5)
    assert "epoch 3" not in capsys.readouterr().out


@pytest.mark.slow
def test_two_processes_are_steered_like_one(tmp_path: Path) -> None:
    """Frozen rows, averages and changing losses under torchrun: the averages of one process up to rounding."""
    text = (
        TEXT.replace(" -> batchnorm", "")
        .replace(', "body.batchnorm1*"(2)', "")
        .replace("plateau(", "plateau(warmup=1, ")
    )
    text = text.replace("(logits, label) -> cross_entropy", "(2 - epoch / epochs) * ((logits, label) -> cross_entropy)")
    text = text.replace('  decay     "*norm*"(0)\n', "")
    (tmp_path / "small.net").write_text(text)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    line = ["-m", "netdsl", "train", str(tmp_path / "small.net"), "--folder", str(tmp_path / "two"), "--device", "cpu"]
    around = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, *launch, *line], env=around, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    run(net_of(text), tmp_path / "one")
    left, right = kept(tmp_path / "one"), kept(tmp_path / "two")
    assert {n for n in left if n.startswith(("model/", "average/"))} <= right.keys()
    for name in left:
        if name.startswith(("model/", "average/")):
            np.testing.assert_allclose(left[name], right[name], atol=2e-4, err_msg=name)


def test_shares_of_averages_are_timms() -> None:
    """`ModelEmaV3(decay=0.98, use_warmup=True).get_decay` of timm 1.0.31 at updates 1, 2, 3, 11, 101 and 1001."""
    plan = plan_of(net_of(ema="0.98"))
    theirs = [0.0, 0.3700394750525634, 0.5192501432308638, 0.7978199917664258, 0.9538909949722393, 0.98]
    assert [1 - plan.share(number) for number in (0, 1, 2, 10, 100, 1000)] == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_run_ends_when_none_gets_better(
    tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """With a rate of nothing the first epoch stays the best; a larger patience goes on, and as if it had been there."""
    still = {"optimizer": "sgd(lr=0)", "freeze": "(stem, body)", "ema": "none", "schedule": "constant", "epochs": "9"}
    train(net_of(**still, patience="2"), tmp_path / "a", device="cpu", engine=engine)
    told = capsys.readouterr().out
    assert "stopped behind epoch 3: none was better for 2 epochs than epoch 1, as `patience 2` says" in told
    assert len((tmp_path / "a" / "metrics.jsonl").read_text().splitlines()) == 3
    train(None, tmp_path / "a", device="cpu", engine=engine, resume=True)
    assert "nothing left to do: stopped behind epoch 3" in capsys.readouterr().out
    more = run(net_of(**still, patience="4"), tmp_path / "a", engine, resume=True)
    assert len(more.history) == 5
    assert more.best["epoch"] == 1


def test_rates_fall_on_a_plateau(tmp_path: Path) -> None:
    still = {"freeze": "(stem, body)", "ema": "none", "epochs": "6"}
    done = run(net_of(**still, optimizer="adam(lr=0)", schedule="plateau(patience=1)"), tmp_path / "a")
    assert [row["lr"] for row in done.history] == [0.0] * 6
    done = run(net_of(**still, optimizer="adam(lr=1e-12)", schedule="plateau(patience=1)"), tmp_path / "b")
    assert [row["lr"] for row in done.history] == pytest.approx([1e-12] * 3 + [1e-13] * 2 + [1e-14])


def test_rows_survive_json_and_say_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = json.loads(json.dumps(recipe_json(plan_of(net_of()))))
    other = net_of(freeze="none", ema="none", rate="none")
    apply_recipe(other, stored)
    assert json.loads(json.dumps(recipe_json(plan_of(other)))) == stored
    for wrong in ([["stem", 0]], [["stem", "2"]], [["stem"]], [["", 1]], "stem", [["s" * 1000, 1]], [[1, 1]], {"a": 1}):
        with pytest.raises(RunError, match="`freeze` takes rows of the net, each for some epochs"):
            apply_recipe(other, {**stored, "settings": {**stored["settings"], "freeze": wrong}})
    run(net_of(epochs="1"), tmp_path / "a")
    train(net_of(epochs="2", freeze="stem"), tmp_path / "a", device="cpu", resume=True)
    told = capsys.readouterr().out
    assert 'changed since the checkpoint: freeze (stem(1), "body.batchnorm1*"(2)) → stem' in told
    assert 'freeze stem; rate logits(2); decay "*norm*"(0); ema 0.95' in told


def test_the_head_says_what_is_trained_and_from_when(capsys: pytest.CaptureFixture[str]) -> None:
    try_steps(net_of(), 7, device="cpu")
    told = capsys.readouterr().out
    assert "Small: 2,550 trained weights, 44 of them from epoch 2, 32 of them from epoch 3 on cpu" in told
    assert "epoch 2, step 1 of 6" in told


def test_a_damaged_average_is_refused(tmp_path: Path) -> None:
    run(net_of(epochs="1"), tmp_path / "a")
    checkpoint = RunFolder(tmp_path / "a").checkpoint
    arrays, facts = load_arrays(checkpoint)
    for name, value in (
        ("average/logits.weight", np.zeros((1, 1), np.float32)),
        ("average/gone", np.zeros(1, np.float32)),
    ):
        save(checkpoint, {**arrays, name: value}, {k: v for k, v in facts.items() if k not in ("format", "tensors")})
        for engine in ("torch", "onnx"):
            with pytest.raises(RunError, match="average of"):
                run(net_of(), tmp_path / "a", engine, resume=True)
