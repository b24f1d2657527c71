"""What a row of the table of words says, besides its words: the layer that its text is about, and what it keeps."""

from __future__ import annotations

import re

from netdsl.ops import REGISTRY
from netdsl.text.foreign import Way, gaps, plain, way, ways
from netdsl.text.foreign.inflow import ONE_OF
from netdsl.text.foreign.pieces import given, parts
from netdsl.text.foreign.values import NOWHERE

KEPT = frozenset(("low", "high", "dilation", "groups", "mode", "align_corners", "approximate", "bidirectional",
                  "frozen", "unbiased"))  # fmt: skip
"""Settings in the texts of the table that make a word what it is: `atrous_conv` is a `conv` with a dilation."""


def kept(row: Way) -> dict[str, str]:
    found = [given(part) for part in parts(row.write.partition("(")[2][:-1])]
    if row.names_kernel:
        return {"kernel": found[1].value, **{g.name: g.value for g in found if g.name}}
    drawn = {"kind": found[0].value} if row.write.startswith("noise(") else {}
    return drawn | {g.name: g.value for g in found if g.name in KEPT}


def asked(row: Way) -> list[str]:
    """The settings in a text of the table, one of which at least a call must give."""
    layer = leading(row.write)
    if layer not in ONE_OF:
        return []
    return list(ONE_OF[layer])


SIGNS = {
    "x ** 2": "power", "x + y": "add", "x * y": "mul", "x - y": "sub", "x / y": "div", "x // y": "floor_div",
    "x % y": "remainder", "x < y": "less", "x <= y": "less_equal", "x > y": "greater", "x >= y": "greater_equal",
    "x == y": "equal", "x != y": "not_equal", "x and y": "logical_and", "x or y": "logical_or",
}  # fmt: skip


def leading(write: str) -> str | None:
    """The layer that a text of the table is about."""
    if write in SIGNS:
        return SIGNS[write]
    found = re.fullmatch(r"(?:flatten -> |\(x, y\) -> )?(\w+)(\(.*\))?", write)
    return found[1] if found else None


FLATTENS = frozenset(("innerproduct", "fullyconnected", "fullyconnectedlayer", "affine", "affinelayer"))
"""Words of Caffe and MXNet, whose layers read all the numbers of a sample; the others work at each step of two axes."""


def flattened(word: str, rank: int | None) -> list[str]:
    """What stands before a layer that reads `rank` axes, None where that is not known."""
    row = way(word)
    told = row is not None and row.write.startswith("flatten -> ")
    return ["flatten"] if told and (rank not in (1, 2) or (rank == 2 and plain(word) in FLATTENS)) else []


def layer_of(word: str) -> str | None:
    """The layer here that a word of another framework means, its own name included."""
    bare = word.removeprefix("self.")
    if bare in REGISTRY:
        return REGISTRY[bare].name if bare not in NOWHERE else None
    row = ways().get(plain(bare))
    same = next((n for n in REGISTRY if plain(n) == plain(bare) and n not in NOWHERE), None)
    if row is None and same is not None:
        return REGISTRY[same].name
    row = row or way(bare)
    return leading(row.write) if row is not None and plain(bare) not in gaps() else None
