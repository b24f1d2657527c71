"""Nets that need no sample: drawn from with the weights of a run, by both engines, on a sheet or in a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netdsl.base.errors import RunError
from netdsl.cli.app import run as command
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text
from netdsl.runtime.drawing import draw
from netdsl.runtime.pictures.sheet import contact_sheet
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.training.progress import Reporter
from netdsl.runtime.training.trainer import Trainer
from netdsl.text.diagnostics import NetError

TEXT = """
block decode(side) {
  linear(6) -> batchnorm -> linear(side * side) -> reshape([1, side, side])
}
net Auto(side = 8, latent = 3) {
  input image [1, side, side]
  code: flatten -> linear(latent)
  code + (code -> noise(normal))
  output made: decode(side)
}
net Sample(side = 8, latent = 5) {
  input start [latent]
  start -> noise(normal, always=true)
  output made: decode(side)
  output code: flatten -> slice(0, end=4)
}
net Open(side = 8) {
  input start [T, 3]
  start -> noise(uniform, always=true) -> mean(axis=0)
  output made: decode(side)
}
net Read(side = 8) {
  input start [3]
  start + (start -> noise(normal, always=true))
  output made: decode(side)
}
net Still(side = 8) {
  input start [3]
  start -> noise(normal)
  output made: decode(side)
}
net Strange(side = 8) {
  input start [3]
  start -> noise(normal, always=true)
  output maed: decode(side)
}
net Wide {
  input start [3]
  start -> noise(normal, always=true) -> linear(4)
}
net Vector {
  input start [3]
  output drawn: 2 * (start -> noise(normal, always=true))
}
recurrent walk {
  input x
  state h [3] = 0
  next h: h + (x -> noise(normal, always=true))
  output h
}
net Steps(side = 8) {
  input start [7, 3]
  start -> walk -> last
  output made: decode(side)
}
net Coded(side = 8, latent = 3) {
  input image [1, side, side]
  code: flatten -> linear(latent)
}
train small of Auto {
  data digits(mean=0.5, std=0.25)
  loss (made, image) -> mse
  epochs 1
  workers 0
}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawing")
    (folder / "auto.net").write_text(TEXT)
    given = ["--recipe", "small", "--folder", str(folder / "run"), "--quiet", "--device", "cpu"]
    assert command(["train", str(folder / "auto.net"), *given]) == 0
    return folder / "run"


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_rows_that_score_a_net_draw_the_same_numbers_each_time(engine: str) -> None:
    """Those of a loss and a metric, which are others than the net's own."""
    noisy = "(y -> noise(normal, always=true))"
    text = f"""net N {{ input image [1, 8, 8]
    plain: flatten -> linear(10)
    output y: plain + {noisy.replace("y ->", "plain ->")} }}
    train N {{ data digits
    loss (y - {noisy}, label) -> cross_entropy
    metric (y + {noisy}, label) -> accuracy
    batch 2000 }}"""
    first, again = validated(text, engine), validated(text, engine)
    assert first == again
    undone = validated(text.replace(" + (plain -> noise(normal, always=true))", "").replace(f" - {noisy}", ""), engine)
    assert not np.isclose(first["loss"], undone["loss"])


def validated(text: str, engine: str) -> dict[str, Any]:
    """Losses and metrics on validation, at the weights a run begins with."""
    trainer = Trainer(load_text(text).net(), RunFolder("nowhere"), "cpu", Reporter(quiet=True), math.inf, engine)
    trainer._begin()
    return trainer._validate() or {}


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("net", ["Sample", "Steps"])
def test_what_is_drawn_follows_from_the_seed(run: Path, engine: str, net: str) -> None:
    first, same, other = (draw(run, net, count=5, seed=s, engine=engine, device="cpu") for s in (3, 3, 4))
    assert first.outputs["made"].shape == (5, 1, 8, 8)
    assert np.array_equal(first.outputs["made"], same.outputs["made"])
    assert not np.isclose(first.outputs["made"], other.outputs["made"]).any(axis=(1, 2, 3)).all()
    assert len(np.unique(first.outputs["made"][:, 0, 0, 0])) == 5
    assert (first.mean, first.std) == ((0.5,), (0.25,))
    assert first.notes == (f"{net} has no use for the weights of `code`",)


def test_the_weights_are_the_runs_and_so_are_the_settings(run: Path) -> None:
    """`latent` is 3 as it was trained, not the 5 that the net itself says."""
    net = load_text(TEXT, settings={"latent": "3"}).net("Sample")
    arrays, _ = load_arrays(run / "weights.safetensors")
    module = torch_module(net).eval()
    module.load_state_dict({k: torch.from_numpy(arrays[k]) for k in module.state_dict()})
    torch.manual_seed(9)
    with torch.no_grad():
        wanted = module(torch.zeros(4, 3))["made"].numpy()
    assert np.allclose(draw(run, "Sample", count=4, seed=9, device="cpu").outputs["made"], wanted, atol=1e-6)


def test_the_state_of_generators_is_left_alone(run: Path) -> None:
    before = torch.get_rng_state()
    draw(run, "Sample", count=2, seed=1, device="cpu")
    assert torch.equal(before, torch.get_rng_state())


def test_open_sizes_are_given_numbers(run: Path) -> None:
    assert draw(run, "Open", count=2, sizes={"T": 4}, device="cpu").outputs["made"].shape == (2, 1, 8, 8)


REFUSED = {
    "Open": "`sizes` gives T no number: T=64 would",
    "Read": "Read needs a sample: its input start: [3] is read by `add`",
    "Still": "Still draws nothing: noise at inference is asked for by `noise(normal, always=true)`",
    "Strange": "has no weight `maed.linear1.weight`, which Strange needs: did you mean `made.linear1.weight`?",
    "Wide": "has no weight `linear1.weight`, which Wide needs",
    "Auto": "Auto needs a sample: its input image: [1, 8, 8] is read by `flatten`",
    "Coded": "Coded needs a sample",
}


@pytest.mark.parametrize("net", REFUSED)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_nets_that_cannot_be_drawn_from(run: Path, net: str, engine: str) -> None:
    with pytest.raises(RunError) as caught:
        draw(run, net, engine=engine, device="cpu")
    assert REFUSED[net] in str(caught.value)


def test_a_size_that_is_not_there(run: Path) -> None:
    for net, has in (("Sample", "all numbers"), ("Open", "T")):
        with pytest.raises(RunError, match=f"{net} has no size `L`: its sizes are {has}"):
            draw(run, net, sizes={"L": 3}, device="cpu")


def test_a_net_that_is_not_there(run: Path) -> None:
    with pytest.raises(NetError, match="no net called `Sampel`"):
        draw(run, "Sampel", device="cpu")


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_net_that_draws_takes_no_sample(run: Path, engine: str) -> None:
    with pytest.raises(
        RunError, match="Sample needs no sample, of which it would read nothing: leave it out, as in --count 16"
    ):
        predict(run, "3", net="Sample", device="cpu", engine=engine)


def test_how_many_are_drawn_is_said_where_nobody_asked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["predict", str(run), "--net", "Sample", "--engine", "onnx"]) == 0
    assert "16 samples are drawn: --count says how many" in capsys.readouterr().err
    assert command(["predict", str(run), "--net", "Sample", "--count", "2", "--engine", "onnx"]) == 0
    assert "--count" not in capsys.readouterr().err


def test_an_onnx_file_is_given_a_sample(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="given a sample"):
        draw(tmp_path / "a.onnx")
    with pytest.raises(RunError, match="holds one net"):
        predict(tmp_path / "a.onnx", "0", net="Other")


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_another_net_is_given_a_sample(run: Path, engine: str) -> None:
    found = predict(run, "3", net="Coded", device="cpu", engine=engine)
    assert found.outputs["code"].shape == (3,)
    assert "Coded has no use for the weights of `made`" in found.notes


# ---------------------------------------------------------------- what is written


def test_pictures_are_laid_out_and_cut_off() -> None:
    made = np.zeros((5, 1, 24, 20), np.float32)
    made[1], made[4] = 1, 3
    sheet, beyond = contact_sheet(made)
    assert sheet.shape == (2 * 50 + 2, 3 * 42 + 2, 1)
    assert (sheet[2:50, 2:42] == 0).all()
    assert (sheet[2:50, 44:84] == 255).all()
    assert (sheet[52:100, 44:84] == 255).all()
    assert (sheet[:2] == 128).all() and (sheet[52:, 86:] == 128).all()  # noqa: PT018
    assert beyond == pytest.approx(0.2)


def test_pictures_are_moved_back_by_what_training_moved_them() -> None:
    made = np.zeros((1, 3, 64, 64), np.float32)
    sheet, _ = contact_sheet(made, (0.2, 0.4, 0.6), (0.5, 0.5, 0.5))
    assert sheet[10, 10].tolist() == [51, 102, 153]


def test_the_command_keeps_a_sheet_or_an_array(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["predict", str(run), "--net", "Sample", "--count", "4", "--device", "cpu"]
    assert command([*given, "--seed", "5", "-o", str(tmp_path / "a.png")]) == 0
    shown = capsys.readouterr()
    assert "made: [4, 1, 8, 8], from " in shown.out
    assert shown.out.endswith(f"kept in {tmp_path}/a.png\ndrawn from --seed 5\n")
    assert "note: Sample has no use for the weights of `code`" in shown.err
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("L", (102, 102))
    assert command([*given, "-o", str(tmp_path / "a.npy")]) == 0
    seed = capsys.readouterr().out.split()[-1]
    assert np.array_equal(
        np.load(tmp_path / "a.npy"), draw(run, "Sample", count=4, seed=int(seed), device="cpu").outputs["made"]
    )
    assert command([*given, "-o", str(tmp_path / "a.npz")]) == 0
    assert sorted(np.load(tmp_path / "a.npz")) == ["code", "made"]


@pytest.mark.parametrize(
    "more", [("3", "--net", "Auto"), ("--net", "Auto", "3"), ("--net", "Auto", "--seed", "0", "3")]
)
def test_a_sample_stands_behind_options_too(
    run: Path, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["predict", str(run), *more, "--device", "cpu"]) == 0
    assert "made: [1, 8, 8], from" in capsys.readouterr().out
    assert command(["predict", str(run), *more, "4"]) == 0
    assert "test 4  made: [1, 8, 8]" in capsys.readouterr().out


USAGE = {
    ("--net", "Sample", "-o", "a.jpg"): "kept in a .png, .npy or .npz file",
    ("3", "--count", "4"): "--count is for nets that draw",
    ("3", "-o", "a.txt"): "a folder, or a .png, .npy or .npz file",
    ("--net", "Auto", "3", "--count", "4"): "--count is for nets that draw",
    ("--net", "Sample", "--data", "digits"): "--data says where a sample is from",
    ("--net", "Sample", "--top", "3"): "--top is for samples: name one",
    ("--net", "Sample", "--split", "test"): "--split is for samples: name one",
    ("--net", "Sample", "--count", "0"): "not a whole number of 1 or more",
    ("--net", "Sample", "--seed", "-1"): "not a whole number of 0 or more",
}


@pytest.mark.parametrize("more", USAGE, ids=" ".join)
def test_bad_usage(run: Path, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command(["predict", str(run), *more])
    assert caught.value.code == 2
    assert USAGE[more] in capsys.readouterr().err


def test_vectors_are_no_pictures(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command(["predict", str(run), "--net", "Vector", "-o", str(tmp_path / "a.png")])
    assert "`drawn` [3] are no pictures" in capsys.readouterr().err
