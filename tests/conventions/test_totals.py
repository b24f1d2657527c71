"""The totals of the reference networks by each convention, against what the tools themselves said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from other_counters import LIGHT, count, samples
from reference_nets import nets

import netdsl
from netdsl.analyzer import sizes_of
from netdsl.conventions.counting import counted
from netdsl.conventions.names import NAMES

NETS = nets()
# Said by the tools on hand-written modules with a module for each layer, batch 1, evaluation, without gradients: torch
# 2.13.0 (meta device), fvcore 0.1.5.post20221221, thop 0.1.1, torchinfo 1.8.0, ptflops 0.7.5, flops-profiler 0.1.2;
# None where it ended with an error. ViT-B/16 by torch alone is exact; the others were noted in thousands.
SAID: dict[str, dict[str, int | None]] = {
    "AlexNet torchvision 224": {
        "slides": 714_188_480, "torch": 1_428_376_960, "fvcore": 714_197_696, "thop": 714_206_912,
        "torchinfo": 714_682_664, "ptflops-aten": 714_682_664, "ptflops-pytorch": 716_441_128,
        "deepspeed": 1_429_741_184, "deepspeed-macs": 714_188_480, "inside": 657_918_720,
    },
    "AlexNet slides 227": {
        "slides": 1_135_256_096, "torch": 2_270_512_192, "fvcore": 1_135_256_096, "thop": 1_135_256_096,
        "torchinfo": 1_135_915_368, "ptflops-aten": 1_135_915_368, "ptflops-pytorch": 1_138_729_072,
        "deepspeed": 2_272_797_416, "deepspeed-macs": 1_135_256_096, "inside": 1_044_029_984,
    },
    "AlexNet slides 227 grouped": {
        "slides": 724_406_816, "torch": 1_448_813_632, "fvcore": 724_406_816, "thop": 724_406_816,
        "torchinfo": 725_066_088, "ptflops-aten": 725_066_088, "ptflops-pytorch": 727_879_792,
        "deepspeed": 1_451_098_856, "deepspeed-macs": 724_406_816,
    },
    "ResNet-50 224": {
        "slides": 4_089_184_256, "torch": 8_178_368_512, "fvcore": 4_111_512_576, "thop": 4_133_742_592,
        "torchinfo": 4_089_238_376, "ptflops-aten": 4_089_185_256, "ptflops-pytorch": 4_132_436_968,
        "deepspeed": 8_211_108_352, "deepspeed-macs": 4_089_184_256,
    },
    "U-Net BN 256": {
        "slides": 48_167_387_136, "torch": 96_334_774_272, "fvcore": 48_231_350_272, "thop": 54_737_764_352,
        "torchinfo": 54_617_779_712, "ptflops-aten": 48_175_316_992, "ptflops-pytorch": 48_318_971_904,
        "deepspeed": None, "deepspeed-macs": None,
    },
    "U-Net 2015 572": {
        "slides": 150_428_424_448, "torch": 300_856_848_896, "fvcore": 150_428_424_448, "thop": 167_322_556_672,
        "torchinfo": 167_456_910_112, "ptflops-aten": 150_562_777_888, "ptflops-pytorch": 150_867_255_072,
        "deepspeed": None, "deepspeed-macs": None,
    },
    "MobileNetV2 224": {"slides": 300_774_272},
    "ViT-B/16": {"slides": 17_563_828_224, "torch": 2 * 17_563_828_224, "torchinfo": 173_232_616},
    "LSTM 128-256 T50": {
        "slides": 45_877_760, "torch": 91_755_520, "fvcore": 2_560, "thop": 46_287_360, "torchinfo": 46_082_570,
        "ptflops-pytorch": 46_338_570, "deepspeed": 46_341_120, "deepspeed-macs": 2_560,
    },
}  # fmt: skip
XLA = {
    "AlexNet torchvision 224": 1_317_531_392,
    "AlexNet slides 227": 2_091_263_232,
    "AlexNet slides 227 grouped": 1_345_848_576,
}
"""By `cost_analysis()` of the same formulas in JAX 0.10.2, which adds in single precision."""
WRITTEN: dict[str, dict[str, int | None]] = json.loads((Path(__file__).parent / "measured.json").read_text())["nets"]
"""What the tools say of the classes that `netdsl compile` writes, by tests/conventions/measure.py."""


@pytest.mark.parametrize("name", NETS)
def test_conventions_say_what_the_tools_say(name: str) -> None:
    """With a module for each layer, and in the class that is written."""
    net, sizes = NETS[name]
    found = {c.convention: c for c in counted(net, NAMES, sizes_of(net, sizes))}
    assert {c: found[c].total for c in SAID[name]} == SAID[name]
    assert {c: found[c].emitted for c in WRITTEN[name]} == WRITTEN[name]
    if name in XLA:
        assert found["xla"].total == pytest.approx(XLA[name], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("convention", LIGHT)
@pytest.mark.parametrize("name", NETS)
def test_the_tool_still_says_so(name: str, convention: str) -> None:
    net, sizes = NETS[name]
    said = count(convention, netdsl.torch_module(net, seed=0), samples(net, sizes))
    assert said == WRITTEN[name][convention]
