"""Receptive fields on any graph: what the positions of a value see of each axis of each input.

Every operation says how its result reads its operands (`Op.reading`); here that is followed from the inputs on. What a
value sees of an input's axis either moves along one of its axes (`AxisField`, exact), is the same for all positions, or
differs by no rule that is followed: then it is not known, and the report leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from netdsl.analysis.columns import ReceptiveField
from netdsl.analysis.receptive import NOTHING, hull, join_axes
from netdsl.analysis.report import Shape
from netdsl.analysis.seen import (
    UNKNOWN,
    AxisViews,
    Seen,
    Tracked,
    itself,
    moved,
    parted,
    parts_of,
    read_alike,
    scattered,
    shifted,
    side_by_side,
    spans,
    taken,
)
from netdsl.ops.base import Follows, Mingled, Reading

if TYPE_CHECKING:
    from fractions import Fraction


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
        return tuple(itself(t) if t.source == source else None for t in self.tracked)

    def through(self, field: AxisViews, shape: Shape, reading: Reading, made: Shape) -> AxisViews:
        """What a result of shape `made` sees through one operand of `shape`. Windows have numbers for sizes."""
        return tuple(seen and self._one(place, seen, (shape, made), reading) for place, seen in enumerate(field))

    def _one(self, place: int, seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen | None:
        parts = parts_of(seen.parts, shapes[0], reading)
        if parts is None:
            return UNKNOWN
        found = self._all_parts(place, seen, shapes, reading)
        return found and found._replace(parts=parts)

    def _all_parts(self, place: int, seen: Seen, shapes: tuple[Shape, Shape], reading: Reading) -> Seen | None:
        shape, made = shapes
        if seen.axis is None:
            return scattered(seen, shapes, reading)
        (axis,) = seen.axes
        if axis < 0:
            return seen
        answer = reading[axis]
        if isinstance(answer, Follows):
            return moved(seen, answer, made[answer.axis])
        if answer.features:
            self.features.add(place)
        if isinstance(answer, Mingled):
            known = not (answer.picks and made[answer.axes[0]] < shape[axis])
            return Seen(answer.axes, seen.hull if known else None, growing=answer.growing)
        return read_alike(seen, taken(answer, shape[axis]), shape[axis])

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
        return joined and tuple(s and parted(s, axis, u, a) for s, u, a in zip(joined, unlike, along, strict=True))

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
                return side_by_side(one, other, joined)
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
            return shifted(seen, -1)
        if len(shape) == 2 and seen.axes == (1,):  # a vector a step
            self.features.add(place)
        if not recurs:
            return shifted(seen, -1)
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

    def shows(self, place: int) -> bool:
        """Whether a followed axis is one along which pixels or steps lie, as far as the rows so far tell."""
        return place in self.places(self.tracked[place].source)

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
        found = [spans(s) for s in known]
        return ReceptiveField(
            axes=axes,
            size=tuple(large for _, large in found),
            smallest=tuple(small for small, _ in found),
            stride=tuple(_plain(s.axis.stride) if s.axis else 0 for s in known),
            start=tuple(map(_start, known)),
        )


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


def alike(field: AxisViews | None) -> AxisViews | None:
    """What states see of what every step is given whole, or they start as: known where all positions see the same.

    Elsewhere a step may move it on, as far as there are steps.
    """
    return field and tuple(s and (UNKNOWN if s.axes or s.parts else s) for s in field)


def outwards(field: AxisViews | None) -> AxisViews | None:
    """What the results of a recurrent block see, one step after the other."""
    return field and tuple(s and shifted(s, 1) for s in field)
