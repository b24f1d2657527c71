"""How windows read an axis, by rule, against every tap of every window written out."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import pytest

from netdsl.analysis.receptive import (
    NOTHING,
    AxisField,
    Interval,
    clip,
    covers,
    hull,
    join_axes,
    meet,
    slide,
    spanned,
)
from netdsl.ops.base import Window


def taps(window: Window, output: int) -> list[int]:
    """The positions, within the axis or not, that one window reads."""
    if not window.upward:
        first = output * window.stride - window.before
        return [first + k * window.dilation for k in range(window.kernel)]
    fine = output * window.stride + window.before
    places = [fine - k * window.dilation for k in range(window.kernel)]
    return sorted(place // window.up for place in places if place % window.up == 0)


def drawn(seed: int) -> tuple[Window, Interval, int]:
    """A window, the positions that are real, and how many windows there are."""
    draw = random.Random(seed)
    size, up = draw.randint(1, 14), draw.choice((1, 1, 2, 3))
    kernel, dilation, stride = draw.randint(1, 4), draw.randint(1, 3), draw.randint(1, 3) if up == 1 else 1
    window = Window(size, kernel, stride, draw.randint(-2, 4), draw.randint(-2, 4), dilation, up=up, transposed=up > 1)
    first = draw.randint(0, size - 1)
    return window, (first, draw.randint(first, size - 1)), draw.randint(1, 12)


@pytest.mark.parametrize("seed", range(600))
def test_what_windows_read(seed: int) -> None:
    window, real, count = drawn(seed)
    seen = {output: taps(window, output) for output in range(count)}
    inside = sorted({p for places in seen.values() for p in places if real[0] <= p <= real[1]})
    readers = [o for o, places in seen.items() if any(real[0] <= p <= real[1] for p in places)]
    read, made = meet(window, real, count)
    assert read == ((inside[0], inside[-1]) if inside else NOTHING)
    if inside:
        assert made[0] <= readers[0]
        assert readers[-1] <= made[1]
        gapless = set(range(read[0], read[1] + 1)) <= {p for o in range(made[0], made[1] + 1) for p in taps(window, o)}
        assert not covers(window, made, read) or gapless
        assert covers(window, made, read) or not gapless
    if window.dilation == 1 and inside:
        assert (made[0], made[1]) == (readers[0], readers[-1])
    ends = [p for o in (0, count - 1) for p in taps(window, o)]
    low, high = spanned(window, (0, count - 1))
    assert not ends or (low <= min(ends) and max(ends) <= high)
    if not window.upward:
        assert (low, high) == (min(taps(window, 0)), max(taps(window, count - 1)))


@pytest.mark.parametrize("seed", range(200))
def test_what_positions_see_through_windows(seed: int) -> None:
    """Two windows after one another, position by position, as if nothing ended."""
    (first, _, _), (second, _, _) = drawn(seed), drawn(seed + 1000)
    one = slide(AxisField(((0, 0),), 1), first)
    both = one and slide(one, second)
    assert one is not None
    assert both is not None
    for output in range(-3, 12):
        assert one.at(output) == hull((p, p) for p in taps(first, output))
        through = [p for place in taps(second, output) for p in taps(first, place)]
        assert both.at(output) == hull((p, p) for p in through)
    sizes = [hi - lo + 1 for lo, hi in (both.at(o) for o in range(both.period)) if lo <= hi]
    assert both.sizes() == ((min(sizes), max(sizes)) if sizes else (0, 0))
    assert both.stride == Fraction(one.stride) * second.stride / second.up


@pytest.mark.parametrize("seed", range(100))
def test_two_fields_side_by_side(seed: int) -> None:
    one, other = (slide(AxisField(((0, 0),), 1), drawn(seed + i)[0]) for i in (0, 7))
    assert one is not None
    assert other is not None
    joined = join_axes(one, other)
    if one.stride != other.stride:
        assert joined is None
        return
    assert joined is not None
    assert all(joined.at(o) == hull((one.at(o), other.at(o))) for o in range(-5, 20))
    fewer = [p for p in range(1, joined.period) if all(_moves(joined, o, p) for o in range(joined.period))]
    assert fewer == [], "it is said with as few phases as there are"


@pytest.mark.parametrize("seed", range(40))
def test_a_field_said_with_more_phases_is_the_same(seed: int) -> None:
    """However often its phases are written down, they are said once: beside itself, and behind a window of one."""
    one = slide(AxisField(((0, 0),), 1), drawn(seed)[0])
    assert one is not None
    for times in (2, 3):
        longer = AxisField(tuple(one.at(i) for i in range(one.period * times)), one.jump * times)
        assert join_axes(longer, longer) == join_axes(one, longer) == one
        assert slide(longer, Window(99, 1)) == one


def _moves(axis: AxisField, output: int, period: int) -> bool:
    """Whether a position and the one `period` later see the same, moved on."""
    (low, high), (later, last) = axis.at(output), axis.at(output + period)
    if low > high or later > last:
        return low > high and later > last
    return (later - low) * axis.period == axis.jump * period and last - high == later - low


def test_intervals() -> None:
    for a, b, c, d in product(range(4), repeat=4):
        shared = [p for p in range(a, b + 1) if c <= p <= d]
        assert clip((a, b), (c, d)) == ((shared[0], shared[-1]) if shared else NOTHING)
