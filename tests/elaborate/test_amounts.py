"""Numbers too large for any machine, in texts and on the command line: refused in words, in every format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TEXTS = (
    "input x [1, H]\n  unpool(2) * 2000", "input x [1, 8]\n  unpool(2) * 2000", "input x [4]\n  linear(99999999999999999999)",
    "input x [1, 8]\n  pad(9999999999999999999999)", "input x int[3]\n  one_hot(9999999999999999999)",
    "input x int[3]\n  embedding(1000000000, 10000000000)", "input x [1, 10 ** 25]\n  relu",
    "input x [1, 8]\n  resize(size=10 ** 20)", "input x [1, 8]\n  conv_transpose(1, 3, stride=10 ** 20)",
)  # fmt: skip
COMMANDS = (
    ["check"],
    ["report"],
    ["report", "--explain"],
    ["report", "--format", "json"],
    ["compile", "--to", "pytorch"],
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "netdsl", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("rows", TEXTS)
def test_texts(rows: str, tmp_path: Path) -> None:
    file = tmp_path / "large.net"
    file.write_text(f"net N {{\n  {rows}\n}}\n", encoding="utf-8")
    for command, *options in COMMANDS if rows == TEXTS[0] else COMMANDS[1:3]:
        done = run(command, str(file), *options)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "error[" in said
        assert "unexpectedly" not in said
        assert "Traceback" not in said


@pytest.mark.parametrize("option", ["--batch", "--depth", "--size"])
def test_options(option: str, tmp_path: Path) -> None:
    file = tmp_path / "small.net"
    file.write_text("net N {\n  input x [1, H]\n  relu\n}\n", encoding="utf-8")
    for digits in (19, 400, 5000):
        value = ("H=" if option == "--size" else "") + "9" * digits
        done = run("report", str(file), option, value)
        assert done.returncode != 0
        assert "unexpectedly" not in done.stderr
        assert "Traceback" not in done.stderr
