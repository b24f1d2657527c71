"""Axes that change places: PyTorch's `transpose(1, 2)` names two and counts the batch, here stands the order of all.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.text.foreign.pieces import inside, parts
from netdsl.text.foreign.special import BATCH
from netdsl.text.source import Span

WORDS = ("transpose", "swapaxes", "swapdims")


def swap(first: int, second: int, rank: int) -> str | None:
    """The `transpose` that swaps two axes of so many; None where there are no such two."""
    places = [axis + rank if axis < 0 else axis for axis in (first, second)]
    if not all(0 <= place < rank for place in places) or places[0] == places[1]:
        return None
    order = list(range(rank))
    order[places[0]], order[places[1]] = places[1], places[0]
    return "transpose" if rank == 2 else f"transpose(({', '.join(map(str, order))}))"


def reordered(value: object, numbers: Sequence[str], head: str = "", sure: bool = False) -> str | None:
    """Help for axes given side by side to a `transpose` of a value, which the row names first by a `head`.

    Whether PyTorch's is meant may be `sure`.
    """
    if not numbers or not all(re.fullmatch(r"-?\d+", n) for n in numbers):
        return None
    axes = [int(n) for n in numbers]
    if not isinstance(value, Value):
        return "write the order of all axes in brackets, counted from 0 without the batch" if len(axes) == 2 else None
    rank = value.type.rank
    if len(axes) == rank + 1 and axes[0] == 0 and sorted(axes) == list(range(rank + 1)):
        order = ", ".join(str(axis - 1) for axis in axes[1:])
        return f"the batch is not counted: write `{head}transpose(({order}))`"
    return _two(axes, rank, head, sure) if len(axes) == 2 else None


def _two(axes: Sequence[int], rank: int, head: str, sure: bool) -> str | None:
    here = swap(axes[0], axes[1], rank)
    if 0 in axes or min(axes) < 0:
        batch = "the batch stays in front: no other axis changes places with it"
        return batch if 0 in axes and sure else f"write `{head}{here}`" if here else None
    elsewhere = swap(axes[0] - 1, axes[1] - 1, rank)
    if elsewhere is None:
        return None
    other = f", or `{head}{here}` where those axes are meant" if here not in (None, elsewhere) and not sure else ""
    return f"axes are counted without the batch: write `{head}{elsewhere}`{other}"


def called(site: Site, text: str) -> str | None:
    """Help for a `transpose` of two axes called as in PyTorch: `F.transpose(x, 1, 2)`."""
    given = inside(text)
    bound = site.scope.find(given[0]) if given else None
    if bound is not None:
        return reordered(bound.value, given[1:], f"{given[0]} -> ", sure=True)
    return reordered(site.build.coming, given, sure=True)


# ---------------------------------------------------------------- sizes


SIZE = re.compile(r"-1|\d+(?:\s*\*\s*\d+)*")


def viewed(site: Site, text: str, near: Span) -> str | None:
    """Help for `F.view(x, 3, 1024)`, where how many numbers the arrow holds tells whether the first is the batch."""
    given = inside(text)
    bound = site.scope.find(given[0]) if given else None
    value, head = (bound.value, f"{given[0]} -> ") if bound is not None else (site.build.coming, "")
    given = given[1:] if bound is not None else given
    sizes = parts(given[0][1:-1]) if len(given) == 1 and given[0][:1] in ("(", "[") else given
    if not isinstance(value, Value) or not isinstance(value.type.elements, int) or len(sizes) < 2:
        return None
    first = "-1" if BATCH.fullmatch(sizes[0]) else sizes[0]
    if not all(map(SIZE.fullmatch, [first, *sizes[1:]])):
        return None
    place = places.place_of(site, near, False)
    enclosed = "({})" if place is not None and place.term and head else "{}"
    return _sized([first, *sizes[1:]], value.type.elements, enclosed.format(head + "{}"))


def _sized(sizes: Sequence[str], elements: int, row: str) -> str | None:
    without = _holds(sizes[1:], elements)
    written = row.format(f"reshape(({', '.join(sizes)}))")
    rest = row.format("flatten" if len(sizes) == 2 else f"reshape(({', '.join(sizes[1:])}))")
    if sizes[0] == "-1" and without:
        return None  # as any call is read
    if sizes[0] != "-1" and _holds(sizes, elements):
        other = f"the batch is never written: write `{rest}`, or `{written}` where {sizes[0]} is no batch"
        return other if without else f"write `{written}`"
    if without:
        return f"the batch is never written: write `{rest}`"
    return f"`reshape` is given the sizes of one sample, which holds {elements:,} numbers here, without the batch"


def batched(site: Site, sizes: Sequence[str]) -> bool:
    """Whether the first of some sizes may be the batch; an open one is where the others hold all numbers."""
    coming = site.build.coming
    known = isinstance(coming, Value) and isinstance(coming.type.elements, int) and all(map(SIZE.fullmatch, sizes))
    if sizes[0] != "-1" or not isinstance(coming, Value) or not known:
        return sizes[0] != "-1"
    return _holds(sizes[1:], int(str(coming.type.elements)))


def _holds(sizes: Sequence[str], elements: int) -> bool:
    """Whether so many numbers fit into some sizes, one of which may be open."""
    fixed = prod(int(factor) for size in sizes if size != "-1" for factor in size.split("*"))
    return fixed == elements if "-1" not in sizes else fixed > 0 and elements % fixed == 0 and sizes.count("-1") == 1
