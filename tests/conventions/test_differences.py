"""What makes the difference to another tool, and what is said of conventions in reports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from reference_nets import SPECS, nets

import netdsl
from netdsl.analyzer import analyze
from netdsl.base.errors import RunError
from netdsl.base.record import changed
from netdsl.cli.app import run
from netdsl.conventions.counting import counted
from netdsl.conventions.differences import NoTotal, difference
from netdsl.conventions.names import NAMES
from netdsl.text.diagnostics import NetError

NETS = nets()
UP = """
net Up {
  input image [3, 8, 8]
  first: conv(4, 3, pad=1) -> batchnorm -> relu
  second: conv(4, 3, pad=1) -> batchnorm -> relu
  grown: conv_transpose(2, 2, stride=2)
  output grown
}
"""


@pytest.mark.parametrize(
    "name", ["AlexNet slides 227", "ResNet-50 224", "U-Net BN 256", "ViT-B/16", "LSTM 128-256 T50"]
)
def test_the_rows_add_up_to_the_difference(name: str) -> None:
    net, sizes = NETS[name]
    report = analyze(net, sizes=sizes)
    for one in counted(net, NAMES, report.at):
        asked = changed(report, conventions=(one,))
        if one.total is None:
            with pytest.raises(NoTotal, match=one.tool.split("'")[0].split("(")[0]):
                difference(asked)
            continue
        found = difference(asked)
        assert found.theirs - found.ours == sum(kind.difference for kind in found.kinds)
        for kind in found.kinds:
            assert kind.difference == sum((r.theirs - r.ours) * len(r.paths) for r in kind.rows)
        paths = [path for kind in found.kinds for row in kind.rows for path in row.paths]
        assert len(paths) == len(set(paths))


def test_a_difference_is_told_by_what_the_tool_does(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "up.net"
    file.write_text(UP)
    run(["report", str(file), "--explain-vs", "torchinfo", "--width", "200"])
    assert capsys.readouterr().out == SAID


SAID = """\
25,360  Mult-Adds of Up by torchinfo 1.8.0
18,176  MACs by netdsl
+7,184  difference, of which

+6,656  it counts a transposed convolution at its output grid, and its bias
        grown  conv_transpose(2, 2, stride=2)  2,048 → 8,704  +6,656

  +512  it counts the bias of a convolution, too
        first.conv1   conv(4, 3, pad=1)  6,912 → 7,168  +256
        second.conv1  conv(4, 3, pad=1)  9,216 → 9,472  +256

   +16  it counts one multiply-add for each weight of a norm or a slope, whatever the number of positions
        first.batchnorm1 and 1 more  batchnorm  0 → 8  +8 × 2
"""


def test_equal_totals_have_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    run(["report", str(SPECS / "lenet.net"), "--explain-vs", "slides"])
    assert capsys.readouterr().out.splitlines() == [
        "416,520  FLOPs of LeNet by the rule of lectures", "416,520  MACs by netdsl", "      0  difference: every row agrees"
    ]  # fmt: skip


def test_blocks_have_the_sums_of_their_rows_in_every_format() -> None:
    net = NETS["ResNet-50 224"][0]
    sizes = {"H": 224, "W": 224}
    written = netdsl.report(net, sizes=sizes, format="csv", conventions=["thop"])
    rows = list(csv.DictReader(io.StringIO(written)))
    found = netdsl.counted(net, "thop", sizes=sizes)
    assert sum(int(row["thop"]) for row in rows if row["kind"] == "layer") == found.total
    assert sum(int(row["thop"]) for row in rows if row["depth"] == "0") == found.total
    document = json.loads(netdsl.report(net, sizes=sizes, format="json", conventions=["thop"]))
    assert document["conventions"][0]["total"] == found.total
    table = netdsl.report(net, sizes=sizes, conventions=["thop"], width=200)
    block = next(row for row in rows if row["kind"] == "block")
    inside = [row for row in rows if row["path"].startswith(f"{block['path']}.") and row["kind"] == "layer"]
    assert int(block["thop"]) == sum(int(row["thop"]) for row in inside)
    assert f"{int(block['thop']):,}" in table
    assert "4,133,640,192 as `netdsl compile` writes it" in table


def test_a_plain_report_has_nothing_of_conventions() -> None:
    net = netdsl.load_text(UP)
    assert "conventions" not in json.loads(netdsl.report(net, format="json"))


def test_counts_are_of_the_whole_batch() -> None:
    net = netdsl.load_text(UP)
    one, four = (netdsl.counted(net, "torchinfo", batch=batch).total for batch in (1, 4))
    assert one is not None
    assert four == 4 * one
    with pytest.raises(ValueError, match="counts one sample"):
        netdsl.counted(net, "ptflops-aten", batch=2)
    with pytest.raises(ValueError, match="no convention is called `thap`: did you mean `thop`"):
        netdsl.counted(net, "thap")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--explain-vs", "thop", "--depth", "1"], "--depth does not go with --explain-vs: leave one of them out"),
        (["--explain-vs", "thop", "--format", "csv"], "--explain-vs has no csv: choose of table, json"),
        (["--convention", "thap"], "did you mean `thop`?"),
        (["--convention", "ptflops-aten", "--batch", "4"], "counts one sample: leave out the batch of 4"),
        (["--convention", "thop", "--explain", "--backward"], "does not go with --backward"),
        (["--convention", "thop", "--format", "html"], "--convention has no html"),
        (["--convention", "thop", "--sweep", "batch=1..4"], "--convention does not go with --sweep"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "up.net").write_text(UP)
    with pytest.raises(SystemExit):
        run(["report", str(tmp_path / "up.net"), *arguments])
    assert said in capsys.readouterr().err


def test_a_tool_that_ends_with_an_error_has_no_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "up.net").write_text(UP)
    with pytest.raises(RunError, match="a misspelt name in its code, at `grown`"):
        run(["report", str(tmp_path / "up.net"), "--explain-vs", "deepspeed"])
    run(["report", str(tmp_path / "up.net"), "--convention", "deepspeed", "--width", "200"])
    assert "`grown`: flops-profiler ends with a NameError" in capsys.readouterr().out


def test_what_a_tool_does_not_see_is_named() -> None:
    net = netdsl.load_text("net Two {\n  input x [3, 4]\n  (x, x) -> add -> sigmoid -> flatten -> linear(2)\n}\n")
    said = netdsl.report(net, conventions=["fvcore"], width=200)
    assert "not seen, and so 0: `add`, `sigmoid`" in said
    states = {row.op: row.state for row in netdsl.counted(net, "fvcore").rows}
    assert states == {"add": "unseen", "sigmoid": "unseen", "flatten": "counted", "linear": "counted"}


def test_operations_without_a_rule_are_said_to_be_unknown() -> None:
    net = netdsl.load_text("net Loop {\n  input x [5, 4]\n  x -> gru(3) -> last\n}\n")
    found = netdsl.counted(net, "xla")
    assert found.total is None
    assert found.rows[0].why == "XLA counts the body of a loop once, however many steps it runs"
    assert "not known how XLA" in netdsl.counted(netdsl.load_text(
        "net Sorted {\n  input x [5]\n  output y: x -> sort\n}\n"
    ), "xla").rows[0].why  # fmt: skip


def test_strict_reports_end_with_an_error_at_each_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "odd.net"
    file.write_text(
        "net Odd {\n  input image [3, 224, 224]\n  c1: conv(8, 11, stride=4)\n  up: conv_transpose(4, 2)\n}\n"
    )
    assert not run(["report", str(file)])
    with pytest.raises(NetError) as raised:
        run(["report", str(file), "--strict", "--convention", "deepspeed"])
    found = [(each.code, each.span.line) for each in raised.value.diagnostics]
    assert sorted(found) == [("not-counted", 4), ("pixels-dropped", 3)]
    assert "conv_transpose" in capsys.readouterr().out  # the report itself is printed before
    assert not run(["report", str(SPECS / "lenet.net"), "--strict"])


def test_a_strict_check_ends_with_an_error_at_each_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings and what is not counted, at the sizes that are asked for, each once; not what is an estimate."""
    body = "  input image [3, H = 8, W = 8]\n  c: conv(8, 2, stride=2)\n  n: noise(normal, always=true)\n"
    both = "".join(f"net {name} {{\n{body}  output y: c + n -> adaptive_avgpool(3)\n}}\n" for name in ("A", "B"))
    file = tmp_path / "odd.net"
    file.write_text(both)
    assert run(["check", str(file)]) == 0
    assert run(["check", str(file), "--size", "H=9"]) == 0
    capsys.readouterr()
    assert run(["check", str(file), "--strict", "--size", "H=9", "--format", "json"]) == 1
    found = [(d["code"], d["severity"], d["line"]) for d in json.loads(capsys.readouterr().out)]
    dropped, missing = "pixels-dropped", "not-counted"
    assert found == [(c, "error", line) for line in (3, 9) for c, line in ((dropped, line), (missing, line + 1))]
    file.write_text(both.replace("  n: noise(normal, always=true)\n", "  n: c * 2\n"))
    assert run(["check", str(file), "--strict"]) == 0
    assert "2 nets" not in capsys.readouterr().out


def test_the_page_has_the_totals() -> None:
    """docs/conventions.md shows the reference networks as they are counted."""
    page = (SPECS.parent / "docs" / "conventions.md").read_text(encoding="utf-8")
    shown: dict[tuple[str, str], str] = {}
    columns: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| convention |") and "tool" not in cells:
            columns = cells[1:]
        elif line.startswith("| `") and len(cells) == len(columns) + 1:
            shown |= {(name, cells[0].strip("`")): cell for name, cell in zip(columns, cells[1:], strict=True)}
    assert {name for name, _ in shown} == set(NETS)
    for name, (net, sizes) in NETS.items():
        for one in counted(net, NAMES, analyze(net, sizes=sizes, listed=False).at):
            assert shown[name, one.convention] == ("–" if one.total is None else f"{one.total:,}")


def test_a_difference_says_what_the_emitted_source_has(capsys: pytest.CaptureFixture[str]) -> None:
    run(["report", str(SPECS / "resnet.net"), "--net", "ResNet50", "--explain-vs", "thop", "--width", "200"])
    assert "4,133,640,192 of the source that `netdsl compile` writes" in capsys.readouterr().out.splitlines()[0]
