"""The field of a value along one axis that its positions follow: which input pixels each of them sees, exactly.

It is periodic: position `i + period` sees what position `i` sees, moved by `jump` input pixels. One interval for each
of the `period` phases therefore says it for all positions. A chain of convolutions has period 1 and follows the
textbook recurrence (Araujo, Norris and Sim, 2019); upsampling makes more phases, and positions that see nothing; a
join takes the hull of its operands, phase by phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from netdsl.dims.tensors import MOST
from netdsl.ops.base import Window

if TYPE_CHECKING:
    from fractions import Fraction

MOST_PHASES = 4096
"""More phases than this along one axis are not followed; the field is then not known."""

Interval = tuple[int, int]
NOTHING: Interval = (1 << 62, -(1 << 62))
"""The interval of a position that no input pixel reaches: the neutral element of the hull."""


class AxisField(NamedTuple):
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

    @property
    def rises(self) -> bool:
        """True when no position sees nothing, or what lies before what an earlier one sees."""
        ends = zip(self.phases, (*self.phases[1:], self.at(self.period)), strict=True)
        return NOTHING not in self.phases and all(a[0] <= b[0] and a[1] <= b[1] for a, b in ends)

    @property
    def sees(self) -> bool:
        """False when no position sees anything."""
        return any(phase != NOTHING for phase in self.phases)

    def at(self, position: int) -> Interval:
        turn, phase = divmod(position, len(self.phases))
        low, high = self.phases[phase]
        return (low, high) if low > high else (low + turn * self.jump, high + turn * self.jump)

    def sizes(self) -> tuple[int, int]:
        """The smallest and the largest field over the phases."""
        spans = [high - low + 1 for low, high in self.phases if high >= low]
        return (min(spans), max(spans)) if spans else (0, 0)


PIXEL = AxisField(((0, 0),), 1)
"""The field of the input itself."""


def slide(axis: AxisField, window: Window) -> AxisField | None:
    """One axis through one window; None when it has too many phases, or reaches too far, to follow."""
    if not window.upward and len(axis.phases) == 1 and axis.phases[0] != NOTHING:
        low, high = axis.phases[0]
        first = low - window.before * axis.jump
        last = high + (window.reach - 1 - window.before) * axis.jump
        return _within(AxisField(((first, last),), axis.jump * window.stride))
    return _within(_shortest(*_slide(axis, window))) if axis.period * window.up <= MOST_PHASES else None


def _within(axis: AxisField) -> AxisField | None:
    """The same axis; None when it reaches further than any input does."""
    ends = [end for phase in axis.phases if phase != NOTHING for end in phase]
    return axis if all(abs(end) <= MOST for end in (axis.jump, *ends)) else None


def _slide(axis: AxisField, window: Window) -> tuple[list[Interval], int]:
    period = axis.period * window.up // gcd(axis.period * window.up, window.stride)
    phases = [hull(axis.at(i) for i in _ends(_positions(window, output), axis.period)) for output in range(period)]
    return phases, period * window.stride * axis.jump // (window.up * axis.period)


def meet(window: Window, real: Interval, count: int) -> tuple[Interval, Interval]:
    """First and last of the positions `real` that `count` windows read, and first and last of the windows that do."""
    first, last = real
    up, stride = window.up, window.stride
    if window.upward:
        made = (-(-(first * up - window.before) // stride), (last * up + window.reach - 1 - window.before) // stride)
    else:
        made = (-(-(first + window.before - window.reach + 1) // stride), (last + window.before) // stride)
    made = max(made[0], 0), min(made[1], count - 1)
    if made[0] <= made[1] and not window.upward and window.dilation == 1 and stride <= window.kernel:
        return clip(real, spanned(window, made)), made  # one window behind the other, without a gap
    made = _ends_that(lambda output: _reads(window, output, real), *made)
    first, last = clip(real, spanned(window, made)) if made != NOTHING else NOTHING
    read = _ends_that(lambda position: _is_read(window, position, made), first, last)
    return (NOTHING, NOTHING) if read == NOTHING else (read, made)


def _ends_that(holds: Callable[[int], bool], first: int, last: int) -> Interval:
    """The first and last number in between of which something holds; of very many those near the ends are asked."""
    near, far = min(last, first + MOST_PHASES), max(first, last - MOST_PHASES)
    low = next((i for i in range(first, near + 1) if holds(i)), None)
    if low is None and near >= last:
        return NOTHING
    high = next((i for i in range(last, far - 1, -1) if holds(i)), last)
    return (first if low is None else low), high


def _reads(window: Window, output: int, real: Interval) -> bool:
    """Whether a window has a tap on one of the positions that are real."""
    places = _positions(window, output)
    if not places:
        return False
    step = places[1] - places[0] if len(places) > 1 else 1
    following = max(0, -((places[0] - real[0]) // step))
    return following < len(places) and places[following] <= real[1]


def spanned(window: Window, made: Interval) -> Interval:
    """First and last position that the windows `made` span."""
    low, high = made[0] * window.stride, made[1] * window.stride
    if window.upward:
        return -(-(low + window.before - window.reach + 1) // window.up), (high + window.before) // window.up
    return low - window.before, high - window.before + window.reach - 1


def _is_read(window: Window, position: int, made: Interval) -> bool:
    """Whether one of the windows `made` has a tap on a position."""
    place, step = position * window.up + window.before, window.dilation
    if window.upward:
        lows = range(position * window.up - window.before, position * window.up - window.before + window.reach, step)
    else:
        lows = range(place - window.reach + 1, place + 1, step)
    return any(low % window.stride == 0 and made[0] * window.stride <= low <= made[1] * window.stride for low in lows)


def covers(window: Window, made: Interval, read: Interval) -> bool:
    """Whether the windows `made` read all positions between the first and the last that they read."""
    if window.dilation == 1 and window.stride <= window.reach:
        return True
    if window.stride == 1 and not window.upward and made[1] - made[0] + 1 >= window.dilation:
        return True
    return read[1] - read[0] < MOST_PHASES and all(_is_read(window, i, made) for i in range(read[0], read[1] + 1))


def clip(one: Interval, other: Interval) -> Interval:
    """What two intervals share."""
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else NOTHING


def _positions(window: Window, output: int) -> Sequence[int]:
    """The input positions that an output position reads, evenly spaced.

    Between the input positions lie `up - 1` empty ones; the window slides over that finer grid.
    """
    if not window.upward:
        first = output * window.stride - window.before
        return range(first, first + window.reach, window.dilation)
    last = output * window.stride + window.before
    taps = range(last - window.reach + 1, last + 1, window.dilation)
    place = next((tap for tap in taps[: window.up] if tap % window.up == 0), None)
    if place is None:
        return ()
    every = lcm(window.up, window.dilation)
    return range(place // window.up, last // window.up + 1, every // window.up)


def _ends(positions: Sequence[int], period: int) -> Iterator[int]:
    """One period at either end: a position sees what the one a period before it sees, moved on."""
    yield from positions if len(positions) <= 2 * period else (*positions[:period], *positions[-period:])


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all of some intervals."""
    low, high = NOTHING
    for first, last in intervals:
        low, high = min(low, first), max(high, last)
    return low, high


def between(axis: AxisField, first: int, stop: int) -> Interval:
    """What positions `first` to `stop` see together."""
    return hull(axis.at(i) for i in _ends(range(first, stop), axis.period))


def _shortest(phases: list[Interval], jump: int) -> AxisField:
    """The same axis with as few phases as say it."""
    axis = AxisField(tuple(phases), jump)
    for period in range(1, len(phases)):
        if len(phases) % period == 0 and jump * period % len(phases) == 0:
            shorter = AxisField(tuple(phases[:period]), jump * period // len(phases))
            if all(shorter.at(i) == axis.at(i) for i in range(len(phases))):
                return shorter
    return axis


def join_axes(one: AxisField, other: AxisField) -> AxisField | None:
    """The hull of two fields position by position; None where they do not line up."""
    period = lcm(one.period, other.period)
    if one.stride != other.stride or period > MOST_PHASES:
        return None
    phases = []
    for position in range(period):
        (low, high), (low_2, high_2) = one.at(position), other.at(position)
        phases.append((min(low, low_2), max(high, high_2)))
    return _shortest(phases, int(one.stride * period))
