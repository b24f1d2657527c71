"""What flows along an arrow (`TensorType`, `Value`) and what a layer learns (`Weight`).

Shapes never hold the batch: `[3, 227, 227]` is one image. A value that is `batched` has one more axis in front
when it runs. A number, a free `param` and all that is computed from these alone are the same for every sample and have
none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from netdsl.base.record import record
from netdsl.dims import Extent, at

if TYPE_CHECKING:
    from collections.abc import Mapping


MOST = 10**18
"""Numbers that one tensor may hold, and the largest setting of a layer: engines count in 64 bits."""


LARGEST = 10**30
"""Numbers of a text are smaller than this."""


class DType(StrEnum):
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"

    @property
    def size(self) -> int:
        """Bytes of one element: float32, int64, bool."""
        return {"float": 4, "int": 8, "bool": 1}[self.value]


@record
class TensorType:
    """Shape without the batch, element kind, and whether there is a batch axis in front."""

    shape: tuple[Extent, ...]
    dtype: DType = DType.FLOAT
    batched: bool = True
    single: bool = False
    """The batch axis has length one: a value that is the same for all samples, for an operation that needs the axis."""
    plane: tuple[Extent, ...] = ()
    """Of places within a channel, as a pooling gives them: the sizes of the channel that they count through."""
    folded: tuple[Extent, ...] = ()
    """Axes that lie in the batch, behind the samples: inside `along` every item is a sample of its own."""

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def channels(self) -> Extent:
        """The first axis: channels of an image, width of a vector, length of a sequence."""
        return self.shape[0]

    @property
    def spatial(self) -> tuple[Extent, ...]:
        """All axes but the channels."""
        return self.shape[1:]

    @property
    def elements(self) -> Extent:
        """How many numbers one sample holds."""
        total: Extent = 1
        for extent in self.shape:
            total = total * extent
        return total

    @property
    def bytes(self) -> Extent:
        return self.elements * self.dtype.size

    @property
    def per_sample(self) -> bool:
        """Whether every sample has its own."""
        return self.batched and not self.single

    @property
    def is_open(self) -> bool:
        """Whether a size of it is not a number."""
        return any(type(d) is not int for d in self.shape)

    def with_shape(self, *shape: Extent) -> TensorType:
        return TensorType(shape, self.dtype, self.batched, self.single, folded=self.folded)

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(self.shape, dtype, self.batched, self.single, folded=self.folded)

    def at(self, sizes: Mapping[str, int]) -> TensorType:
        """The same type with numbers for its symbols."""
        shape, folded = (tuple(at(d, sizes) for d in part) for part in (self.shape, self.folded))
        return TensorType(shape, self.dtype, self.batched, self.single, folded=folded)

    def __str__(self) -> str:
        shape = "[" + ", ".join(str(d) for d in self.shape) + "]"
        return shape if self.dtype is DType.FLOAT else f"{self.dtype}{shape}"


class Value:
    """An arrow of a graph: the result of a node, or an input."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: TensorType) -> None:
        self.name = name
        self.type = type

    @property
    def shape(self) -> tuple[Extent, ...]:
        return self.type.shape

    def __repr__(self) -> str:
        return f"{self.name}: {self.type}"


class WeightValue(Value):
    """A weight as an arrow of a training graph; its name is its state-dict key."""

    __slots__ = ("weight",)

    def __init__(self, key: str, weight: Weight) -> None:
        super().__init__(key, TensorType(weight.shape, weight.dtype, batched=False))
        self.weight = weight


@record
class Init:
    """How a weight starts: `Init("normal", (0.02,))`, `Init("constant", (0.0,))`.

    The kinds are those of `netdsl.ops.fields.INITIALISERS`; `fan_in` and `fan_out` are what kinds such as
    `he_normal` divide by.
    """

    kind: str
    values: tuple[float, ...] = ()
    fan_in: int = 1
    fan_out: int = 1


@record
class Weight:
    """A tensor a layer owns, under the name PyTorch's state dict gives it (`weight`, `running_mean`).

    The name "" stands for the layer itself: a free `param`. A buffer is kept with the model but never trained.
    """

    name: str
    shape: tuple[int, ...]
    init: Init
    trainable: bool = True
    buffer: bool = False
    dtype: DType = DType.FLOAT

    def frozen(self) -> Weight:
        """The same, not trained."""
        return Weight(self.name, self.shape, self.init, False, self.buffer, self.dtype)

    @property
    def elements(self) -> int:
        total = 1
        for extent in self.shape:
            total *= extent
        return total
