"""Sizes given to `check` are judged as `report` judges them; budgets at sizes are counted there."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

import netdsl
from netdsl.cli import main
from netdsl.program import check_program, check_text, load_file
from netdsl.text.diagnostics import Diagnostic, NetError, Severity

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))
FEW = ("unet", "erfnet", "gpt", "clockwork", "vqvae", "alexnet")


def refusals(net: netdsl.Net, sizes: Mapping[str, int]) -> set[tuple[str, str, str | None]]:
    """What `report --size` says of sizes that a net cannot take."""
    try:
        netdsl.analyze(net, sizes={s: n for s, n in sizes.items() if s in net.symbols})
    except NetError as error:
        return {told(d) for d in error.diagnostics}
    return set()


def told(found: Diagnostic) -> tuple[str, str, str | None]:
    return found.code, found.message, found.help


def agree(path: Path, times: int) -> tuple[int, int]:
    """Judge a file at drawn sizes both ways; how often they were possible, and how often not."""
    chance, counts = random.Random(path.stem), [0, 0]
    symbols = sorted({s for n in load_file(path).names for s in load_file(path).net(n, trained=False).symbols})
    for _ in range(times if symbols else 0):
        sizes = {s: chance.choice([chance.randint(1, 700), 32 * chance.randint(1, 16)]) for s in symbols}
        program = load_file(path)
        said = {told(d) for d in check_program(program, sizes) if d.severity is Severity.ERROR}
        nets = [load_file(path).net(name, trained=False) for name in program.names]
        expected = set().union(*(refusals(net, sizes) for net in nets))
        assert said == expected, sizes
        counts[bool(said)] += 1
    return counts[0], counts[1]


@pytest.mark.parametrize("spec", FEW)
def test_check_and_report_agree_on_sizes(spec: str) -> None:
    agree(SPECS[0].with_name(f"{spec}.net"), 3)


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_check_and_report_agree_on_sizes_of_all_nets(spec: Path) -> None:
    agree(spec, 8)


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["netdsl", "check", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().out


def test_every_net_of_every_file_is_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nets without these symbols are left as they are, and one that fails hides none."""
    one, two = tmp_path / "one.net", tmp_path / "two.net"
    one.write_text("net A { input x [3, H, W]\n conv(4, 5) }\nnet B { input x [3, H, W]\n conv(4, 7) }\n")
    two.write_text("net C { input x [T, 3]\n linear(4, axis=-1) }\nnet D { input x [3]\n linear(4) }\n")
    code, out = call(capsys, monkeypatch, str(one), str(two), "--size", "H=8,W=8")
    assert (code, out.splitlines()[-1]) == (0, "2 files: no mistakes found; 2 nets have the sizes H = 8, W = 8")
    code, out = call(capsys, monkeypatch, str(one), str(two), "--size", "H=4,W=8", "--format", "json")
    assert code == 1
    assert [(d["code"], d["message"]) for d in json.loads(out)] == [
        ("size-not-possible", "`A` cannot take H = 4"),
        ("size-not-possible", "`B` cannot take H = 4"),
    ]
    code, out = call(capsys, monkeypatch, str(one), str(two), "--size", "Q=4")
    assert code == 1
    assert "no net here has a size called `Q`" in out
    assert "they have H, W, T" in out


@pytest.mark.parametrize(
    ("rows", "sizes", "help"),
    [
        ("assert H % 16 == 12\n conv(4, 3)", {"H": 100}, "H: 16k + 12: 12, 28, 44, … (nearest: 92 and 108)"),
        ("assert H % 16 == 12 and H > 50\n conv(4, 3)", {"H": 20}, "H: 16k + 12: 60, 76, … (nearest: 60)"),
        ("conv(4, 3)", {"H": 2}, "H: any size from 3"),
        (
            "assert H == W + 8\n conv(4, 3, pad=1)",
            {"H": 20, "W": 4},
            "H: exactly 12 beside W = 4; W: exactly 12 beside H = 20",
        ),
    ],
)
def test_what_a_size_could_be_is_said(rows: str, sizes: dict[str, int], help: str) -> None:
    net = netdsl.load_text(f"net X {{ input x [3, H, W]\n {rows} }}")
    with pytest.raises(NetError) as found:
        netdsl.analyze(net, sizes=sizes)
    assert found.value.diagnostics[0].help == help
    for size in map(int, help.partition("nearest: ")[2].rstrip(")").split(" and ") if "nearest" in help else []):
        netdsl.analyze(net, sizes={"H": size})


def test_check_from_python_takes_sizes(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_text("net A { input x [3, H, W]\n conv(4, 5)\n assert macs < 10K }\n")
    assert netdsl.check(path, sizes={"H": 5, "W": 5}) == []
    assert [d.code for d in netdsl.check(path, sizes={"H": 50, "W": 5})] == ["assertion-failed"]
    assert [d.code for d in netdsl.check(path, sizes={"H": 4})] == ["size-not-possible"]
    with pytest.raises(NetError, match="has no size called `h`"):
        netdsl.check(path, sizes={"h": 5})


BUDGET = "net X {{ input image [3, H, W]\n conv(8, 3, pad=1) -> relu\n assert macs {} at H = 40, W = 30, batch = 3\n}}"
AT = 9 * 3 * 8 * 40 * 30 * 3


@pytest.mark.parametrize(("condition", "codes"), [(f"<= {AT}", []), (f"< {AT}", ["assertion-failed"])])
def test_a_budget_is_counted_at_its_sizes(condition: str, codes: list[str]) -> None:
    """Exactly: 216 products for each position of three images, whatever sizes a report has."""
    assert [d.code for d in check_text(BUDGET.format(condition))] == codes


def test_sizes_of_a_command_do_not_move_those_of_a_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.net"
    path.write_text(BUDGET.format(f"== {AT}"))
    assert call(capsys, monkeypatch, str(path), "--size", "H=500,W=500")[0] == 0


def test_budgets_at_very_many_sizes_are_refused() -> None:
    def said(layers: int, sizes: int) -> list[tuple[str, int]]:
        rows = "".join(f"  assert macs < 900G at H = {i + 1}\n" for i in range(sizes))
        text = f"net N {{\n  input x [3, H]\n  x -> relu * {layers} -> softmax\n{rows}}}\n"
        return [(d.code, d.span.line) for d in check_text(text)]

    assert said(layers=3, sizes=64) == []
    assert said(layers=3, sizes=200) == [("too-much-work", 68)]
    assert said(layers=1000, sizes=200) == [("too-much-work", 23)]
