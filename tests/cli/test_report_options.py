"""Every option of `report` with every other in every format: what was asked for is shown, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from netdsl.cli.app import run
from netdsl.cli.combining import FORMATS, OPTIONS
from netdsl.text.diagnostics import NetError

TEXT = """block pair(c) {
  input x
  x -> conv(c, 3, stride=1, dilation=1, groups=1, pad=1) -> relu
}
net Wide {
  input image [2, H = 5, W = 5]
  a1: pair(2)
  a2: pair(2)
  up: conv_transpose(2, 2, stride=2)
  pool: maxpool(4)
  output y: global_avgpool -> linear(3)
}
"""
WEIGHTS = ("a1.conv1", "a2.conv1", "up", "y")
AT = ",".join([f"image={[0.1 * k for k in range(50)]}", "dJ/dy=1", *(f"{k}.weight=0.5,{k}.bias=0" for k in WEIGHTS)])
WORDS = {
    "sweep": ["--sweep", "H=5..7:1"], "versus": ["--explain-vs", "thop"], "training": ["--training"],
    "device": ["--device", "T4"], "precision": ["--precision", "bf16"],
    "optimizer": ["--training", "--optimizer", "sgd"], "checkpoint": ["--training", "--checkpoint", "a1"],
    "at": ["--backward", "--at", AT], "backward": ["--backward"], "explain": ["--explain"], "formulas": ["--formulas"],
    "convention": ["--convention", "thop"], "depth": ["--depth", "1"], "expand": ["--expand"],
    "width": ["--width", "50"], "strict": ["--strict"], "output": ["-o", "{folder}/told.png"],
}  # fmt: skip
IMPLIED = {
    ("explain", "backward"),
    ("explain", "at"),
    ("backward", "at"),
    ("expand", "at"),
    ("training", "optimizer"),
    ("training", "checkpoint"),
}
"""What is so without being asked for: what another option says, too."""

Told = tuple[str, bool]


class Reports:
    """What the command says to options, each combination asked once: the text, and whether it ends in an error."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        self.known: dict[frozenset[str], Told | None] = {}
        (folder / "wide.net").write_text(TEXT)

    def told(self, names: frozenset[str], format: str) -> Told | None:
        """None where the command refuses it."""
        if names not in self.known:
            self.known[names] = self._asked(names, format)
        return self.known[names]

    def _asked(self, names: frozenset[str], format: str) -> Told | None:
        ending = ".svg" if "sweep" in names else ".txt"
        file = self.folder / f"told{ending}"
        file.unlink(missing_ok=True)
        words = [word for name in OPTIONS if name in names for word in WORDS[name]]
        words = [str(file) if word.startswith("{folder}") else word for word in words]
        failed = False
        try:
            run(["report", str(self.folder / "wide.net"), "--format", format, *dict.fromkeys(words)])
        except SystemExit:
            err = self.capsys.readouterr().err
            assert err.startswith("netdsl report: error: "), err
            return None
        except NetError:
            failed = True
        out = self.capsys.readouterr().out
        return f"{out}\n{file.read_text()}" if file.exists() else out, failed


def sets() -> Iterator[frozenset[str]]:
    yield frozenset()
    yield from map(frozenset, combinations(OPTIONS, 1))
    yield from map(frozenset, combinations(OPTIONS, 2))


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_asked_for_is_shown_or_refused(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = Reports(tmp_path, capsys)
    shown = 0
    for names in sets():
        told = reports.told(names, format)
        for name in names if told else ():
            others = names - {name}
            if any((name, each) in IMPLIED for each in (*others, format)):
                continue
            shown += 1
            assert told != reports.told(others, format), f"{name} beside {set(others)} is not seen as {format}"
    assert shown


def test_every_option_is_shown_somewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(WORDS) == set(OPTIONS)
    reports = Reports(tmp_path, capsys)
    assert all(reports.told(frozenset([name]), "table") for name in OPTIONS)


@pytest.mark.parametrize("words", [["--training"], ["--training", "--device", "T4"], ["--explain-vs", "thop"]])
def test_tables_keep_to_the_width(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for width in (80, 100):
        run(["report", "specs/unet.net", "--net", "UNetSame", *words, "--width", str(width)])
        assert max(map(len, capsys.readouterr().out.splitlines())) <= width
