"""Numbers in the order of their size, and where they were."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import find_axis, number_of, product, rank_at_least, without, without_axes
from netdsl.ops.base import Gradients, Op, Reading, Requirement, Tape
from netdsl.ops.fields import Bool, Count, Int, derived


class Ordering(Op, abstract=True):
    """Puts numbers along an axis in an order; of equal ones the first comes first."""

    x: Value

    along: int = derived()

    def lay(self, axis: int) -> None:
        """Find the axis along which there is an order."""
        number_of(self.x, self.name)
        rank_at_least(self.x, 1, self.name)
        self.along = find_axis(axis, self.x.type.rank, self.name)

    @property
    def size(self) -> Extent:
        """How many numbers are put in order."""
        return self.x.shape[self.along]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return without_axes(self.x.type.rank, (), (self.along,))

    def returned(self, tape: Tape, places: Value, dy: Value | None) -> Gradients:
        """The gradient of the numbers, each where it came from."""
        from netdsl.ops.backward.sort import ReturnedTo

        return {} if dy is None else {"x": tape(ReturnedTo, dy, places, self.x, self.along)}


class TopK(Ordering):
    """The `k` largest numbers along an axis, the largest first, and a second result: their places, from 0 on.

    With `largest=false` they are the smallest, the smallest first. The axis is the last unless said; of equal numbers
    the first comes first. They are counted as found one after the other.
    """

    example: ClassVar[str] = "scores [10] -> top_k(3)"
    crowded: ClassVar[str] = "the metric of scores and a label is called `top_k_accuracy`"
    positional: ClassVar[int] = 1

    k: Count
    axis: Int = -1
    largest: Bool = True

    def prepare(self) -> None:
        self.lay(self.axis)

    def requirements(self) -> Iterator[Requirement]:
        message = f"`top_k({self.k})` takes {self.k} numbers out of {self.size}"
        order = "(descending=true)" if self.largest else ""
        help = f"`sort{order}` puts all in order, or take {self.size} at most"
        yield Requirement(self.size, ">=", self.k, message, code="wrong-setting", field="k", help=help)

    def result(self) -> tuple[TensorType, TensorType]:
        before, after = self.x.shape[: self.along], self.x.shape[self.along + 1 :]
        found = self.x.type.with_shape(*before, self.k, *after)
        return found, found.with_dtype(DType.INT)

    def pointwise(self) -> Extent:
        """The comparisons: of the first number with all others, of the next with one less."""
        rows = product(without(self.x.shape, self.along))
        return rows * (self.k * self.size - self.k * (self.k + 1) // 2)

    def estimated(self) -> str:
        return "how often numbers are compared depends on the method; counted is a search for one after the other"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return self.returned(tape, results[1], outgoing[0])


class Sort(Ordering):
    """All numbers along an axis in order, the smallest first, or with `descending` the largest.

    The axis is the last unless said; equal numbers stay in their order. With `indices` there is a second result: the
    places that the numbers come from. How often numbers are compared depends on the method, and is not counted.
    """

    example: ClassVar[str] = "scores [10] -> sort -> [10]"

    axis: Int = -1
    descending: Bool = False
    indices: Bool = False

    def prepare(self) -> None:
        self.lay(self.axis)

    def result(self) -> TensorType | tuple[TensorType, TensorType]:
        return (self.x.type, self.x.type.with_dtype(DType.INT)) if self.indices else self.x.type

    def pointwise(self) -> Extent:
        return 0

    def estimated(self) -> str:
        return "how often numbers are compared depends on them and on the method, and is left out"

    def training(self, tape: Tape) -> tuple[Value, ...] | None:
        """The same with the places, which the gradient needs."""
        if self.indices:
            return None
        values, places = tape.several(Sort, self.x, self.axis, descending=self.descending, indices=True)
        tape.save("places", places)
        return (values,)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return self.returned(tape, results[1] if self.indices else tape.saved("places"), outgoing[0])
