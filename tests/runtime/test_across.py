"""Several runs on several data sets: every score is that of one run on one set, and what fails stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netdsl.cli import attempt
from netdsl.elaborate.recipes import read_data
from netdsl.program import load_text
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.judging.across import names_of
from netdsl.runtime.judging.examination import renamed
from netdsl.runtime.train import train

TEXT = """
net Map {
  input image [3, 16, 16]
  output mask: conv(4, 3, pad=1)
}
train Map {
  data shapes(count=20, size=16)
  loss (mask, label) -> cross_entropy
  metric (mask, label) -> miou
  metric (mask, label) -> pixel_accuracy
  epochs 2
  batch 4
}
"""
DATA = ["shapes(count=20, size=16)", "shapes(count=20, size=16, noise=0.4, seed=3)"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("across")
    for name, data in zip(("plain", "noisy"), DATA, strict=True):
        net = load_text(TEXT.replace(DATA[0], data), f"{name}.net").net()
        train(net, folder / name, device="cpu", quiet=True)
    return [str(folder / "plain"), str(folder / "noisy")]


def asked(runs: list[str], *more: str) -> list[str]:
    return ["evaluate", *runs, *(word for data in DATA for word in ("--data", data)), "--device", "cpu", *more]


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_every_score_is_that_of_one_run_on_one_set(
    runs: list[str], engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attempt(asked(runs, "--engine", engine, "--format", "json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"] == runs
    assert told["data"] == ["shapes", "shapes(seed=3, noise=0.4)"]
    for row, run in enumerate(runs):
        for column, data in enumerate(DATA):
            alone = evaluate(run, data=read_data(data), device="cpu", engine=engine)
            assert told["samples"][row][column] == alone["samples"]
            assert told["scores"]["loss"][row][column] == alone["loss"]
            for name in ("miou", "pixel_accuracy"):
                assert told["scores"][name][row][column] == alone["metrics"][name]
    assert len({cell for row in told["scores"]["loss"] for cell in row}) == 4


def test_a_table_and_a_picture_are_kept(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    assert attempt(asked(runs, "-o", str(tmp_path / "out"))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["miou", "shapes", "shapes(seed=3,", "noise=0.4)"]
    assert lines[-1] == f"kept in {tmp_path / 'out'}: across-test.json and across-test.png"
    kept = json.loads((tmp_path / "out" / "across-test.json").read_text())
    assert f"{kept['scores']['miou'][1][0]:.4f}" in "".join(lines)
    with Image.open(tmp_path / "out" / "across-test.png") as picture:
        assert np.asarray(picture).std() > 10
    assert attempt(asked(runs, "-o", str(tmp_path / "out"), "--no-pictures")) == 0  # its own files are replaced
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["across-test.json"]
    (tmp_path / "out" / "across-test.json").write_text("[1]")
    assert attempt(asked(runs, "-o", str(tmp_path / "out"))) == 1
    assert "across-test.json is there, and not of an evaluation" in capsys.readouterr().err


def test_runs_without_data_are_scored_on_their_own(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert attempt(["evaluate", *runs, "--device", "cpu"]) == 0
    table = capsys.readouterr().out
    assert "own data" in table
    for run in runs:
        assert f"{evaluate(run, device='cpu')['metrics']['miou']:.4f}" in table


def test_what_fails_is_named_and_the_others_go_on(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", runs[0], str(tmp_path / "none"), "--data", DATA[0], "--data", "digits", "--device", "cpu"]
    assert attempt(line) == 1
    told = capsys.readouterr()
    assert f"error: {tmp_path / 'none'} on shapes: " in told.err
    assert f"error: {runs[0]} on digits: digits has 10 classes" in told.err
    rows = [row.split() for row in told.out.splitlines() if row.startswith((runs[0], str(tmp_path)))]
    assert [row[1:] == ["–", "–"] for row in rows] == [False, True, False, True]
    assert all(row[2] == "–" for row in rows)
    assert attempt(["evaluate", str(tmp_path / "none"), str(tmp_path / "neither")]) == 1
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--by-class"], "--by-class is for one run on one data set"),
        (["--worst", "3"], "--worst is for one run on one data set"),
        (["--onnx", "x.onnx"], "--onnx is for one run on one data set"),
    ],
)
def test_what_is_of_one_run_alone_is_refused(
    runs: list[str], more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        attempt(asked(runs, *more))
    assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        attempt(["evaluate", runs[0], runs[0]])
    assert "is named twice" in capsys.readouterr().err
    assert attempt(["evaluate", runs[0], "--data", "shapes", "--data", "shapes"]) == 1
    assert "the data shapes are asked for twice" in capsys.readouterr().err


def test_data_are_called_by_what_tells_them_apart() -> None:
    names = names_of([read_data(text) for text in (*DATA, "digits(size=12)")])
    assert names == ("shapes", "shapes(seed=3, noise=0.4)", "digits")


def test_classes_that_are_called_otherwise_are_told_of() -> None:
    trained = ["road", "sky", "wall"]
    assert renamed("idd", ("road", "wall", "sky"), trained) == [
        "class 1 of idd is `wall`, but the net was trained with `sky` as that, and 1 more"
    ]
    assert renamed("idd", ("road", "sky"), trained) == renamed("idd", ("0", "1"), trained) == []
    assert renamed("idd", ("road",), {"damaged": 1}) == []
