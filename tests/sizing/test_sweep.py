"""Totals at many sizes: each is what a report of that size says, and what a report refuses is refused."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.cli import attempt, main
from netdsl.reports.sweep import render
from netdsl.sizing.sweep import SizeRange, SweepError, read_axes, sweep
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"
UNET = netdsl.load(SPECS / "unet.net")
TIED = netdsl.load_text(
    "net X { input a [3, H, W], b [3, V, W]\n assert H == 2 * V\n (a -> maxpool((2, 1)), b) -> concat }"
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("H=160..200:16", {("H",): (160, 176, 192)}),
        ("H=W=1..3", {("H", "W"): (1, 2, 3)}),
        ("batch=1..9:x2", {("batch",): (1, 2, 4, 8)}),
        ("batch=3..81:×3, T = 7", {("batch",): (3, 9, 27, 81), ("T",): (7,)}),
        ("T=5..5:*2", {("T",): (5,)}),
    ],
)
def test_ranges_are_read(text: str, values: dict[tuple[str, ...], tuple[int, ...]]) -> None:
    assert {axis.names: axis.values for axis in read_axes(text)} == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no range"),
        ("H", "`H` is no range: write H=160..640:32"),
        ("160..640", "`160..640` is no range"),
        ("H=a..b", "`a..b` is no range"),
        ("H=160-640", "`160-640` is no range"),
        ("H=1..2:3:4", "`1..2:3:4` is no range"),
        ("H=9..3", "goes from a number of 1 or more up to a larger one"),
        ("H=0..3", "goes from a number of 1 or more"),
        ("H=1..3:0", "never comes to its end"),
        ("H=1..3:x1", "never comes to its end"),
        ("H=1..9,W=H=1..3", "`H` has two ranges"),
        ("H=1..2000", "more than 1,000 sizes"),
        ("H=1..100,W=1..100", "these are 10,000 sizes"),
        ("H=1.." + "9" * 30, "is no range"),
    ],
)
def test_what_is_no_range_is_said(text: str, said: str) -> None:
    with pytest.raises(SweepError, match=re.escape(said)):
        read_axes(text)


def test_points_are_what_reports_of_their_sizes_say() -> None:
    found = sweep(UNET, "H=180..236:8,batch=1..3:x3", sizes={"W": 300})
    assert [tuple(p.given.values()) for p in found.points] == [(h, b) for h in range(180, 237, 8) for b in (1, 3)]
    for point in found.points:
        sizes = {"H": point.given["H"], "W": 300}
        if point.refused:
            with pytest.raises(NetError):
                netdsl.analyze(UNET, sizes=sizes, batch=point.batch)
        else:
            assert point.totals == netdsl.analyze(UNET, sizes=sizes, batch=point.batch).totals
    assert [p.given["H"] for p in found.points if p.refused] == [180, 180]
    assert found.points[0].refused == "line 13: a window of 3 does not fit into 4 * ((H + 4) // 16) - 42"
    assert {p.given["H"]: bool(p.dropping) for p in found.taken} == {h: h % 16 != 12 for h in range(188, 237, 8)}


def test_symbols_that_follow_another_are_told() -> None:
    found = sweep(TIED, [SizeRange(names=("V",), values=(4, 8))])
    assert [(p.at["V"], p.at["H"]) for p in found.points] == [(4, 8), (8, 16)]
    assert render(found).splitlines()[3].split()[:3] == ["V", "H", "MACs"]


@pytest.mark.parametrize("text", ["Q=1..3", "H=4..8"])
def test_no_size_at_all_is_an_error(text: str) -> None:
    with pytest.raises(NetError, match=r"has no size called `Q`|cannot take H = 4"):
        sweep(UNET, text)


def test_formats_hold_the_same() -> None:
    found = sweep(UNET, "H=172..220:16")
    rows = list(csv.DictReader(StringIO(render(found, "csv"))))
    told = json.loads(render(found, "json"))["points"]
    assert [int(r["H"]) for r in rows] == [p["at"]["H"] for p in told] == [172, 188, 204, 220]
    assert [r["macs"] for r in rows] == [str(p["totals"]["macs"]) if p["totals"] else "" for p in told]
    assert rows[0]["refused"] == told[0]["refused"] == found.points[0].refused
    table, markdown = render(found, "table"), render(found, "markdown")
    for point in found.taken:
        assert point.totals is not None
        assert f"{point.totals.macs:,}" in table
        assert f"| {point.totals.macs:,} |" in markdown
    with pytest.raises(ValueError, match="no format is called `html`"):
        render(found, "html")


@pytest.mark.parametrize("width", [50, 70, 100, 160])
def test_tables_fit_their_width(width: int) -> None:
    found = sweep(UNET, "H=172..300:8,batch=1..16:x4")
    assert max(map(len, render(found, width=width).splitlines())) <= width


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["netdsl", "report", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sweep", "H=200", "--size", "H=3"], "--sweep goes through H, which has a number, too"),
        (["--sweep", "batch=1..2", "--batch", "3"], "--sweep goes through batch, which has a number, too"),
        (["--sweep", "H=200", "--depth", "0"], "--depth does not go with --sweep"),
        (["--sweep", "H=200", "--training"], "--training does not go with --sweep"),
        (["--sweep", "H=200", "--precision", "bf16"], "--precision does not go with --sweep"),
        (["--sweep", "batch=1..2", "--batch", "1"], "--sweep goes through batch, which has a number, too"),
        (["--sweep", "H=200", "--formulas"], "--formulas does not go with --sweep"),
        (["--sweep", "H=200", "-o", "x.gif"], "a picture is written as .png or .svg"),
        (["-o", "x.png"], "-o draws what --sweep counts"),
        (["--sweep", "H=2-3"], "argument --sweep: `2-3` is no range"),
    ],
)
def test_options_that_mean_nothing_together(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call(capsys, monkeypatch, str(SPECS / "unet.net"), *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_sweep_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file each time; one of three ranges cannot be."""
    drawings = []
    for name in ("a.svg", "b.svg", "c.png"):
        path = tmp_path / name
        code, out, _ = call(capsys, monkeypatch, str(SPECS / "unet.net"), "--sweep", "H=172..220:16", "-o", str(path))
        assert (code, "220" in out) == (0, True)
        drawings.append(path.read_bytes())
    assert drawings[0] == drawings[1]
    assert b"not taken" in drawings[0]
    assert drawings[2].startswith(b"\x89PNG")
    three = ["--sweep", "H=200..210:5,W=200..210:5,batch=1..2", "-o", str(tmp_path / "d.png")]
    code, _, err = call(capsys, monkeypatch, str(SPECS / "unet.net"), *three)
    assert (code, (tmp_path / "d.png").exists()) == (1, False)
    assert "a picture shows one range or two" in err


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures_take_the_place_of_pictures_alone(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "net N { input x [4]; linear(3) }\n"
    source, linked, other = tmp_path / "s.net", tmp_path / f"link.{ending}", tmp_path / f"keep.{ending}"
    source.write_text(text)
    linked.symlink_to(source)
    other.write_text("mine")
    for path in (linked, other):
        assert attempt(["report", str(source), "--sweep", "batch=1..2", "-o", str(path)]) == 1
        assert str(path) in capsys.readouterr().err
    assert (source.read_text(), other.read_text()) == (text, "mine")
    for _ in range(2):  # its own is replaced
        assert attempt(["report", str(source), "--sweep", "batch=1..2", "-o", str(tmp_path / f"new.{ending}")]) == 0


def test_a_setting_is_no_size_and_says_how_it_varies() -> None:
    for given in (lambda: sweep(UNET, "width=16..64:16"), lambda: netdsl.analyze(UNET, sizes={"width": 16})):
        with pytest.raises(NetError) as caught:
            given()
        (found,) = caught.value.diagnostics
        assert found.message == "`UNet` has no size called `width`"
        assert found.help == "`width` is a setting, which `--set width=…` varies, one number a run; it has H, W"


@pytest.mark.parametrize("axes", [[], "", " , "])
def test_what_goes_through_no_sizes_is_refused(axes: Any) -> None:
    with pytest.raises(netdsl.RunError, match=r"write H=160\.\.640:32"):
        netdsl.sweep(UNET, axes)
