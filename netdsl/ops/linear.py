"""Fully connected layers and look-up tables."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.ops.axes import Axis, channels_last, find_axis, float_of, rank_at_least, together
from netdsl.ops.base import (
    EVERYTHING,
    FEATURES,
    Follows,
    Gradients,
    Mingled,
    Numbering,
    Op,
    Reading,
    Requirement,
    RuleError,
    Tape,
    Window,
    fixed,
    require_dtype,
)
from netdsl.ops.conv import weigh
from netdsl.ops.fields import Bool, Count, Initialiser, Int, Size, derived


class Linear(Op):
    """Every output is a weighted sum of the whole last axis: `y = W x + b` (Rosenblatt, 1958).

    `[F] -> [features]`, or at each step of a sequence `[T, F] -> [T, features]`; with `axis=-1` at every position of
    any number of axes, `[…, F] -> […, features]`. `F` is inferred and must be a number. With weights that are arrows,
    `(x, weight)` or `(x, weight, bias)`, at any rank: the weight is `[features, F]`, and no `features` is written.
    """

    example: ClassVar[str] = "image [784] -> linear(10) -> [10]"
    positional: ClassVar[int] = 1

    x: Value
    features: Count
    bias: Bool = True
    init: Initialiser = Init("torch")
    axis: Axis = None

    in_features: int = derived()

    def prepare(self) -> None:
        require_dtype(self.x, DType.FLOAT, "`linear` needs real numbers")
        if self.axis is not None:
            self._last(find_axis(self.axis, self.x.type.rank, self.name))
        elif self.x.type.rank not in (1, 2):
            raise RuleError(
                f"`linear` needs [features] or [steps, features], but its input is {self.x.type}",
                code="wrong-rank",
                field="x",
                help=_way_out(self.x.type, self.features),
            )
        self.in_features = fixed(
            self.x.type.shape[-1],
            "the number of features that `linear` reads",
            help="pool to a fixed size first: `global_avgpool`, or `adaptive_avgpool(7)` before `flatten`",
        )

    def _last(self, axis: int) -> None:
        """Refuse another axis than the last."""
        last = self.x.type.rank - 1
        if axis != last:
            back = [*(i for i in range(last + 1) if i != axis), axis]
            conv = f"write `conv({self.features}, 1)` for a sum over the channels, or " if axis == 0 else ""
            message = f"`linear` sums over the last axis, but axis {self.axis} of {self.x.type} is not the last"
            raise RuleError(message, field="axis", help=f"{conv}bring it there first: `transpose({back})`")

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape[:-1], self.features)

    def weights(self) -> tuple[Weight, ...]:
        shape = (self.features, self.in_features)
        return weigh(shape, self.init, (self.features,) * self.bias, (self.in_features, self.features))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.x.shape[:-1], self.in_features, self.features),)

    def bias_adds(self) -> Extent:
        return self.result().elements if self.bias else 0

    def pointwise(self) -> Extent:
        return 0

    def windows(self) -> tuple[Window, ...] | None:
        return None if self.x.type.rank == 1 else ()

    def reading(self, place: int, result: int = 0) -> Reading:
        rank = self.x.type.rank
        return (*(Follows(i) for i in range(rank - 1)), FEATURES if rank > 1 else EVERYTHING)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient

        (dy,) = outgoing
        return {
            "x": tape(LinearInputGradient, dy, tape.weight("weight")) if tape.wants("x") else None,
            "weight": tape(LinearWeightGradient, dy, self.x),
            "bias": tape(SumTo, dy, tape.weight("bias")) if self.bias else None,
        }


def _way_out(type: TensorType, features: int) -> str | None:
    """What to write for an input of more axes: `flatten` was forgotten, or a sum at every position is meant."""
    if type.rank < 3:
        return None
    last = f"`linear({features}, axis=-1)`"
    if channels_last(type.shape):
        return f"write {last} for a sum over the last axis at every position, or put `flatten` before it"
    channels = f", or `conv({features}, 1)` over the channels" if type.rank <= 4 else ""
    return f"put `flatten` before it; a sum at every position is {last} over the last axis{channels}"


class Embedding(Op):
    """A learned vector for each of `count` symbols (Bengio et al., 2003): `int[…] -> […, width]`.

    Inputs are whole numbers from 0 to `count - 1`. A look-up costs no arithmetic.
    """

    example: ClassVar[str] = "tokens int[12] -> embedding(96, 64) -> [12, 64]"
    positional: ClassVar[int] = 2

    x: Value
    count: Count
    width: Count
    init: Initialiser = Init("torch")

    def prepare(self) -> None:
        require_dtype(
            self.x, DType.INT, "`embedding` needs whole numbers", help="declare the input as `input tokens int[T]`"
        )

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.x, self.count),)

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape, self.width).with_dtype(DType.FLOAT)

    def weights(self) -> tuple[Weight, ...]:
        # PyTorch starts a table from the standard normal distribution, not from the uniform one of its other layers.
        kind, values = ("normal", (1.0,)) if self.init.kind == "torch" else (self.init.kind, self.init.values)
        return (Weight("weight", (self.count, self.width), Init(kind, values, self.width, self.count)),)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def reading(self, place: int, result: int = 0) -> Reading:
        return tuple(map(Follows, range(self.x.type.rank)))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.linear import EmbeddingGradient

        return {"weight": tape(EmbeddingGradient, outgoing[0], self.x, tape.weight("weight"))}


class Gather(Op):
    """Look up parts of a table along an axis, by whole numbers from 0 on: `(table, places) -> gather`.

    The axes of `places` stand where the axis was: `[count, width]` by `int[T]` is `[T, width]`. The table may be a
    `param`, which is never copied, or a computed value. A look-up costs no arithmetic. A number out of range looks up
    NaN in a bare ONNX file (-1 in a table of whole numbers); PyTorch refuses it.
    """

    example: ClassVar[str] = "(table [96, 64], tokens int[12]) -> gather -> [12, 64]"
    broadcasts: ClassVar[bool] = True

    table: Value
    places: Value
    axis: Int = 0

    along: int = derived()

    def prepare(self) -> None:
        rank_at_least(self.table, 1, self.name, "table")
        order = "the table comes first, `(table, places) -> gather`; whole numbers are declared as `int[T]`"
        require_dtype(self.places, DType.INT, "`gather` looks up by whole numbers", "places", order)
        self.along = find_axis(self.axis, self.table.type.rank, self.name)

    @property
    def count(self) -> Extent:
        """How many parts the table has."""
        return self.table.shape[self.along]

    @property
    def like_embedding(self) -> bool:
        """True for one table of rows for all samples."""
        return not self.table.type.batched and self.table.type.rank == 2 and self.along == 0

    @property
    def each(self) -> bool:
        """Whether every sample has a table and numbers of its own."""
        return self.table.type.batched and self.places.type.batched

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.places, self.count),)

    def result(self) -> TensorType:
        before, after = self.table.shape[: self.along], self.table.shape[self.along + 1 :]
        return together(self.table.type, self.places.type).with_shape(*before, *self.places.shape, *after)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def reading(self, place: int, result: int = 0) -> Reading:
        taken = self.places.type.rank
        if place == 1:
            return tuple(Follows(self.along + i) for i in range(taken))
        behind = range(self.along + 1, self.table.type.rank)
        return (*map(Follows, range(self.along)), EVERYTHING, *(Follows(i + taken - 1) for i in behind))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.linear import EmbeddingGradient, GatherGradient

        (dy,) = outgoing
        if self.like_embedding and all(isinstance(size, int) for size in self.table.shape):
            return {"table": tape(EmbeddingGradient, dy, self.places, self.table)}
        return {"table": tape(GatherGradient, dy, self.places, self.table, self.along)}


class ScatterAdd(Op):
    """Add whole items up at places along an axis, by whole numbers from 0 on: `(values, places) -> scatter_add(size)`.

    The opposite of `gather`: the axes of `places` stand in `values` from the axis on, and become one of `size` items,
    zero where nothing is added: `[T, width]` by `int[T]` is `[size, width]`. A number out of range makes the first or
    the last item NaN in a bare ONNX file; PyTorch refuses it. One addition an element of `values`.
    """

    example: ClassVar[str] = "(points [100, 8], cells int[100]) -> scatter_add(16) -> [16, 8]"
    positional: ClassVar[int] = 1
    alike: ClassVar[tuple[str, ...]] = ("places",)

    values: Value
    places: Value
    size: Size
    axis: Int = 0

    along: int = derived()
    """The axis of the result."""

    def prepare(self) -> None:
        order = "what is added up comes first, `(values, places) -> scatter_add(16)`"
        require_dtype(self.places, DType.INT, "`scatter_add` adds up at whole numbers", "places", order)
        float_of(self.values, self.name, "values")
        taken, rank = self.places.type.rank, self.values.type.rank
        rank_at_least(self.values, taken, self.name, "values")
        self.along = find_axis(self.axis, rank - taken + 1, self.name)

    @property
    def each(self) -> bool:
        """Whether every sample has places of its own."""
        return self.places.type.batched

    @property
    def end(self) -> int:
        """The axis of `values` behind those of `places`."""
        return self.along + self.places.type.rank

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.places, self.size),)

    def requirements(self) -> Iterator[Requirement]:
        none = f"`scatter_add` makes one item or more, not {self.size}"
        yield Requirement(self.size, ">=", 1, none, code="wrong-setting", field="size")
        message = (
            f"`scatter_add` needs a place for each item, but {self.places.type} are not axes of {self.values.type}"
        )
        help = f"the axes of the places are those of the values from axis {self.along} on"
        for have, named in zip(self.values.shape[self.along : self.end], self.places.shape, strict=True):
            yield Requirement(have, "==", named, message, field="places", help=help)

    def result(self) -> TensorType:
        before, after = self.values.shape[: self.along], self.values.shape[self.end :]
        return self.values.type.with_shape(*before, self.size, *after)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return self.values.type.elements

    def reading(self, place: int, result: int = 0) -> Reading:
        mingled = (Mingled((self.along,)),) * self.places.type.rank
        if place == 1:
            return mingled
        behind = range(self.along + 1, self.result().rank)
        return (*map(Follows, range(self.along)), *mingled, *map(Follows, behind))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"values": tape(Gather, outgoing[0], self.places, self.along)}
