"""Totals as formulas: by hand for small nets, and at drawn sizes what a report counts there, for every net of the specs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import netdsl
from netdsl.analysis.columns import in_totals
from netdsl.cli import main
from netdsl.dims import Dim, Extent
from netdsl.dims.closed import closed
from netdsl.dims.polynomial import period_of
from netdsl.program import load_file
from netdsl.reports.formulas import condition, formula_text
from netdsl.sizing.formulas import Formulas, formulas
from netdsl.text.diagnostics import NetError

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))
FEW = ("unet", "whisper", "char_rnn", "clockwork", "segnet", "video_labels", "moe")
UNLIKE = {"peak_inference_bytes", "peak_at", "receptive_field"}
"""Totals that have no formula."""


def net(text: str) -> netdsl.Net:
    return netdsl.load_text(f"net X {{\n{text}\n}}")


def texts(found: Formulas) -> dict[str, str]:
    return {name: formula_text(number, found.batch) for name, number in found.totals.items()}


def test_a_convolution_by_hand() -> None:
    """9 · 3 · 8 products for each of H · W positions of each sample; 8 sums of a bias, 8 comparisons; 32 bytes twice."""
    found = formulas(net("input image [3, H, W]\n conv(8, 3, pad=1) -> relu"))
    assert found.at == {}
    assert texts(found) == {
        "macs": "216·N·H·W",
        "flops_core": "440·N·H·W",
        "flops": "448·N·H·W",
        "transcendentals": "0",
        "activation_bytes": "64·N·H·W",
    }


def test_floors_ask_for_a_remainder() -> None:
    """(H + 1) // 2 outputs by W // 3: even heights are halved, odd ones have (H + 1) / 2."""
    strided = net("input image [1, H, W]\n conv(4, 1, stride=(2, 3), bias=false)")
    even, odd = formulas(strided, {"H": 10, "W": 9}), formulas(strided, {"H": 11, "W": 10})
    assert (condition(even.at), formula_text(even.totals["macs"])) == (
        "H even, W a multiple of 3",
        "2·N·H·W/3",
    )
    assert (condition(odd.at), formula_text(odd.totals["macs"])) == (
        "H = 2k + 1, W = 3k + 1",
        "2·N·H·W/3 + 4·N·H/3 + 2·N·W/3 + 4·N/3",
    )
    with pytest.raises(ValueError, match=r"for H = 2k \+ 1, not 12"):
        odd.number("macs", sizes={"H": 12, "W": 10})


def test_what_is_computed_once_has_no_batch() -> None:
    """The table of positions is the same for all samples, and N is a size of this net."""
    found = formulas(net("input x [N, 4]\n const place [N] = arange\n x * (place -> sin -> unsqueeze(1))"))
    assert found.batch == "B"
    assert formula_text(found.totals["transcendentals"], "B") == "N"
    assert formula_text(found.totals["flops"], "B") == "4·B·N"


def test_sums_of_all_earlier_positions_need_no_remainder() -> None:
    """T · (T + 1) / 2 is whole for every T, though it is a quotient."""
    size = Dim.symbol("T")
    triangle: Extent = size * (size + 1) // 2
    assert period_of(triangle, "T") == 4
    assert all(closed(triangle, {"T": r}).at({"T": r + 4}) == (r + 4) * (r + 5) // 2 for r in range(4))


def drawn(found: Formulas, symbols: tuple[str, ...], chance: random.Random) -> dict[str, int]:
    """Sizes for which formulas hold."""
    sizes = {}
    for symbol in symbols:
        one = found.at.get(symbol)
        sizes[symbol] = chance.randint(1, 30) * one.modulus + one.remainder if one else chance.randint(1, 700)
    return sizes


def differing(found: Formulas, one: netdsl.Net, sizes: Mapping[str, int], batch: int) -> Iterator[str]:
    """The totals that a report of these sizes counts otherwise."""
    report = netdsl.analyze(one, sizes=sizes, batch=batch, listed=False)
    fixed = netdsl.analyze(one, listed=False).totals
    for name in (column.name for column in in_totals() if column.name not in UNLIKE):
        counted = getattr(report.totals, name)
        said = found.number(name, batch, report.at) if name in found.totals else getattr(fixed, name)
        if counted != said:
            yield f"{name} at {report.at}, batch {batch}: {counted}, not {said}"


def hold(path: Path, times: int) -> int:
    """Compare at drawn sizes for every net of a file; how many sizes the nets took."""
    chance, taken = random.Random(path.stem), 0
    program = load_file(path)
    for name in program.names:
        one = program.net(name, trained=False)
        found = formulas(one)
        assert list(differing(found, one, {}, 1)) == []
        for _ in range(times if one.symbols else 1):
            try:
                assert list(differing(found, one, drawn(found, one.symbols, chance), chance.randint(1, 9))) == []
                taken += 1
            except NetError:
                continue
    return taken


@pytest.mark.parametrize("spec", FEW)
def test_formulas_are_what_reports_count(spec: str) -> None:
    assert hold(SPECS[0].with_name(f"{spec}.net"), 3) > 0


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_formulas_of_every_net_are_what_reports_count(spec: Path) -> None:
    assert hold(spec, 12) > 0


@pytest.mark.parametrize("remainders", range(6))
def test_other_remainders_have_formulas_of_their_own(remainders: int) -> None:
    """A U-Net without padding, at sizes of any remainder: each is held at a size that is not the one it was made of."""
    one, chance = netdsl.load(SPECS[0].with_name("unet.net")), random.Random(remainders)
    at = {"H": chance.randint(188, 500), "W": chance.randint(188, 500)}
    found = formulas(one, at)
    farther = {s: size + 16 * chance.randint(1, 20) for s, size in at.items()}
    assert found.at["H"].remainder == at["H"] % 16
    assert list(differing(found, one, farther, 3)) == []


def test_json_holds_what_can_be_worked_out_without_us(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["netdsl", "report", str(SPECS[0].with_name("deeplab.net")), "--formulas", "--format", "json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    numbers = {told["formulas"]["batch"]: 1, **told["at"]}
    for name, total in told["formulas"]["totals"].items():
        value = 0
        for term in total["terms"]:
            product = term["coefficient"]
            for symbol, exponent in term["powers"].items():
                product *= numbers[symbol] ** exponent
            value += product
        assert divmod(value, total["denominator"]) == (told["totals"][name], 0)


def test_csv_has_no_place_for_formulas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["netdsl", "report", str(SPECS[0]), "--formulas", "--format", "csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--formulas has no csv: choose of table, json, markdown" in capsys.readouterr().err


def test_the_batch_has_a_name_of_its_own_whatever_the_sizes_are_called() -> None:
    net = netdsl.load_text("net Names { input x [N, B, batch, samples]; relu }")
    found = netdsl.formulas(net)
    assert found.batch == "N2"
    assert found.number("flops", batch=3, sizes=dict.fromkeys(net.symbols, 2)) == 48
