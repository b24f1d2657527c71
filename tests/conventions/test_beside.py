"""Nets drawn to be counted, with the tools run beside on the class that is written of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drawn_costs import drawn
from other_counters import COUNTERS, LIGHT, count, installed, samples

import netdsl
from netdsl.conventions.counting import counted
from netdsl.graph import Net

MEASURED: dict[str, dict[str, float | None]] = json.loads((Path(__file__).parent / "measured.json").read_text())[
    "drawn"
]
"""By tests/conventions/measure.py, of the nets of these seeds: the tools that are not installed for the tests."""


def by_seed(seed: int) -> Net:
    return netdsl.load_text(drawn(seed))


def agree(convention: str, net: Net) -> None:
    """A number is the tool's; where there is none the tool ends with an error."""
    said = count(convention, netdsl.torch_module(net, seed=0), samples(net))
    ours = netdsl.counted(net, convention).emitted
    assert ours == said if ours is not None else isinstance(said, str)


@pytest.mark.parametrize("seed", range(0, 60, 8))
@pytest.mark.parametrize("convention", LIGHT)
def test_drawn_nets_are_counted_as_the_tool_counts_them(convention: str, seed: int) -> None:
    agree(convention, by_seed(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_three_hundred_drawn_nets(seed: int) -> None:
    """Our own multiply-accumulates are half of what PyTorch's counter finds on the meta device."""
    net = by_seed(seed)
    said = count("torch", netdsl.torch_module(net, seed=0), samples(net))
    assert said == 2 * netdsl.analyze(net).totals.macs
    for convention in LIGHT:
        agree(convention, net)


@pytest.mark.slow
@pytest.mark.parametrize("convention", [c for c in COUNTERS if c not in LIGHT])
def test_tools_that_are_not_installed_for_the_tests(convention: str) -> None:
    if not installed(convention):
        pytest.skip(f"{COUNTERS[convention][0]} is not installed: pip install it to run this test")
    for seed in range(300):
        agree(convention, by_seed(seed))


@pytest.mark.parametrize("seed", MEASURED)
def test_drawn_nets_are_counted_as_was_measured(seed: str) -> None:
    net = by_seed(int(seed))
    said = MEASURED[seed]
    found = {c.convention: c for c in counted(net, list(said), {})}
    assert {c: found[c].emitted for c in said if c != "xla"} == {c: n for c, n in said.items() if c != "xla"}
    ours = found["xla"].total
    if said["xla"] is not None and ours is not None:
        assert ours == pytest.approx(said["xla"], rel=1e-6)


def test_most_drawn_nets_have_a_number_of_xla() -> None:
    """What the comparison above passes over are few."""
    both = [s for s in MEASURED if MEASURED[s]["xla"] is not None and netdsl.counted(by_seed(int(s)), "xla").total]
    assert len(both) >= len(MEASURED) // 4
