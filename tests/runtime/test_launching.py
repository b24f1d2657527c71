"""Training as people start it: at a terminal, and in several processes behind PyTorch's launcher."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from shard_files import write_parquet
from torch.distributed.run import get_args_parser

from netdsl.cli import train as command
from netdsl.program import load_file as load_program
from netdsl.runtime.train import train

TEXT = """
net Masks {
  input image [3, 8, 8]
  trunk: conv(6, 3, pad=1) -> relu
  output rebuilt: trunk -> conv(3, 1)
  output mask: trunk -> conv(4, 1)
}
train Masks {
  data shapes(count=90)
  loss (mask, label) -> cross_entropy(ignore=0, weight=[1.0, 0.2, 3.0, 1.0])
  loss (rebuilt, image) -> mse
  metric (mask, label) -> miou(ignore=0)
  optimizer sgd(lr=0.2)
  epochs 2
  batch 7
  accumulate 2
}
"""


def surroundings() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    more = {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TERM": "xterm", "COLUMNS": "120"}
    return {**os.environ, **more}


def options() -> list[str]:
    parser = ArgumentParser()
    command.add_arguments(parser)
    return [
        name for action in parser._actions for name in action.option_strings if name not in ("-h", "--help", "--run")
    ]


@pytest.mark.parametrize("option", options())
def test_the_launcher_leaves_our_options_alone(option: str) -> None:
    """It looks for abbreviations of its own options among those of the program too."""
    found = get_args_parser().parse_args(["-m", "netdsl", "train", "a.net", option, "b"])
    assert found.training_script_args == ["train", "a.net", option, "b"]


@pytest.mark.slow
def test_two_processes_count_as_one(tmp_path: Path) -> None:
    """The whole command of the manual; labels that are ignored and weighed lie unevenly in the shares of a batch."""
    (tmp_path / "masks.net").write_text(TEXT)
    line = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "netdsl", "train"]
    line += ["masks.net", "--folder", "two", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, *line], env=surroundings(), cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("run kept in two") == 1
    train(load_program(tmp_path / "masks.net").net(), tmp_path / "one", device="cpu", quiet=True)
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(value, two[key], atol=1e-5) for key, value in one.items())


VARIED = """net Digit {
  input image [1, 8, 8]
  output logits: conv(4, 3, pad=1) -> relu -> flatten -> linear(10)
}
train Digit {
  data DATA
  augment crop(8, pad=1) -> rotate(15) -> noise(0.02) -> mixup(0.2, share=0.5)
  loss (logits, label) -> cross_entropy
  epochs 2
  batch 60
}
"""


def in_two(folder: Path, text: str) -> dict[str, Any]:
    """The weights of a training by two processes."""
    (folder / "two.net").write_text(text)
    line = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "netdsl", "train"]
    line += ["two.net", "--folder", "two", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, *line], env=surroundings(), cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = load_file(folder / "two" / "weights.safetensors")
    return found


@pytest.mark.slow
def test_two_processes_vary_pictures_like_one(tmp_path: Path) -> None:
    """What is drawn for a sample follows from its number, whichever process has it."""
    text = VARIED.replace("DATA", "digits")
    two = in_two(tmp_path, text)
    (tmp_path / "one.net").write_text(text)
    train(load_program(tmp_path / "one.net").net(), tmp_path / "one", device="cpu", quiet=True)
    one = load_file(tmp_path / "one" / "weights.safetensors")
    assert all(torch.allclose(value, two[key], atol=1e-5) for key, value in one.items())


@pytest.mark.slow
def test_two_processes_share_shards(tmp_path: Path) -> None:
    """Batches are others than those of one process, each with samples of both: they learn the same in the end."""
    for shard in range(4):
        write_parquet(tmp_path / "shards" / f"train-{shard}.parquet", range(shard * 60, shard * 60 + 60), group=10)
    text = VARIED.replace("DATA", 'hub("shards", target=kind, buffer=30, test=0)').replace("epochs 2", "epochs 15")
    text = text.replace("  augment", "  metric (logits, label) -> accuracy\n  optimizer adam(lr=0.02)\n  # augment")
    in_two(tmp_path, text)
    history = [json.loads(line) for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert len(history) == 15
    assert history[-1]["validation"]["metrics"]["accuracy"] > 0.9


@pytest.mark.parametrize("engine", [pytest.param("torch", marks=pytest.mark.slow), "onnx"])
def test_at_a_terminal_the_table_stays_whole(tmp_path: Path, engine: str) -> None:
    """Nothing but the live line and the table's own lines, whatever libraries have to remark."""
    (tmp_path / "masks.net").write_text(TEXT)
    line = [
        sys.executable,
        "-m",
        "netdsl",
        "train",
        "masks.net",
        "--folder",
        "run",
        "--device",
        "cpu",
        "--engine",
        engine,
    ]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        line, stdout=theirs, stderr=theirs, stdin=theirs, env=surroundings(), cwd=tmp_path
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # the other end is closed
            pass
        assert process.wait(timeout=200) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode()).replace("\r", "\n")
    assert "Warning" not in text
    assert "epoch 1/2 " in text
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("epoch ")]
    start = next(i for i, line in enumerate(lines) if line.startswith("epoch"))
    assert lines[start].split()[:3] == ["epoch", "loss", "val"]
    assert [line.split()[0] for line in lines[start + 1 : start + 3]] == ["1/2", "2/2"]
    assert lines[start + 3].startswith("run kept in run")
    assert len(lines) == start + 4
