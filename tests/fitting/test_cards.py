"""The figures of cards against what their chips are made of, and against the page that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netdsl.base.errors import RunError
from netdsl.fitting.asked import read_card
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
    "GTX 1080": Chip(20, 128, 1733, 256, 10),
    "GTX 1080 Ti": Chip(28, 128, 1582, 352, 11),
    "P100 SXM2": Chip(56, 64, 1480, 4096, 1.43),
    "P100 PCIe": Chip(56, 64, 1303, 4096, 1.43),
    "V100 16GB": Chip(80, 64, 1530, 4096, 1.752, 512),
    "V100 32GB": Chip(80, 64, 1530, 4096, 1.752, 512),
    "V100 PCIe 16GB": Chip(80, 64, 1380, 4096, 1.752, 512),
    "V100 PCIe 32GB": Chip(80, 64, 1380, 4096, 1.752, 512),
    "T4": Chip(40, 64, 1590, 256, 10, 512),
    "RTX 2080 Ti": Chip(68, 64, 1545, 352, 14, 256),
    "RTX 3060 12GB": Chip(28, 128, 1777, 192, 15, 256),
    "RTX 3070": Chip(46, 128, 1725, 256, 14, 256),
    "RTX 3080": Chip(68, 128, 1710, 320, 19, 256),
    "RTX 3090": Chip(82, 128, 1695, 384, 19.5, 256),
    "RTX 4080": Chip(76, 128, 2505, 256, 22.4, 256),
    "RTX 4090": Chip(128, 128, 2520, 384, 21, 256),
    "RTX 5090": Chip(170, 128, 2407, 512, 28, 256),
    "A10": Chip(72, 128, 1695, 384, 12.5, 512),
    "A10G": Chip(80, 128, 1710, 384, 12.5, 256),
    "A40": Chip(84, 128, 1740, 384, 14.5, 512),
    "RTX A4000": Chip(48, 128, 1560, 256, 14, 512),
    "RTX A6000": Chip(84, 128, 1800, 384, 16, 512),
    "A100 40GB": Chip(108, 64, 1410, 5120, 2.43, 1024),
    "A100 80GB": Chip(108, 64, 1410, 5120, 3.186, 1024),
    "A100 PCIe 80GB": Chip(108, 64, 1410, 5120, 3.024, 1024),
    "L4": Chip(58, 128, 2040, 192, 12.5, 512),
    "L40S": Chip(142, 128, 2520, 384, 18, 512),
    "H100 80GB": Chip(132, 128, 1980, 5120, 5.23, 2048, 1830),
    "H100 PCIe": Chip(114, 128, 1755, 5120, 3.125, 2048, 1620),
    "H200 141GB": Chip(132, 128, 1980, 6144, 6.25, 2048, 1830),
    "B200": Chip(148, 128, 1980, 8192, 7.5, 4096, 1860),
}
ROUNDED = 0.007
"""Sheets round to two digits; no two kinds of rate are as close."""
WIDER = {"L40S": 0.013, "V100 PCIe 16GB": 0.01, "V100 PCIe 32GB": 0.01}
"""The sheet of the L40S has a rate that its own other one contradicts, that of the V100's board says 14 for 14.1."""
SHOWN = {
    "K80": 11_441, "T4": 15_360, "L4": 23_034, "L40S": 46_068, "A100 40GB": 40_441, "V100 32GB": 32_510,
    "A10G": 23_028, "A40": 46_068, "RTX A6000": 49_140,
}  # fmt: skip
"""Mebibytes that drivers show of cards as delivered."""


@pytest.fixture(params=NAMES)
def card(request: pytest.FixtureRequest) -> CardSheet:
    return next(card for card in CARDS if card.name == request.param)


def test_every_card_is_told_of_once() -> None:
    assert list(CHIPS) == NAMES


def test_products_of_floats_are_those_of_all_cores(card: CardSheet) -> None:
    chip = CHIPS[card.name]
    assert card.rates["no"] == pytest.approx(
        2e6 * chip.multiprocessors * chip.cores * chip.clock, rel=WIDER.get(card.name, ROUNDED)
    )


def test_bandwidth_is_that_of_all_wires(card: CardSheet) -> None:
    chip = CHIPS[card.name]
    assert card.bandwidth == pytest.approx(1e9 * chip.wires * chip.pins / 8, rel=ROUNDED)


def test_products_of_halves_are_dense(card: CardSheet) -> None:
    """With sparsity they would be twice as many."""
    chip = CHIPS[card.name]
    assert card.tensor_cores == bool(chip.products)
    clock = chip.tensor_clock or chip.clock
    dense = 2e6 * chip.multiprocessors * chip.products * clock if chip.products else 2 * card.rates["no"]
    halves = [card.rates[word] for word in ("fp16", "bf16") if word in card.rates]
    assert halves == pytest.approx([dense] * len(halves), rel=WIDER.get(card.name, ROUNDED))


@pytest.mark.parametrize("name", SHOWN)
def test_memory_is_what_a_driver_shows(name: str) -> None:
    """Within what the driver itself takes: without the sixteenth of error correction four of these would be far off."""
    card = next(card for card in CARDS if card.name == name)
    shown = SHOWN[name] * 2**20
    assert shown <= card.memory < shown + GIB


DRIVERS = {
    "Tesla K80": "K80",
    "NVIDIA GeForce GTX TITAN X": "Titan X (Maxwell)",
    "NVIDIA TITAN X (Pascal)": "Titan X",
    "GeForce GTX 1080": "GTX 1080",
    "NVIDIA GeForce GTX 1080 Ti": "GTX 1080 Ti",
    "Tesla P100-SXM2-16GB": "P100 SXM2",
    "Tesla P100-PCIE-16GB": "P100 PCIe",
    "Tesla V100-SXM2-16GB": "V100 16GB",
    "Tesla V100-SXM2-32GB": "V100 32GB",
    "Tesla V100-PCIE-16GB": "V100 PCIe 16GB",
    "Tesla V100-PCIE-32GB": "V100 PCIe 32GB",
    "Tesla T4": "T4",
    "NVIDIA GeForce RTX 2080 Ti": "RTX 2080 Ti",
    "NVIDIA GeForce RTX 3060": "RTX 3060 12GB",
    "NVIDIA GeForce RTX 3070": "RTX 3070",
    "NVIDIA GeForce RTX 3080": "RTX 3080",
    "NVIDIA GeForce RTX 3090": "RTX 3090",
    "NVIDIA GeForce RTX 4080": "RTX 4080",
    "NVIDIA GeForce RTX 4090": "RTX 4090",
    "NVIDIA GeForce RTX 5090": "RTX 5090",
    "NVIDIA A10": "A10",
    "NVIDIA A10G": "A10G",
    "NVIDIA A40": "A40",
    "NVIDIA RTX A4000": "RTX A4000",
    "NVIDIA RTX A6000": "RTX A6000",
    "A100-SXM4-40GB": "A100 40GB",
    "NVIDIA A100-PCIE-40GB": "A100 40GB",
    "NVIDIA A100-SXM4-80GB": "A100 80GB",
    "NVIDIA A100 80GB PCIe": "A100 PCIe 80GB",
    "NVIDIA L4": "L4",
    "NVIDIA L40S": "L40S",
    "NVIDIA H100 80GB HBM3": "H100 80GB",
    "NVIDIA H100 PCIe": "H100 PCIe",
    "NVIDIA H200": "H200 141GB",
    "NVIDIA B200": "B200",
}
"""What `nvidia-smi` and `torch.cuda.get_device_name` print, by the name of the table."""
BY_HAND = {
    "RTX 3060": "RTX 3060 12GB", "3090": "RTX 3090", "rtx3080": "RTX 3080", "2080ti": "RTX 2080 Ti",
    "h100-80gb": "H100 80GB", "H100 80 GB": "H100 80GB", "A100 SXM 80G": "A100 80GB", "T4 16GB": "T4",
    "RTX 3060 12 GB": "RTX 3060 12GB", "titanx": "Titan X",
}  # fmt: skip
OTHERS = (
    "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX 3080 Ti", "RTX 3080 12GB",
    "RTX 3060 8GB", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "GRID T4-16Q", "Tesla V100S-PCIE-32GB", "H200 NVL", "Quadro RTX 6000",
    "TITAN Xp", "NVIDIA RTX 6000 Ada Generation", "RTX", "80GB PCIe", "Radeon RX 6800", "",
)  # fmt: skip
"""Other cards than those of the table, however near their names are."""


def test_names_that_drivers_print_are_those_of_cards() -> None:
    found = {name: read_card(name).name for name in DRIVERS | BY_HAND}
    assert found == DRIVERS | BY_HAND
    assert set(DRIVERS.values()) == set(NAMES)


def test_no_card_stands_for_another() -> None:
    for name in OTHERS:
        with pytest.raises(RunError, match="device"):
            print(name, read_card(name))


def test_a_name_of_several_cards_lists_them() -> None:
    for name, told in {
        "A100": "A100 40GB or A100 80GB or A100 PCIe 80GB", "H100": "H100 80GB or H100 PCIe", "P100": "P100 SXM2 or P100 PCIe",
        "Tesla V100": "V100 16GB or V100 32GB or V100 PCIe 16GB or V100 PCIe 32GB", "V100-PCIE": "V100 PCIe 16GB or V100 PCIe 32GB", "A100 PCIe": "A100 40GB or A100 PCIe 80GB",
    }.items():  # fmt: skip
        with pytest.raises(RunError, match=f"more than one device: say {told}"):
            read_card(name)


def test_a_memory_alone_is_counted_as_cards_are_sold() -> None:
    told = {"8GB": 8, "8 gb": 8, "12GiB": 12, "24g": 24, "8192MiB": 8, "10.5GB": 10.5}
    assert {word: read_card(word).memory / GIB for word in told} == told
    assert not any(read_card(word).rates for word in told)
    for word in ("1GB", "0GB", "512MB", "8", "123456GB", "8TB", "-8GB", "1e3GB"):
        with pytest.raises(RunError, match=r"memory|device"):
            read_card(word)


def _row(card: CardSheet) -> str:
    halves = [f"{card.rates[word] / 1e12:g}" if word in card.rates else "–" for word in ("fp16", "bf16")]
    memory = f"{card.gibibytes} GiB{', ECC' if card.correcting else ''}"
    rates = f"{card.rates['no'] / 1e12:g} | {halves[0]} | {halves[1]} | {'yes' if card.tensor_cores else 'no'}"
    return f"| {card.name} | {memory} | {card.bandwidth / 1e9:g} | {rates} | {card.source} |"


def test_the_page_has_the_figures_with_their_sources(card: CardSheet) -> None:
    assert _row(card) in PAGE.read_text(encoding="utf-8").splitlines()
