"""Receptive fields on any graph: what the positions of a value see of each axis of each input.

Every operation says how its result reads its operands (`Op.reading`); here that is followed from the inputs on. What a
value sees of an input's axis either moves along one of its axes (`AxisField`, exact), is the same for all positions, or
differs by no rule that is followed: then it is not known, and the report leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from netdsl.analysis.receptive import (
    NOTHING,
    PIXEL,
    AxisField,
    Interval,
    between,
    clip,
    covers,
    hull,
    join_axes,
    meet,
    slide,
    spanned,
)
from netdsl.analysis.report import ReceptiveField, Shape
from netdsl.ops.base import Follows, Mingled, Read, Reading, Window
from netdsl.ops.windows import lost

if TYPE_CHECKING:
    from fractions import Fraction


class Tracked(NamedTuple):
    """An axis of an input."""

    source: int
    """Which input."""
    axis: int
    size: int


class Rough(NamedTuple):
    """At which end of an axis positions may see less than is said."""

    first: bool = False
    last: bool = False


SMOOTH = Rough()


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
    rough: Rough = SMOOTH
    """Where positions may see less than what `axis` and `hull` share."""
    growing: bool = False
    """True when the last position along its one axis sees what all see together."""
    parts: tuple[int, ...] = ()
    """The axes of the value along which parts lie that see different things, and together what is said here."""


AxisViews = tuple[Seen | None, ...]
"""For each tracked axis; None where no pixel reaches the value, as with a free parameter."""

UNKNOWN = Seen()


class FollowedAxes:
    """The axes that are followed, and which of them turned out to be no places in an image or a sequence."""

    def __init__(self) -> None:
        self.tracked: list[Tracked] = []
        self.features: set[int] = set()
        """Places in `tracked` whose numbers a layer reads as channels or features."""
        self.whole_numbers: set[int] = set()
        """Inputs of whole numbers: all their axes are places."""

    def start(self, source: int, shape: Shape, whole_numbers: bool) -> None:
        """Follow the axes of an input; a vector has none along which pixels or steps lie."""
        if len(shape) == 1 and not whole_numbers:
            return
        self.tracked += [Tracked(source, axis, size) for axis, size in enumerate(shape)]
        if whole_numbers:
            self.whole_numbers.add(source)

    def of_input(self, source: int) -> AxisViews | None:
        """The field of an input, once all are followed: each position sees itself."""
        if all(t.source != source for t in self.tracked):
            return None
        return tuple(_itself(t) if t.source == source else None for t in self.tracked)

    def through(self, field: AxisViews, shape: Shape, reading: Reading, made: Shape) -> AxisViews:
        """What a result of shape `made` sees through one operand of `shape`. Windows have numbers for sizes."""
        if all(isinstance(r, Follows) and r.axis == i and r.window is None for i, r in enumerate(reading)):
            return field
        return tuple(seen and self._one(place, seen, (shape, made), reading) for place, seen in enumerate(field))

    def _one(self, place: int, seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen | None:
        parts = _parts(seen.parts, shapes[0], reading)
        if parts is None:
            return UNKNOWN
        found = self._all_parts(place, seen, shapes, reading)
        return found and found._replace(parts=parts)

    def _all_parts(self, place: int, seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen | None:
        shape, made = shapes
        if seen.axis is None:
            return _scattered(seen, shapes, reading)
        (axis,) = seen.axes
        if axis < 0:
            return seen
        answer = reading[axis]
        if isinstance(answer, Follows):
            return _moved(seen, answer, made[answer.axis])
        if answer.features:
            self.features.add(place)
        if isinstance(answer, Mingled):
            known = not (answer.picks and made[answer.axes[0]] < shape[axis])
            return Seen(answer.axes, seen.hull if known else None, growing=answer.growing)
        return _read(seen, _range(answer, shape[axis]), shape[axis])

    def join(self, fields: Iterable[AxisViews | None]) -> AxisViews | None:
        """The field of a value that is made from several: what any of them sees."""
        known = list(dict.fromkeys(f for f in fields if f is not None))
        if len(known) < 2:
            return known[0] if known else None
        return tuple(self._together(each) for each in zip(*known, strict=True))

    def beside(self, fields: Sequence[AxisViews], axis: int, others: bool) -> AxisViews | None:
        """The field of a value whose parts along an axis are what is given; `others` see no pixel, or not this."""
        joined = self.join(fields)
        unlike = [others or len(set(each)) > 1 for each in zip(*fields, strict=True)]
        along = [any(s and axis in s.axes for s in each) for each in zip(*fields, strict=True)]
        return joined and tuple(s and _parted(s, axis, u, a) for s, u, a in zip(joined, unlike, along, strict=True))

    def _together(self, several: Sequence[Seen | None]) -> Seen | None:
        known = list(dict.fromkeys(s for s in several if s is not None))
        result = known[0] if known else None
        for other in known[1:]:
            assert result is not None
            result = self._joined(result, other)
        return result

    def _joined(self, one: Seen, other: Seen) -> Seen:
        if one.axis and other.axis and one.axes == other.axes:
            joined = join_axes(one.axis, other.axis)
            if joined is not None:
                return _side_by_side(one, other, joined)
        hulls = [one.hull, other.hull]
        axes = tuple(sorted({*one.axes, *other.axes}))
        parts = tuple(sorted({*one.parts, *other.parts}))
        if hulls[0] is None or hulls[1] is None:
            return Seen(axes)
        together = hull((hulls[0], hulls[1]))
        constant = any(not s.axes and h == together for s, h in zip((one, other), hulls, strict=True))
        growing = any(s.growing and h == together for s, h in zip((one, other), hulls, strict=True))
        return Seen(() if constant else axes, together, growing=growing and len(axes) == 1, parts=parts)

    def inwards(self, field: AxisViews | None, shape: Shape, recurs: bool) -> AxisViews | None:
        """What one step of a sequence sees inside a recurrent block; the steps themselves are axis -1 there.

        With a state a step also sees what the steps before it saw.
        """
        return field and tuple(s and self._inwards(i, s, shape, recurs) for i, s in enumerate(field))

    def _inwards(self, place: int, seen: Seen, shape: Shape, recurs: bool) -> Seen:
        if 0 in seen.parts or (recurs and seen.parts):
            return UNKNOWN
        if not seen.axes:
            return _shifted(seen, -1)
        if len(shape) == 2 and seen.axes == (1,):  # a vector a step
            self.features.add(place)
        if not recurs:
            return _shifted(seen, -1)
        return Seen((-1,), seen.hull, growing=True) if seen.axes == (0,) else UNKNOWN

    def places(self, source: int) -> list[int]:
        """The places in `tracked` of an input's axes along which its pixels or steps lie.

        They are those that no layer reads as features; the first axis holds the channels, unless the last one does.
        """
        own = [i for i, t in enumerate(self.tracked) if t.source == source]
        kept = [i for i in own if i not in self.features]
        if source not in self.whole_numbers and own and own[0] in kept and own[-1] not in self.features:
            kept.remove(own[0])
        return kept

    # ------------------------------------------------------------ what is shown

    def shown(self, field: AxisViews | None, rank: int) -> ReceptiveField | None:
        """The field of a value of a rank as the report shows it, that of a position of all its channels together.

        None where it is not known, or where no pixel reaches the value.
        """
        if field is None:
            return None
        sources = dict.fromkeys(t.source for t, seen in zip(self.tracked, field, strict=True) if seen)
        images = [places for places in map(self.places, sources) if places]
        if not images or any(self._sizes(p) != self._sizes(images[0]) for p in images):
            return None
        moving = {axis for seen in field if seen for axis in seen.axes}
        sequence = moving == {0} if moving else self.tracked[images[0][0]].axis == 0 or len(images[0]) > 1
        if any(seen and seen.parts not in ((), (int(rank == 2 and sequence),)) for seen in field):
            return None
        seen = [self._over(each, field) for each in zip(*images, strict=True)]
        return self._drawn(seen, self._sizes(images[0]), tuple(self.tracked[i].axis for i in images[0]))

    def _sizes(self, places: Sequence[int]) -> Shape:
        return tuple(self.tracked[i].size for i in places)

    def _over(self, places: Sequence[int], field: AxisViews) -> Seen | None:
        """The same axis of several inputs as one."""
        known = dict.fromkeys(field[i] for i in places)
        if len(known) == 1:
            return next(iter(known))
        joined = self._together(list(known)) if None not in known else None
        return joined if joined and joined.axis else None

    def _drawn(self, seen: Sequence[Seen | None], sizes: Shape, axes: tuple[int, ...]) -> ReceptiveField | None:
        known = [s for s in seen if s and (s.axis or (s.hull and not s.axes))]
        if len(known) < len(seen):
            return None
        if all(not s.axes and s.hull == (0, size - 1) for s, size in zip(known, sizes, strict=True)):
            return ReceptiveField(axes=axes, whole=True, size=sizes, smallest=sizes)
        spans = [_spans(s) for s in known]
        return ReceptiveField(
            axes=axes,
            size=tuple(large for _, large in spans),
            smallest=tuple(small for small, _ in spans),
            stride=tuple(_plain(s.axis.stride) if s.axis else 0 for s in known),
            start=tuple(map(_start, known)),
        )


def _spans(seen: Seen) -> tuple[int, int]:
    if seen.axis:
        return seen.axis.sizes()
    assert seen.hull
    size = seen.hull[1] - seen.hull[0] + 1
    return size, size


def _plain(stride: int | Fraction) -> float:
    return int(stride) if stride.denominator == 1 else float(stride)


def _start(seen: Seen) -> int | None:
    """The first pixel that the first position sees, or that it would see in the padding of the image.

    None if it sees none, or where that is not known.
    """
    low, high = seen.axis.phases[0] if seen.axis else seen.hull or NOTHING
    if low > high or seen.hull is None:
        return None
    if low < 0 == seen.hull[0]:
        return low
    exact = not seen.axis or (seen.real[0] == 0 and not seen.rough.first and not seen.mirrored)
    return max(low, seen.hull[0]) if exact and seen.hull[0] <= high else None


def _itself(tracked: Tracked) -> Seen:
    """What an input sees of one of its own axes."""
    ends = (0, tracked.size - 1)
    return Seen((tracked.axis,), ends, PIXEL, ends)


def _moved(seen: Seen, answer: Follows, count: int) -> Seen | None:
    """What `count` positions see that follow an axis."""
    assert seen.axis
    window = answer.window
    if window is None:
        return seen._replace(axes=(answer.axis,))
    moved = slide(seen.axis, window)
    read, real = meet(window, seen.real, count)
    everything = read == seen.real and covers(window, real, read)
    if moved is None or (seen.mirrored and not everything):
        return Seen((answer.axis,))
    together = seen.hull if everything else _together(seen, read, window)
    if together == NOTHING or not moved.sees:
        return None
    mirrored = (window.mirrored or seen.mirrored) and real != (0, count - 1)
    return Seen((answer.axis,), together, moved, real, mirrored, _roughness(seen, window, count))


def _together(seen: Seen, read: Interval, window: Window) -> Interval | None:
    """What the positions from the first to the last that a window reads see together, if that is known."""
    assert seen.axis
    skipping = window.dilation > 1 or window.stride > window.reach
    if read == NOTHING:
        return NOTHING
    if seen.hull is None or any(seen.rough) or (skipping and not seen.axis.rises):
        return None
    return clip(between(seen.axis, read[0], read[1] + 1), seen.hull)


def _roughness(seen: Seen, window: Window, count: int) -> Rough:
    """Where windows that reach beyond what is real may see less than their whole span would."""
    assert seen.axis
    if window.dilation == 1 and seen.axis.rises:
        return seen.rough
    first, last = spanned(window, (0, count - 1))
    return Rough(seen.rough.first or first < seen.real[0], seen.rough.last or last > seen.real[1])


def _read(seen: Seen, taken: tuple[int, int], size: int) -> Seen | None:
    """What is seen by all positions alike that read a part of an axis."""
    assert seen.axis
    if taken == (0, size):
        return Seen((), seen.hull)
    read = clip((taken[0], taken[1] - 1), seen.real)
    if seen.hull is None or any(seen.rough) or (seen.mirrored and (read[0], read[1] + 1) != taken):
        return UNKNOWN
    together = clip(between(seen.axis, read[0], read[1] + 1), seen.hull)
    return None if together == NOTHING else Seen((), together)


def _side_by_side(one: Seen, other: Seen, axis: AxisField) -> Seen:
    """Two fields that move alike as one."""
    together = hull((one.hull, other.hull)) if one.hull and other.hull else None
    real = hull((one.real, other.real))
    assert one.axis
    assert other.axis
    alike = (one.hull, one.real) == (other.hull, other.real) and one.axis.rises and other.axis.rises
    rough = Rough(*map(max, one.rough, other.rough)) if alike else Rough(True, True)
    wider = next((s for s in (one, other) if (s.axis, s.hull, s.real) == (axis, together, real)), None)
    parts = tuple(sorted({*one.parts, *other.parts}))
    return Seen(
        one.axes, together, axis, real, one.mirrored or other.mirrored, wider.rough if wider else rough, parts=parts
    )


def _parted(seen: Seen, axis: int, unlike: bool, along: bool) -> Seen:
    """The same, of parts along an axis that are `unlike`, or of which some change along it."""
    axes, parts = {*seen.axes, axis} if along else seen.axes, {*seen.parts, axis} if unlike else seen.parts
    return seen._replace(axes=tuple(sorted(axes)), parts=tuple(sorted(parts)))


def _shifted(seen: Seen, by: int) -> Seen:
    """The same where the value has axes more or fewer in front."""
    return seen._replace(axes=tuple(a + by for a in seen.axes), parts=tuple(p + by for p in seen.parts))


def _parts(parts: tuple[int, ...], shape: Shape, reading: Reading) -> tuple[int, ...] | None:
    """The axes along which parts lie in a result; None where it may have only some of them."""
    found: set[int] = set()
    for part in parts:
        answer = reading[part]
        if isinstance(answer, Read):
            if _range(answer, shape[part]) != (0, shape[part]):
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


def _range(read: Read, size: int) -> tuple[int, int]:
    stop = size if read.stop is None else read.stop
    assert isinstance(read.first, int)
    assert isinstance(stop, int)
    return read.first, stop


def _scattered(seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen:
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
            first, stop = _range(answer, shape[axis])
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
    return window.stride > window.reach or lost(window)[0] != 0


def outwards(field: AxisViews | None) -> AxisViews | None:
    """What the results of a recurrent block see, one step after the other."""
    return field and tuple(s and _shifted(s, 1) for s in field)
