"""Whole texts as they are read: reports, emitted PyTorch and printed graphs. `UPDATE_GOLDEN=1` writes them anew.

The emitted files are also held to what a person would be: ruff finds nothing, and they run with torch alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GOLDEN, Golden

from netdsl.analyzer import analyze
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.reports import render

SPECS = Path(__file__).parents[2] / "specs"

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

ALONE = """
import runpy, sys
made = {path: runpy.run_path(path) for path in sys.argv[1:]}
assert not any(name.split(".")[0] == "netdsl" for name in sys.modules)
for path, names in made.items():
    name = path.rpartition("/")[2].removesuffix(".py")
    if name in ("LeNet", "CharRNN", "CharLSTM"):
        print(name, sum(p.numel() for p in names[name]().parameters()))
    else:
        print(name, issubclass(names[name], sys.modules["torch"].nn.Module))
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
    kept |= {f"{name}.explained.txt" for name in ("AlexNet", "UNet")} | {"LeNet.page.json"}
    assert {p.name for p in GOLDEN.iterdir() if p.is_file()} == kept


RUFF = [sys.executable, "-m", "ruff"]


@pytest.mark.parametrize(
    "command", [["check", "--extend-select=I,UP,B,C4,SIM,RET,PIE"], ["format", "--check"]], ids=str
)
def test_emitted_files_please_ruff(command: list[str]) -> None:
    """With ruff's own defaults and some rules more; laid out as its formatter would."""
    files = [str(GOLDEN / f"{name}.py") for name in SHOWN]
    done = subprocess.run([*RUFF, *command, "--isolated", "--no-cache", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_emitted_files_run_alone(tmp_path: Path) -> None:
    """Copied elsewhere, in a process that cannot see netdsl's folder: they need torch and nothing else."""
    copies = [tmp_path / f"{name}.py" for name in SHOWN]
    for copy in copies:
        copy.write_bytes((GOLDEN / copy.name).read_bytes())
    command = [sys.executable, "-I", "-c", ALONE, *map(str, copies)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counted = {"LeNet", "CharRNN", "CharLSTM"}
    wanted = {n: str(analyze(load(n)).totals.params) if n in counted else "True" for n in SHOWN}
    assert dict(line.split() for line in done.stdout.splitlines()) == wanted
