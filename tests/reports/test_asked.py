"""What is asked of the functions and commands of reports is shown or refused, never left out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import netdsl
from netdsl.base.errors import ArgumentError, RunError
from netdsl.base.files import write_text
from netdsl.cli.app import run
from netdsl.reports.latex import escape
from netdsl.sizing.sweep import SweepError
from netdsl.surface import SHOWN
from netdsl.text.diagnostics import NetError

ROOT = Path(__file__).parents[2]
TEXT = """block pair(c) {
  input x
  x -> conv(c, 3, pad=1) -> relu
}
net Wide(classes = 3) {
  input image [8, H = 31, W]
  a1: pair(8)
  a2: pair(8)
  assert H % 2 == 1
  output y: global_avgpool -> linear(classes)
}
"""
NET = netdsl.load_text(TEXT)
LINE = netdsl.load_text("net Line {\n  input x [1]\n  output y: linear(1)\n}\n")
AT = {"x": 2, "y.weight": 1, "y.bias": 0, "dJ/dy": 1}
OPTIONS = {
    "width": 40, "color": True, "depth": 1, "expand": True, "others": ("B",), "explain": True, "backward": True,
    "conventions": ["thop"],
}  # fmt: skip


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown", "latex", "html"])
def test_each_option_of_a_report_is_shown_or_refused(format: str) -> None:
    assert {*OPTIONS, "at"} == set(SHOWN), "numbers of a lesson have tests of their own"
    plain = netdsl.report(NET, format=format)
    for name, value in OPTIONS.items():
        if format in SHOWN[name]:
            assert netdsl.report(NET, format=format, **{name: value}) != plain
            continue
        with pytest.raises(ValueError, match=rf"`{name}` has no {format}.*: choose of {SHOWN[name][0]}"):
            netdsl.report(NET, format=format, **{name: value})


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], object]]] = {
    "no option": (ArgumentError, "`report` has no `deep`: it has net, sizes", lambda: netdsl.report(NET, deep=1)),
    "formulas": (ArgumentError, r"netdsl.formulas\(net\)", lambda: netdsl.report(NET, formulas=True)),  # type: ignore[call-arg]
    "training": (ArgumentError, r"netdsl.fit\(net\)", lambda: netdsl.report(NET, training=True)),  # type: ignore[call-arg]
    "at alone": (ArgumentError, "say backward=True, too", lambda: netdsl.report(LINE, at=AT)),
    "other batch": (ArgumentError, "of 1 sample", lambda: netdsl.report(LINE, backward=True, at=AT, batch=4)),
    "below": (ArgumentError, "`depth` is a whole number of 0", lambda: netdsl.report(NET, depth=-1)),
    "narrow": (ArgumentError, "`width` is a whole number of 1", lambda: netdsl.report(NET, width=-4)),
    "pairs": (ArgumentError, r'write sizes={"W": 4}', lambda: netdsl.report(NET, sizes=[("W", 4)])),  # type: ignore[arg-type]
    "true": (ArgumentError, "`x` takes numbers .*write `x=0`", lambda: netdsl.gradients(LINE, at={**AT, "x": True})),
    "empty": (ArgumentError, "an empty list: write `x=0`", lambda: netdsl.gradients(LINE, at={**AT, "x": []})),
    "twice": (ArgumentError, "`W` and `y.weight`", lambda: netdsl.gradients(LINE, at={"x": 2, "W": 1, "y.weight": 1})),
    "setting": (NetError, "argument classes:1:1", lambda: netdsl.load_text(TEXT, classes="[")),
    "other setting": (NetError, "argument:1:1", lambda: netdsl.load_text(TEXT, clases=3)),
    "object": (ArgumentError, "the setting `classes`", lambda: netdsl.load_text(TEXT, classes=object())),
    "no format": (ValueError, "no format is called `pdf`", lambda: netdsl.report(NET, format="pdf")),
    "both": (ValueError, "leave one of them out", lambda: netdsl.report(NET, backward=True, conventions=["thop"])),
    "word": (ArgumentError, r'conventions=\["thop"\]', lambda: netdsl.report(NET, conventions="thop")),
    "row": (ArgumentError, r'checkpoint=\["a1"\]', lambda: netdsl.fit(NET, checkpoint="a1")),
    "optimizer": (RunError, "`optimizer` is about training", lambda: netdsl.fit(NET, training=False, optimizer="sgd")),
    "again": (RunError, "`checkpoint` is about training", lambda: netdsl.fit(NET, training=False, checkpoint=["a1"])),
    "precision": (RunError, "the precision has no name", lambda: netdsl.fit(NET, precision="")),
    "counted": (NetError, "a batch is a whole number", lambda: netdsl.counted(NET, "thop", batch=0)),
    "half": (ArgumentError, "`batch` takes a whole number, not 0.5", lambda: netdsl.counted(NET, "torch", batch=0.5)),  # type: ignore[arg-type]
    "formula batch": (NetError, "a batch is a whole number", lambda: netdsl.formulas(NET).number("macs", 0)),
    "formula size": (NetError, "H = 30|`H`", lambda: netdsl.formulas(NET).number("macs", 1, {"H": 30, "W": 31})),
    "formula symbol": (NetError, "`Q`", lambda: netdsl.formulas(NET).number("macs", 1, {"Q": 31})),
    "formula total": (ValueError, "no formula of `peak", lambda: netdsl.formulas(NET).number("peak_memory")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(case: str) -> None:
    kind, message, asked = REFUSED[case]
    with pytest.raises(kind, match=message):
        asked()


def test_formulas_fill_in_the_sizes_of_a_report() -> None:
    found = netdsl.formulas(NET)
    assert found.number("macs") == netdsl.analyze(NET).totals.macs
    assert found.number("macs", 2, {"W": 9}) == netdsl.analyze(NET, sizes={"W": 9}, batch=2).totals.macs


BATCH = "net N {\n  input x [2, batch, 5]\n  output y: conv(3, 3)\n}\n"


def test_a_size_called_batch_is_not_the_number_of_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = netdsl.load_text(BATCH.replace("5]", "W]"))
    with pytest.raises(SweepError, match="`batch` is a size of N, and the word for its samples"):
        netdsl.sweep(net, "batch=3..5")
    (tmp_path / "n.net").write_text(BATCH.replace("5]", "W]"))
    assert run(["report", str(tmp_path / "n.net"), "--sweep", "W=5..6", "--batch", "4", "--format", "csv"]) in (0, None)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["W"], row["samples"]) for row in rows] == [("5", "4"), ("6", "4")]
    with pytest.raises(SystemExit):
        run(["report", str(tmp_path / "n.net"), "--sweep", "batch=3..5"])
    assert "give the size another name" in capsys.readouterr().err


TWICE = (
    (["--size", "H=31,H=33"], "`H` has two sizes, 31 and 33"),
    (["--size", "H=31", "--size", "W=9,H=33"], "--size says H twice"),
    (["--set", "classes=2", "--set", "classes=4"], "--set says classes twice"),
    (["--size", ","], "there is no size"),
    (["--convention", ""], "it names nothing"),
    (["--training", "--checkpoint", ""], "names no row"),
    (["--sweep", "H=31..33:2", "--precision", ""], "--precision does not go with --sweep"),
)


def test_nothing_on_a_command_line_is_left_out_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wide.net"
    file.write_text(TEXT)
    for words, said in TWICE:
        with pytest.raises(SystemExit):
            run(["report", str(file), *words])
        assert said in capsys.readouterr().err
    for option in ("--precision", "--device"):
        with pytest.raises(RunError, match="has no name: there are"):
            run(["report", str(file), option, ""])
    capsys.readouterr()
    run(["report", str(file), "--size", "H=33", "--size", "W=9", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["at"] == {"H": 33, "W": 9}


def test_a_folder_without_texts_is_a_mistake_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for format in ("json", "sarif", "github"):
        assert run(["check", str(tmp_path), "--format", format]) == 1
        out = capsys.readouterr().out
        assert "holds no `.net` file" in out
        if format == "sarif":
            assert json.loads(out)["runs"][0]["results"][0]["ruleId"] == "no-file"
    with pytest.raises(NetError, match="holds no"):
        run(["check", str(tmp_path)])


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder in which nobody can write")
def test_a_file_that_cannot_be_made_is_named_itself() -> None:
    with pytest.raises(OSError, match="/proc/a") as raised:
        write_text(Path("/proc/a.svg"), "")
    assert raised.value.filename == "/proc/a.svg"


def test_latex_keeps_what_ascii_cannot_spell() -> None:
    assert escape("日本 → é_σ") == r"日本 $\to$ e\_sigmoid"
    told = netdsl.report(
        netdsl.load_text('net N(title = "日本") {\n  input x [3]\n  output y: relu\n}\n'), format="latex"
    )
    assert "日" in told
    assert told.splitlines()[0].endswith("need LuaLaTeX or XeLaTeX")
    assert "LuaLaTeX" not in netdsl.report(NET, format="latex")


def test_the_workflow_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Its commands are such as there are, here on one file."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    commands = re.findall(r"run: netdsl ([^>\n]*)", text)
    assert [re.search(r"--format (\w+)", c)[1] for c in commands] == ["github", "sarif"]  # type: ignore[index]
    for command in commands:
        assert run([word.replace("specs", str(ROOT / "specs" / "lenet.net")) for word in command.split()]) == 0
    assert "no mistakes found" in capsys.readouterr().out
