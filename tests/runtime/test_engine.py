"""Training through onnxruntime: it learns without PyTorch, is resumed bit for bit, and changes places with PyTorch."""

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
from safetensors.numpy import load_file
from through_onnx import evaluate_run

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.cli.app import run as command
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.recipe import OPTIMIZERS
from netdsl.runtime import train as training
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.samples import Finished
from netdsl.runtime.data.sets import Feed, MadeSplit
from netdsl.runtime.engines.onnx import step_seed
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays, save_arrays, under
from netdsl.runtime.train import train

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]

TEXT = """
net Two(classes = 10) {
  input image [1, 8, 8]
  trunk: conv(6, 3, pad=1, bias=false) -> batchnorm -> relu -> maxpool(2) -> flatten -> dropout(DROP) -> linear(24) -> relu
  output aux side: trunk -> linear(classes)
  output logits: trunk -> linear(classes)
}

train Two {
  data      digits
  loss      (logits, label) -> cross_entropy(ignore=7)
  loss      extra: 0.4 * ((side, label) -> cross_entropy)
  metric    (logits, label) -> accuracy
  metric    soft: (logits -> softmax, label) -> top_k_accuracy(2)
  metric    aside: (side, label) -> accuracy
  optimizer adamw(lr=0.004, eps=0.001, no_decay=true)
  schedule  cosine(warmup=0.5)
  epochs    2
  batch     240
}
"""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def net_of(drop: float = 0.0, **recipe: str) -> Net:
    return load_text(TEXT.replace("DROP", str(drop)), "two.net", None, recipe).net("Two")


def run(net: Net | None, folder: Path, engine: str = "onnx", **more: Any) -> training.Run:
    return train(net, folder, device="cpu", quiet=True, engine=engine, **more)


def copied(folder: Path, to: Path) -> Path:
    """A run as it was left, to go on from twice."""
    to.mkdir()
    for path in folder.rglob("*"):
        target = to / path.relative_to(folder)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())
    return to


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def assert_alike(left: Any, right: Any, relative: float) -> None:
    """Nested numbers that agree."""
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_alike(left[key], right[key], relative)
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_alike(one, other, relative)
    else:
        assert left == (right if isinstance(right, str) else pytest.approx(right, rel=relative))


# ---------------------------------------------------------------- one engine or the other

RECIPES: list[dict[str, str]] = [
    {},
    {"optimizer": "sgd(lr=0.05, momentum=0.9, nesterov=true, weight_decay=0.01)", "clip": "0.5"},
    {"accumulate": "3", "batch": "77", "optimizer": "rmsprop(lr=0.001, momentum=0.5, centered=true, eps=0.01)"},
    {"optimizer": "adagrad(lr=0.02, lr_decay=0.01)"},
]


GOING_ON = [(first, recipe) for recipe in RECIPES for first in ("torch", "onnx")]


@pytest.mark.parametrize(
    ("first", "recipe"), [*GOING_ON[:1], GOING_ON[5], *(pytest.param(*c, marks=pytest.mark.slow) for c in GOING_ON[1:5]),
                          *(pytest.param(*c, marks=pytest.mark.slow) for c in GOING_ON[6:])]
)  # fmt: skip
def test_a_run_goes_on_with_either_engine(tmp_path: Path, first: str, recipe: dict[str, str]) -> None:
    """From one checkpoint of either, with the state of the optimizer: the same losses, metrics and weights."""
    run(net_of(epochs="1", **recipe), tmp_path / "start", first)
    done = {}
    for engine in ("torch", "onnx"):
        folder = copied(tmp_path / "start", tmp_path / engine)
        done[engine] = run(net_of(**recipe), folder, engine, resume=True)
    ours, theirs = (done[engine].history[1] for engine in ("onnx", "torch"))
    assert set(ours["train"]["metrics"]) == {"accuracy", "soft", "aside"}
    assert set(ours["validation"]["losses"]) == {"cross_entropy"}
    assert set(ours["validation"]["metrics"]) == {"accuracy", "soft"}
    for part in ("train", "validation"):
        assert_alike(ours[part]["losses"], theirs[part]["losses"], 1e-4)
        for name, value in theirs[part]["metrics"].items():
            assert ours[part]["metrics"][name] == pytest.approx(value, abs=2.5 / 179)
    left, right = (load_arrays(RunFolder(tmp_path / engine).checkpoint)[0] for engine in ("onnx", "torch"))
    assert left.keys() == {k for k in right if not k.startswith("random/")}
    for name, value in left.items():
        if not name.startswith("totals/"):
            assert value.dtype == right[name].dtype, name
            atol = 2e-3 * np.abs(right[name]).max(initial=1e-6)
            np.testing.assert_allclose(value, right[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("after", [1, 20, 33])
def test_resume_is_bit_for_bit(tmp_path: Path, after: int) -> None:
    """Stopped at any step, dropout, momentum and accumulation included."""
    net = net_of(0.3, accumulate="2", batch="40", clip="1.0")  # 18 steps an epoch
    whole = run(net, tmp_path / "whole")
    with broken_off(after):
        run(net, tmp_path / "cut", checkpoint_seconds=0.0)
    again = run(None, tmp_path / "cut", resume=True)
    assert without_seconds(again.history) == without_seconds(whole.history)
    ours, theirs = (load_arrays(RunFolder(tmp_path / n).checkpoint)[0] for n in ("cut", "whole"))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], value) for name, value in theirs.items())


def test_seeds_differ_and_are_the_same_again() -> None:
    seeds = [step_seed(seed, number, part) for seed in (0, 5) for number in range(50) for part in (1, 2)]
    assert len(set(seeds)) == len(seeds)
    assert seeds[7] == step_seed(0, 3, 2)
    assert all(0 <= seed < 2**32 for seed in seeds)


# ---------------------------------------------------------------- without PyTorch

BARRED = """
import sys
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "accelerate"):
            raise ImportError(name + " is barred")
sys.meta_path.insert(0, Bar())
from netdsl.cli import main
main()
"""


def barred(*arguments: str) -> str:
    """The command line in a process in which importing torch raises; what it printed."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "NETDSL_DEBUG": "1"}
    line = [sys.executable, "-c", BARRED, *arguments]
    done = subprocess.run(line, env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_lenet_learns_digits_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="torch is barred"):
        barred("train", str(ROOT / "specs" / "lenet.net"), "--run", str(tmp_path / "a"))
    folder = tmp_path / "run"
    shown = barred("train", str(ROOT / "specs/lenet.net"), "--engine", "onnx", "--run", str(folder), "--epochs", "8")
    assert "61,706 trained weights on onnxruntime cpu" in shown
    assert shown.count("best") >= 2
    found = json.loads(barred("evaluate", str(folder), "--engine", "onnx", "--format", "json"))
    assert found["samples"] == 179
    assert found["metrics"]["accuracy"] > 0.95
    # the weights are those of any run: PyTorch finds the same
    shown = barred("predict", str(folder), "0", "--engine", "onnx", "--top", "3", "--device", "cpu")
    theirs_of_one = predict(folder, 0, device="cpu")
    assert shown.splitlines()[0] == f"truth: {theirs_of_one.truth}"
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [g.name for g in theirs_of_one.top[:3]]
    ours_of_one = predict(folder, 0, device="cpu", engine="onnx")
    np.testing.assert_allclose(ours_of_one.outputs["logits"], theirs_of_one.outputs["logits"], atol=1e-5)
    file = folder / "lenet.onnx"
    spec, weights = str(ROOT / "specs/lenet.net"), str(folder / "weights.safetensors")
    barred("compile", spec, "--to", "onnx", "--weights", weights, "-o", str(file))
    assert (
        barred("predict", str(file), "0", "--data", "digits(mean=0.31, std=0.32)", "--top", "3", "--device", "cpu")
        == shown
    )
    theirs = evaluate(folder, device="cpu")
    assert theirs["metrics"] == found["metrics"]
    assert theirs["loss"] == pytest.approx(found["loss"], rel=1e-5)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(load_file(folder / "weights.safetensors")) == sorted(
        k for k, _ in RunFolder(folder).load_net().weights()
    )


def test_evaluate_counts_the_whole_split(tmp_path: Path) -> None:
    run(net_of(epochs="1"), tmp_path)
    for split in ("train", "validation", "test"):
        ours, theirs = evaluate_run(tmp_path, split, device="cpu"), evaluate(tmp_path, split, device="cpu")
        assert ours["metrics"].keys() == {"accuracy", "soft"}
        assert_alike(ours, theirs, 1e-5)


# ---------------------------------------------------------------- what cannot be


def test_runs_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="no engine `jax`: choose one of torch, onnx"):
        run(net_of(), tmp_path / "a", "jax")
    with pytest.raises(RunError, match="no engine `jax`"):
        predict(tmp_path / "a", 0, engine="jax")
    with pytest.raises(RunError, match="`abacus` is no device"):
        train(net_of(), tmp_path / "a", device="abacus", quiet=True, engine="onnx")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match="trains in one process"):
        run(net_of(), tmp_path / "a")
    monkeypatch.undo()
    run(net_of(epochs="1"), tmp_path / "a")
    other = load_text(TEXT.replace("DROP", "0").replace("linear(24)", "linear(23)"), "two.net").net("Two")
    with pytest.raises(RunError, match=r"not the net of .*features=24.*features=23"):
        run(other, tmp_path / "a", resume=True)
    checkpoint = tmp_path / "a" / "checkpoint.safetensors"
    arrays, facts = load_arrays(checkpoint)
    for change, message in (
        ({k: v for k, v in arrays.items() if k != "model/side.bias"}, "has no weight `side.bias`"),
        ({**arrays, "model/more": np.zeros(3)}, "a weight `more` that the net has not"),
    ):
        save_arrays(checkpoint, change, {**facts, "tensors": sorted(change)})
        with pytest.raises(RunError, match=message):
            run(net_of(), tmp_path / "a", resume=True)
    (tmp_path / "a" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match="not a whole safetensors file"):
        evaluate_run(tmp_path / "a")


def test_a_loss_that_explodes_is_said(tmp_path: Path) -> None:
    net = net_of()
    assert net.recipe is not None
    net.recipe.optimizer = OPTIMIZERS["sgd"](lr=1e38, momentum=0.9)
    with pytest.raises(RunError, match="try a smaller learning rate"):
        run(net, tmp_path)


# ---------------------------------------------------------------- feeding


def test_samples_made_by_threads_come_in_order() -> None:
    made = MadeSplit(23, Finished(lambda number: {"x": np.full(3, number, np.float32), "m": np.array(number)}))
    plan = [np.arange(i, min(i + 4, 23)) for i in range(0, 23, 4)]
    for workers in (0, 3):
        found = list(ArrayFeed(made, workers).batches(plan))
        expected = list(Feed(made, "cpu").batches(plan))
        assert len(found) == len(expected) == 6
        for ours, theirs in zip(found, expected, strict=True):
            assert all(np.array_equal(ours[k], theirs[k].numpy()) for k in theirs)


def test_a_bad_sample_arrives_as_what_it_is() -> None:
    def make(number: int) -> dict[str, Array]:
        if number == 9:
            raise DataError("nine: cannot be decoded")
        return {"x": np.zeros(1)}

    with pytest.raises(DataError, match="nine"):
        list(ArrayFeed(MadeSplit(12, Finished(make)), 2).batches([np.arange(i, i + 3) for i in range(0, 12, 3)]))


def test_parts_of_a_file() -> None:
    assert under({"a/x": 1, "a/y": 2, "ab/x": 3}, "a/") == {"x": 1, "y": 2}


# ---------------------------------------------------------------- the command


def test_a_folder_keeps_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows named beside a run's folder would have no effect, so they are refused rather than passed over."""
    run(net_of(epochs="1"), tmp_path)
    with pytest.raises(SystemExit) as ended:
        command(["train", str(tmp_path), "--resume", "--engine", "onnx", "--epochs", "2", "--set", "classes=3"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "which --epochs, --set would change" in said
    assert f"`--folder {tmp_path} --resume`" in said
    assert command(["train", str(tmp_path), "--resume", "--engine", "onnx", "--device", "cpu", "--quiet"]) == 0


@pytest.mark.parametrize("loss", ["cross_entropy(weight=[1, 0, 2])", "cross_entropy(weight=[1, 0, 2], ignore=2)"])
def test_a_batch_of_classes_without_weight_moves_nothing(tmp_path: Path, loss: str) -> None:
    """PyTorch divides 0 by 0 there, in its gradients too; a run ended in NaN."""
    net = load_text(
        "net N {\n input x [2]\n output y: linear(3)\n}\ntrain N {\n loss (y, label) -> "
        f"{loss}\n optimizer sgd(lr=0.1)\n batch 2\n epochs 1\n}}\n"
    ).net()
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    data = {"train": {"x": x, "label": np.array([0, 1, 2, 1, 1, 1, 1, 0])}}
    train(net, tmp_path / "start", data=data, quiet=True, engine="onnx")
    found = []
    for engine in ("onnx", "torch"):
        train(
            net, tmp_path / engine, data=data, quiet=True, engine=engine, weights=str(tmp_path / "start"), device="cpu"
        )
        found.append(load_arrays(RunFolder(tmp_path / engine).weights)[0])
        own = [evaluate(tmp_path / engine, "train", data, engine=by)["loss"] for by in ("onnx", "torch")]
        np.testing.assert_allclose(*own, rtol=1e-5)
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], atol=1e-6)
