"""A training that starts from weights: from a file, by a map, in part; told, kept, and not read again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import netdsl
from netdsl.base.errors import ArgumentError, RunError
from netdsl.cli import attempt as command
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.train import train
from netdsl.runtime.trial import try_steps

ENGINES = ["torch", "onnx"]
TEXT = """net Small(classes = 10) {
  input image [1, 8, 8]
  seen: flatten -> linear(8) -> batchnorm -> relu
  logits: linear(classes)
  output logits
}
train Small {
  data      digits
  loss      (logits, label) -> cross_entropy
  optimizer sgd(lr=1e-20)
  epochs    1
  batch     400
}
"""
MAP = "prefix net.\nfirst.{p*} -> seen.linear1.{p}\nnorm.{p*} -> seen.batchnorm1.{p}\nlast.{p*} -> logits.{p}\n"
OURS = {"first": "seen.linear1", "norm": "seen.batchnorm1", "last": "logits"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def small(rows: str = "") -> Net:
    return load_text(TEXT.replace("  epochs", f"  {rows}\n  epochs"), "small.net").net()


def weights(**settings: int) -> dict[str, Any]:
    module = netdsl.torch_module(netdsl.load_text(TEXT, **settings), 7)
    return {key: value.numpy() for key, value in module.state_dict().items()}


def foreign() -> dict[str, Any]:
    """The same in the names of another program."""
    theirs = {ours: name for name, ours in OURS.items()}
    pairs = ((key.rpartition("."), value) for key, value in weights().items())
    return {f"net.{theirs[layer]}.{part}": value for (layer, _, part), value in pairs}


def trained(run: Path) -> dict[str, Any]:
    return {k: v for k, v in load_file(run / "weights.safetensors").items() if "running" not in k and "num_" not in k}


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found
    for key, value in found.items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-6, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_starts_from_a_file_and_says_so(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(foreign(), "theirs.safetensors")
    Path("theirs.map").write_text(MAP)
    net = small('weights file("theirs.safetensors", map="theirs.map")')
    run = train(net, "run", engine=engine, device="cpu")
    same(trained(run.folder), weights())
    digests = {
        name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("theirs.safetensors", "theirs.map")
    }
    said = capsys.readouterr().out
    assert (
        f"starts from theirs.safetensors, by theirs.map: 8 weights (sha256 {digests['theirs.safetensors'][:12]}…)"
        in said
    )
    kept = json.loads(Path("run/recipe.json").read_text())
    assert kept["started"] == digests
    assert kept["recipe"]["weights"] == {"name": "file", "file": "theirs.safetensors", "map": "theirs.map"}
    for name in digests:  # they are not read again
        Path(name).unlink()
    Path("small.net").write_text(
        TEXT.replace("  epochs", '  weights file("theirs.safetensors", map="theirs.map")\n  epochs')
    )
    assert (
        command(
            [
                "train",
                "small.net",
                "--folder",
                "run",
                "--resume",
                "--epochs",
                "2",
                "--engine",
                engine,
                "--device",
                "cpu",
                "--quiet",
            ]
        )
        == 0
    )
    same(trained(run.folder), weights())
    assert json.loads(Path("run/recipe.json").read_text())["started"] == digests
    assert command(["train", "run", "--resume", "--engine", engine, "--device", "cpu"]) == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_fit_stays_as_the_seed_draws_it(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_file(weights(classes=7), "seven.safetensors")
    net = small()
    first = train(net, "drawn", engine=engine, device="cpu", quiet=True)
    drawn = trained(first.folder)
    with pytest.raises(
        RunError, match=r"seven\.safetensors: the weights do not fit this net: .* Only the head is another"
    ):
        train(net, "run", engine=engine, device="cpu", weights="seven.safetensors")
    source = netdsl.Weights("seven.safetensors", partial=True)
    run = train(net, "other", engine=engine, device="cpu", weights=source)
    wanted = {**weights(classes=7), **{k: v for k, v in drawn.items() if k.startswith("logits")}}
    same(trained(run.folder), wanted)
    assert "2 of 8 weights stay as initialised: `logits.weight` is [7, 8], not [10, 8]" in capsys.readouterr().out


def test_arrays_that_are_handed_over_are_a_start_too() -> None:
    run = train(small(), "run", device="cpu", quiet=True, weights=weights())
    same(trained(run.folder), weights())
    assert "started" not in json.loads(Path("run/recipe.json").read_text())
    losses = [try_steps(small(), 1, device="cpu", quiet=True, engine=e, weights=weights())[0] for e in ENGINES]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    with pytest.raises(RunError, match="a run that goes on has weights of its own"):
        train(small(), "run", resume=True, weights=weights())


def test_a_file_of_weights_is_named_by_a_word_or_a_path() -> None:
    assert netdsl.Weights(Path("a.pth"), map=Path("a.map")).given() == netdsl.Weights("a.pth", map="a.map").given()
    with pytest.raises(ArgumentError, match="not a dict: arrays by key are given as they are"):
        netdsl.Weights(weights(), map="a.map")  # type: ignore[arg-type]


def test_the_command_line_names_weights_as_a_recipe_does(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.net").write_text(TEXT)
    torch.save({"state_dict": {k: torch.tensor(v) for k, v in foreign().items()}}, "theirs.pth")
    Path("theirs.map").write_text(MAP)
    options = ["--weights", "theirs.pth", "--map", "theirs.map"]
    assert command(["train", "small.net", *options, "--folder", "run", "--device", "cpu", "--quiet"]) == 0
    same(trained(Path("run")), weights())
    assert command(["parity", "small.net", *options]) == 0
    assert command(["compile", "small.net", "--to", "onnx", *options, "-o", "small.onnx"]) == 0
    assert command(["compile", "small.net", "--to", "onnx-train", *options, "-o", "step.onnx"]) == 0
    import onnx

    for name in ("small.onnx", "step.onnx"):
        held = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(name).graph.initializer}
        same({"logits.weight": held["logits.weight"]}, weights())
    capsys.readouterr()
    assert command(["train", "small.net", "--weights", "none.safetensors", "--folder", "other"]) == 1
    assert capsys.readouterr().err == "error: there is no weight file none.safetensors\n"
    assert not Path("other/checkpoint.safetensors").exists()
    for wrong, said in (
        (["--map", "theirs.map"], "--map is about weights: name their file by --weights"),
        (["--resume", "--weights", "theirs.pth"], "--resume goes on with the weights of the run"),
    ):
        with pytest.raises(SystemExit):
            command(["train", "small.net", *wrong])
        assert said in capsys.readouterr().err


def test_the_engine_onnx_starts_without_torch() -> None:
    Path("small.net").write_text(TEXT)
    save_file(foreign(), "theirs.safetensors")
    Path("theirs.map").write_text(MAP)
    code = (
        "import sys\nfrom netdsl.cli import attempt\n"
        "code = attempt('train small.net --engine onnx --weights theirs.safetensors --map theirs.map --steps 2 --device cpu'.split())\n"
        "assert 'torch' not in sys.modules\nsys.exit(code)\n"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path)
    assert done.returncode == 0, done.stderr


def test_a_step_for_another_runtime_starts_from_the_weights_of_its_recipe() -> None:
    save_file(weights(), "ours.safetensors")
    Path("small.net").write_text(TEXT.replace("  epochs", '  weights "ours.safetensors"\n  epochs'))
    assert command(["compile", "small.net", "--to", "onnx-train", "-o", "step.onnx"]) == 0
    import onnx

    held = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("step.onnx").graph.initializer}
    same({key: held[key] for key in ("seen.linear1.weight", "logits.bias")}, weights())
