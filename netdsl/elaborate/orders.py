"""Axes that change places: PyTorch's `transpose(1, 2)` names two and counts the batch, here stands the order of all.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.text.foreign.pieces import parts

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
    given = parts(text.partition("(")[2].rpartition(")")[0])
    bound = site.scope.find(given[0]) if given else None
    if bound is not None:
        return reordered(bound.value, given[1:], f"{given[0]} -> ", sure=True)
    return reordered(site.build.coming, given, sure=True)
