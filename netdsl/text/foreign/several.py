"""Layers that give two results elsewhere, the numbers and where they were, as one row of two arrows here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.text.foreign.pieces import given_in, parts
from netdsl.text.foreign.special import GivenArgument, shifted

EXTREMES = {"reduce_max": "", "reduce_min": "-"}
"""Layers that give the numbers alone, with the sign by which `argmax` finds the places."""
TOLD = ("sort", "maxpool")
"""Layers that give both where `indices=true` asks for them."""


def both(written: str, coming: str = "_") -> str | None:
    """The numbers and their places of a pipeline that ends in such a layer, if it reads one arrow; else None.

    `coming` is what it reads where it does not say so.
    """
    head, _, call = written.rpartition("-> ")
    word, head = call.partition("(")[0], head.strip().removesuffix("->").strip()
    if word in TOLD and "indices" not in call:
        return f"{head} -> {with_setting(call, 'indices=true')}".removeprefix(" -> ")
    told = {g.name: g.value for g in given_in(call)}
    axis = told.get("axis", "")
    if word not in EXTREMES or re.fullmatch(r"-?\d+", axis) is None or not re.fullmatch(r"[A-Za-z_]\w*|", head):
        return None
    arrow, kept = head or coming, f" -> unsqueeze({axis})" if told.get("keep") == "true" else ""
    return f"({arrow} -> {call}, {EXTREMES[word]}{arrow} -> argmax(axis={axis}){kept})"


def row(label: str, written: str, fresh: str) -> str | None:
    """What is written for a row that names the numbers and their places; what they are of is named first if need be.

    `fresh` is a name that the text does not hold.
    """
    pair = both(written)
    if pair is not None:
        return f"write `{label}: {pair}`"
    head, _, call = written.rpartition("-> ")
    head = head.strip().removesuffix("->").strip()
    pair = both(f"{fresh} -> {call}") if head else None
    return f"write `{label}: {pair}` below `{fresh}: {head}`" if pair is not None else None


def with_setting(call: str, setting: str) -> str:
    """A call of a layer with a setting more."""
    return f"{call[:-1]}, {setting})" if call.endswith(")") and not call.endswith("()") else f"{call}({setting})"


def picked(written: str, item: str) -> str | None:
    """`x.max(1)[1]`, `x.max(1).indices`: one of the two; None for a pipeline that does not end in such a layer."""
    pair = both(written)
    if pair is None or not pair.startswith("("):
        return None
    if item in ("0", "values"):
        return written
    return parts(pair[1:-1])[1] if item in ("1", "indices") else None


def equal_parts(arguments: Sequence[GivenArgument], shape: Sequence[str]) -> list[GivenArgument] | None:
    """PyTorch's `split`, which is told how large a part is, as one that is told how many there are."""
    told = dict(zip(("size", "dim"), (a.value for a in arguments if a.name is None), strict=False))
    told |= {"dim" if a.name == "dim" else "size": a.value for a in arguments if a.name}
    size, dim = told.get("size", ""), told.get("dim", "0")
    axis = shifted(dim) if re.fullmatch(r"-?\d+", dim) else None
    if axis is None or len(told) != len(arguments):
        return None
    along = [] if axis == "0" else [GivenArgument("axis", axis)]
    if size[:1] in ("[", "("):
        return [GivenArgument(None, size), *along]
    extent = shape[int(axis)] if -len(shape) <= int(axis) < len(shape) else ""
    if not (size.isdecimal() and extent.isdecimal()) or int(size) == 0 or int(extent) % int(size):
        return None
    return [GivenArgument(None, str(int(extent) // int(size))), *along]
