"""Joining, cutting and rearranging values: no arithmetic, no weights."""

from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any, ClassVar

from netdsl.base.record import record
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.axes import (
    all_batched,
    find_axis,
    product,
    rank_at_least,
    regrouped,
    same_shape,
    with_axis,
    without,
    without_axes,
)
from netdsl.ops.base import Follows, Gradients, Mingled, Op, Reading, Requirement, RuleError, Tape, Window, require_rank
from netdsl.ops.declared import Values
from netdsl.ops.fields import Int, IntKind, Kind, ListKind, derived, is_int
from netdsl.ops.fitting import cancelled, counted, fitting


class Rearrangement(Op, abstract=True):
    """Moves numbers about: costs nothing, and is mostly a view of what it reads."""

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def in_place(self) -> bool:
        return True


class Reshaping(Rearrangement, abstract=True):
    """Leaves the numbers in their order."""

    x: Value

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        made = self.result()
        assert isinstance(made, TensorType)
        return regrouped(self.x.shape, made.shape)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import ReshapeLike

        return {"x": tape(ReshapeLike, outgoing[0], self.x)}


class Concat(Rearrangement):
    """Join values along an axis (0, the channels, unless said); all other axes agree."""

    example: ClassVar[str] = "(a [3, 8, 8], b [5, 8, 8]) -> concat -> [8, 8, 8]"

    x: Values
    axis: Int = 0

    along: int = derived()

    def prepare(self) -> None:
        if not self.x:
            raise RuleError("`concat` takes one value or more", code="wrong-inputs", field="x")
        all_batched(self.x, self.name)
        rank_at_least(self.x[0], 1, self.name)
        self.along = find_axis(self.axis, self.x[0].type.rank, self.name)
        if len({v.type.dtype for v in self.x}) > 1:
            kinds = ", ".join(str(v.type) for v in self.x)
            raise RuleError(f"`concat` joins values of one kind, not {kinds}", code="wrong-kind", field="x")

    def requirements(self) -> Iterator[Requirement]:
        first = self.x[0].type
        for other in (v.type for v in self.x[1:]):
            message = f"`concat` joins along axis {self.along}, but {first} and {other} differ in another axis"
            if first.rank != other.rank:
                message = f"`concat` joins values with as many axes, not {first} and {other}"
            help = "`unsqueeze(0)` gives one more axis, of size 1, and `flatten` fewer"
            yield Requirement(first.rank, "==", other.rank, message, field="x", help=help)
            if first.rank == other.rank:
                for left, right in zip(without(first.shape, self.along), without(other.shape, self.along), strict=True):
                    help = "keep the size with `pad`, or cut the larger one: `(larger, smaller) -> crop`"
                    yield Requirement(left, "==", right, message, field="x", help=help if first.rank >= 3 else None)

    def result(self) -> TensorType:
        shape = list(self.x[0].shape)
        for other in self.x[1:]:
            shape[self.along] = shape[self.along] + other.shape[self.along]
        return self.x[0].type.with_shape(*shape)

    def reading(self, place: int, result: int = 0) -> Reading:
        axes = range(self.x[place].type.rank)
        return tuple(Mingled((i,)) if len(self.x) > 1 and i == self.along else Follows(i) for i in axes)

    def beside(self) -> int | None:
        return self.along if len(self.x) > 1 else None

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        if len(self.x) == 1:
            return {"x": outgoing}
        return {"x": tape.several(Split, outgoing[0], tuple(v.shape[self.along] for v in self.x), self.along)}


class Stack(Rearrangement):
    """Join values of one shape along a new axis (the first, unless said)."""

    example: ClassVar[str] = "(a [8], b [8]) -> stack -> [2, 8]"

    x: Values
    axis: Int = 0

    along: int = derived()

    def prepare(self) -> None:
        if not self.x:
            raise RuleError("`stack` takes one value or more", code="wrong-inputs", field="x")
        all_batched(self.x, self.name)
        self.along = find_axis(self.axis, self.x[0].type.rank + 1, self.name)
        if len({v.type.dtype for v in self.x}) > 1:
            kinds = ", ".join(str(v.type) for v in self.x)
            raise RuleError(f"`stack` joins values of one kind, not {kinds}", code="wrong-kind", field="x")

    def requirements(self) -> Iterator[Requirement]:
        first = self.x[0]
        for other in self.x[1:]:
            yield from same_shape(
                first, other, f"`stack` joins values of one shape, not {first.type} and {other.type}", "x"
            )

    def result(self) -> TensorType:
        shape = self.x[0].shape
        return self.x[0].type.with_shape(*shape[: self.along], len(self.x), *shape[self.along :])

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return with_axis(self.x[place].type.rank, self.along)

    def beside(self) -> int:
        return self.along

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        count = len(self.x)
        parts = tape.several(Split, outgoing[0], count, self.along) if count > 1 else outgoing
        return {"x": tuple(tape(Squeeze, part, self.along) for part in parts)}


@record
class PartsKind(Kind):
    """How to cut an axis: a number of equal parts, or the size of each."""

    says = "a number of equal parts, or a list of sizes"

    def read(self, value: Any) -> int | tuple[Extent, ...]:
        if is_int(value) and value >= 1:
            return int(value)
        if isinstance(value, (list, tuple)) and value:
            if all(isinstance(v, Dim) or (is_int(v) and v >= 1) for v in value):
                return tuple(value)
        raise self.refuse(value)


MOST_PARTS = 10_000
"""How many results `split` may have."""


class Split(Rearrangement):
    """Cut an axis (0, the channels, unless said) into equal parts or into parts of given sizes; a result for each."""

    example: ClassVar[str] = "image [4, 8, 8] -> split(2)"
    positional: ClassVar[int] = 1

    x: Value
    parts: Annotated[int | tuple[Extent, ...], PartsKind()]
    axis: Int = 0

    along: int = derived()

    def prepare(self) -> None:
        self.__dict__.pop("ends", None)
        rank_at_least(self.x, 1, self.name)
        self.along = find_axis(self.axis, self.x.type.rank, self.name)
        if isinstance(self.parts, int) and self.parts > MOST_PARTS:
            raise RuleError(f"`split` makes no more than {MOST_PARTS:,} parts, not {self.parts:,}", field="parts")

    def requirements(self) -> Iterator[Requirement]:
        size = self.x.shape[self.along]
        if isinstance(self.parts, int):
            message = f"{size} does not divide into {self.parts} equal parts"
            yield Requirement(size % self.parts, "==", 0, message, field="parts")
            return
        total: Extent = 0
        for part in self.parts:
            total = total + part
        yield Requirement(total, "==", size, f"the parts add up to {total}, but the axis has {size}", field="parts")

    @property
    def sizes(self) -> tuple[Extent, ...]:
        """The size of each part."""
        if isinstance(self.parts, int):
            return (self.x.shape[self.along] // self.parts,) * self.parts
        return tuple(self.parts)

    @cached_property
    def ends(self) -> tuple[Extent, ...]:
        """Where the parts begin, and where the last one ends."""
        return tuple(accumulate(self.sizes, initial=0))

    def result(self) -> tuple[TensorType, ...]:
        before, after = self.x.shape[: self.along], self.x.shape[self.along + 1 :]
        return tuple(self.x.type.with_shape(*before, size, *after) for size in self.sizes)

    def reading(self, place: int, result: int = 0) -> Reading:
        whole = self.x.shape[self.along]
        first, stop = self.ends[result : result + 2]
        part = Window(whole, before=-first, after=stop - whole)  # type: ignore[arg-type]
        return tuple(Follows(i, part if i == self.along else None) for i in range(self.x.type.rank))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import ExpandTo

        pairs = zip(results, outgoing, strict=True)
        whole = tuple(tape(ExpandTo, tape.number(0.0), part) if dy is None else dy for part, dy in pairs)
        return {"x": whole[0] if len(whole) == 1 else tape(Concat, whole, self.along)}


class Flatten(Reshaping):
    """All axes from `start` on become one: `[256, 6, 6] -> [9216]`."""

    example: ClassVar[str] = "image [256, 6, 6] -> flatten -> [9216]"

    start: Int = 0

    begin: int = derived()

    def prepare(self) -> None:
        self.begin = find_axis(self.start, max(1, self.x.type.rank), self.name, "start")

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape[: self.begin], product(self.x.shape[self.begin :]))


@record
class ShapeKind(Kind):
    """The sizes of all axes; one of them may be `-1`, for what is left."""

    says = "a list of sizes, of which one may be -1"

    def read(self, value: object) -> tuple[Extent, ...]:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not all(isinstance(v, Dim) or (is_int(v) and (v >= 1 or v == -1)) for v in items):
            raise self.refuse(value)
        if sum(1 for v in items if is_int(v) and v == -1) > 1:
            raise self.refuse(value)
        return items


class Reshape(Reshaping):
    """The same numbers in the same order under another shape; a size of -1 is what is left over."""

    example: ClassVar[str] = "image [4, 8, 8] -> reshape([2, 2, -1]) -> [2, 2, 64]"
    positional: ClassVar[int] = 1

    shape: Annotated[tuple[Extent, ...], ShapeKind()]

    unknown: int | None = derived()
    """The place of the size that is `-1`."""
    _have: Extent = derived()
    _want: Extent = derived()

    def prepare(self) -> None:
        self.unknown = next((i for i, s in enumerate(self.shape) if isinstance(s, int) and s == -1), None)
        self._have, self._want = cancelled(self.x.shape, [s for i, s in enumerate(self.shape) if i != self.unknown])
        if self.unknown is not None and isinstance(self._want, Dim):
            raise RuleError(
                f"`-1` cannot be found for {self.x.type}: {self._have} does not divide by {self._want} for every size",
                field="shape",
                help="say the size that is left over",
            )

    def requirements(self) -> Iterator[Requirement]:
        left, right = self._have, self._want
        if isinstance(right, int) and self.unknown is not None:
            left, right = left % right, 0
        message, help = counted(self.x, self.shape), None if left == right else fitting(self.x.shape, self.shape)
        yield Requirement(left, "==", right, message, field="shape", help=help)

    def result(self) -> TensorType:
        if self.unknown is None or isinstance(self._want, Dim):
            return self.x.type.with_shape(*self.shape)
        left_over = self._have // self._want
        return self.x.type.with_shape(*self.shape[: self.unknown], left_over, *self.shape[self.unknown + 1 :])


class Transpose(Rearrangement):
    """Put the axes into another order: `transpose([1, 2, 0])` brings axis 1 to the front. Two axes just swap."""

    example: ClassVar[str] = "sequence [16, 8] -> transpose -> [8, 16]"
    positional: ClassVar[int] = 1

    x: Value
    order: Annotated[tuple[int, ...], ListKind(IntKind())] = ()

    axes: tuple[int, ...] = derived()

    def prepare(self) -> None:
        rank = self.x.type.rank
        if not self.order:
            require_rank(self.x, (2,), "`transpose` without an order swaps two axes", "say the new order of the axes")
        order = self.order or (1, 0)
        self.axes = tuple(find_axis(a, rank, self.name, "order") for a in order)
        if sorted(self.axes) != list(range(rank)):
            raise RuleError(f"`order` must name each of the {rank} axes once", field="order")

    def result(self) -> TensorType:
        return self.x.type.with_shape(*(self.x.shape[a] for a in self.axes))

    def windows(self) -> tuple[Window, ...] | None:
        return () if self.axes == tuple(range(len(self.axes))) else None

    def reading(self, place: int, result: int = 0) -> Reading:
        return tuple(Follows(self.axes.index(i)) for i in range(len(self.axes)))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        back = tuple(self.axes.index(i) for i in range(len(self.axes)))
        return {"x": tape(Transpose, outgoing[0], back)}


class Tokens(Rearrangement):
    """Read an image as a sequence of its positions: `[C, H, W] -> [H * W, C]` (Dosovitskiy et al., 2020)."""

    example: ClassVar[str] = "image [32, 4, 4] -> tokens -> [16, 32]"

    x: Value

    def prepare(self) -> None:
        rank_at_least(self.x, 2, self.name)

    def result(self) -> TensorType:
        return self.x.type.with_shape(product(self.x.type.spatial), self.x.type.channels)

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Follows(1), *regrouped(self.x.type.spatial, (product(self.x.type.spatial),)))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import ReshapeLike

        return {"x": tape(ReshapeLike, tape(Transpose, outgoing[0]), self.x)}


class Squeeze(Reshaping):
    """Take out an axis of size 1."""

    example: ClassVar[str] = "image [1, 8, 8] -> squeeze(0) -> [8, 8]"
    positional: ClassVar[int] = 1

    axis: Int

    along: int = derived()

    def prepare(self) -> None:
        rank_at_least(self.x, 1, self.name)
        self.along = find_axis(self.axis, self.x.type.rank, self.name)

    def requirements(self) -> Iterator[Requirement]:
        size = self.x.shape[self.along]
        message = f"`squeeze` takes out an axis of size 1, but this one has {size}"
        help = f"`slice({self.along}, end=1)` or `mean(axis={self.along}, keep=true)` before it leaves one"
        yield Requirement(size, "==", 1, message, field="axis", help=help)

    def result(self) -> TensorType:
        return self.x.type.with_shape(*without(self.x.shape, self.along))

    def reading(self, place: int, result: int = 0) -> Reading:
        return without_axes(self.x.type.rank, (self.along,), (self.along,))


class Unsqueeze(Reshaping):
    """Put in an axis of size 1 where `axis` says."""

    example: ClassVar[str] = "scores [8] -> unsqueeze(0) -> [1, 8]"
    positional: ClassVar[int] = 1

    axis: Int

    along: int = derived()

    def prepare(self) -> None:
        self.along = find_axis(self.axis, self.x.type.rank + 1, self.name)

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape[: self.along], 1, *self.x.shape[self.along :])

    def reading(self, place: int, result: int = 0) -> Reading:
        return with_axis(self.x.type.rank, self.along)
