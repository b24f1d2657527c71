"""Pipes, devices, folders and links where a file is meant: no command waits for them, reads on, or writes into them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

import netdsl.cli as cli
from netdsl.cli.app import COMMANDS
from netdsl.program import load_text
from netdsl.runtime.train import train

PATIENCE = 100
"""Seconds after which a command is taken to wait for ever: its own work is done in one."""
TEXT = """
net Small {
  input image [64]
  output logits: linear(10)
}
train Small {
  data digits
  loss (logits, label) -> cross_entropy
  epochs 1
  batch 512
}
"""
PICTURED = """
net Pictured {
  input image [3, 8, 8]
  output logits: flatten -> linear(2)
}
train Pictured {
  data imagefolder("pictures", size=8)
  loss (logits, label) -> cross_entropy
  epochs 1
}
"""

Make = Callable[[Path], object]


def socketed(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


ODD: dict[str, Make] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "circle": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("nothing at all"),
    "socket": socketed,
}
"""What is no file, each under the name of one."""

READS: dict[str, tuple[str, list[str]]] = {
    "report": ("odd.net", ["report", "odd.net"]),
    "diff": ("odd.net", ["diff", "odd.net", "--new-net", "N"]),
    "check": ("odd.net", ["check", "odd.net"]),
    "fmt": ("odd.net", ["fmt", "odd.net", "--check"]),
    "compile": ("odd.net", ["compile", "odd.net", "--to", "pytorch"]),
    "compile weights": ("odd.safetensors", ["compile", "s.net", "--to", "onnx", "-o", "o.onnx", "--weights"]),
    "compile step": ("odd.safetensors", ["compile", "s.net", "--to", "onnx-train", "-o", "o.onnx", "--weights"]),
    "convolutionize": ("odd.net", ["convolutionize", "odd.net", "-o", "slid.net"]),
    "convolutionize weights": ("odd.safetensors", ["convolutionize", "p.net", "-o", "slid.net", "--weights"]),
    "train": ("odd.net", ["train", "odd.net", "--folder", "new"]),
    "train text": ("odd.txt", ["train", "t.net", "--folder", "new", "--data", 'text("odd.txt", length=4)']),
    "train mnist": ("train-images-idx3-ubyte", ["train", "m.net", "--folder", "new", "--data", 'mnist(".")']),
    "train cifar": ("data_batch_1.bin", ["train", "c.net", "--folder", "new", "--data", 'cifar10(".")']),
    "data": ("odd.net", ["data", "odd.net"]),
    "evaluate onnx": ("odd.onnx", ["evaluate", "run", "--onnx", "odd.onnx"]),
    "predict model": ("odd.onnx", ["predict", "odd.onnx", "x.npy"]),
    "predict array": ("odd.npy", ["predict", "s.onnx", "odd.npy"]),
    "predict picture": ("odd.png", ["predict", "p.onnx", "odd.png"]),
    "predict run": ("odd.npy", ["predict", "run", "odd.npy"]),
    "look": ("odd.npy", ["look", "run", "--sample", "odd.npy"]),
    "draw": ("odd.net", ["draw", "odd.net"]),
    "parity": ("odd.net", ["parity", "odd.net"]),
    "weights": ("odd.safetensors", ["weights", "show", "odd.safetensors"]),
    "weights shards": ("odd.safetensors.index.json", ["weights", "show", "odd.safetensors.index.json"]),
    "weights text": ("odd.net", ["weights", "map", "odd.net", "x.npy"]),
    "weights map": (
        "odd.map",
        ["compile", "s.net", "--to", "onnx", "-o", "o.onnx", "--weights", "run", "--map", "odd.map"],
    ),
    "parity weights": ("odd.safetensors", ["parity", "s.net", "--weights"]),
}
"""Every way in which a command reads a file: its name, and the line; behind `--weights` the name follows."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a model of it and a run, all of which are as they should be."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "s.net").write_text(TEXT)
    (folder / "p.net").write_text(PICTURED)
    for name, shape in (("m", "[1, 28, 28]"), ("c", "[3, 32, 32]")):
        (folder / f"{name}.net").write_text(
            TEXT.replace("[64]\n", f"{shape}\n").replace(": linear", ": flatten -> linear")
        )
    (folder / "t.net").write_text(
        "net T {\n  input tokens int[4]\n  embedding(300, 3)\n  output m: linear(300)\n}\n"
        'train T {\n  data text("t.net")\n  loss (m, label) -> cross_entropy\n}\n'
    )
    np.save(folder / "x.npy", np.zeros(64, np.float32))
    train(load_text(TEXT, "s.net").net(), folder / "run", device="cpu", quiet=True)
    return folder


@pytest.fixture
def here(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    """A command that waits for ever is a failure, not a suite that never ends."""

    def late(signal: int, frame: FrameType | None) -> None:
        raise AssertionError("the command waits for ever")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


Said = Callable[[list[str]], tuple[object, str]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    def run(line: list[str]) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["netdsl", *line])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        found = capsys.readouterr()
        return ended.value.code, found.out + found.err

    return run


def refused(answer: tuple[object, str], name: str) -> None:
    code, text = answer
    wrong = [word for word in ("Traceback", "unexpectedly", "for ever") if word in text]
    assert (code, wrong) == (1, []), text
    assert name in text, text
    assert len(text) < 3000


def test_every_command_has_its_case() -> None:
    assert {key.split()[0] for key in READS} == set(COMMANDS)


@pytest.mark.parametrize("key", READS)
def test_what_is_no_file_is_named(key: str, here: Path, said: Said) -> None:
    name, line = READS[key]
    if ".onnx" in "".join(line):
        for text in "sp":
            assert said(["compile", f"{text}.net", "--to", "onnx", "-o", f"{text}.onnx"])[0] == 0
    for kind, make in ODD.items():
        make(here / name)
        code, text = said([*line, *([name] if line[-1] == "--weights" else [])])
        if (key, kind) == ("train", "folder"):
            assert (code, "odd.net is a folder: add --resume" in text) == (2, True)
        else:
            refused((code, text), "/dev/" if "/dev/" in text else name.partition(".")[0])
        (here / name).rmdir() if kind == "folder" else (here / name).unlink()
    assert not (here / "new").exists()


def test_folders_of_pictures_hold_files(here: Path, said: Said) -> None:
    """What is no file is no picture, whatever it is called."""
    for part, name in ((p, n) for p in ("train", "val", "test") for n in "ab"):
        (here / "pictures" / part / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(here / "pictures" / part / name / "0.png")
    line = ["train", "p.net", "--folder", "new", "--device", "cpu"]
    for kind, make in ODD.items():
        path = here / "pictures" / "train" / "a" / f"{kind}.png"
        if kind != "folder":
            make(path)
            refused(said(line), f"{kind}.png: ")
            path.unlink()
    code, text = said(line)
    assert code == 0, text
    assert ": 2 train" in text


# ---------------------------------------------------------------- the folder of a run

FILES = (
    "recipe.json",
    "checkpoint.safetensors",
    "weights.safetensors",
    "metrics.jsonl",
    "curves.png",
    "made.json",
    "spec/Small.net",
)
ON_RUN: dict[str, tuple[str, ...]] = {
    "evaluate": ("recipe.json", "weights.safetensors", "spec/Small.net"),
    "predict": ("recipe.json", "weights.safetensors", "spec/Small.net"),
    "resume": FILES,
    "overwrite": FILES[:-1],
}
"""What each command reads or writes of a run."""
LINES = {
    "evaluate": [["evaluate", "run", "--engine", engine, "--device", "cpu"] for engine in ("torch", "onnx")],
    "predict": [["predict", "run", "0", "--engine", engine, "--device", "cpu"] for engine in ("torch", "onnx")],
    "resume": [["train", "run", "--resume", "--quiet", "--device", "cpu"]],
    "overwrite": [["train", "s.net", "--folder", "run", "--overwrite", "--quiet", "--device", "cpu"]],
}


@pytest.mark.parametrize("name", FILES)
def test_a_run_whose_files_are_none(name: str, here: Path, said: Said) -> None:
    path = here / "run" / name
    path.unlink(missing_ok=True)
    for kind, make in ODD.items():
        make(path)
        for command in (c for c, files in ON_RUN.items() if name in files):
            for line in LINES[command]:
                refused(said(line), "run")
        assert path.is_symlink() or path.exists(), "it is left as it was"
        path.rmdir() if kind == "folder" else path.unlink()


@pytest.mark.parametrize("name", [*FILES, "spec"])
def test_a_link_in_a_run_is_not_written_through(name: str, here: Path, said: Said) -> None:
    """What it leads to is somebody's own. Reading is another matter."""
    path, own = here / "run" / name, here / "own"
    shutil.move(path, own) if path.exists() else own.write_text("mine")
    path.symlink_to(own)
    kept = {p: p.read_bytes() for p in (own, *own.rglob("*")) if p.is_file()}
    for command in ("resume", "overwrite"):
        for line in LINES[command]:
            refused(said(line), f"run/{name}" if command == "overwrite" and "/" not in name else "run")
    assert {p: p.read_bytes() for p in (own, *own.rglob("*")) if p.is_file()} == kept
    assert path.is_symlink()
