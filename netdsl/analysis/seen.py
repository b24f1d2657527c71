"""What a value sees of one axis of an input, and what each way of reading an axis makes of that."""

from __future__ import annotations

from typing import NamedTuple

from netdsl.analysis.receptive import (
    NOTHING,
    PIXEL,
    AxisField,
    Interval,
    between,
    clip,
    covers,
    hull,
    meet,
    slide,
    spanned,
)
from netdsl.analysis.report import Shape
from netdsl.ops.base import Follows, Mingled, Read, Reading, Window
from netdsl.ops.windows import left_over


class Tracked(NamedTuple):
    """An axis of an input."""

    source: int
    """Which input."""
    axis: int
    size: int


class Ends(NamedTuple):
    """At which ends of an axis something holds."""

    first: bool = False
    last: bool = False


NEITHER = Ends()


class Seen(NamedTuple):
    """What a value sees of one axis of an input."""

    axes: tuple[int, ...] = ()
    """The axes of the value along which it changes; none where every position sees the same. The steps of a recurrent
    block, inside it, are axis -1."""
    hull: Interval | None = None
    """What all positions see together, inside the image; None where that is not known."""
    axis: AxisField | None = None
    """What each position sees, where one axis is followed, and as if nothing ended before the image does."""
    real: Interval = NOTHING
    """Beside `axis`: the first and last position that see anything; around them lies padding."""
    mirrored: bool = False
    """True when that padding shows again what lies inside."""
    rough: Ends = NEITHER
    """Where positions may see less than what `axis` and `hull` share."""
    cut: Ends = NEITHER
    """Where `hull` ends because the text cuts there, and would if the image were larger."""
    growing: bool = False
    """True when the last position along its one axis sees what all see together."""
    parts: tuple[int, ...] = ()
    """The axes of the value along which parts lie that see different things, and together what is said here."""


AxisViews = tuple[Seen | None, ...]
"""For each tracked axis; None where no pixel reaches the value, as with a free parameter."""

UNKNOWN = Seen()


def spans(seen: Seen) -> tuple[int, int]:
    """The smallest and the largest field of a position."""
    sizes = seen.axis.sizes() if seen.axis else None
    if sizes and not _between_cuts(seen):
        return sizes
    assert seen.hull
    size = seen.hull[1] - seen.hull[0] + 1
    return (min(sizes[0], size), min(sizes[1], size)) if sizes else (size, size)


def _between_cuts(seen: Seen) -> bool:
    """Whether no position sees more than is left between two cuts, however large the image is."""
    return all(seen.cut) and seen.hull is not None


def itself(tracked: Tracked) -> Seen:
    """What an input sees of one of its own axes."""
    ends = (0, tracked.size - 1)
    return Seen((tracked.axis,), ends, PIXEL, ends)


def moved(seen: Seen, answer: Follows, count: int) -> Seen | None:
    """What `count` positions see that follow an axis."""
    assert seen.axis
    window = answer.window
    if window is None:
        return seen._replace(axes=(answer.axis,))
    axis = slide(seen.axis, window)
    read, real = meet(window, seen.real, count)
    everything = read == seen.real and covers(window, real, read)
    if axis is None or (seen.mirrored and not everything):
        return Seen((answer.axis,))
    together = seen.hull if everything else _together(seen, read, window)
    if together == NOTHING or not axis.sees:
        return None
    mirrored = (window.mirrored or seen.mirrored) and real != (0, count - 1)
    rough, cut = _roughness(seen, window, count), _cut(seen, read, together, window)
    return Seen((answer.axis,), together, axis, real, mirrored, rough, cut)


def _cut(seen: Seen, read: Interval, together: Interval | None, window: Window) -> Ends:
    """The ends at which the text cuts off what is seen: a stride may leave out pixels at the last one, too."""
    if seen.hull is None or together is None:
        return seen.cut
    first = read[0] > seen.real[0] and together[0] > seen.hull[0]
    last = read[1] < seen.real[1] and together[1] < seen.hull[1] and (window.stride == 1 or window.after < 0)
    return Ends(seen.cut.first or first, seen.cut.last or last)


def _together(seen: Seen, read: Interval, window: Window) -> Interval | None:
    """What the positions from the first to the last that a window reads see together, if that is known."""
    assert seen.axis
    skipping = window.dilation > 1 or window.stride > window.reach
    if read == NOTHING:
        return NOTHING
    if seen.hull is None or any(seen.rough) or (skipping and not seen.axis.rises):
        return None
    return clip(between(seen.axis, read[0], read[1] + 1), seen.hull)


def _roughness(seen: Seen, window: Window, count: int) -> Ends:
    """Where windows that reach beyond what is real may see less than their whole span would."""
    assert seen.axis
    if window.dilation == 1 and seen.axis.rises:
        return seen.rough
    first, last = spanned(window, (0, count - 1))
    return Ends(seen.rough.first or first < seen.real[0], seen.rough.last or last > seen.real[1])


def read_alike(seen: Seen, taken: tuple[int, int], size: int) -> Seen | None:
    """What is seen by all positions alike that read a part of an axis."""
    assert seen.axis
    if taken == (0, size):
        return Seen((), seen.hull)
    read = clip((taken[0], taken[1] - 1), seen.real)
    if seen.hull is None or any(seen.rough) or (seen.mirrored and (read[0], read[1] + 1) != taken):
        return UNKNOWN
    together = clip(between(seen.axis, read[0], read[1] + 1), seen.hull)
    return None if together == NOTHING else Seen((), together)


def side_by_side(one: Seen, other: Seen, axis: AxisField) -> Seen:
    """Two fields that move alike as one."""
    together = hull((one.hull, other.hull)) if one.hull and other.hull else None
    real = hull((one.real, other.real))
    assert one.axis
    assert other.axis
    alike = (one.hull, one.real) == (other.hull, other.real) and one.axis.rises and other.axis.rises
    rough = Ends(*map(max, one.rough, other.rough)) if alike else Ends(True, True)
    wider = next((s for s in (one, other) if (s.axis, s.hull, s.real) == (axis, together, real)), None)
    parts = tuple(sorted({*one.parts, *other.parts}))
    cut_short = spans(one) != one.axis.sizes() or spans(other) != other.axis.sizes()
    if cut_short and one.hull != other.hull:
        return Seen(one.axes, together, parts=parts)
    mirrored, cut = one.mirrored or other.mirrored, Ends(*map(min, one.cut, other.cut))
    return Seen(one.axes, together, axis, real, mirrored, wider.rough if wider else rough, cut, parts=parts)


def parted(seen: Seen, axis: int, unlike: bool, along: bool) -> Seen:
    """The same, of parts along an axis that are `unlike`, or of which some change along it."""
    axes, parts = {*seen.axes, axis} if along else seen.axes, {*seen.parts, axis} if unlike else seen.parts
    return seen._replace(axes=tuple(sorted(axes)), parts=tuple(sorted(parts)))


def shifted(seen: Seen, by: int) -> Seen:
    """The same where the value has axes more or fewer in front."""
    return seen._replace(axes=tuple(a + by for a in seen.axes), parts=tuple(p + by for p in seen.parts))


def parts_of(parts: tuple[int, ...], shape: Shape, reading: Reading) -> tuple[int, ...] | None:
    """The axes along which parts lie in a result; None where it may have only some of them."""
    found: set[int] = set()
    for part in parts:
        answer = reading[part]
        if isinstance(answer, Read):
            if taken(answer, shape[part]) != (0, shape[part]):
                return None
        elif isinstance(answer, Mingled):
            if answer.picks:
                return None
            found |= {*answer.axes}
        elif answer.window is None or answer.window == Window(shape[part]):
            found.add(answer.axis)
        else:
            return None
    return tuple(sorted(found))


def taken(read: Read, size: int) -> tuple[int, int]:
    stop = size if read.stop is None else read.stop
    assert isinstance(read.first, int)
    assert isinstance(stop, int)
    return read.first, stop


def scattered(seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen:
    """What differs by no rule, or not at all, through an operation."""
    shape, _ = shapes
    axes, growing = _unfed(seen, shapes, reading), seen.growing
    known = seen.hull is not None and not axes
    for axis in seen.axes:
        if axis < 0:
            axes.add(axis)
            continue
        answer = reading[axis]
        if isinstance(answer, Read):
            first, stop = taken(answer, shape[axis])
            known = known and ((first, stop) == (0, shape[axis]) or (growing and stop == shape[axis]))
        else:
            axes |= {answer.axis} if isinstance(answer, Follows) else set(answer.axes)
            known = known and not (isinstance(answer, Follows) and answer.window and _skips(answer.window))
            growing = answer.growing if isinstance(answer, Mingled) else growing and not answer.window
    return Seen(tuple(sorted(axes)), seen.hull if known else None, growing=growing and len(axes) == 1)


def _unfed(seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> set[int]:
    """The result's axes along which a position may see nothing where all positions of an operand saw the same."""
    shape, made = shapes
    windows = [(i, r.axis, r.window) for i, r in enumerate(reading) if isinstance(r, Follows) and i not in seen.axes]
    return {axis for i, axis, window in windows if window and not _feeds(window, shape[i], made[axis])}


def _feeds(window: Window, size: int, count: int) -> bool:
    """Whether each of `count` windows is sure to read a position."""
    if window.mirrored:
        return True
    inside = min(spanned(window, (0, count - 1))) >= 0 and max(spanned(window, (0, count - 1))) < size
    dense = window.reach >= window.up if window.dilation == 1 else inside and not window.upward
    return dense and meet(window, (0, size - 1), count)[1] == (0, count - 1)


def _skips(window: Window) -> bool:
    """Whether some position may be read by no window."""
    if min(window.before, window.after) < 0 or window.upward or window.dilation > 1:
        return True
    return window.stride > window.reach or left_over(window)[0] != 0
