"""What the conventions are called, and where each is declared: all that a command line needs to know of them."""

from __future__ import annotations

HOMES = {
    "slides": "products.SLIDES",
    "torch": "products.TORCH",
    "fvcore": "fvcore.FVCORE",
    "thop": "thop.THOP",
    "torchinfo": "torchinfo.TORCHINFO",
    "ptflops-aten": "ptflops.ATEN",
    "ptflops-pytorch": "ptflops.PYTORCH",
    "deepspeed": "deepspeed.FLOPS",
    "deepspeed-macs": "deepspeed.MACS",
    "xla": "xla.XLA",
    "inside": "inside.INSIDE",
}
"""Each with its module and its name there."""
NAMES = tuple(HOMES)
