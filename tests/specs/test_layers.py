"""Nets layer by layer as their references have them, with the heads that only training has, and nets near a spec's."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from netdsl.analysis.report import Totals
from netdsl.analyzer import analyze
from netdsl.program import load_file, load_source
from netdsl.text.source import Source

SPECS = Path(__file__).parents[2] / "specs"
LISTED: list[dict[str, Any]] = json.loads(gzip.decompress(Path(__file__).with_name("layers.json.gz").read_bytes()))[
    "models"
]


def named(listed: dict[str, Any]) -> str:
    return "-".join([listed["net"].partition("/")[2], *map(str, listed["settings"].values())])


@pytest.mark.parametrize("listed", LISTED, ids=named)
def test_every_layer_that_multiplies_is_one_of_the_reference(listed: dict[str, Any]) -> None:
    """Its parameters, products and shape, as often as there; heads of training that evaluation has not make none."""
    file, _, name = listed["net"].partition("/")
    net = load_file(SPECS / f"{file}.net", {k: str(v) for k, v in listed["settings"].items()}).net(name, trained=False)
    found = analyze(net, training=listed["training"])
    theirs = Counter((params, macs, tuple(shape)) for params, macs, shape in listed["rows"])
    assert Counter((row.params, row.macs, row.outputs[0]) for row in found.leaves() if row.macs) == theirs


def totals(file: str, net: str, settings: dict[str, int], side: int, training: bool) -> Totals:
    program = load_file(SPECS / f"{file}.net", {name: str(value) for name, value in settings.items()})
    return analyze(program.net(net, trained=False), sizes={"H": side, "W": side}, training=training).totals


HEADS = [
    ("fcn", "FCNResNet50", 21, 520, 35_322_218, 152_716_512_000),
    ("fcn", "FCNResNet50", 19, 520, 35_320_678, 152_710_022_400),
    ("fcn", "FCNResNet101", 21, 520, 54_314_346, 232_737_606_400),
    ("fcn", "FCNResNet101", 19, 520, 54_312_806, 232_731_116_800),
    ("deeplab", "DeepLabV3ResNet50", 21, 520, 42_004_074, 178_721_945_088),
    ("deeplab", "DeepLabV3ResNet50", 19, 520, 42_003_046, 178_717_618_688),
    ("deeplab", "DeepLabV3ResNet101", 21, 520, 60_996_202, 258_743_039_488),
    ("deeplab", "DeepLabV3ResNet101", 19, 520, 60_995_174, 258_738_713_088),
    ("pspnet", "PSPNet101", 19, 713, 68_072_166, 517_190_422_720 + 90 * 90 * (1024 * 256 * 9 + 256 * 19)),
    ("pspnet", "PSPNet101", 21, 473, 68_073_706, 229_820_720_320 + 60 * 60 * (1024 * 256 * 9 + 256 * 21)),
    ("pspnet", "PSPNet50", 19, 713, 49_080_038, 363_777_200_320 + 90 * 90 * (1024 * 256 * 9 + 256 * 19)),
    ("pspnet", "PSPNet50", 150, 473, 49_180_908, 161_874_838_720 + 60 * 60 * (1024 * 256 * 9 + 256 * 150)),
]
"""Counted of torchvision 0.28.0 with `aux_loss`, and of hszhao/semseg 4f274c3, whose products are those of evaluation."""


@pytest.mark.parametrize(("file", "net", "classes", "side", "params", "macs"), HEADS, ids=str)
def test_nets_in_training_have_their_heads(
    file: str, net: str, classes: int, side: int, params: int, macs: int
) -> None:
    found = totals(file, net, {"classes": classes}, side, training=True)
    assert (found.params, found.macs) == (params, macs)


LENET = "net LeNet {{\n input image [1, 28, 28]\n output logits: {} \n}}"
TRUNK = """
use "./drn.net" {{ trunk }}
net Seg {{
  input image [3, 896, 896]
  output scores: trunk([{}], deep=true) -> conv(19, 1) -> conv_transpose(19, 16, stride=8, pad=4, groups=19, bias=false)
}}
"""
OTHERS = {
    "LeNet without padding": (
        LENET.format(
            "conv(6, 5) -> maxpool(2) -> conv(16, 5) -> maxpool(2) -> flatten -> linear(120) -> linear(84) -> linear(10)"
        ),
        44_426, 281_640,
    ),
    "LeNet of Caffe's examples": (
        LENET.format("conv(20, 5) -> maxpool(2) -> conv(50, 5) -> maxpool(2) -> flatten -> linear(500) -> linear(10)"),
        431_080, 2_293_000,
    ),
    "DRN-D-54": (TRUNK.format("3, 4, 6, 3"), 35_310_787, 455_964_164_096),
    "DRN-D-105": (TRUNK.format("3, 4, 23, 3"), 54_302_915, 693_546_319_872),
}  # fmt: skip
"""Built in torch; BVLC/caffe examples/mnist/lenet.prototxt; fyu/drn d75db2e, DRNSeg of 19 classes."""


@pytest.mark.parametrize("name", OTHERS)
def test_kin_of_the_specs(name: str) -> None:
    text, params, macs = OTHERS[name]
    found = analyze(load_source(Source("x.net", text, SPECS / "x.net")).net()).totals
    assert (found.params, found.macs) == (params, macs)
