"""Taking a part of a value, putting a rim around it, or rolling it."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, cast

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.axes import find_axis, float_of, rank_at_least
from netdsl.ops.base import Follows, Gradients, Mingled, Reading, Requirement, RuleError, Tape, Window
from netdsl.ops.fields import (
    ChoiceKind,
    Count,
    ExtentKind,
    Extents,
    Float,
    Int,
    Ints,
    Offsets,
    Padding,
    Pads,
    Size,
    derived,
)
from netdsl.ops.shape import Rearrangement
from netdsl.ops.windows import Sides, spread, spread_sides


def cut(size: Extent, before: Extent, after: Extent, stride: int = 1) -> Window:
    """An axis from which `before` and `after` positions are dropped: padding of less than nothing.

    They may be symbolic (a crop to the size of another value), which a window's own padding never is.
    """
    return Window(size, 1, stride, cast(int, -before), cast(int, -after))


class Slice(Rearrangement):
    """Positions `start` to `end` (not included) of an axis, every `step`. Negative numbers count from the end."""

    example: ClassVar[str] = "tokens [17, 32] -> slice(0, start=1) -> [16, 32]"
    positional: ClassVar[int] = 1

    x: Value
    axis: Int
    start: Size = 0
    end: Annotated[Extent | None, ExtentKind()] = None
    step: Count = 1

    along: int = derived()
    size: Extent = derived()
    first: Extent = derived()
    stop: Extent = derived()

    def prepare(self) -> None:
        rank_at_least(self.x, 1, self.name)
        self.along = find_axis(self.axis, self.x.type.rank, self.name)
        self.size = self.x.shape[self.along]
        self.first = self._counted(self.start)
        self.stop = self.size if self.end is None else self._counted(self.end)

    def _counted(self, place: Extent) -> Extent:
        return self.size + place if isinstance(place, int) and place < 0 else place

    def requirements(self) -> Iterator[Requirement]:
        message = f"positions {self.first} to {self.stop} are not within the {self.size} of axis {self.along}"
        yield Requirement(self.first, ">=", 0, message, field="start")
        yield Requirement(self.size, ">=", self.stop, message, field="end")
        nothing = f"nothing lies from position {self.first} to {self.stop}"
        yield Requirement(self.stop, ">=", self.first + 1, nothing, field="end")

    def result(self) -> TensorType:
        taken = (self.stop - self.first - 1) // self.step + 1
        return self.x.type.with_shape(*self.x.shape[: self.along], taken, *self.x.shape[self.along + 1 :])

    def reading(self, place: int, result: int = 0) -> Reading:
        window = cut(self.size, self.first, self.size - self.stop, self.step)
        return tuple(Follows(i, window if i == self.along else None) for i in range(self.x.type.rank))

    def windows(self) -> tuple[Window, ...]:
        if self.along == 0:
            return ()
        sized = [Window(size) for size in self.x.type.spatial]
        sized[self.along - 1] = cut(self.size, self.first, self.size - self.stop, self.step)
        return tuple(sized)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.cut import Stretch, Surround

        dy, taken = outgoing[0], self.stop - self.first
        if self.step > 1:
            dy = tape(Stretch, dy, self.along, self.step, taken)
        before: list[Extent] = [0] * self.x.type.rank
        after = list(before)
        before[self.along], after[self.along] = self.first, self.size - self.stop
        return {"x": tape(Surround, dy, self.x, tuple(before), tuple(after))}


class Crop(Rearrangement):
    """Cut a part out of every spatial axis: of a `size`, of the size of a second value, or all but a `margin`.

    The part lies in the middle, rounded towards the front, as in U-Net (Ronneberger et al., 2015); with `offset` it
    begins there, as in FCN (Long et al., 2015), whose crops begin at 19, 5 and 9.
    """

    example: ClassVar[str] = "(skip [64, 64, 64], up [32, 56, 56]) -> crop -> [64, 56, 56]"
    positional: ClassVar[int] = 1
    broadcasts: ClassVar[bool] = True

    x: Value
    like: Value | None = None
    size: Extents | None = None
    margin: Padding | None = None
    offset: Offsets | None = None

    margins: Sides = derived()
    """Of each spatial axis; none where a size says what is left."""

    def prepare(self) -> None:
        self.margins = ()
        rank_at_least(self.x, 2, self.name)
        ways = [w for w in (self.like, self.size, self.margin) if w is not None]
        if len(ways) != 1 or (self.margin is not None and self.offset is not None):
            raise RuleError(
                "`crop` needs a size, a `margin` or a second value, and only one of them",
                field="size", help="`crop(56)`, `crop(margin=4)` or `(skip, x) -> crop`",
            )  # fmt: skip
        for field in ("size", "offset"):
            spread(getattr(self, field), self.x.type.rank - 1, field)
        if self.margin is not None:
            self.margins = rims(self.margin, self.x, "margin", self.name)
        elif self.like is not None and self.like.type.rank != self.x.type.rank:
            raise RuleError(
                f"`crop` needs two values with as many axes, not {self.x.type} and {self.like.type}",
                code="wrong-rank", field="like",
            )  # fmt: skip

    @property
    def target(self) -> tuple[Extent, ...]:
        """The size of each spatial axis afterwards."""
        if self.like is not None:
            return self.like.type.spatial
        if self.margin is not None:
            pairs = zip(self.x.type.spatial, self.margins, strict=True)
            return tuple(size - before - after for size, (before, after) in pairs)
        assert self.size is not None
        return spread(self.size, self.x.type.rank - 1, "size")

    @property
    def offsets(self) -> tuple[Extent, ...]:
        """Where the part begins on each spatial axis."""
        if self.margin is not None:
            return tuple(before for before, _ in self.margins)
        if self.offset is not None:
            return spread(self.offset, self.x.type.rank - 1, "offset")
        return tuple((have - want) // 2 for have, want in zip(self.x.type.spatial, self.target, strict=True))

    def requirements(self) -> Iterator[Requirement]:
        for have, want, offset in zip(self.x.type.spatial, self.target, self.offsets, strict=True):
            message = f"`crop` cannot take {want} out of {have}"
            begin = 0 if self.offset is None else offset
            yield Requirement(have, ">=", want + begin, message + (f" from {begin} on" if begin else ""), field="x")
            yield Requirement(want, ">=", 1, message, field="x")

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *self.target)

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.target, self.offsets, strict=True)
        return tuple(cut(have, offset, have - want - offset) for have, want, offset in axes)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.cut import Surround

        axes = zip(self.x.type.spatial, self.target, self.offsets, strict=True)
        rest = tuple(have - want - offset for have, want, offset in axes)
        return {"x": tape(Surround, outgoing[0], self.x, (0, *self.offsets), (0, *rest))}


class Pad(Rearrangement):
    """Put a rim around every spatial axis: of a value (0), mirrored without the edge, or of the edge repeated."""

    example: ClassVar[str] = "image [3, 8, 8] -> pad(2, mode=reflect) -> [3, 12, 12]"
    positional: ClassVar[int] = 1

    x: Value
    amount: Padding
    mode: Annotated[str, ChoiceKind(("constant", "reflect", "replicate"))] = "constant"
    value: Float = 0.0

    rims: Sides = derived()

    def prepare(self) -> None:
        rank_at_least(self.x, 2, self.name)
        self.rims = rims(self.amount, self.x, "amount", self.name)
        if self.value and self.mode != "constant":
            raise RuleError(f"`value` fills a constant rim, but the mode is `{self.mode}`", field="value")
        if self.mode != "constant":
            float_of(self.x, f"pad(mode={self.mode})")
        if self.mode != "constant" and self.x.type.rank > 4:
            raise RuleError(f"`pad(mode={self.mode})` works on up to three spatial axes", code="wrong-rank", field="x")

    def requirements(self) -> Iterator[Requirement]:
        if self.mode == "reflect":
            for size, rim in zip(self.x.type.spatial, self.rims, strict=True):
                message = f"a rim of {max(rim)} cannot mirror an axis of {size}"
                yield Requirement(size, ">=", max(rim) + 1, message, field="amount")

    def result(self) -> TensorType:
        sizes = (size + before + after for size, (before, after) in zip(self.x.type.spatial, self.rims, strict=True))
        return self.x.type.with_shape(self.x.type.channels, *sizes)

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.rims, strict=True)
        mirrored = self.mode != "constant"
        return tuple(Window(size, before=before, after=after, mirrored=mirrored) for size, (before, after) in axes)

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.cut import Fold

        if self.mode == "constant":
            return {"x": tape(Crop, outgoing[0], margin=self.rims)}
        return {"x": tape(Fold, outgoing[0], self.x, self.rims, self.mode)}


def rims(amount: Pads, value: Value, field: str, name: str) -> Sides:
    """`1`, `(1, 2)` or `((0, 1), (2, 2))` as before and after each spatial axis."""
    if amount == "same":
        raise RuleError(f"`{name}` needs numbers, `same` is for windows", code="wrong-kind", field=field)
    return spread_sides(amount, value.type.rank - 1, field)


class Roll(Rearrangement):
    """Move positions along axes, and what leaves an axis at its end comes in at its beginning: `roll(-3, axis=(1, 2))`.

    One `shift` for all the axes, or one for each; a negative one moves towards the beginning. The shifted windows of
    Liu et al., 2021.
    """

    example: ClassVar[str] = "image [16, 8, 8] -> roll(-3, axis=(1, 2)) -> [16, 8, 8]"
    positional: ClassVar[int] = 2

    x: Value
    shift: Ints
    axis: Ints

    moves: tuple[tuple[int, int], ...] = derived()
    """Each axis with the positions that it moves on."""

    def prepare(self) -> None:
        rank = self.x.type.rank
        rank_at_least(self.x, 1, self.name)
        axes = tuple(find_axis(a, rank, self.name) for a in self.axis)
        shifts = self.shift * len(axes) if len(self.shift) == 1 else self.shift
        if len(shifts) != len(axes) or len(set(axes)) != len(axes):
            message = f"`roll` is given shifts {self.shift} for axes {axes}"
            raise RuleError(message, field="axis", help="one shift for all axes, or one for each: `axis=(1, 2)`")
        self.moves = tuple(zip(axes, shifts, strict=True))

    def result(self) -> TensorType:
        return self.x.type

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        moved = dict(self.moves)
        return tuple(Mingled((i,)) if i in moved else Follows(i) for i in range(self.x.type.rank))

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        axes, shifts = zip(*self.moves, strict=True)
        return {"x": tape(Roll, outgoing[0], tuple(-shift for shift in shifts), axes)}
