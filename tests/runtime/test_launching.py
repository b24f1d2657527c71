"""Training as people start it: at a terminal, and in several processes behind PyTorch's launcher."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
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
