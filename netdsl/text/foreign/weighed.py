"""Functions that are given their weights: `F.linear(x, weight)`, `F.conv2d(x, weight, bias, stride=2)`."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from netdsl.text.foreign.special import GivenArgument

WORD = re.compile(r"(?:\w+\.)*linear|(?:\w+\.)*conv[123]d|conv")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
WEIGHT = re.compile(r"(?:self\.)?([A-Za-z_]\w*(?:\.\w+)*\.(?:weight|bias))")
"""A weight of a layer, in PyTorch's words and here."""
PLACED = ("stride", "padding", "dilation", "groups")
HERE = {"stride": "stride", "padding": "pad", "pad": "pad", "dilation": "dilation", "groups": "groups"}
USUAL = {"stride": "1", "pad": "0", "dilation": "1", "groups": "1"}


def is_weighed(word: str, arrows: Sequence[str], batched: Container[str], own: Container[str]) -> bool:
    """Whether a call is of such a function, no `own` layer, with weights that no `batched` arrow is read for."""
    read = {name for arrow in arrows[1:] for name in NAME.findall(arrow)}
    shared = not any(name == "_" or name in batched for name in read)
    return WORD.fullmatch(word) is not None and 2 <= len(arrows) <= 3 and shared and word not in own


def is_weight(text: str, layers: Container[str]) -> bool:
    """Whether a text is a weight of a layer of the file."""
    found = WEIGHT.fullmatch(text)
    return found is not None and found[1].split(".")[0] in layers


def piped(word: str, arrows: Sequence[str], rest: Sequence[GivenArgument]) -> str | None:
    """What is read and its weights into the layer; None where that is not certain."""
    written = _layer(word, rest)
    return f"({', '.join(arrows)}) -> {written}" if written is not None else None


def _layer(word: str, rest: Sequence[GivenArgument]) -> str | None:
    """The layer that such a function is, with its settings; None where that is not certain."""
    found: dict[str, str] = {}
    behind = [a for a in rest if a.value != "None"]
    for place, argument in enumerate(behind):
        name = argument.name or (PLACED[place] if place < len(PLACED) and word != "conv" else "")
        value = argument.value.strip("\"'")
        if name not in HERE or "linear" in word or not re.fullmatch(r"[\w(), ]+", value):
            return None
        found[HERE[name]] = "0" if value == "valid" else value
    written = ", ".join(f"{n}={found[n]}" for n in USUAL if found.get(n, USUAL[n]) != USUAL[n])
    kind = "linear" if "linear" in word else "conv"
    return f"{kind}({written})" if written else kind
