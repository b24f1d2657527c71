"""The figures of cards against what their chips are made of, and against the page that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netdsl.fitting.cards import CARDS, GIB, CardSheet

PAGE = Path(__file__).parents[2] / "docs" / "fitting.md"
NAMES = [card.name for card in CARDS]


class Chip(NamedTuple):
    """What a processor is made of, as its architecture's papers and the databases of reviewers have it."""

    multiprocessors: int
    cores: int
    """For float32, of one multiprocessor."""
    clock: int
    """Boost, MHz."""
    wires: int
    """Of its memory, bits."""
    pins: float
    """10⁹ bits a second over each."""
    products: int = 0
    """Of halves added up in float32, that the tensor cores of one multiprocessor do a clock."""
    tensor_clock: int = 0
    """MHz, where tensor cores have another one."""


CHIPS = {
    "K80": Chip(13, 192, 875, 384, 5.0),
    "Titan X (Maxwell)": Chip(24, 128, 1075, 384, 7.01),
    "Titan X": Chip(28, 128, 1531, 384, 10),
    "GTX 1080 Ti": Chip(28, 128, 1582, 352, 11),
    "P100": Chip(56, 64, 1480, 4096, 1.43),
    "V100 16GB": Chip(80, 64, 1530, 4096, 1.752, 512),
    "V100 32GB": Chip(80, 64, 1530, 4096, 1.752, 512),
    "T4": Chip(40, 64, 1590, 256, 10, 512),
    "RTX 2080 Ti": Chip(68, 64, 1545, 352, 14, 256),
    "RTX 3090": Chip(82, 128, 1695, 384, 19.5, 256),
    "RTX 4090": Chip(128, 128, 2520, 384, 21, 256),
    "A100 40GB": Chip(108, 64, 1410, 5120, 2.43, 1024),
    "A100 80GB": Chip(108, 64, 1410, 5120, 3.186, 1024),
    "L4": Chip(58, 128, 2040, 192, 12.5, 512),
    "L40S": Chip(142, 128, 2520, 384, 18, 512),
    "H100 80GB": Chip(132, 128, 1980, 5120, 5.23, 2048, 1830),
    "H200 141GB": Chip(132, 128, 1980, 6144, 6.25, 2048, 1830),
    "B200": Chip(148, 128, 1980, 8192, 7.5, 4096, 1860),
}
ROUNDED = 0.007
"""Sheets round to two digits; no two kinds of rate are as close."""
SHOWN = {
    "K80": 11_441, "T4": 15_360, "L4": 23_034, "L40S": 46_068, "A100 40GB": 40_441, "V100 32GB": 32_510,
}  # fmt: skip
"""Mebibytes that drivers show of cards as delivered."""


@pytest.fixture(params=NAMES)
def card(request: pytest.FixtureRequest) -> CardSheet:
    return next(card for card in CARDS if card.name == request.param)


def test_every_card_is_told_of_once() -> None:
    assert list(CHIPS) == NAMES


def test_products_of_floats_are_those_of_all_cores(card: CardSheet) -> None:
    chip = CHIPS[card.name]
    assert card.rates["no"] == pytest.approx(2e6 * chip.multiprocessors * chip.cores * chip.clock, rel=ROUNDED)


def test_bandwidth_is_that_of_all_wires(card: CardSheet) -> None:
    chip = CHIPS[card.name]
    assert card.bandwidth == pytest.approx(1e9 * chip.wires * chip.pins / 8, rel=ROUNDED)


def test_products_of_halves_are_dense(card: CardSheet) -> None:
    """With sparsity they would be twice as many. The sheet of the L40S has a rate that its own other one contradicts."""
    chip = CHIPS[card.name]
    assert card.tensor_cores == bool(chip.products)
    clock = chip.tensor_clock or chip.clock
    dense = 2e6 * chip.multiprocessors * chip.products * clock if chip.products else 2 * card.rates["no"]
    halves = [card.rates[word] for word in ("fp16", "bf16") if word in card.rates]
    assert halves == pytest.approx([dense] * len(halves), rel=0.013 if card.name == "L40S" else ROUNDED)


@pytest.mark.parametrize("name", SHOWN)
def test_memory_is_what_a_driver_shows(name: str) -> None:
    """Within what the driver itself takes: without the sixteenth of error correction four of these would be far off."""
    card = next(card for card in CARDS if card.name == name)
    shown = SHOWN[name] * 2**20
    assert shown <= card.memory < shown + GIB


def _row(card: CardSheet) -> str:
    halves = [f"{card.rates[word] / 1e12:g}" if word in card.rates else "–" for word in ("fp16", "bf16")]
    memory = f"{card.gibibytes} GiB{', ECC' if card.correcting else ''}"
    rates = f"{card.rates['no'] / 1e12:g} | {halves[0]} | {halves[1]} | {'yes' if card.tensor_cores else 'no'}"
    return f"| {card.name} | {memory} | {card.bandwidth / 1e9:g} | {rates} | {card.source} |"


def test_the_page_has_the_figures_with_their_sources(card: CardSheet) -> None:
    assert _row(card) in PAGE.read_text(encoding="utf-8").splitlines()
