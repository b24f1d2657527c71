"""Receptive fields on any graph: what the positions of a value see of each axis of each input.

Every operation says how its result reads its operands (`Op.reading`); here that is followed from the inputs on. What a
value sees of an input's axis either moves along one of its own axes (`Axis`, exact), is the same for all positions, or
differs by no rule that is followed: then it is not known, and the report leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from netdsl.analysis.receptive import NOTHING, PIXEL, Axis, Interval, between, clip, hull, join_axes, meet, slide
from netdsl.analysis.report import ReceptiveField
from netdsl.ops.base import Follows, Mingled, Read, Reading, Window
from netdsl.ops.windows import lost

if TYPE_CHECKING:
    from fractions import Fraction

Shape = tuple[int, ...]


class Tracked(NamedTuple):
    """An axis of an input."""

    source: int
    """Which input."""
    axis: int
    size: int


class Seen(NamedTuple):
    """What a value sees of one axis of an input."""

    axes: tuple[int, ...] = ()
    """The axes of the value along which it changes; none where every position sees the same. The steps of a recurrent
    block, inside it, are axis -1."""
    hull: Interval | None = None
    """What all positions see together, inside the image; None where that is not known."""
    axis: Axis | None = None
    """What each position sees, where one axis is followed, and as if nothing ended before the image does."""
    real: Interval = NOTHING
    """Beside `axis`: the first and last position that see anything; around them lies padding."""
    mirrored: bool = False
    """True when that padding shows again what lies inside."""
    growing: bool = False
    """True when the last position along its one axis sees what all see together."""


Field = tuple[Seen | None, ...]
"""For each tracked axis; None where no pixel reaches the value, as with a free parameter."""

UNKNOWN = Seen()


class Fields:
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

    def of_input(self, source: int) -> Field | None:
        """The field of an input, once all are followed: each position sees itself."""
        if all(t.source != source for t in self.tracked):
            return None
        return tuple(_itself(t) if t.source == source else None for t in self.tracked)

    def through(self, field: Field, shape: Shape, reading: Reading, made: Shape) -> Field:
        """What a result of shape `made` sees through one operand of `shape`. Windows have numbers for sizes."""
        if all(isinstance(r, Follows) and r.axis == i and r.window is None for i, r in enumerate(reading)):
            return field
        return tuple(seen and self._one(place, seen, (shape, made), reading) for place, seen in enumerate(field))

    def _one(self, place: int, seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen | None:
        shape, made = shapes
        if seen.axis is None:
            return _scattered(seen, shape, reading)
        (axis,) = seen.axes
        if axis < 0:
            return seen
        answer = reading[axis]
        if isinstance(answer, Follows):
            return _moved(seen, answer, made[answer.axis])
        if isinstance(answer, Mingled):
            known = not (answer.picks and made[answer.axes[0]] < shape[axis])
            return Seen(answer.axes, seen.hull if known else None, growing=answer.growing)
        if answer.features:
            self.features.add(place)
        return _read(seen, _range(answer, shape[axis]), shape[axis])

    def join(self, fields: Iterable[Field | None]) -> Field | None:
        """The field of a value that is made from several: what any of them sees."""
        known = list(dict.fromkeys(f for f in fields if f is not None))
        if len(known) < 2:
            return known[0] if known else None
        return tuple(self._together(each) for each in zip(*known, strict=True))

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
        if hulls[0] is None or hulls[1] is None:
            return Seen(axes)
        together = hull((hulls[0], hulls[1]))
        constant = any(not s.axes and h == together for s, h in zip((one, other), hulls, strict=True))
        growing = any(s.growing and h == together for s, h in zip((one, other), hulls, strict=True))
        return Seen(() if constant else axes, together, growing=growing and len(axes) == 1)

    def inwards(self, field: Field | None, shape: Shape, recurs: bool) -> Field | None:
        """What one step of a sequence sees inside a recurrent block; the steps themselves are axis -1 there.

        With a state a step also sees what the steps before it saw.
        """
        return field and tuple(s and self._inwards(i, s, shape, recurs) for i, s in enumerate(field))

    def _inwards(self, place: int, seen: Seen, shape: Shape, recurs: bool) -> Seen:
        if not seen.axes:
            return seen
        if len(shape) == 2 and seen.axes == (1,):  # a vector a step
            self.features.add(place)
        if not recurs:
            return seen._replace(axes=tuple(axis - 1 for axis in seen.axes))
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

    def shown(self, field: Field | None) -> ReceptiveField | None:
        """A field as the report shows it; None where it is not known, or where no pixel reaches the value."""
        if field is None:
            return None
        sources = dict.fromkeys(t.source for t, seen in zip(self.tracked, field, strict=True) if seen)
        images = [places for places in map(self.places, sources) if places]
        if not images or any(self._sizes(p) != self._sizes(images[0]) for p in images):
            return None
        seen = [self._over(each, field) for each in zip(*images, strict=True)]
        return self._drawn(seen, self._sizes(images[0]), tuple(self.tracked[i].axis for i in images[0]))

    def _sizes(self, places: Sequence[int]) -> Shape:
        return tuple(self.tracked[i].size for i in places)

    def _over(self, places: Sequence[int], field: Field) -> Seen | None:
        """The same axis of several inputs as one."""
        known = dict.fromkeys(field[i] for i in places)
        if len(known) == 1:
            return next(iter(known))
        axes = [s.axis for s in known if s and s.axis and s.axes == next(iter(known)).axes]  # type: ignore[union-attr]
        joined = axes[0] if len(axes) == len(known) else None
        for other in axes[1:]:
            joined = joined and join_axes(joined, other)
        return Seen((0,), None, joined) if joined else None

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
    """The first pixel that the first position sees, if it sees any."""
    low, high = seen.axis.phases[0] if seen.axis else seen.hull or NOTHING
    return low if low <= high else None


def _itself(tracked: Tracked) -> Seen:
    """What an input sees of one of its own axes."""
    ends = (0, tracked.size - 1)
    return Seen((tracked.axis,), ends, PIXEL, ends)


def _moved(seen: Seen, answer: Follows, count: int) -> Seen | None:
    """What `count` positions see that follow an axis."""
    assert seen.axis
    assert seen.hull
    window = answer.window
    if window is None:
        return seen._replace(axes=(answer.axis,))
    moved = slide(seen.axis, window)
    read, real = meet(window, seen.real, count)
    together = clip(between(seen.axis, read[0], read[1] + 1), seen.hull)
    if moved is None or (seen.mirrored and read != seen.real):
        return Seen((answer.axis,))
    mirrored = (window.mirrored or seen.mirrored) and real != (0, count - 1)
    return None if together == NOTHING else Seen((answer.axis,), together, moved, real, mirrored=mirrored)


def _read(seen: Seen, taken: tuple[int, int], size: int) -> Seen | None:
    """What is seen by all positions alike that read a part of an axis."""
    assert seen.axis
    assert seen.hull
    first, last = clip((taken[0], taken[1] - 1), seen.real)
    if taken == (0, size):
        return Seen((), seen.hull)
    if seen.mirrored and (first, last + 1) != taken:
        return UNKNOWN
    together = clip(between(seen.axis, first, last + 1), seen.hull)
    return None if together == NOTHING else Seen((), together)


def _side_by_side(one: Seen, other: Seen, axis: Axis) -> Seen:
    """Two fields that move alike as one."""
    assert one.hull
    assert other.hull
    together = hull((one.hull, other.hull))
    return Seen(one.axes, together, axis, hull((one.real, other.real)), mirrored=one.mirrored or other.mirrored)


def _range(read: Read, size: int) -> tuple[int, int]:
    stop = size if read.stop is None else read.stop
    assert isinstance(read.first, int)
    assert isinstance(stop, int)
    return read.first, stop


def _scattered(seen: Seen, shape: Shape, reading: Reading) -> Seen:
    """What differs by no rule, or not at all, through an operation."""
    axes = {axis for answer in reading if isinstance(answer, Mingled) and answer.beside for axis in answer.axes}
    known, growing = seen.hull is not None, seen.growing
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


def _skips(window: Window) -> bool:
    """Whether some position may be read by no window."""
    if min(window.before, window.after) < 0 or window.upward or window.dilation > 1:
        return True
    return window.stride > window.reach or lost(window)[0] != 0


def outwards(field: Field | None) -> Field | None:
    """What the results of a recurrent block see, one step after the other."""
    return field and tuple(s and s._replace(axes=tuple(axis + 1 for axis in s.axes)) for s in field)
