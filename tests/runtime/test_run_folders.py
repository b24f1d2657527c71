"""What a run's folder may lose, and what it refuses: foreign files, a second run, damage, a full disk, divergence."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netdsl.base.errors import RunError
from netdsl.cli import attempt as command
from netdsl.elaborate.recipes import read_data
from netdsl.graph import Net
from netdsl.passes.optimize import SEPARATOR, UPDATES_MADE
from netdsl.passes.pipeline import training_step
from netdsl.program import load_text
from netdsl.recipe import OPTIMIZERS
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.runs.recipes import describe, plan_of, written
from netdsl.runtime.runs.tensorfile import load_arrays, under
from netdsl.runtime.train import Run, train
from netdsl.runtime.training.progress import guessing
from netdsl.runtime.training.trainer import Trainer
from netdsl.runtime.trial import try_steps

ENGINES = ["torch", "onnx"]
TEXT = """
net Small(hidden = 8) {
  input image [64]
  linear(hidden) -> relu
  output logits: linear(10)
}
train Small {
  data digits
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.1, momentum=0.9)
  epochs 1
  batch 256
}
"""


def small(text: str = TEXT, **recipe: str) -> Net:
    return load_text(text, "small.net", None, recipe).net()


def run(net: Net | None, folder: Path, engine: str = "torch", **more: Any) -> Run:
    return train(net, folder, device="cpu", quiet=True, engine=engine, **more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, to be copied."""
    return run(small(), tmp_path_factory.mktemp("runs") / "whole").folder


# ---------------------------------------------------------------- what is not a run's own


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["weights.safetensors", "metrics.jsonl", "curves.png", "thesis.tex", "spec"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, name: str, overwrite: bool) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match=f"is no folder of a run, and holds {name}: choose another folder"):
        run(small(), tmp_path, overwrite=overwrite)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(name, "mine")]


def test_folders_of_runs_are_numbered_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.net").write_text(TEXT)
    first = "runs/Small"
    said: list[str] = []
    for more in ([], [], ["--resume"], ["--quiet"], ["--folder", first]):
        code = command(["train", "small.net", "--device", "cpu", "--engine", "onnx", *more])
        answer = capsys.readouterr()
        said.append(answer.out + answer.err)
        assert code == ("--folder" in more)
    assert "already" not in said[0]
    assert f"{first} holds a run already: this one goes to {first}-2\n" in said[1]
    assert f"going on with {first}-2\n" in said[2]
    assert f"nothing left to do: 1 of 1 epochs are done; the `.net` file with `--folder {first}-2 --resume" in said[2]
    assert said[3].startswith(f"run kept in {first}-3")
    assert "--resume" in said[4]
    assert "--overwrite" in said[4]
    capsys.readouterr()
    assert command(["train", "small.net", "--folder", first, "--resume", "--epochs", "2", "--engine", "onnx"]) == 0
    assert "resumed after epoch 1" in capsys.readouterr().out


def test_a_run_that_never_began_hides_none_and_the_last_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.net").write_text(TEXT)
    begin = ["train", "small.net", "--device", "cpu", "--engine", "onnx"]
    assert command(begin) == command(begin) == 0
    (tmp_path / "runs/Small-2/checkpoint.safetensors").unlink()
    assert command([*begin, "--resume", "--epochs", "2"]) == 0
    assert "going on with runs/Small\n" in capsys.readouterr().out
    assert command([*begin, "--overwrite"]) == 0
    assert "replacing runs/Small-2\n" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["Small", "Small-2"]
    assert (tmp_path / "runs/Small-2/checkpoint.safetensors").exists()


@pytest.mark.parametrize(("classes", "said"), [(10, False), (12, True)])
def test_scores_for_classes_that_are_not_there_are_said(
    classes: int, said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = load_text(TEXT.replace("linear(10)", f"linear({classes})")).net()
    train(net, tmp_path / "run", device="cpu", engine="onnx")
    told = f"has scores for {classes}, of which digits has 10: give `logits` 10 scores, one a class"
    assert (told in capsys.readouterr().out.replace("\n", " ")) == said


def test_a_run_that_could_not_begin_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for name in ("new", "own"):
        with pytest.raises(RunError, match="do not fit this net"):
            run(small(), tmp_path / name, weights={"theirs": np.zeros(1, np.float32)})
    assert [p.name for p in tmp_path.iterdir()] == ["own"]  # which was there before


def test_a_recipe_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"cake": "2 eggs"}')
    for overwrite in (False, True):
        with pytest.raises(RunError, match="recipe"):
            run(small(), tmp_path, overwrite=overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["recipe.json"]


def test_only_the_files_of_the_run_are_replaced(finished: Path, tmp_path: Path) -> None:
    kept = shutil.copytree(finished, tmp_path / "run")
    (kept / "small.onnx").write_text("mine")
    before = (kept / "weights.safetensors").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        run(small(), kept)
    assert (kept / "weights.safetensors").read_bytes() == before
    run(small(seed="1"), kept, overwrite=True)
    assert (kept / "weights.safetensors").read_bytes() != before
    assert (kept / "small.onnx").read_text() == "mine"


def test_a_run_stopped_before_its_first_checkpoint(finished: Path, tmp_path: Path) -> None:
    kept = shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("*.safetensors", "*.jsonl"))
    with pytest.raises(RunError, match="which has no checkpoint yet: replace it with --overwrite"):
        run(small(), kept)
    assert run(small(), kept, overwrite=True).weights.exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        run(small(), tmp_path / "file", overwrite=True)


# ---------------------------------------------------------------- two at once, and a folder that goes away

HOLD = """
import sys, time
from netdsl.runtime.runs.folder import RunFolder
RunFolder(sys.argv[1]).hold(overwrite=True)
print("held", flush=True)
time.sleep(600)
"""


def test_two_runs_cannot_share_a_folder(finished: Path, tmp_path: Path) -> None:
    """The lock is the process's: a kill frees the folder at once."""
    kept = shutil.copytree(finished, tmp_path / "run")
    line = [sys.executable, "-c", HOLD, str(kept)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        for more in ({"overwrite": True}, {"resume": True}):
            with pytest.raises(RunError, match="another process is training there"):
                run(small(epochs="2"), kept, **more)
        other.kill()
        other.wait()
    assert len(run(small(epochs="2"), kept, resume=True).history) == 2


def test_a_run_leaves_its_folder_free(tmp_path: Path) -> None:
    run(small(), tmp_path)
    assert len(run(small(epochs="2"), tmp_path, resume=True).history) == 2


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_removed_while_training(tmp_path: Path, engine: str, again: bool) -> None:
    def remove(row: object) -> None:
        shutil.rmtree(tmp_path / "run")
        if again:
            (tmp_path / "run").mkdir()

    with pytest.raises(RunError, match="was removed or replaced while it was trained in"):
        run(small(epochs="3"), tmp_path / "run", engine, on_epoch=remove)
    assert list(tmp_path.rglob("*")) == ([tmp_path / "run"] if again else [])


# ---------------------------------------------------------------- a full disk


def test_a_full_disk_is_said_and_the_checkpoint_kept(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = shutil.copytree(finished, tmp_path / "run")
    before = (kept / "checkpoint.safetensors").read_bytes()

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("netdsl.base.files.replacing", full)
    with pytest.raises(RunError, match="cannot be written: No space left on device; its last checkpoint is kept"):
        run(small(epochs="2"), kept, resume=True)
    assert (kept / "checkpoint.safetensors").read_bytes() == before


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A real limit, met by the library that writes tensors."""
    (tmp_path / "small.net").write_text(TEXT)

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    line = [sys.executable, "-m", "netdsl", "train", str(tmp_path / "small.net"), "--folder", str(tmp_path / "run")]
    done = subprocess.run(line, capture_output=True, text=True, preexec_fn=confine, timeout=200)
    assert done.returncode == 1
    assert "cannot be written: " in done.stderr
    assert "File too large" in done.stderr
    assert "unexpectedly" not in done.stderr
    assert not [p for p in (tmp_path / "run").iterdir() if p.name.startswith(".")]


# ---------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", ["linear(8) -> batchnorm", "linear(8) -> reshape([8, 1, 1]) -> batchnorm -> flatten"])
def test_batchnorm_on_one_value_is_refused(tmp_path: Path, engine: str, shape: str) -> None:
    text = TEXT.replace("linear(hidden)", shape)
    with pytest.raises(RunError, match="`batchnorm1` of Small would see one value a channel"):
        run(small(text, batch="1"), tmp_path, engine)
    assert list(tmp_path.iterdir()) == []
    wide = TEXT.replace("linear(hidden)", "reshape([1, 8, 8]) -> conv(2, 3) -> batchnorm -> flatten -> linear(8)")
    assert try_steps(small(wide, batch="1"), 1, device="cpu", quiet=True, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_diverges_within_an_epoch_ends_there(tmp_path: Path, engine: str) -> None:
    run(small(), tmp_path, engine)
    net = small(epochs="3")
    assert net.recipe is not None
    net.recipe.optimizer = OPTIMIZERS["sgd"](lr=1e38, momentum=0.9)
    with pytest.raises(RunError, match=r"in epoch 2, by step 2 of 6: .*the last good checkpoint is kept"):
        run(net, tmp_path, engine, resume=True, checkpoint_seconds=0.0)
    tensors, facts = load_arrays(tmp_path / "checkpoint.safetensors")
    assert facts["step"] == 1
    assert all(np.isfinite(value).all() for value in under(tensors, "model/").values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("given", ["p * 3 + 2", "((p - 5) -> log)"])
def test_a_probability_that_is_none_is_a_loss_that_is_no_number(tmp_path: Path, engine: str, given: str) -> None:
    """PyTorch refuses it in its own words; a net that has diverged gives `sigmoid` nan as well."""
    rows = "input x [1, 8, 8]\n output p: flatten -> linear(1) -> sigmoid -> reshape([1])"
    loss = f"loss ({given}, p) -> binary_cross_entropy"
    text = f"net P {{ {rows} }}\ntrain P {{ data shapes(count=64)\n optimizer sgd(lr=0.1)\n {loss}\n }}"
    with pytest.raises(RunError, match=r"the loss became nan in epoch 1, by step 1"):
        run(small(text, epochs="1"), tmp_path / "run", engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_number_is_never_the_best(tmp_path: Path, engine: str) -> None:
    """No label counts for the metric, or for the loss: never 0, nor the best."""
    (tmp_path / "alike.txt").write_text("a" * 400)
    data = f'data text("{tmp_path / "alike.txt"}", length=4)'
    text = "net S {{ input tokens int[4]\n embedding(2, 3)\n output m: linear(2) }}\ntrain S {{ " + data + "\n{} }}"
    loss, blind = "loss (m, label) -> cross_entropy", "metric (m, label) -> accuracy(ignore=0)"
    assert run(small(text.format(loss), epochs="1"), tmp_path / "a", engine).best
    with pytest.raises(RunError, match="no epoch can be called the best"):
        run(small(text.format(f"{loss}\n{blind}"), epochs="2"), tmp_path / "b", engine)
    assert not (tmp_path / "b" / "weights.safetensors").exists()
    with pytest.raises(RunError, match="nothing counts for the loss cross_entropy"):
        run(small(text.format("loss (m, label) -> cross_entropy(ignore=0)")), tmp_path / "c", engine)


# ---------------------------------------------------------------- going on otherwise


@pytest.mark.sampled(3)
@pytest.mark.parametrize("optimizer", [
    "sgd(lr=0.1)", "sgd(lr=0.1, momentum=0.9)", "adam", "adamw", "rmsprop", "rmsprop(momentum=0.5, centered=true)",
    "adagrad",
])  # fmt: skip
@pytest.mark.parametrize("engine", ENGINES)
def test_slots_are_what_the_engines_remember(tmp_path: Path, optimizer: str, engine: str) -> None:
    net = small(optimizer=optimizer)
    slots = plan_of(net).optimizer.slots()
    run(net, tmp_path, engine)
    memory = under(load_arrays(tmp_path / "checkpoint.safetensors")[0], "optimizer/")
    assert {key.rpartition("/")[2] for key in memory} == slots
    names = {c.name for c in training_step(net).carried}
    own = {name.rpartition(SEPARATOR)[2] for name in names if SEPARATOR in name}
    assert own | ({"step"} if UPDATES_MADE in names else set()) == slots
    assert type(plan_of(net).optimizer) in OPTIMIZERS.values()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", ["adam(lr=0.001)", "sgd(lr=0.1)", "rmsprop"])
def test_another_optimizer_starts_without_memory(
    finished: Path, tmp_path: Path, engine: str, optimizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = shutil.copytree(finished, tmp_path / "run")
    net = small(epochs="2", optimizer=optimizer)
    done = train(net, kept, resume=True, device="cpu", engine=engine)
    assert len(done.history) == 2
    said = capsys.readouterr().out
    assert "the optimizer starts without memory: that of the checkpoint is of sgd(lr=0.1, momentum=0.9)" in said
    assert "changed since the checkpoint: optimizer sgd(lr=0.1, momentum=0.9) → " in said
    assert "which is best" not in said
    memory = under(load_arrays(kept / "checkpoint.safetensors")[0], "optimizer/")
    assert {key.rpartition("/")[2] for key in memory} == plan_of(net).optimizer.slots()


def test_every_row_that_changed_is_said(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = shutil.copytree(finished, tmp_path / "run")
    rows = {"schedule": "cosine", "batch": "128", "data": "digits(mean=0.5)", "clip": "1.0", "epochs": "2"}
    train(small(**rows), kept, resume=True, device="cpu")
    said = capsys.readouterr().out
    for row in ("schedule constant → cosine", "batch 256 → 128", "data digits → digits(mean=0.5)",
                "clip none → 1.0", "epochs 1 → 2"):  # fmt: skip
        assert f"changed since the checkpoint: {row}\n" in said
    assert "which is best is told across both" in said
    assert "without memory" not in said


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_training_says_how_to_go_on(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Trainer._step

    def stopped(self: Any, fed: Any, group: Any) -> Any:
        if self.position.epoch == 1:
            raise KeyboardInterrupt
        return step(self, fed, group)

    (tmp_path / "x.net").write_text(TEXT)
    folder = tmp_path / "run"
    words = ["train", str(tmp_path / "x.net"), "--folder", str(folder), "--epochs", "2", "--engine", engine]
    monkeypatch.setattr(Trainer, "_step", stopped)
    assert command(words) == 130
    said = capsys.readouterr().err
    way_on = said.partition("go on: netdsl ")[2].splitlines()[0]
    monkeypatch.undo()
    assert command(way_on.split()) == 0
    assert "resumed after epoch 1" in capsys.readouterr().out


@pytest.mark.parametrize("row", [{"data": "digits(mean=0.5)"}, {"seed": "3"}, {"batch": "128"}])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_change_within_an_epoch(
    tmp_path: Path, row: dict[str, str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer._step

    def stopped(self: Any, fed: Any, group: Any) -> Any:
        if self.position.step == 2:
            raise KeyboardInterrupt
        return step(self, fed, group)

    monkeypatch.setattr(Trainer, "_step", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(small(data="digits(std=0.5)"), tmp_path, engine, checkpoint_seconds=0.0)
    monkeypatch.undo()
    with pytest.raises(RunError, match="was made within an epoch"):
        run(small(**{"data": "digits(std=0.5)", **row}), tmp_path, engine, resume=True)
    assert len(run(small(data="digits(std=0.5)"), tmp_path, engine, resume=True).history) == 1


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("data", "digits(size=(8, 9), mean=0.5, std=0.25)"),
        ("data", 'mnist("a \\"b\\" c", mean=0.5)'),
        ("data", 'imagefolder("pets", size=(8, 9), mean=(0.5, 0.25, 0.1), fit=stretch, validation=0.25)'),
        ("optimizer", "sgd(lr=1e-05, momentum=0.9, nesterov=true)"),
        ("optimizer", "adamw(beta1=0.8, no_decay=true)"),
        ("schedule", "step(every=2, factor=0.5, warmup=1)"),
    ],
)
def test_a_row_is_shown_as_an_author_writes_it(row: str, text: str) -> None:
    """What is shown can be written, and means the same, also when it was stored in between."""
    first = read(row, text)
    again = read(row, written(first))
    assert written(again) == written(first)
    assert describe(again) == describe(first)
    assert not set(written(first)) & {"'", "["}


def read(row: str, text: str) -> Any:
    return read_data(text) if row == "data" else getattr(small(**{row: text}).recipe, row)


def test_what_is_the_same_has_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists come back from a file as lists: a row that has one is the same all the same."""
    rows = {"data": "digits(mean=0.5, std=0.25)", "optimizer": "adam(beta1=0.8)"}
    run(small(**rows), tmp_path / "run")
    train(small(**rows), tmp_path / "run", resume=True, device="cpu")
    assert "changed" not in capsys.readouterr().out


CHANGED = {
    "a layer": ("linear(10)", "dropout(0.1) -> linear(10)"),
    "a setting": ("-> relu", "-> tanh"),
    "a loss": ("-> cross_entropy", "-> cross_entropy(smoothing=0.1)"),
    "a metric": ("-> accuracy", "-> top_k_accuracy(2)"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("change", CHANGED)
def test_another_net_is_not_gone_on_with(finished: Path, tmp_path: Path, change: str, engine: str) -> None:
    kept = shutil.copytree(finished, tmp_path / "run")
    before = {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()}
    with pytest.raises(
        RunError,
        match=r"(this is not the net|these are not the losses, metrics and parts) of .*--resume\), or begin anew",
    ):
        run(small(TEXT.replace(*CHANGED[change]), epochs="2"), kept, engine, resume=True)
    assert {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()} == before


# ---------------------------------------------------------------- a few steps


@pytest.mark.parametrize("engine", ENGINES)
def test_a_few_steps_are_those_of_a_run(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = TEXT.replace("epochs 1", "epochs 2")
    losses = try_steps(small(text, batch="500"), 5, device="cpu", engine=engine)
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().out
    assert "epoch 2, step 2 of 3: loss " in said
    assert "validation, one batch: loss " in said
    done = run(small(text, batch="500"), tmp_path / "run", engine)
    sizes = np.array([500, 500, 439])
    assert np.dot(losses[:3], sizes) / 1439 == pytest.approx(done.history[0]["train"]["loss"], rel=1e-5)


# ---------------------------------------------------------------- what is said of a run


def test_the_note_on_overfitting_stands_below_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netdsl.runtime.training.trainer.overfitting", lambda history: 1 if len(history) > 1 else None)
    done = train(small(epochs="4"), tmp_path, device="cpu")
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["epoch", "loss"])
    assert [line.split()[0] for line in lines[start + 1 : start + 5]] == ["1/4", "2/4", "3/4", "4/4"]
    assert ["overfits" in line for line in lines[start + 1 : start + 5]] == [False, True, True, True]
    note = "\n".join(lines[start + 5 :])
    assert note.startswith("overfitting: validation loss was best at epoch 1")
    kept = done.best["epoch"]
    assert f"the weights kept are of epoch {kept}, which has the best accuracy on validation" in note
    assert kept == 1 + int(np.argmax([row["validation"]["metrics"]["accuracy"] for row in done.history]))
    assert note.count("overfitting") == 1


def test_a_loss_that_guesses() -> None:
    def history(*losses: float) -> list[dict[str, Any]]:
        return [{"train": {"loss": v, "losses": {"cross_entropy": v}}} for v in losses]

    losses = plan_of(small()).losses
    said = guessing(history(2.31, 2.3026, 2.302), losses, 40)
    assert said is not None
    assert "guessing among 10 classes scores 2.303" in said
    assert guessing(history(2.31, 2.1), losses, 60) is None
    assert guessing(history(2.31, 2.3), losses, 49) is None
    assert guessing([], losses, 900) is None


SAME = """
net Same {
  input image [64]
  output again: linear(64)
}
train Same {
  data digits
  loss (again, image) -> mse
  optimizer adam(lr=RATE)
  epochs 10
  batch 128
}
"""


def test_a_loss_that_gives_the_median() -> None:
    image = np.random.default_rng(0).random((501, 64)) ** 3
    losses = plan_of(small(SAME.replace("RATE", "0.1").replace("mse", "l1"))).losses
    best = min(np.abs(image[:, 0] - image[i, 0]).mean() for i in range(501))
    for share, said in ((1.01, True), (0.9, False)):
        history = [{"train": {"losses": {"l1": share * best}}}]
        found = guessing(history, losses, 100, {"image": np.repeat(image[:, :1], 64, axis=1)}.get)
        assert (found is not None) == said
        assert found is None or f"giving the median of `image` for every sample scores {best:.3f}" in found


BENT = {
    "huber(delta=0.2)": lambda a, b: torch.nn.functional.huber_loss(a, b, delta=0.2),
    "huber(delta=5)": lambda a, b: torch.nn.functional.mse_loss(a, b) / 2,
    "smooth_l1(beta=0.2)": lambda a, b: torch.nn.functional.smooth_l1_loss(a, b, beta=0.2),
    "smooth_l1(beta=0)": torch.nn.functional.l1_loss,
}


@pytest.mark.parametrize("loss", BENT)
def test_a_loss_that_gives_the_best_constant(loss: str) -> None:
    """The least of Torch's own losses of a thousand constants."""
    image = np.random.default_rng(0).random((501, 1)) ** 3
    values = torch.from_numpy(image)
    best = min(BENT[loss](torch.full_like(values, c), values).item() for c in np.linspace(0, 1, 1001))
    losses = plan_of(small(SAME.replace("RATE", "0.1").replace("mse", loss))).losses
    for share, said in ((1.01, True), (0.9, False)):
        history = [{"train": {"losses": {losses[0].name: share * best}}}]
        found = guessing(history, losses, 100, {"image": np.repeat(image, 64, axis=1)}.get)
        assert (found is not None) == said
        assert found is None or f"giving the best constant of `image` for every sample scores {best:.3f}" in found


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("weight", ["", "0.4 * "])
def test_a_loss_that_gives_the_share_of_ones(loss: str, weight: str) -> None:
    """Torch's own loss of the constant answer is what the sentence names, whatever the row multiplies it by."""
    ones = torch.tensor(np.random.default_rng(0).random((400, 1)) < 0.3, dtype=torch.float32).repeat(1, 64)
    least = torch.nn.functional.binary_cross_entropy(ones.mean(0).expand_as(ones), ones).item()
    least *= 0.4 if weight else 1.0
    row = f"loss {weight}((again, image) -> {loss})"
    losses = plan_of(small(SAME.replace("RATE", "0.1").replace("loss (again, image) -> mse", row))).losses
    for share, said in ((1.01, True), (0.9, False)):
        history = [{"train": {"losses": {losses[0].name: share * least}}}]
        found = guessing(history, losses, 100, {"image": ones.numpy()}.get)
        assert (found is not None) == said
        assert found is None or f"giving the mean of `image` for every sample scores {least:.3f}" in found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("rate", "said"), [("1e-12", True), ("0.01", False)])
def test_a_loss_that_gives_the_mean(
    rate: str, said: bool, engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A net that copies learns to in ten epochs, or never: the mean of the digits is what it is measured by."""
    net = small(SAME.replace("RATE", rate))
    done = train(net, tmp_path / "run", device="cpu", engine=engine)
    found = capsys.readouterr().out
    assert ("nothing was learned: the training loss mse never came below" in found) == said
    image = load_data(plan_of(net).data, net).split("train").fetch(np.arange(1439))["image"]
    mean = np.square(image - image.mean(axis=0)).mean()
    assert (min(row["train"]["loss"] for row in done.history) > mean) == said
    if said:
        shown = re.search(r"giving the mean of `image` for every sample scores ([0-9.]+)", found)
        assert shown is not None
        assert float(shown[1]) == pytest.approx(mean, rel=0.02)


def test_files_of_a_run_have_the_rights_of_any_file(tmp_path: Path) -> None:
    """A library that writes weights for their owner alone does not decide who may read a run."""
    for umask, rights in ((0o022, 0o644), (0o007, 0o660)):
        before = os.umask(umask)
        try:
            made = run(small(), tmp_path / str(umask)).folder
        finally:
            os.umask(before)
        assert {p.name: p.stat().st_mode & 0o777 for p in made.rglob("*") if p.is_file()} == dict.fromkeys(
            (
                "checkpoint.safetensors",
                "weights.safetensors",
                "metrics.jsonl",
                "curves.png",
                "made.json",
                "README.md",
                "recipe.json",
                "Small.net",
            ),
            rights,
        )


def test_a_folder_that_is_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "gone")
    for overwrite in (False, True):
        with pytest.raises(RunError, match="run is a link that leads nowhere"):
            run(small(), tmp_path / "run", overwrite=overwrite)
    assert not (tmp_path / "gone").exists()
