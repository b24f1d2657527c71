"""Files of a run are read, not trusted: whatever is wrong with one ends in exit code 1 and a sentence that names it."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netdsl.cli as cli
from netdsl.program import load_text
from netdsl.runtime.runs.tensorfile import load_arrays, save_arrays
from netdsl.runtime.train import train

TEXT = """
net Small {
  input image [64]
  linear(8) -> relu
  output logits: linear(10)
}
train Small {
  data digits
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer adam(lr=0.01)
  epochs 1
  batch 512
}
"""

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(load_text(TEXT, "small.net").net(), folder, device="cpu", quiet=True)
    return folder


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def said(line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    """Exit code and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["netdsl", *line])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().err


def with_facts(**facts: Any) -> Damage:
    def damage(run: Path) -> None:
        arrays, own = load_arrays(run / "checkpoint.safetensors")
        save_arrays(run / "checkpoint.safetensors", arrays, {**own, **facts})

    return damage


def without_fact(name: str) -> Damage:
    def damage(run: Path) -> None:
        arrays, own = load_arrays(run / "checkpoint.safetensors")
        save_arrays(run / "checkpoint.safetensors", arrays, {k: v for k, v in own.items() if k != name})

    return damage


def with_tensors(
    change: Callable[[dict[str, Any]], dict[str, Any]], file: str = "checkpoint", listed: bool = True
) -> Damage:
    def damage(run: Path) -> None:
        arrays, facts = load_arrays(run / f"{file}.safetensors")
        arrays = change({k: v.copy() for k, v in arrays.items()})
        save_arrays(run / f"{file}.safetensors", arrays, {**facts, "tensors": sorted(arrays)} if listed else facts)

    return damage


def ruined(key: str, value: float) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(arrays: dict[str, Any]) -> dict[str, Any]:
        arrays[key].flat[3] = value
        return arrays

    return change


def without(prefix: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {k: v for k, v in arrays.items() if not k.startswith(prefix)}


def written(name: str, content: bytes | str) -> Damage:
    return lambda run: (run / name).write_bytes(content.encode() if isinstance(content, str) else content) and None


def header(metadata: str, length: int | None = None) -> bytes:
    """A safetensors file of nothing but a head."""
    head = json.dumps({"__metadata__": {"netdsl": metadata}}).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head


def recipe(**parts: Any) -> Damage:
    def damage(run: Path) -> None:
        stored = json.loads((run / "recipe.json").read_text())
        for path, value in parts.items():
            at, *names = path.split("__")
            place = stored
            for name in names:
                place, at = place[at], name
            if value is ...:
                del place[at]
            else:
                place[at] = value
        (run / "recipe.json").write_text(json.dumps(stored))

    return damage


def linked(run: Path) -> None:
    (run / "spec" / "Small.net").unlink()
    (run / "spec" / "Small.net").symlink_to("/etc/passwd")


def vast(name: str) -> Damage:
    """A file that claims, and seems to have, 64 GB: it has holes, and takes none of the disk."""

    def damage(run: Path) -> None:
        size = 64 << 30
        tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
        head = json.dumps({"linear1.weight": tensor}).encode()
        (run / name).write_bytes(struct.pack("<Q", len(head)) + head)
        os.truncate(run / name, 8 + len(head) + size)

    return damage


def pickled(name: str) -> Damage:
    return lambda run: torch.save({"conv1.weight": torch.zeros(2)}, run / name)


CHECKPOINTS: dict[str, tuple[Damage, str]] = {
    "no facts": (lambda run: save_arrays(run / "checkpoint.safetensors", {"a": np.zeros(2)}, {}), "says nothing of a run"),
    "another format": (with_facts(format=1), "another version of netdsl"),
    "a format of letters": (with_facts(format="x"), "another version of netdsl"),
    "another net": (with_facts(net="Large"), "is of a net called Large, not Small"),
    "a negative step": (with_facts(step=-5), "`step` is not a whole number of 0 or more"),
    "a step beyond the epoch": (with_facts(step=900), "at step 900 of 3"),
    "half a step": (with_facts(step=0.5), "`step` is not a whole number"),
    "a negative epoch": (with_facts(epoch=-1), "`epoch` is not"),
    "more epochs than rows": (with_facts(epoch=7), "7 epochs, but 1 in its history"),
    "an epoch of truth": (with_facts(epoch=True), "`epoch` is not"),
    "a history of words": (with_facts(history="long"), "`history` is not a list"),
    "a row without a loss": (with_facts(history=[{"epoch": 1}]), "`history[0].lr` is missing"),
    "a row of lists": (with_facts(history=[[]]), "`history[0]` is not a table"),
    "endless seconds": (with_facts(seconds=float("inf")), "`seconds` is not a time"),
    "a scale of words": (with_facts(scaler={"scale": "big"}), "`scaler.scale` is not a number"),
    "no recipe": (with_facts(recipe=None), "`recipe` is not a table"),
    "an optimizer nobody knows": (
        with_facts(recipe={"data": {"name": "digits"}, "losses": [], "metrics": [], "optimizer": {"name": "lion"},
                           "schedule": {"name": "constant"},
                           "settings": dict.fromkeys(("epochs", "batch", "seed", "clip", "accumulate", "precision", "workers"))}),
        "there is no `lion`",
    ),
    **{f"without {name}": (without_fact(name), f"`{name}` is missing")
       for name in ("net", "epoch", "step", "batch", "seconds", "history", "scaler", "recipe", "samples", "tensors")},
    "a lost tensor": (with_tensors(without("optimizer/linear1.bias"), listed=False), "is lost"),
    "a new tensor": (with_tensors(lambda a: {**a, "model/x": np.zeros(1)}, listed=False), "is new"),
    "no memory": (with_tensors(without("optimizer/")), "the memory of adam(lr=0.01) is lost"),
    "half a memory": (with_tensors(without("optimizer/linear1.weight/exp_avg_sq")), "is lost of `linear1.weight`"),
    "a memory of a stranger": (with_tensors(lambda a: {**a, "optimizer/x/step": np.zeros(())}), "remembers a weight `x`"),
    "a memory of another shape": (
        with_tensors(lambda a: {**a, "optimizer/linear1.bias/exp_avg": np.zeros(3, np.float32)}), "is not one of adam",
    ),
    "a weight of another shape": (
        with_tensors(lambda a: {**a, "model/linear1.bias": np.zeros(3, np.float32)}), "`linear1.bias` is [3]",
    ),
    "a weight of whole numbers": (
        with_tensors(lambda a: {**a, "model/linear1.bias": np.zeros(8, np.int64)}), "`linear1.bias` holds",
    ),
    "no weights": (with_tensors(without("model/")), "has no weight"),
    "NaN": (with_tensors(ruined("model/linear1.weight", np.nan)), "`linear1.weight` holds numbers that are not finite"),
    "infinity": (with_tensors(ruined("model/linear1.weight", np.inf)), "`linear1.weight` holds numbers that are not finite"),
    "sums of strangers": (with_tensors(lambda a: {**a, "totals/0/count/x": np.zeros(2)}), "sums of its epoch"),
    "nothing": (written("checkpoint.safetensors", b""), "not a whole safetensors file"),
    "zeros": (written("checkpoint.safetensors", bytes(4096)), "not a whole safetensors file"),
    "a head without end": (written("checkpoint.safetensors", header("{}", 1 << 60)), "not a whole safetensors file"),
    "brackets": (written("checkpoint.safetensors", header("[" * 200_000)), "nested too deeply"),
    "facts that are a list": (written("checkpoint.safetensors", header("[]")), "says nothing of a run"),
    "a pickle": (pickled("checkpoint.safetensors"), "is a PyTorch pickle file"),
    "vast": (vast("checkpoint.safetensors"), "is no file of Small: its 68,7"),
}  # fmt: skip

FOLDERS: dict[str, tuple[Damage, str]] = {
    "no recipe": (lambda run: (run / "recipe.json").unlink(), "is not the folder of a run: it has no recipe.json"),
    "an empty recipe": (written("recipe.json", ""), "recipe.json cannot be read"),
    "a recipe of bytes": (written("recipe.json", b"\xff\xfe\x00"), "recipe.json cannot be read"),
    "deep brackets": (written("recipe.json", "[" * 100_000), "recipe.json cannot be read: brackets are nested too deeply"),
    "a huge recipe": (written("recipe.json", '{"format": 1, "x": "' + "a" * 2_000_000 + '"}'), "larger than"),
    "a recipe that is a list": (written("recipe.json", "[]"), "recipe.json is not a recipe"),
    "a recipe to come": (recipe(format=99), "recipe.json is not a recipe that this version can read"),
    "the passwords": (recipe(spec="/etc/passwd"), "its `spec` /etc/passwd lies outside"),
    "the passwords from here": (recipe(spec="../../../../../../etc/passwd"), "lies outside"),
    "the passwords by a link": (linked, "lies outside"),
    "no name of a file": (recipe(spec="\0"), "is no name of a file"),
    "a number for a text": (recipe(spec=5), "`spec` is not a text"),
    "no text": (recipe(spec=""), "keeps no text of its net"),
    "a text that is gone": (lambda run: (run / "spec" / "Small.net").unlink(), "Small.net: no such file"),
    "a text that is none": (written("spec/Small.net", "net Small {"), "Small.net"),
    "no net": (recipe(net=...), "`net` is missing"),
    "a net nobody knows": (recipe(net="Large"), "there is no net called `Large`"),
    "settings as a list": (recipe(settings=[1]), "`settings` is not a table"),
    "a setting nobody knows": (recipe(settings={"depth": "3"}), "depth"),
    "sizes of words": (recipe(sizes={"H": "big"}), "`sizes.H` is not a whole number"),
    "no data": (recipe(recipe__data=...), "`recipe.data` is missing"),
    "data nobody knows": (recipe(recipe__data={"name": "imagenet"}), "there is no `imagenet`"),
    "a setting of data nobody knows": (recipe(recipe__data={"name": "digits", "colour": 1}), "has no setting `colour`"),
    "data without its folder": (recipe(recipe__data={"name": "mnist"}), "needs its `folder`"),
    "an optimizer by number": (recipe(recipe__optimizer={"name": 7}), "`recipe.optimizer.name` is not a text"),
    "a rate in words": (recipe(recipe__optimizer__lr="fast"), "`lr` takes a number"),
    "an optimizer without its rate": (recipe(recipe__optimizer={"name": "sgd"}), "needs its `lr`"),
    "epochs in words": (recipe(recipe__settings__epochs="many"), "takes a whole number"),
    "no batch": (recipe(recipe__settings__batch=...), "`recipe.settings.batch` is missing"),
    "losses as a text": (recipe(recipe__losses="all"), "`recipe.losses` is not a list"),
}  # fmt: skip

WEIGHTS: dict[str, tuple[Damage, str]] = {
    "none": (lambda run: (run / "weights.safetensors").unlink(), ""),
    "NaN": (with_tensors(ruined("linear1.weight", np.nan), "weights"), "numbers that are not finite"),
    "infinity": (with_tensors(ruined("linear1.weight", -np.inf), "weights"), "numbers that are not finite"),
    "of another shape": (with_tensors(lambda a: {**a, "linear1.bias": np.zeros(3, np.float32)}, "weights"), "linear1.bias"),
    "of whole numbers": (with_tensors(lambda a: {**a, "linear1.bias": np.zeros(8, np.int64)}, "weights"), "linear1.bias"),
    "too few": (with_tensors(without("linear1.bias"), "weights"), "linear1.bias"),
    "too many": (with_tensors(lambda a: {**a, "more": np.zeros(1, np.float32)}, "weights"), "more"),
    "brackets": (written("weights.safetensors", header("[" * 200_000)), ""),
    "zeros": (written("weights.safetensors", bytes(4096)), "safetensors"),
    "vast": (vast("weights.safetensors"), "weights.safetensors"),
    "cut": (lambda run: os.truncate(run / "weights.safetensors", 900), "safetensors"),
    "a pickle": (pickled("weights.safetensors"), "is a PyTorch pickle file, which could run code: turn it into safetensors"),
}  # fmt: skip


def on_folder(run: str) -> Iterator[list[str]]:
    """Every command that reads the folder of a run."""
    for engine in ("torch", "onnx"):
        more = ["--engine", engine, "--device", "cpu"]
        yield ["train", run, "--resume", "--quiet", *more]
        yield ["evaluate", run, *more]
        yield ["predict", run, "0", *more]


def on_weights(run: str, file: str) -> Iterator[list[str]]:
    """Every command that reads a file of weights."""
    for engine in ("torch", "onnx"):
        yield ["evaluate", run, "--engine", engine, "--device", "cpu"]
        yield ["predict", run, "0", "--engine", engine, "--device", "cpu"]
    weights = ["--weights", f"{run}/weights.safetensors"]
    yield ["compile", file, "--to", "onnx", "-o", f"{run}/a.onnx", *weights]
    yield ["compile", file, "--to", "onnx-train", "-o", f"{run}/b.onnx", *weights]
    yield ["parity", file, *weights]


def test_the_run_is_sound_as_it_is(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "small.net").write_text(TEXT)
    for line in (*on_folder(str(run)), *on_weights(str(run), str(tmp_path / "small.net"))):
        assert said(line, monkeypatch, capsys) == (0, ""), line


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_damaged_checkpoints(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    damage, message = CHECKPOINTS[name]
    damage(run)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in run.rglob("*") if p.is_file()}
    for engine in ("torch", "onnx"):
        line = ["train", str(run), "--resume", "--quiet", "--device", "cpu", "--engine", engine]
        code, text = said(line, monkeypatch, capsys)
        assert code == 1
        assert message in text
        assert "checkpoint.safetensors" in text
        assert "unexpectedly" not in text
        assert "Traceback" not in text
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in run.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", FOLDERS)
def test_damaged_folders(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    damage, message = FOLDERS[name]
    damage(run)
    for line in on_folder(str(run)):
        code, text = said(line, monkeypatch, capsys)
        assert (code, "unexpectedly" in text, "Traceback" in text) == (1, False, False), (line, text)
        assert message in text or "is a link, where a run keeps what is its own" in text, (line, text)
        assert "root:" not in text


@pytest.mark.parametrize("name", WEIGHTS)
def test_damaged_weights(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "small.net").write_text(TEXT)
    damage, message = WEIGHTS[name]
    damage(run)
    for line in on_weights(str(run), str(tmp_path / "small.net")):
        if name == "brackets" and line[0] == "compile":
            continue  # facts of a file of weights are not read there
        code, text = said(line, monkeypatch, capsys)
        assert (code, "unexpectedly" in text, "Traceback" in text) == (1, False, False), (line, text)
        read = name == "a pickle" and "--weights" in line  # there weights of PyTorch are welcome, by any name
        assert ("the weights do not fit this net" if read else message) in text, (line, text)
        assert "weights.safetensors" in text, (line, text)


def test_metrics_are_written_not_read(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "metrics.jsonl").write_text("nonsense\n")
    assert said(["train", str(run), "--resume", "--quiet", "--device", "cpu"], monkeypatch, capsys) == (0, "")
    assert json.loads((run / "metrics.jsonl").read_text())["epoch"] == 1


OTHER_FILES: dict[str, tuple[str, str]] = {
    "another name": (TEXT.replace("logits", "scores"), "no output `logits`"),
    "fewer classes": (
        TEXT.replace("linear(10)", "linear(7)").split("train")[0],
        "its output logits [N, 7] is not `logits` [10] of Small",
    ),
    "another rank": (
        TEXT.replace("linear(10)", "linear(10) -> unsqueeze(0)").split("train")[0],
        "its output logits [N, 1, 10] is not",
    ),
    "another input": (TEXT.replace("input image [64]", "input pixels [64]").split("train")[0], "pixels"),
    "another size": (TEXT.replace("[64]", "[49]").split("train")[0], "image"),
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_an_onnx_file_of_another_net(
    name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, message = OTHER_FILES[name]
    (tmp_path / "other.net").write_text(text)
    file = str(tmp_path / "other.onnx")
    assert said(["compile", str(tmp_path / "other.net"), "--to", "onnx", "-o", file], monkeypatch, capsys)[0] == 0
    code, found = said(["evaluate", str(finished), "--onnx", file], monkeypatch, capsys)
    assert code == 1
    assert "other.onnx" in found
    assert message in found
