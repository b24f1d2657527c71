"""Training: it learns, it is resumed bit for bit after a kill, it adds up over uneven batches and processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from broken_off import Killed, broken_off
from rich.console import Console
from safetensors.torch import load_file

from netdsl.base.errors import RunError
from netdsl.base.files import replace_file
from netdsl.graph import Net
from netdsl.program import load_file as read_program
from netdsl.program import load_text
from netdsl.recipe import DATA, OPTIMIZERS
from netdsl.runtime.engines.checkpoint import load_tensors
from netdsl.runtime.engines.device import make_accelerator
from netdsl.runtime.engines.optimizers import make_optimizer
from netdsl.runtime.evaluate import evaluate, evaluate_onnx
from netdsl.runtime.parity import compare, parity
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import apply_recipe, plan_of, recipe_json
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring
from netdsl.runtime.train import train
from netdsl.runtime.training.progress import Reporter, overfitting, overfitting_plot, sparkline
from netdsl.runtime.trial import try_steps
from netdsl.text.diagnostics import NetError

torch.set_num_threads(1)

MLP = """
net Mlp(classes = 10, hidden = 48) {
  input image [1, 8, 8]
  flatten -> linear(hidden) -> batchnorm -> relu -> dropout(DROP)
  output logits: linear(classes)
}

train Mlp {
  data      digits
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  metric    (logits, label) -> top_k_accuracy(2)
  optimizer sgd(lr=0.2, momentum=0.9)
  schedule  cosine
  epochs    3
  batch     64
}
"""


def mlp(drop: float = 0.1, settings: dict[str, str] | None = None, **recipe: str) -> Net:
    return load_text(MLP.replace("DROP", str(drop)), "mlp.net", settings, recipe).net("Mlp")


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def same_state(left: Path, right: Path) -> None:
    """Checkpoints equal to the bit, but for the clock."""
    (ours, facts), (theirs, other) = (load_tensors(RunFolder(p).checkpoint) for p in (left, right))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key
    assert without_seconds(facts["history"]) == without_seconds(other["history"])
    best = [load_file(RunFolder(p).weights) for p in (left, right)]
    assert all(torch.equal(v, best[1][k]) for k, v in best[0].items())


# ---------------------------------------------------------------- the whole way


def test_digits_are_learnt_and_the_run_stands_alone(tmp_path: Path) -> None:
    seen: list[Any] = []
    run = train(mlp(), tmp_path / "run", device="cpu", on_epoch=seen.append, quiet=True)
    assert [row["epoch"] for row in seen] == [1, 2, 3] == [row["epoch"] for row in run.history]
    assert run.history[-1]["validation"]["metrics"]["accuracy"] > 0.9

    found = evaluate(run.folder, device="cpu")
    assert found["split"] == "test"
    assert found["samples"] == 179
    assert found["metrics"]["accuracy"] > 0.9
    assert found["metrics"]["top_k_accuracy"] >= found["metrics"]["accuracy"]
    again = evaluate(run.folder, split="validation", device="cpu")
    assert again["metrics"]["accuracy"] == run.best["validation"]["metrics"]["accuracy"]
    assert again["loss"] == pytest.approx(run.best["validation"]["loss"])

    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert lines == run.history
    assert (run.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (run.folder / "spec" / "Mlp.net").read_text() == MLP.replace("DROP", "0.1")


def test_the_same_accuracy_through_onnxruntime(tmp_path: Path) -> None:
    from netdsl.codegen.onnx.model import save_onnx

    run = train(mlp(epochs="1"), tmp_path / "run", device="cpu", quiet=True)
    weights = {k: v.numpy() for k, v in load_file(run.weights).items()}
    path = save_onnx(run.net, tmp_path / "mlp.onnx", weights=weights)
    ours, theirs = evaluate(run.folder, device="cpu"), evaluate_onnx(path, run.net, device="cpu")
    assert ours["metrics"] == theirs["metrics"]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)

    one = predict(run.folder, 7, device="cpu")
    other = predict(path, "7", data=DATA["digits"](), device="cpu")
    assert one.truth == other.truth
    assert [g.label for g in one.top] == [g.label for g in other.top]
    assert one.top[0].probability == pytest.approx(other.top[0].probability, rel=1e-4)

    report = parity(run.net, run.weights)
    assert [d.output for d in report.outputs] == ["logits"]
    assert report.worst < 1e-5


def test_settings_given_from_outside_are_kept(tmp_path: Path) -> None:
    net = mlp(settings={"hidden": "7"}, epochs="1", optimizer="adam(lr=0.02)", data="digits(mean=0.5)", clip="1.5")
    train(net, tmp_path / "run", device="cpu", quiet=True)
    again = RunFolder(tmp_path / "run").load_net()
    assert next(w.shape for _, w in again.weights()) == (7, 64)
    assert recipe_json(plan_of(again)) == recipe_json(plan_of(net))
    assert again.recipe is not None
    assert again.recipe.data.mean == (0.5,)
    assert again.recipe.settings["clip"] == 1.5


def test_a_run_keeps_the_neighbours_that_its_text_uses(tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "parts").mkdir(parents=True)
    (here / "parts" / "deep.net").write_text("block inner(c) {\n  linear(c) -> relu\n}\n")
    (here / "head.net").write_text('use "./parts/deep.net" { inner }\nblock head(c) {\n  inner(32) -> linear(c)\n}\n')
    body = "net Far {\n  input image [1, 8, 8]\n  output logits: flatten -> head(10)\n}\n"
    recipe = "train Far {\n  data digits\n  loss (logits, label) -> cross_entropy\n  epochs 1\n}\n"
    (here / "far.net").write_text('use "./head.net" { head }\n' + body + recipe)
    run = train(read_program(here / "far.net").net(), tmp_path / "run", device="cpu", quiet=True)
    before = evaluate(run.folder, device="cpu")
    shutil.rmtree(here)
    assert evaluate(run.folder, device="cpu") == before
    assert before["metrics"] == {}


def test_predict_reads_files(tmp_path: Path) -> None:
    from PIL import Image

    run = train(mlp(epochs="1"), tmp_path / "run", device="cpu", quiet=True)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", (pixels / 255.0)[None])
    drawn, stored = (predict(run.folder, str(tmp_path / f"a.{end}"), device="cpu") for end in ("png", "npy"))
    np.testing.assert_allclose(drawn.outputs["logits"], stored.outputs["logits"], atol=1e-5)
    assert len(drawn.top) == 5
    assert sum(g.probability for g in drawn.top) <= 1
    np.save(tmp_path / "b.npy", pixels[:4][None])
    (tmp_path / "c.png").write_bytes(b"no image")
    for name, message in (
        ("b.npy", "where the input is"), ("c.png", "cannot be decoded"), ("d.png", "no such file"),
        ("a.npy", None), ("999", "has samples 0 to 178"),
    ):  # fmt: skip
        if message:
            with pytest.raises(RunError, match=message):
                predict(run.folder, name if name.isdecimal() else str(tmp_path / name), device="cpu")


# ---------------------------------------------------------------- stopping and going on


@pytest.mark.sampled(3)
@pytest.mark.parametrize("after", [1, 30, 53])
def test_resume_is_bit_for_bit(tmp_path: Path, after: int) -> None:
    """Stopped at any step of any epoch, with dropout, batchnorm, momentum, accumulation and clipping."""
    net = mlp(accumulate="2", clip="1.0", batch="32", epochs="3")
    train(net, tmp_path / "whole", device="cpu", quiet=True)
    with broken_off(after):
        train(net, tmp_path / "cut", device="cpu", quiet=True, checkpoint_seconds=0.0)
    torch.manual_seed(99)  # whatever happened in between
    run = train(None, tmp_path / "cut", resume=True, device="cpu", quiet=True)
    same_state(tmp_path / "whole", tmp_path / "cut")
    assert [row["epoch"] for row in run.history] == [1, 2, 3]


SCRIPT = """
import sys, torch
torch.set_num_threads(1)
from netdsl.program import load_text
from netdsl.program import load_file as read_program
from netdsl.runtime.train import train
text, folder, *recipe = sys.argv[1:]
for number, epochs in enumerate(recipe.pop(0).split(",")):
    rows = dict(row.split("=") for row in recipe) | {"epochs": epochs}
    net = load_text(open(text).read(), "mlp.net", None, rows).net("Mlp")
    train(net, folder, resume=number > 0, device="cpu", quiet=True, checkpoint_seconds=0.0)
"""


def command(tmp_path: Path, folder: str, epochs: str, *recipe: str) -> list[str]:
    """A process that trains for each of these numbers of epochs in turn, resuming after the first."""
    (tmp_path / "script.py").write_text(SCRIPT)
    script = [str(tmp_path / "script.py"), str(tmp_path / "mlp.net"), str(tmp_path / folder), epochs, *recipe]
    return [sys.executable, *script]


def surroundings() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_a_killed_process_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "mlp.net").write_text(MLP.replace("DROP", "0.2"))
    process = subprocess.Popen(command(tmp_path, "cut", "20"), env=surroundings())
    metrics, waited = tmp_path / "cut" / "metrics.jsonl", time.monotonic()
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() - waited < 120, "the run does not get anywhere"
        time.sleep(0.02)
    time.sleep(0.013)  # somewhere within an epoch
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(load_tensors(tmp_path / "cut" / "checkpoint.safetensors")[1]["history"]) < 20

    net = load_text((tmp_path / "mlp.net").read_text(), "mlp.net", None, {"epochs": "20"}).net("Mlp")
    train(net, tmp_path / "cut", resume=True, device="cpu", quiet=True)
    train(net, tmp_path / "whole", device="cpu", quiet=True)
    same_state(tmp_path / "whole", tmp_path / "cut")


def test_a_file_is_old_or_new_but_never_half(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def broken(new: Path) -> None:
        new.write_text("ha")
        raise Killed

    with pytest.raises(Killed):
        replace_file(path, broken)
    assert path.read_text() == "old"
    replace_file(path, lambda new: new.write_text("new"))
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_finished_run_is_left_alone_and_can_be_prolonged(tmp_path: Path) -> None:
    run = train(mlp(epochs="1"), tmp_path, device="cpu", quiet=True)
    before = run.weights.read_bytes()
    assert train(None, tmp_path, resume=True, device="cpu", quiet=True).history == run.history
    assert run.weights.read_bytes() == before
    assert len(train(mlp(epochs="2"), tmp_path, resume=True, device="cpu", quiet=True).history) == 2
    with pytest.raises(RunError, match="holds a run already"):
        train(mlp(), tmp_path, device="cpu", quiet=True)


def test_runs_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint to resume from"):
        train(mlp(), tmp_path / "a", resume=True, quiet=True)
    with pytest.raises(RunError, match="the folder of a run is wanted"):
        evaluate(tmp_path / "a")
    with pytest.raises(RunError, match="`abacus` is no device"):
        train(mlp(), tmp_path / "a", device="abacus", quiet=True)
    with pytest.raises(RunError, match="fp16 needs a CUDA device"):
        train(mlp(precision="fp16"), tmp_path / "a", device="cpu", quiet=True)
    with pytest.raises(RunError, match="has no `train` section"):
        train(load_text(MLP.split("train")[0].replace("DROP", "0")).net(), tmp_path / "a", quiet=True)
    with pytest.raises(NetError, match=r"`digits` has 10 classes, but `logits`.*has scores for 5"):
        mlp(settings={"classes": "5"})
    with pytest.raises(RunError, match="nowhere: no such file or folder"):
        train(mlp(data='imagefolder("nowhere")'), tmp_path / "a", quiet=True)
    train(mlp(epochs="1"), tmp_path / "b", device="cpu", quiet=True)
    with pytest.raises(RunError, match=r"not the net of .*features=48.*features=9"):
        train(mlp(settings={"hidden": "9"}), tmp_path / "b", resume=True, device="cpu", quiet=True)
    (tmp_path / "b" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"weights.safetensors: not a whole safetensors file"):
        evaluate(tmp_path / "b")
    train(mlp(epochs="1"), tmp_path / "b", overwrite=True, device="cpu", quiet=True)
    with pytest.raises(RunError, match="there is no split `exam`: choose one of train, validation, test"):
        evaluate(tmp_path / "b", split="exam", device="cpu")


def test_a_loss_that_explodes_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    train(mlp(epochs="1"), tmp_path, device="cpu", quiet=True)
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    net = mlp(epochs="3")
    assert net.recipe is not None
    net.recipe.optimizer = OPTIMIZERS["sgd"](lr=1e38, momentum=0.9)
    with pytest.raises(RunError, match="try a smaller learning rate"):
        train(net, tmp_path, resume=True, device="cpu", quiet=True)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good


# ---------------------------------------------------------------- adding up


def test_metrics_and_losses_add_up_over_uneven_batches() -> None:
    """Ignored positions, class weights and batches of all sizes: the same as the whole set at once."""
    text = """
    net Scores { input image [3, 4, 4]
      output mask: conv(3, 1) }
    train Scores {
      data shapes(classes=[disc, box], count=20)
      loss (mask, label) -> cross_entropy(ignore=2, weight=[1.0, 3.0, 2.0], smoothing=0.1)
      metric (mask, label) -> miou
      metric (mask, label) -> pixel_accuracy(ignore=0)
      metric soft: (mask -> softmax, label) -> accuracy
    }
    """
    net = load_text(text).net("Scores")
    plan = plan_of(net)
    scoring = Scoring(net, plan.losses, plan.metrics)
    generator = torch.Generator().manual_seed(0)
    values = {
        "mask": torch.randn(13, 3, 4, 4, generator=generator),
        "label": torch.randint(0, 3, (13, 4, 4), generator=generator),
    }
    values["label"][4:6] = 2  # a batch of which nothing counts
    whole, parts, second = RunningTotals(), RunningTotals(), RunningTotals()
    scoring.loss(whole, values)
    scoring.count(whole, values)
    for first, last, totals in ((0, 4, parts), (4, 6, parts), (6, 7, second), (7, 13, second)):
        batch = {k: v[first:last] for k, v in values.items()}
        scoring.loss(totals, batch)
        scoring.count(totals, batch)
    parts.add(second.settled())
    restored = RunningTotals.from_arrays(parts.arrays())
    expected = scoring.result(whole)
    reference = torch.nn.functional.cross_entropy(
        values["mask"], values["label"], torch.tensor([1.0, 3.0, 2.0]), ignore_index=2, label_smoothing=0.1
    )
    assert expected["loss"] == pytest.approx(float(reference), rel=1e-6)
    guessed, label = values["mask"].argmax(1), values["label"]
    kept = label != 0
    right = float(((guessed == label) & kept).sum() / kept.sum())
    assert expected["metrics"]["pixel_accuracy"] == pytest.approx(right)
    assert expected["metrics"]["soft"] == pytest.approx(float((guessed == label).float().mean()))
    for found in (scoring.result(parts), scoring.result(restored)):
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
        assert found["metrics"] == expected["metrics"]


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    text = MLP.replace("batchnorm -> ", "").replace("-> dropout(DROP)", "").replace("sgd(lr=0.2", "sgd(lr=0.05")
    for name, recipe in (("large", {"batch": "64"}), ("small", {"batch": "16", "accumulate": "4"})):
        net = load_text(text, "mlp.net", None, {"epochs": "1", **recipe}).net("Mlp")
        train(net, tmp_path / name, device="cpu", quiet=True)
    large, small = (load_file(tmp_path / n / "weights.safetensors") for n in ("large", "small"))
    assert all(torch.allclose(v, small[k], atol=1e-5) for k, v in large.items())


def test_auxiliary_outputs_count_in_training_only(tmp_path: Path) -> None:
    text = """
    net Two { input image [1, 8, 8]
      trunk: flatten -> linear(16) -> relu
      output aux side: trunk -> linear(10)
      output logits: trunk -> linear(10) }
    train Two {
      data digits
      loss (logits, label) -> cross_entropy
      loss extra: 0.4 * ((side, label) -> cross_entropy)
      metric (logits, label) -> accuracy
      optimizer adam(lr=0.02)
      epochs 1
    }
    """
    run = train(load_text(text, "two.net").net("Two"), tmp_path, device="cpu", quiet=True)
    row = run.history[0]
    assert set(row["train"]["losses"]) == {"cross_entropy", "extra"}
    assert set(row["validation"]["losses"]) == {"cross_entropy"}
    assert row["train"]["loss"] == pytest.approx(sum(row["train"]["losses"].values()))
    assert evaluate(tmp_path, device="cpu")["metrics"]["accuracy"] > 0.7


def test_no_decay_exempts_biases_and_normalisations() -> None:
    from netdsl.runtime.scoring.pytorch import build_module

    module = build_module(mlp())
    plain = make_optimizer(OPTIMIZERS["adamw"](), module)
    assert [len(g["params"]) for g in plain.param_groups] == [6]
    decayed, exempt = make_optimizer(OPTIMIZERS["adamw"](weight_decay=0.1, no_decay=True), module).param_groups
    assert [p.ndim for p in decayed["params"]] == [2, 2]
    assert decayed["weight_decay"] == 0.1
    assert [p.ndim for p in exempt["params"]] == [1, 1, 1, 1]
    assert exempt["weight_decay"] == 0.0


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optimizers_mean_what_pytorchs_do(name: str) -> None:
    ours = make_optimizer(OPTIMIZERS[name](**({"lr": 0.01} if name == "sgd" else {})), torch.nn.Linear(2, 2))
    theirs = type(ours)(torch.nn.Linear(2, 2).parameters(), **({"lr": 0.01} if name == "sgd" else {}))
    assert ours.defaults == theirs.defaults


# ---------------------------------------------------------------- what a person sees


def row(epoch: int, trained: float, validated: float) -> dict[str, Any]:
    parts = {
        n: {"loss": v, "losses": {"a": v}, "metrics": {}} for n, v in (("train", trained), ("validation", validated))
    }
    return {"epoch": epoch, "lr": 0.1, "seconds": 1.0, "best": False, **parts}


def test_overfitting_is_noticed_and_drawn() -> None:
    parting = [row(i + 1, 1 / (i + 1), v) for i, v in enumerate([1.0, 0.6, 0.5, 0.6, 0.7, 0.8])]
    assert overfitting(parting) == 3
    assert overfitting(parting[:5]) is None  # not for long enough
    assert overfitting([row(i, 1 / i, 1.1 / i) for i in range(1, 9)]) is None
    assert overfitting([row(i, 1.0 + i / 9, 1.0 + i / 9) for i in range(9)]) is None  # both rise: that diverges
    text = overfitting_plot(parting, 3, "epoch 6, which has the best a on validation")
    assert "the weights kept are of epoch 6" in text
    assert "best at epoch 3" in text
    assert "█" in text
    assert "▁" in text


def test_sparkline() -> None:
    assert sparkline([0, 1, 0.25], 0, 1) == "▁█▃"
    assert sparkline([2, 2], 2, 2) == "▁▁"


def test_the_warning_is_printed_while_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(console=Console(force_terminal=False, width=200))
    reporter.epoch(row(1, 0.5, 0.75), 2)
    reporter.epoch(row(2, 0.4, 0.8), 2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "loss", "val", "loss", "lr", "seconds"]
    assert lines[1].split() == ["1/2", "0.5000", "0.7500", "0.1", "1.0"]
    assert len(lines) == 3


def test_difference_of_outputs() -> None:
    ours, theirs = np.array([[1.0, -2.0]]), np.array([[1.0, -1.5]])
    found = compare("x", ours, theirs)
    assert (found.absolute, found.relative) == (0.5, 0.25)
    assert compare("x", np.array([np.inf]), np.array([np.inf])).absolute == 0
    assert compare("x", np.array([np.nan]), np.array([1.0])).absolute == float("inf")
    assert compare("x", np.zeros(2), np.zeros(3)).relative == float("inf")


def test_a_recipe_survives_json() -> None:
    net = mlp(optimizer="adamw(lr=0.01, no_decay=true)", schedule="step(3, factor=0.5)", data="digits(size=8)")
    stored = json.loads(json.dumps(recipe_json(plan_of(net))))
    other = mlp()
    apply_recipe(other, stored)
    assert recipe_json(plan_of(other)) == stored
    stored["optimizer"]["lr"] = "fast"
    with pytest.raises(RunError, match="`lr` takes a number"):
        apply_recipe(other, stored)


FREE = """
net Free {
  input image [1, 8, 8]
  param bias [10] = normal(1.0)
  output logits: image -> flatten -> linear(10)
  output bias
  output flat: bias -> tanh
}
train Free {
  data   digits
  loss   (logits, label) -> cross_entropy
  loss   (flat, label) -> cross_entropy
  metric (bias, label) -> accuracy
  epochs 1
  workers 0
}
"""


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_outputs_that_are_the_same_for_every_sample(tmp_path: Path, engine: str) -> None:
    """They are trained, scored, predicted beside and exported as any other output."""
    from netdsl.codegen.onnx.model import save_onnx

    run = train(load_text(FREE, "free.net").net(), tmp_path / "run", device="cpu", engine=engine, quiet=True)
    path = save_onnx(run.net, tmp_path / "free.onnx", weights={k: v.numpy() for k, v in load_file(run.weights).items()})
    ours, theirs = evaluate(run.folder, device="cpu"), evaluate_onnx(path, run.net, device="cpu")
    assert ours["metrics"] == theirs["metrics"]
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    assert predict(run.folder, 3, device="cpu").truth == predict(path, "3", data=DATA["digits"](), device="cpu").truth
    assert [o.output for o in parity(run.net, run.weights).outputs] == ["logits", "bias", "flat"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, which nothing changes."""
    return train(mlp(epochs="1"), tmp_path_factory.mktemp("kept"), device="cpu", quiet=True).folder


UNKNOWN = [
    "abacus",
    "mps",
    "xpu",
    "tpu",
    "meta",
    "cpu:0",
    "cpu:1",
    "cudax",
    "cuda:",
    "cuda:x",
    "cuda:-1",
    "CUDA",
    "0",
    "",
]
"""Words for no device; PyTorch and onnxruntime would take some of them for another."""


@pytest.mark.parametrize("device", [*UNKNOWN, "cuda:99"])
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_device_that_is_not_there_computes_nothing(
    device: str, engine: Literal["torch", "onnx"], kept: Path, tmp_path: Path
) -> None:
    from through_onnx import evaluate_run

    from netdsl.codegen.onnx.model import save_onnx

    net, path = mlp(), save_onnx(mlp(), tmp_path / "m.onnx")
    score = evaluate if engine == "torch" else evaluate_run
    for compute in (
        lambda: train(net, tmp_path / "a", device=device, quiet=True, engine=engine),
        lambda: try_steps(net, 1, device=device, quiet=True, engine=engine),
        lambda: score(kept, device=device),
        lambda: evaluate_onnx(path, net, device=device),
        lambda: predict(kept, 0, device=device, engine=engine),
        lambda: predict(path, 0, device=device),
    ):
        with pytest.raises(
            RunError, match=f"no device `{device}` here" if device == "cuda:99" else "is no device that"
        ):
            compute()
    assert not (tmp_path / "a").exists()


def test_what_else_chooses_the_device_is_not_obeyed_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "meta")
    with pytest.raises(RunError, match="accelerate computes on meta, not on cpu"):
        train(mlp(), tmp_path / "a", device="cpu", quiet=True)
    monkeypatch.undo()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RunError, match="each process of a launcher has a device of its own: say cuda, not cuda:1"):
        make_accelerator("cuda:1", "no", False)
