"""What one analysis found is kept for the next: whatever was analysed before, a report is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.analysis import known
from netdsl.base.recent import Recent

SPECS = Path(__file__).parents[2] / "specs"
NETS = [
    *("char_rnn", "gpt", "siamese"),
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("resnet", "unet", "caption", "translate", "mamba", "swin", "show_attend_tell", "moe")
    ),
]
ASKED: list[dict[str, Any]] = [{}, {"batch": 8}, {"training": True}, {"explained": True}, {"listed": False}, {}]


@pytest.mark.parametrize("name", NETS)
def test_reports_do_not_depend_on_those_before(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = netdsl.load(SPECS / f"{name}.net")
    sizes = {s: net.domain.choose()[s] for s in net.symbols}
    asked = [*ASKED, {"sizes": sizes}, *ASKED[::-1]]
    monkeypatch.setattr(known, "LAST", Recent(4))
    one_after_the_other = [repr(netdsl.analyze(net, **each)) for each in asked]
    for each, found in zip(asked, one_after_the_other, strict=True):
        monkeypatch.setattr(known, "LAST", Recent(4))
        assert repr(netdsl.analyze(net, **each)) == found


def test_no_more_is_kept_than_is_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "LAST", Recent(2))
    monkeypatch.setattr(known, "MOST", 3)
    for width in range(1, 9):
        netdsl.analyze(netdsl.load_text(f"net N {{ input x [{width}]; x -> linear(3) -> relu -> linear(2) }}"))
    assert len(known.LAST) == 1
    assert len(known.at_sizes({})._nodes) <= 6
