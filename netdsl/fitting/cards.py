"""Graphics cards that nets are trained on, by what their makers' data sheets say of them.

Memory in bytes, bandwidth in bytes a second; operations a second are dense, a multiplication and an addition being
two, with products of halves added up in float32 where the sheet tells both. A board with two processors stands as one
of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

GIB = 2**30


class CardSheet(NamedTuple):
    """One card. `rates` are operations a second by precision: `no` is float32, what is missing the card has not."""

    name: str
    memory: int
    bandwidth: float
    rates: Mapping[str, float]
    source: str

    def rate(self, precision: str) -> float:
        """Operations a second; of a precision that it has not, those of float32."""
        return self.rates.get(precision, self.rates["no"])


def _card(
    name: str, gibibytes: int, gigabytes: float, fp32: float, fp16: float | None, bf16: float | None, source: str
) -> CardSheet:  # fmt: skip
    found = {"no": fp32, "fp16": fp16, "bf16": bf16}
    rates = {word: rate * 1e12 for word, rate in found.items() if rate is not None}
    return CardSheet(name, gibibytes * GIB, gigabytes * 1e9, MappingProxyType(rates), source)


CARDS = (
    _card("K80", 12, 240, 4.37, None, None, "NVIDIA Tesla K80 data sheet: one of its two processors, boosted"),
    _card("Titan X (Maxwell)", 12, 336.5, 6.1, None, None, "NVIDIA GeForce GTX Titan X specifications"),
    _card("Titan X", 12, 480, 11.0, None, None, "NVIDIA Titan X (Pascal) specifications"),
    _card("GTX 1080 Ti", 11, 484, 11.3, None, None, "NVIDIA GeForce GTX 1080 Ti specifications"),
    _card("P100", 16, 732, 10.6, 21.2, None, "NVIDIA Tesla P100 data sheet, NVLink"),
    _card("V100 16GB", 16, 900, 15.7, 125, None, "NVIDIA V100 data sheet, SXM2"),
    _card("V100 32GB", 32, 900, 15.7, 125, None, "NVIDIA V100 data sheet, SXM2"),
    _card("T4", 16, 320, 8.1, 65, None, "NVIDIA T4 data sheet"),
    _card("RTX 2080 Ti", 11, 616, 13.4, 53.8, None, "NVIDIA Turing architecture white paper, reference board"),
    _card("RTX 3090", 24, 936, 35.6, 71, 71, "NVIDIA Ampere GA102 architecture white paper"),
    _card("RTX 4090", 24, 1008, 82.6, 165.2, 165.2, "NVIDIA Ada architecture white paper"),
    _card("A100 40GB", 40, 1555, 19.5, 312, 312, "NVIDIA A100 data sheet"),
    _card("A100 80GB", 80, 2039, 19.5, 312, 312, "NVIDIA A100 data sheet, SXM"),
    _card("L4", 24, 300, 30.3, 121, 121, "NVIDIA L4 data sheet"),
    _card("L40S", 48, 864, 91.6, 362, 362, "NVIDIA L40S data sheet"),
    _card("H100 80GB", 80, 3350, 67, 989, 989, "NVIDIA H100 data sheet, SXM"),
    _card("H200 141GB", 141, 4800, 67, 989, 989, "NVIDIA H200 data sheet, SXM"),
    _card("B200", 180, 7700, 75, 2250, 2250, "NVIDIA HGX B200 data sheet, an eighth of it"),
)

RESERVE = GIB
"""Bytes left to the CUDA context, the kernels' workspaces and gaps between tensors."""


def key(name: str) -> str:
    """A name as it is looked up: `H100 80GB`, `h100-80gb` and `NVIDIA H100 80 GB` are one."""
    return "".join(c for c in name.lower().removeprefix("nvidia") if c.isalnum())


def find_cards(name: str) -> list[CardSheet]:
    """The card of a name, or all whose names begin so."""
    wanted = key(name)
    exact = [card for card in CARDS if key(card.name) == wanted]
    return exact or [card for card in CARDS if wanted and key(card.name).startswith(wanted)]
