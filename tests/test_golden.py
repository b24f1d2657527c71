"""Whole texts as they are read: reports, emitted PyTorch and printed graphs. `UPDATE_GOLDEN=1` writes them anew.

The emitted files are also held to what a person would be: ruff finds nothing, and they run with torch alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netdsl.analyzer import analyze
from netdsl.codegen.pytorch.source import torch_source
from netdsl.ir import Net
from netdsl.program import load_text
from netdsl.reports import render
from tests.conftest import GOLDEN, Golden

SPECS = Path(__file__).parent.parent / "specs"

WIDTH = 120

SHOWN = {
    "LeNet": "lenet",
    "AlexNet": "alexnet",
    "VGG16BN": "vgg",
    "ResNet18": "resnet",
    "ResNet50": "resnet",
    "UNet": "unet",
    "UNetSameBN": "unet",
    "CharRNN": "char_rnn",
    "CharLSTM": "char_rnn",
}

RUN = """
import runpy, sys
import torch
made = runpy.run_path(sys.argv[1])
assert not any(name.split(".")[0] == "netdsl" for name in sys.modules)
module = made[sys.argv[2]]().eval()
print(sum(p.numel() for p in module.parameters()))
"""


def load(name: str) -> Net:
    file = f"{SHOWN[name]}.net"
    return load_text((SPECS / file).read_text(encoding="utf-8"), f"specs/{file}").net(name)


@pytest.mark.parametrize("name", SHOWN)
def test_report(name: str, golden: Golden) -> None:
    text = render(analyze(load(name)), width=WIDTH)
    assert max(map(len, text.splitlines())) <= WIDTH
    golden(f"{name}.report.txt", text)


@pytest.mark.parametrize("name", ["AlexNet", "UNet"])
def test_explained_report(name: str, golden: Golden) -> None:
    golden(f"{name}.explained.txt", render(analyze(load(name), explained=True), width=WIDTH))


@pytest.mark.parametrize("name", SHOWN)
def test_pytorch_source(name: str, golden: Golden) -> None:
    golden(f"{name}.py", torch_source(load(name)))


@pytest.mark.parametrize("name", ["LeNet", "ResNet50", "UNet", "CharRNN"])
def test_graph(name: str, golden: Golden) -> None:
    golden(f"{name}.graph.txt", str(load(name)) + "\n")


def test_nothing_in_the_folder_is_left_over() -> None:
    kept = {f"{name}.{kind}" for name in SHOWN for kind in ("report.txt", "py")}
    kept |= {f"{name}.graph.txt" for name in ("LeNet", "ResNet50", "UNet", "CharRNN")}
    kept |= {f"{name}.explained.txt" for name in ("AlexNet", "UNet")}
    assert {p.name for p in GOLDEN.iterdir() if p.is_file()} == kept


def test_emitted_files_please_ruff() -> None:
    """With ruff's own defaults, its import order and its formatter's line length."""
    files = [str(GOLDEN / f"{name}.py") for name in SHOWN]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--extend-select=I,UP,B,C4,SIM,RET", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["LeNet", "UNetSameBN"])
def test_an_emitted_file_runs_alone(name: str, tmp_path: Path) -> None:
    """Copied elsewhere, in a process that cannot see netdsl's folder."""
    copy = tmp_path / f"{name}.py"
    copy.write_bytes((GOLDEN / copy.name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN, str(copy), name], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == analyze(load(name)).totals.params
