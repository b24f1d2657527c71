"""Arithmetic shared by everything that slides a window: `O = (W - K + 2P) / S + 1`, exactly, per axis."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from netdsl.dims import Extent
from netdsl.ops.base import Requirement, RuleError, Window
from netdsl.ops.fields import Pads

SPATIAL_RANKS = (2, 3, 4)
"""`[C, L]`, `[C, H, W]` and `[C, D, H, W]`."""

T = TypeVar("T")

Sides = tuple[tuple[int, int], ...]
"""Padding before and after, for each axis."""


def _for_each(value: tuple[object, ...], rank: int) -> str | None:
    """How `(1, 1, 1, 1)`, a number a side, or `(1,)` is written for so many axes."""
    if len({*map(str, value)}) == 1:
        return f"one number is for all of them: write `{value[0]}`"
    return "the sides of an axis are a pair, as in `((1, 2), (0, 1))`" if len(value) == 2 * rank else None


def spread(value: T | tuple[T, ...], rank: int, field: str) -> tuple[T, ...]:
    """One number an axis, or size: `3` on two axes is (3, 3)."""
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        message = f"`{field}` has {len(value)} numbers, but the input has {rank} spatial axes"
        raise RuleError(message, code="wrong-rank", field=field, help=_for_each(value, rank))
    return value


def spread_padding(value: Pads, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Sides:
    """Padding before and after each axis. `same` keeps the size at stride 1: an even reach pads more after."""
    rank = len(kernel)
    if value == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    return spread_sides(value, rank, "pad")


def spread_sides(value: int | tuple[int | tuple[int, ...], ...], rank: int, field: str) -> Sides:
    """`1`, `(1, 2)` or `((0, 1), (2, 2))` as before and after each axis."""
    sides: tuple[int | tuple[int, ...], ...] = spread(value, rank, field)
    return tuple((s[0], s[-1]) if isinstance(s, tuple) else (s, s) for s in sides)


def even(pads: Sides) -> bool:
    """True when every axis is padded alike on both sides."""
    return all(before == after for before, after in pads)


def count(sizes: Iterable[int]) -> int:
    """All numbers multiplied."""
    total = 1
    for size in sizes:
        total *= size
    return total


def slide(window: Window) -> Extent:
    """How many positions a window takes along its axis.

    In ceil mode the last window may hang over the far side, but it must start inside the input or the padding before
    it: of `(W + B + A - R) / S + 1` rounded up and `(W + B) / S` rounded up the smaller one, which is one division.
    """
    if not window.ceil:
        return (window.size + window.before + window.after - window.reach) // window.stride + 1
    covered = window.size + window.before + min(0, window.after - window.reach + window.stride)
    return -(-covered // window.stride)


def grow(window: Window, more: int = 0) -> Extent:
    """How many positions a transposed window makes: `(W - 1) U + R - B - A`, and `more` at the far side."""
    return (window.size - 1) * window.up + (window.reach - window.before - window.after + more)


def fits(windows: tuple[Window, ...], field: str = "kernel") -> Iterator[Requirement]:
    """Every window must lie inside its padded input; in ceil mode one must at least start in it."""
    for window in windows:
        padded = f" padded by {window.before} and {window.after}" if window.before or window.after else ""
        left, right = window.size + window.before + window.after, window.reach
        if window.ceil:
            left, right = slide(window), 1
        yield Requirement(
            left, ">=", right,
            f"a window of {window.reach} does not fit into {window.size}{padded}",
            code="kernel-too-large",
            field=field,
            help="use a smaller kernel, more padding or a larger input",
        )  # fmt: skip


def positive(extents: tuple[Extent, ...], what: str, help: str | None = None) -> Iterator[Requirement]:
    """Every size of a result must be at least 1; `what` names the layer in the message."""
    for extent in extents:
        yield Requirement(
            extent, ">=", 1, f"{what} would make an axis of size {extent}", code="size-not-positive", help=help
        )


def left_over(window: Window) -> tuple[Extent, int]:
    """`(left over, allowed)`: real pixels are dropped at the far side exactly when left over exceeds allowed.

    Padding that no window reaches is no loss, nor are pixels that a stride wider than its window skips anyway.
    """
    free = window.size + window.before + window.after - window.reach
    if window.ceil or window.stride == 1:
        return 0, 0
    return free % window.stride, max(window.after, 0) + max(window.stride - window.reach, 0)


def meeting(offset: int, positions: int, step: int, bound: int) -> int:
    """How many of the first `positions` multiples of `step` lie from 0 to `bound` once `offset` is added."""
    first = max(0, -(offset // step))
    last = min(positions - 1, (bound - 1 - offset) // step)
    return max(0, last - first + 1)
