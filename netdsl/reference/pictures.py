"""The pictures of docs/drawing.md and README.md, drawn from the texts in `specs`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from netdsl.analyzer import analyze
from netdsl.drawing import draw
from netdsl.program import load_file


class PictureOf(NamedTuple):
    """A net of a file, and how it is drawn."""

    file: str
    net: str
    depth: int | None = None
    style: str = "layers"
    unroll: int | None = None


PICTURES = {
    "lenet": PictureOf("lenet", "LeNet"),
    "resnet50": PictureOf("resnet", "ResNet50", depth=1),
    "bottlenecks": PictureOf("resnet", "ResNet50", depth=2),
    "googlenet": PictureOf("googlenet", "GoogLeNet"),
    "swin": PictureOf("swin", "SwinT"),
    "linknet": PictureOf("roads", "LinkNet34MTL", depth=2),
    "unet": PictureOf("unet", "UNet", style="u"),
    "char_rnn": PictureOf("char_rnn", "CharRNN", unroll=4),
    "translate": PictureOf("translate", "Seq2Seq", unroll=3),
}
"""By the name of its file in `docs/drawing`."""


def pictures(specs: Path) -> dict[str, str]:
    """Each picture as SVG, by its name in `docs`."""
    return {f"drawing/{name}.svg": _drawn(specs, shown) for name, shown in PICTURES.items()}


def _drawn(specs: Path, shown: PictureOf) -> str:
    net = load_file(specs / f"{shown.file}.net").net(shown.net, trained=False)
    return draw(net, analyze(net), depth=shown.depth, style=shown.style, unroll=shown.unroll).svg()
