"""Data files that are damaged or made to harm: every command names the file, ends with 1, and takes little memory."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import cifar_files, huge_png, mnist_files, postscript
from PIL import Image

from netdsl.program import load_text
from netdsl.runtime.train import train

ROOM = 400 * 2**20
"""How many bytes a command may take beyond what is loaded anyway."""

RECORD = 3073
ZEROS = gzip.compress(bytes(16 * 2**20))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def sparse(path: Path, size: int) -> Path:
    """A file of so many bytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def idx(*head: int, content: bytes = b"", magic: int = 0x0803) -> bytes:
    return struct.pack(f">{1 + len(head)}I", magic, *head) + content


# ---------------------------------------------------------------- MNIST, CIFAR-10: files in the place of good ones


def in_gzip(path: Path, content: bytes, more: int = 0) -> Path:
    """`content` and then `more` pieces of 16 MiB of zeros, packed."""
    path.unlink(missing_ok=True)
    return write(path.with_name(path.name + ".gz"), gzip.compress(content) + ZEROS * more)


def half_packed(path: Path) -> Path:
    packed = gzip.compress(path.read_bytes())
    return write(in_gzip(path, b""), packed[: len(packed) // 2])


IMAGES = "{}-images-idx3-ubyte"
LABELS = "{}-labels-idx1-ubyte"

MNIST: dict[str, tuple[str, str, Callable[[Path], Path]]] = {
    "a little head before 3 GB": (IMAGES, "too long", lambda p: in_gzip(p, idx(20, 28, 28), 200)),
    "a head of 3 TB": (IMAGES, "more than", lambda p: write(p, idx(2**32 - 1, 28, 28))),
    "a head of 3 TB, packed": (IMAGES, "more than", lambda p: in_gzip(p, idx(2**32 - 1, 28, 28), 200)),
    "a head of 700 MB before nothing": (IMAGES, "truncated", lambda p: write(p, idx(900_000, 28, 28))),
    "labels of 3 GB": (LABELS, "more than", lambda p: in_gzip(p, idx(2**31, magic=0x0801), 200)),
    "images of another size": (IMAGES, "images of 65535×65535", lambda p: write(p, idx(2, 65535, 65535))),
    "another magic number": (IMAGES, "not an IDX file", lambda p: write(p, idx(20, 28, 28, magic=0x0D03))),
    "another number of axes": (LABELS, "not an IDX file", lambda p: write(p, idx(20, 1, magic=0x0802))),
    "nothing": (LABELS, "too few", lambda p: write(p, b"")),
    "half": (IMAGES, "truncated", lambda p: write(p, p.read_bytes()[:1000])),
    "half, packed": (IMAGES, "whole gzip", half_packed),
    "no gzip": (IMAGES, "whole gzip", lambda p: write(in_gzip(p, b""), b"something else")),
    "one label too few": (LABELS, "labels for", lambda p: write(p, idx(1, content=b"1", magic=0x0801))),
    "a label of 200": (LABELS, "a label is 200", lambda p: write(p, p.read_bytes()[:-1] + b"\xc8")),
}

CIFAR: dict[str, tuple[str, str, Callable[[Path], Path]]] = {
    "3 GB of zeros": ("{}", "more than", lambda p: sparse(p, RECORD * 10**6)),
    "half": ("{}", "whole records", lambda p: write(p, p.read_bytes()[:5000])),
    "nothing": ("{}", "whole records", lambda p: write(p, b"")),
    "a label of 10": ("{}", "has label 10", lambda p: write(p, b"\x0a" + p.read_bytes()[1:])),
    "a pickle": ("{}", "whole records", lambda p: write(p, pickle.dumps({b"data": [1]}))),
}

TEXTS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "25 GB": ("more than", lambda p: sparse(p, 25 * 10**9)),
    "no UTF-8": ("not UTF-8", lambda p: write(p, b"abc\xff" * 1000)),
    "short": ("too few", lambda p: write(p, b"abc")),
}

# ---------------------------------------------------------------- files that stand for one sample


def nan_picture(path: Path) -> Path:
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(path, "TIFF")
    return path


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def broken_link(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path


PICTURES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "a bomb": ("pixels", lambda p: write(p, huge_png(60_000))),
    "PostScript": ("cannot be decoded", lambda p: write(p, postscript())),
    "words": ("cannot be decoded", lambda p: write(p, b"not a picture")),
    "nothing": ("the file is empty", lambda p: write(p, b"")),
    "a pickle": ("cannot be decoded", lambda p: write(p, pickle.dumps([1]))),
    "half a picture": ("cannot be decoded", lambda p: write(p, huge_png(5000))),
    "NaN": ("from nan", nan_picture),
    "a pipe": ("no ", fifo),
    "a link to nowhere": ("no ", broken_link),
}


def array_head(shape: str, dtype: str = "<f4", content: bytes = b"") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("arr_0.npy", array_head("(1, 8, 8)", content=bytes(256)))
    return path


ARRAYS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "words": ("not an .npy file", lambda p: write(p, b"1 2 3\n")),
    "nothing": ("the file is empty", lambda p: write(p, b"")),
    "a zip": ("not an .npy file", zipped),
    "a pickle": ("not an .npy file", lambda p: write(p, pickle.dumps(np.zeros(3)))),
    "objects": ("whole array", lambda p: write(p, array_head("(1, 8, 8)", "|O", pickle.dumps([1])))),
    "a head of 25 GB": ("whole array", lambda p: write(p, array_head("(100000, 250000)"))),
    "25 GB of zeros": (
        "whole array|where the input",
        lambda p: _grown(write(p, array_head("(100000, 62500)")), 25 * 10**9),
    ),
    "a head of 10 to the 40": ("whole array", lambda p: write(p, array_head(f"({10**40},)"))),
    "a negative size": ("whole array", lambda p: write(p, array_head("(-1, 8, 8)"))),
    "brackets": ("whole array", lambda p: write(p, array_head("(" * 4000 + ")" * 4000))),
    "a call": ("whole array", lambda p: write(p, array_head("exit()"))),
    "half an array": ("whole array", lambda p: write(p, array_head("(1, 8, 8)", content=bytes(100)))),
    "NaN": ("NaN", lambda p: write(p, array_head("(1, 8, 8)", content=np.full(64, np.nan, "<f4").tobytes()))),
    "a pipe": ("no such file", fifo),
}


def _grown(path: Path, size: int) -> Path:
    os.truncate(path, path.stat().st_size + size)
    return path


# ---------------------------------------------------------------- the table: case, command line, file and fault


CONFINED = """
import contextlib, io, json, resource, sys
from netdsl.cli import main

def run(arguments):
    sys.argv = ["netdsl", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            main()
        except SystemExit as end:
            return end.code, said.getvalue()

work = json.load(sys.stdin)
for arguments in work["good"]:  # loads everything that commands load
    code, said = run(arguments)
    assert code == 0, said
loaded = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (loaded + work["room"],) * 2)
print(json.dumps([run(arguments) for arguments in work["bad"]]))
"""


def net_text(name: str, place: Path, shape: str) -> str:
    field = "tokens" if name == "text" else "image"
    body = "embedding(300, 4) -> linear(300)" if name == "text" else "flatten -> linear(10)"
    return (
        f'net N {{\n  input {field} {shape}\n  output logits: {body}\n}}\ntrain N {{\n  data {name}("{place}")\n'
        f"  loss (logits, label) -> cross_entropy\n  epochs 1\n  workers 0\n}}\n"
    )


class Table:
    """Command lines that must fail, each with what has to be said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good: list[list[str]] = []
        self.bad: list[tuple[list[str], str, str]] = []
        """Arguments, the file, the fault."""

    def model(self, name: str, shape: str, good: Path) -> Path:
        """A run with good data, for the commands that need one."""
        spec = self.folder / f"{name}.net"
        spec.write_text(net_text(name, good, shape))
        run = self.folder / f"run_{name}"
        train(load_text(spec.read_text(), str(spec)).net(), run, device="cpu", quiet=True, engine="onnx")
        self.good.append(["evaluate", str(run), "--engine", "onnx", "--device", "cpu"])
        return run

    def set(self, name: str, run: Path, place: Path, file: Path, fault: str, tested: bool) -> None:
        """A data set with a bad file, for every command that reads it."""
        engine = ["--engine", "onnx", "--device", "cpu"]
        data = ["--data", f'{name}("{place}")']
        spec = str(self.folder / f"{name}.net")
        self.bad.append(
            (["train", spec, "--run", str(self.folder / f"new{len(self.bad)}"), *data, *engine], str(file), fault)
        )
        if tested:
            self.bad.append((["evaluate", str(run), *data, *engine], str(file), fault))
            self.bad.append((["predict", str(run), "0", *data, *engine], str(file), fault))

    def file(self, run: Path, file: Path, fault: str) -> None:
        self.bad.append((["predict", str(run), str(file), "--engine", "onnx", "--device", "cpu"], str(file), fault))


def copied(folder: Path, write_good: Callable[[Path], Any]) -> Path:
    folder.mkdir(parents=True)
    write_good(folder)
    return folder


def stored_sets(table: Table, name: str, shape: str, good: Callable[[Path], Any], parts: Any, cases: Any) -> None:
    run = table.model(name, shape, copied(table.folder / name, good))
    for number, (where, fault, make) in enumerate(cases.values()):
        for part in parts:
            place = copied(table.folder / f"{name}{number}{part}", good)
            table.set(name, run, place, make(place / where.format(part)), fault, True)


def pictures(folder: Path) -> None:
    for part in ("train", "val", "test"):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            Image.new("L", (8, 8), 90).save(folder / part / name / "1.png")


def picture_sets(table: Table) -> None:
    run = table.model("imagefolder", "[1, 8, 8]", copied(table.folder / "good", pictures))
    for number, (fault, make) in enumerate(PICTURES.values()):
        for part in ("train", "test"):
            place = copied(table.folder / f"pictures{number}{part}", pictures)
            file = make(place / part / "a" / "0.png")
            if part == "test":
                table.set("imagefolder", run, place, file, fault, True)
                table.bad.pop(-3)  # training reads no test picture
                table.file(run, file, fault)
            else:
                table.set("imagefolder", run, place, file, fault, False)
    for number, (fault, make) in enumerate(ARRAYS.values()):
        table.file(run, make(table.folder / f"{number}.npy"), fault)
    table.file(run, zipped(table.folder / "a.npz"), "neither an image")


def text_sets(table: Table) -> None:
    good = write(table.folder / "good.txt", b"hello world " * 40)
    run = table.model("text", "int[5]", good)
    for number, (fault, make) in enumerate(TEXTS.values()):
        file = make(table.folder / f"{number}.txt")
        table.set("text", run, file, file, fault, True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    table = Table(tmp_path_factory.mktemp("hostile"))
    stored_sets(table, "mnist", "[1, 28, 28]", mnist_files, ("train", "t10k"), MNIST)
    stored_sets(table, "cifar10", "[3, 32, 32]", cifar_files, ("data_batch_3.bin", "test_batch.bin"), CIFAR)
    picture_sets(table)
    text_sets(table)
    return table


def test_every_command_names_the_file_and_stays_small(table: Table) -> None:
    work = {"good": table.good, "bad": [arguments for arguments, _, _ in table.bad], "room": ROOM}
    done = subprocess.run(
        [sys.executable, "-c", CONFINED], input=json.dumps(work), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = [
        (arguments, said)
        for (arguments, file, fault), (code, said) in zip(
            table.bad, json.loads(done.stdout.splitlines()[-1]), strict=True
        )
        if code != 1 or file not in said or not any(f in said for f in fault.split("|")) or "unexpectedly" in said
    ]
    assert not wrong, wrong[:3]


def test_the_bound_is_one(tmp_path: Path) -> None:
    """What the table forbids would not go through: half of the bombs are larger than the room, packed or not."""
    assert len(ZEROS) * 200 < 2**22 < ROOM < 16 * 2**20 * 200
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY or ROOM > 0
