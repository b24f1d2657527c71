"""The texts that are changed: all of specs, the standard library and docs, right and wrong, and drawn nets."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

import drawn_rows
from drawn_nets import Drawing

ROOT = Path(__file__).parent.parent.parent
USES = {
    "inception": "inception(8, 4, 8, 4, 8, 8)",
    "mobilenet": "inverted_residual(8) -> inverted_residual(8, stride=2)",
    "prelude": "residual(conv_bn_relu(8)) -> squeeze_excite(4) -> separable_conv(8, 3) -> depthwise(3)",
    "pyramid": "pyramid(bins=[1, 2]) -> aspp(8)",
    "resnet": "basic(8) -> bottleneck(8, stride=2) -> preactivation(8)",
    "transformer": "tokens -> encoder_layer(2, 16) -> encoder_layer(2, 16, first=true)",
}
"""Rows that use every file of the standard library."""


def library() -> dict[str, str]:
    """The files of the standard library by name, each with a net that uses it."""
    return {
        name: f"{_library_text(name)}\nnet Used {{\n  input image [8, 32, 32]\n  {rows}\n}}\n"
        for name, rows in USES.items()
    }


def _library_text(name: str) -> str:
    return (ROOT / f"netdsl/stdlib/{name}.net").read_text(encoding="utf-8")


@cache
def texts() -> tuple[str, ...]:
    """Every whole text there is, in an order that stays."""
    found = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.net"))]
    found += library().values()
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tests/language").glob("*.md"))]
    for page in pages:
        found += re.findall(r"^```net\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return tuple(dict.fromkeys(found))


def some(chance: random.Random) -> str:
    """One of the texts, or a net drawn at random."""
    if chance.random() < 0.15:
        return Drawing(chance.randrange(10**9)).text()
    return drawn_rows.Drawing(chance.randrange(10**9)).text() if chance.random() < 0.1 else chance.choice(texts())


NEIGHBOURS = {
    "good.net": b"# A block to use.\nblock good(c = 3) { linear(c) -> relu }\nlet width = 4\n",
    "broken.net": b"block broken(c { linear(c) }\nblock other { rellu }\n",
    "loop.net": b'use "./text.net" { A }\nuse "./loop.net" { loop }\nblock loop { relu }\n',
    "bytes.net": b"block bytes { relu }\n# \xff\xfe\x00\n",
    "empty.net": b"",
}
"""The files that lie beside a text."""
