"""Where the features of an arrow stand: what is written for a layer of another framework that has them elsewhere.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.text import foreign
from netdsl.text.foreign import placed
from netdsl.text.foreign.calls import CallReader
from netdsl.text.foreign.conversions import ROWS
from netdsl.text.foreign.rows import flattened, layer_of

BACK = {
    **dict.fromkeys(("conv", "global_avgpool", "global_maxpool"), ""),
    **dict.fromkeys(("maxpool", "avgpool", "batchnorm"), " -> transpose"),
}
"""Layers that go along the steps of a sequence, with what stands behind one that leaves these as they are."""
KERAS = re.compile(r"(?:\w+\.)*[A-Z]\w*1D")


def said(site: Site, reading: CallReader, word: str, text: str, written: str, also: str) -> list[str]:
    """Help that offers a text for a call, which is `also` another in some case, by where the features stand."""
    coming, layer = site.build.coming, layer_of(word) or ""
    if not isinstance(coming, Value):
        return [f"write `{written}`{also}"]
    over = _over_rows(coming, word, layer, text, written) if layer in ROWS else None
    if over is not None:
        return over
    sequence = coming.type.rank == 2
    if sequence and layer in BACK and _told(reading, coming, word, layer, text):
        return [f"the features come last here: write `transpose -> {written}{BACK[layer]}`"]
    if sequence and layer in BACK and KERAS.fullmatch(word):
        back = " -> transpose" if layer == "conv" else BACK[layer]
        return [f"features come last in Keras: write `transpose -> {written}{back}`, or `{written}` if they come first"]
    if sequence and layer in BACK and isinstance(coming.shape[0], Dim):
        return [f"the features come last here: write `transpose -> {written}{BACK[layer]}`"]
    more = list[str]()
    if sequence and layer in BACK:
        more = [f"along the steps of `[steps, features]`, `transpose -> {written}{BACK[layer]}`"]
    if sequence and layer == "linear" and written.startswith("linear(") and not foreign.plain(word).startswith("dense"):
        more = [f"of all steps together, `flatten -> {written}`"] if flattened(word, None) else []
    return [f"write `{written}`{also}", *more]


def _told(reading: CallReader, coming: Value, word: str, layer: str, text: str) -> bool:
    """Whether `BatchNorm1d(32)` on `[16, 32]` says how many features there are, and so that they are the channels."""
    first = re.match(r"[^(]*\(\s*(?:\w+\s*=\s*)?(\d+)", text)
    if first is None or not (reading.doubted or placed.from_pytorch(word)):
        return False
    return layer in ("conv", "batchnorm") and [first[1] == str(n) for n in coming.shape] == [False, True]


# ---------------------------------------------------------------- norms of the last axis


def _over_rows(coming: Value, word: str, layer: str, text: str, written: str) -> list[str] | None:
    """`LayerNorm(3)`, `LayerNormalization()` of Keras on `[3, 32, 32]`, whose last axis is the width."""
    told = re.match(r"[^(]*\(\s*(?:normalized_shape\s*=\s*)?(\d+)\s*[,)]", text)
    if told is not None:
        other = not_the_last(coming, layer, int(told[1]), written)
        return [other] if other is not None else None
    if coming.type.rank < 3 or not foreign.plain(word).startswith("layernormali"):
        return None
    return [f"write `{written}`", f"over the channels, which come last in Keras, `{turned(coming.shape, written)}`"]


def not_the_last(coming: object, layer: str, told: int, written: str) -> str | None:
    """What is said of a norm that is told another size than that of the last axis, over which it goes."""
    shape = coming.shape if isinstance(coming, Value) else ()
    if not shape or not isinstance(shape[-1], int) or told == shape[-1]:
        return None
    says = f"`{layer}` goes over the last axis, which has {shape[-1]} here"
    if told != shape[0]:
        return f"{says}, not {told}: write `{written}` for that"
    return f"{says}: over the {told} of the first, write `{turned(shape, written)}`"


def turned(shape: Sequence[object], written: str) -> str:
    """A layer along the first axis, where it goes along the last."""
    if len(shape) == 2:
        return f"transpose -> {written} -> transpose"
    axes = [*map(str, range(len(shape)))]
    there, back = [*axes[1:], axes[0]], [axes[-1], *axes[:-1]]
    return f"transpose(({', '.join(there)})) -> {written} -> transpose(({', '.join(back)}))"
