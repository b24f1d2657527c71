"""Graphics cards that nets are trained on, by what their maker's data sheets say of them.

Memory in bytes, bandwidth in bytes a second. Operations a second are peaks at the boost clock, a multiplication and an
addition being two, dense: of sheets that tell a rate with sparsity it is half of that. Products of halves are added up
in float32 where the sheet tells both. A board with two processors stands as one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

GIB = 2**30


class CardSource(NamedTuple):
    """Where the figures of a card stand."""

    title: str
    year: int
    note: str = ""
    """What was made of the figures there, or is left out of them."""

    def __str__(self) -> str:
        return f"{self.title}, {self.year}{f'; {self.note}' if self.note else ''}"


class CardSheet(NamedTuple):
    """One card. `rates` are operations a second by precision: `no` is float32, what is missing the card has not.

    Of a memory alone no rate is known: there are none.
    """

    name: str
    gibibytes: float
    bandwidth: float
    rates: Mapping[str, float]
    source: CardSource | None
    """None of a memory that is no card's."""
    tensor_cores: bool
    """Whether the rates of halves are those of tensor cores; that of float32 never is, and TF32 is left out."""
    correcting: bool
    """Whether it is delivered with error correction that takes a sixteenth of its memory: HBM has bits of its own."""
    also: str = ""
    """Words that drivers add to its name, such as those of its socket."""

    @property
    def memory(self) -> int:
        """Bytes that there are for programs and CUDA."""
        return int(self.gibibytes * GIB * (15 if self.correcting else 16)) // 16

    def rate(self, precision: str) -> float:
        """Operations a second; of a precision that it has not, those of float32."""
        return self.rates.get(precision, self.rates["no"])


def _card(
    name: str,
    gibibytes: int,
    gigabytes: float,
    rates: tuple[float, ...],
    source: CardSource,
    kind: str = "",
    also: str = "",
) -> CardSheet:
    """`rates` are 10¹² operations a second in float32, float16 and bfloat16; `kind` says `tensor`, `ecc`, or both."""
    found = {word: rate * 1e12 for word, rate in zip(("no", "fp16", "bf16"), rates, strict=False)}
    each = MappingProxyType(found)
    return CardSheet(name, gibibytes, gigabytes * 1e9, each, source, "tensor" in kind, "ecc" in kind, also)


TURING = "NVIDIA Turing GPU Architecture white paper"
GA102 = CardSource("NVIDIA Ampere GA102 GPU Architecture white paper", 2020)
ADA = CardSource("NVIDIA Ada GPU Architecture white paper", 2022)
AMPERE = "NVIDIA A100 Tensor Core GPU Architecture white paper"
HOPPER = "NVIDIA H100 Tensor Core GPU data sheet"
PASCAL = "NVIDIA Tesla P100 data sheet"
VOLTA = CardSource("NVIDIA Tesla V100 GPU Accelerator data sheet", 2018, "SXM2")
VOLTA_PCIE = VOLTA._replace(note="PCIe")
HALF = "half of the rates with sparsity"

CARDS = (
    _card("K80", 12, 240, (4.37,), CardSource(
        "NVIDIA Tesla K80 GPU Accelerator board specification", 2015, "one of two processors: half of the board's 8.74"
    ), "ecc"),
    _card("Titan X (Maxwell)", 12, 336.5, (6.6,), CardSource(
        "NVIDIA GeForce GTX TITAN X specifications", 2015, "it tells no rate: 3,072 cores at 1,075 MHz"
    )),
    _card("Titan X", 12, 480, (11.0,), CardSource("NVIDIA TITAN X (Pascal) specifications", 2016), also="pascal"),
    _card("GTX 1080", 8, 320, (8.9,), CardSource("NVIDIA GeForce GTX 1080 white paper", 2016)),
    _card("GTX 1080 Ti", 11, 484, (11.3,), CardSource(TURING, 2018, "its table of earlier cards")),
    _card("P100 SXM2", 16, 732, (10.6, 21.2), CardSource(PASCAL, 2016, "NVLink")),
    _card("P100 PCIe", 16, 732, (9.3, 18.7), CardSource(PASCAL, 2016, "PCIe")),
    _card("V100 16GB", 16, 900, (15.7, 125), VOLTA, "tensor", "sxm2"),
    _card("V100 32GB", 32, 900, (15.7, 125), VOLTA, "tensor", "sxm2"),
    _card("V100 PCIe 16GB", 16, 900, (14, 112), VOLTA_PCIE, "tensor"),
    _card("V100 PCIe 32GB", 32, 900, (14, 112), VOLTA_PCIE, "tensor"),
    _card("T4", 16, 320, (8.1, 65), CardSource("NVIDIA T4 Tensor Core GPU data sheet", 2019), "tensor ecc"),
    _card("RTX 2080 Ti", 11, 616, (13.4, 53.8), CardSource(TURING, 2018, "reference board"), "tensor"),
    _card("RTX 3060 12GB", 12, 360, (12.7, 25.5, 25.5), CardSource(
        "NVIDIA GeForce RTX 3060 specifications", 2021,
        "it tells no dense rates: 3,584 cores and 112 tensor cores at 1,777 MHz"
    ), "tensor"),
    _card("RTX 3070", 8, 448, (20.3, 40.6, 40.6), GA102, "tensor"),
    _card("RTX 3080", 10, 760, (29.8, 59.5, 59.5), GA102, "tensor"),
    _card("RTX 3090", 24, 936, (35.6, 71, 71), GA102, "tensor"),
    _card("RTX 4080", 16, 716.8, (48.7, 97.5, 97.5), ADA, "tensor"),
    _card("RTX 4090", 24, 1008, (82.6, 165.2, 165.2), ADA, "tensor"),
    _card("RTX 5090", 32, 1792, (104.8, 209.5, 209.5), CardSource(
        "NVIDIA RTX Blackwell GPU Architecture white paper", 2025
    ), "tensor"),
    _card("A10", 24, 600, (31.2, 125, 125), CardSource(
        "NVIDIA A10 Tensor Core GPU data sheet", 2021
    ), "tensor ecc"),
    _card("A10G", 24, 600, (35, 70, 70), CardSource(
        "NVIDIA A10G Tensor Core GPU data sheet", 2021
    ), "tensor ecc"),
    _card("A40", 48, 696, (37.4, 149.7, 149.7), CardSource("NVIDIA A40 data sheet", 2021), "tensor ecc"),
    _card("RTX A4000", 16, 448, (19.2, 76.7, 76.7), CardSource(
        "NVIDIA RTX A4000 data sheet", 2021, HALF
    ), "tensor"),
    _card("RTX A6000", 48, 768, (38.7, 154.8, 154.8), GA102, "tensor"),
    _card("A100 40GB", 40, 1555, (19.5, 312, 312), CardSource(AMPERE, 2020), "tensor", "sxm4 pcie"),
    _card("A100 80GB", 80, 2039, (19.5, 312, 312), CardSource(
        "NVIDIA A100 Tensor Core GPU data sheet", 2021, "SXM"
    ), "tensor", "sxm4"),
    _card("A100 PCIe 80GB", 80, 1935, (19.5, 312, 312), CardSource(
        "NVIDIA A100 Tensor Core GPU data sheet", 2021, "PCIe"
    ), "tensor"),
    _card("L4", 24, 300, (30.3, 121, 121), CardSource(
        "NVIDIA L4 Tensor Core GPU data sheet", 2023, HALF
    ), "tensor ecc"),
    _card("L40S", 48, 864, (91.6, 362, 362), CardSource(
        "NVIDIA L40S data sheet", 2023, "its 733 with sparsity would be 366"
    ), "tensor ecc"),
    _card("H100 80GB", 80, 3350, (67, 989, 989), CardSource(HOPPER, 2023, f"SXM; {HALF}"), "tensor", "sxm5 hbm3"),
    _card("H100 PCIe", 80, 2000, (51, 756, 756), CardSource(HOPPER, 2023, f"PCIe; {HALF}"), "tensor"),
    _card("H200 141GB", 141, 4800, (67, 989, 989), CardSource(
        "NVIDIA H200 Tensor Core GPU data sheet", 2023, f"SXM; {HALF}"
    ), "tensor", "sxm5 hbm3e"),
    _card("B200", 180, 7700, (75, 2250, 2250), CardSource(
        "NVIDIA Blackwell data sheet", 2025, f"HGX; {HALF}; announced with 192 GB, 8 TB/s and 80"
    ), "tensor"),
)  # fmt: skip

RESERVE = GIB
"""Bytes kept for the CUDA context, the kernels' workspaces and gaps between tensors."""
