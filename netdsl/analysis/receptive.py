"""Receptive fields on any graph: which input pixels an output position sees, exactly, axis by axis.

A value's field along an axis is periodic: position `i + period` sees what position `i` sees, moved by `jump` input
pixels. One interval for each of the `period` phases therefore says it for all positions. A chain of convolutions has
period 1 and follows the textbook recurrence (Araujo, Norris and Sim, 2019); upsampling makes more phases; a join
takes the hull of its operands, phase by phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd, lcm
from typing import TYPE_CHECKING, Final, NamedTuple

from netdsl.ops.base import Window

if TYPE_CHECKING:
    from fractions import Fraction

MOST_PHASES = 4096
"""More phases than this along one axis are not followed; the field is then not known."""

Interval = tuple[int, int]
NOTHING: Interval = (1 << 62, -(1 << 62))
"""The interval of a position that no input pixel reaches: the neutral element of the hull."""


class Axis(NamedTuple):
    """The field of every position along one axis."""

    phases: tuple[Interval, ...]
    """First and last input pixel that positions 0, 1, … `period - 1` see."""
    jump: int
    """Input pixels from position `i` to position `i + period`."""

    @property
    def period(self) -> int:
        return len(self.phases)

    @property
    def stride(self) -> int | Fraction:
        """Input pixels from one position to the next, on average."""
        if self.jump % self.period == 0:
            return self.jump // self.period
        from fractions import Fraction  # late: few nets need it, and it brings `decimal` along

        return Fraction(self.jump, self.period)

    def at(self, position: int) -> Interval:
        turn, phase = divmod(position, len(self.phases))
        low, high = self.phases[phase]
        return (low, high) if low > high else (low + turn * self.jump, high + turn * self.jump)

    def sizes(self) -> tuple[int, int]:
        """The smallest and the largest field over the phases."""
        spans = [high - low + 1 for low, high in self.phases if high >= low]
        return (min(spans), max(spans)) if spans else (0, 0)


PIXEL = Axis(((0, 0),), 1)
"""The field of the input itself."""


class Whole:
    """Every position sees all of the input."""


class Unaligned:
    """Positions that do not line up with the input, so that no one field can be named."""


WHOLE: Final = Whole()
UNALIGNED: Final = Unaligned()
Field = tuple[Axis, ...] | Whole | Unaligned | None
"""None: no input pixel reaches the value at all, as with a free parameter."""


def through(field: Field, windows: Sequence[Window] | None) -> Field:
    """The field after one operation that reads each axis through a window; None windows see everything."""
    if field is None or not isinstance(field, tuple) or windows == ():
        return field
    if windows is None or len(windows) != len(field):
        return WHOLE
    axes = [slide(axis, window) for axis, window in zip(field, windows, strict=True)]
    kept = tuple(a for a in axes if a is not None)
    return kept if len(kept) == len(axes) else UNALIGNED


def slide(axis: Axis, window: Window) -> Axis | None:
    """One axis through one window; None when it has too many phases to follow."""
    if window.up == 1 and len(axis.phases) == 1:
        low, high = axis.phases[0]
        first = low - window.before * axis.jump
        last = high + (window.reach - 1 - window.before) * axis.jump
        return Axis(((first, last),), axis.jump * window.stride)
    return _shortest(*_slide(axis, window)) if axis.period * window.up <= MOST_PHASES else None


def _slide(axis: Axis, window: Window) -> tuple[list[Interval], int]:
    period = axis.period * window.up // gcd(axis.period * window.up, window.stride)
    phases = [_hull(axis, *_positions(window, output)) for output in range(period)]
    return phases, period * window.stride * axis.jump // (window.up * axis.period)


def _positions(window: Window, output: int) -> tuple[int, int]:
    """First and last input position that an output position reads.

    Between the input positions lie `up - 1` empty ones; the window slides over that finer grid.
    """
    if window.up == 1:
        first = output * window.stride - window.before
        return first, first + window.reach - 1
    last = output * window.stride + window.before
    return -(-(last - window.reach + 1) // window.up), last // window.up


def _hull(axis: Axis, first: int, last: int) -> Interval:
    # Position i + period begins after position i, so only one period at either end can hold the extremes.
    low = min((axis.at(i)[0] for i in range(first, min(last + 1, first + axis.period))), default=NOTHING[0])
    high = max((axis.at(i)[1] for i in range(max(first, last + 1 - axis.period), last + 1)), default=NOTHING[1])
    return low, high


def _shortest(phases: list[Interval], jump: int) -> Axis:
    """The same axis with as few phases as say it."""
    axis = Axis(tuple(phases), jump)
    for period in range(1, len(phases)):
        if len(phases) % period == 0 and jump * period % len(phases) == 0:
            shorter = Axis(tuple(phases[:period]), jump * period // len(phases))
            if all(shorter.at(i) == axis.at(i) for i in range(len(phases))):
                return shorter
    return axis


def join(fields: Iterable[Field]) -> Field:
    """The field of a value made from several: the hull at every position."""
    known = list(dict.fromkeys(f for f in fields if f is not None))
    if not known:
        return None
    if WHOLE in known:
        return WHOLE
    result: Field = known[0]
    for other in known[1:]:
        result = _join(result, other)
    return result


def _join(one: Field, other: Field) -> Field:
    if not isinstance(one, tuple) or not isinstance(other, tuple) or len(one) != len(other):
        return UNALIGNED
    axes = tuple(_join_axes(a, b) for a, b in zip(one, other, strict=True))
    kept = tuple(a for a in axes if a is not None)
    return kept if len(kept) == len(axes) else UNALIGNED


def _join_axes(one: Axis, other: Axis) -> Axis | None:
    period = lcm(one.period, other.period)
    if one.stride != other.stride or period > MOST_PHASES:
        return None
    phases = []
    for position in range(period):
        (low, high), (low_2, high_2) = one.at(position), other.at(position)
        phases.append((min(low, low_2), max(high, high_2)))
    return _shortest(phases, int(one.stride * period))
