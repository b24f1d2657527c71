"""Epochs told to trackers: what TensorBoard's files hold, and what is said of trackers that cannot be had."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking as theirs
from tensorboardX.proto.event_pb2 import Event

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli import attempt as command
from netdsl.runtime.train import Run, train
from netdsl.runtime.training.tracking import check_trackers, flat, values_of

TEXT = """
net Small {
  input image [1, 8, 8]
  output logits: flatten -> linear(10)
}
train Small {
  data digits
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.2)
  epochs 2
  batch 512
}
"""


def run(folder: Path, engine: str = "onnx", **more: Any) -> Run:
    net = None if more.get("resume") else netdsl.load_text(TEXT)
    return train(net, folder, device="cpu", quiet=True, engine=engine, track=["tensorboard"], **more)


def events(folder: Path) -> Iterator[Event]:
    """The records of all files: a length, its checksum, the message, its checksum (TFRecord)."""
    for path in sorted(folder.glob("tracking/Small/events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            yield Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_tensorboard_has_every_epoch(tmp_path: Path, engine: str) -> None:
    history = run(tmp_path, engine).history
    (tmp_path / "small.net").write_text(TEXT)
    line = ["train", str(tmp_path / "small.net"), "--folder", str(tmp_path), "--resume", "--epochs", "3"]
    assert command([*line, "--track", "tensorboard", "--engine", engine, "--device", "cpu", "--quiet"]) == 0
    found = scalars(tmp_path)
    assert found.keys() >= {"train/loss", "train/accuracy", "validation/loss", "validation/accuracy", "lr", "seconds"}
    assert all(sorted(found[name]) == [1, 2, 3] for name in ("train/loss", "validation/accuracy"))
    for row in history:
        assert found["validation/loss"][row["epoch"]] == pytest.approx(row["validation"]["loss"], rel=1e-6)
        assert found["train/accuracy"][row["epoch"]] == pytest.approx(row["train"]["metrics"]["accuracy"], rel=1e-6)
    kept = "\n".join(p.read_text() for p in tmp_path.glob("tracking/Small/*/hparams.yml"))
    assert "optimizer.lr: 0.2" in kept
    assert "settings.batch: 512" in kept


def test_a_new_run_has_none_of_the_old_one(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "tracking" / "mine.txt").write_text("mine")
    train(netdsl.load_text(TEXT), tmp_path, device="cpu", quiet=True, engine="onnx", overwrite=True)
    assert scalars(tmp_path) == {}
    assert [p.name for p in tmp_path.glob("tracking/**/*") if p.is_file()] == ["mine.txt"]


def test_a_tracker_that_fails_does_not_end_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: object, values: object, step: int) -> None:
        raise ConnectionError("the line is dead\nand more")

    monkeypatch.setattr(theirs.TensorBoardTracker, "log", fail)
    net = netdsl.load_text(TEXT)
    assert len(train(net, tmp_path, device="cpu", engine="onnx", track=["tensorboard"]).history) == 2
    assert capsys.readouterr().out.count("the tracker tensorboard is told nothing more: the line is dead\n") == 1


def test_a_tracker_that_cannot_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> None:
        raise ValueError("no key")

    monkeypatch.setattr(theirs.TensorBoardTracker, "start", fail)
    with pytest.raises(RunError, match="the tracker tensorboard cannot begin: no key"):
        run(tmp_path)


def test_trackers_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no tracker `tensorbord`: did you mean `tensorboard`"):
        check_trackers(["tensorbord"])
    with pytest.raises(RunError, match=r"there is no tracker `nothing`: accelerate knows aim, .*wandb"):
        check_trackers(["nothing"])
    monkeypatch.setattr(theirs, "get_available_trackers", list)
    with pytest.raises(RunError, match="the tracker comet_ml is not installed here: pip install comet-ml"):
        check_trackers(["comet_ml"])
    monkeypatch.setitem(sys.modules, "accelerate.tracking", None)
    with pytest.raises(RunError, match="accelerate, which needs PyTorch, whatever the engine"):
        run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_numbers_that_are_told() -> None:
    losses = {"paint.mse": 1.0, "judge.bce": float("nan")}
    row = {
        "epoch": 1, "lr": 0.1, "rates": {"paint": 0.1, "judge": 0.2}, "seconds": 3.0, "validation": None,
        "train": {"loss": 1.0, "losses": losses, "metrics": {"mae": 2.0}},
    }  # fmt: skip
    assert values_of(row) == {
        "lr/paint": 0.1, "lr/judge": 0.2, "seconds": 3.0, "train/loss": 1.0, "train/paint.mse": 1.0, "train/mae": 2.0,
    }  # fmt: skip
    assert flat({"data": {"name": "digits", "size": [1, 2]}, "augment": [], "clip": None}) == {
        "data.name": "digits", "data.size": "[1, 2]",
    }  # fmt: skip
