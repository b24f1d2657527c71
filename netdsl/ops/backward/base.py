"""What gradients are written with beside the operations of the text: sums back to a shape, masks, reshaping back.

None of them can be named in a text. Values without a batch are gradients of weights, or one number for all samples.
"""

from typing import Annotated, ClassVar, TypeVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import together
from netdsl.ops.base import Op, fixed
from netdsl.ops.fields import Bool, Kind

Forward = TypeVar("Forward", bound=Op)

ForwardOp = Annotated[Forward, Kind()]
"""The operation whose gradient something is, `of: ForwardOp[Conv]`: read for its settings, never for its values."""


class Backward(Op, abstract=True):
    """An operation of a training graph that is not counted in the reports of networks."""

    internal: ClassVar[bool] = True
    no_gradient: ClassVar[str] = "stands in a training step, which is not differentiated again"

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()


class SumTo(Backward):
    """Add up what broadcasting had repeated: `x` summed over the batch and the axes that `like` lacks or has as 1."""

    x: Value
    like: Value

    def result(self) -> TensorType:
        return self.like.type.with_dtype(self.x.type.dtype)


class ExpandTo(Backward):
    """Repeat `x` to the shape of `like`: along axes of size 1, missing axes in front and the batch."""

    x: Value
    like: Value

    def result(self) -> TensorType:
        return self.like.type.with_dtype(self.x.type.dtype)


class ReshapeLike(Backward):
    """The numbers of `x` in the shape of `like`."""

    x: Value
    like: Value

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.like.shape)


class Matches(Backward):
    """1 where `a == b`, else 0. The operands broadcast."""

    a: Value
    b: Value

    def result(self) -> TensorType:
        larger = self.a if self.a.type.rank >= self.b.type.rank else self.b
        return together(self.a.type, self.b.type).with_shape(*larger.shape).with_dtype(DType.FLOAT)


class BatchSize(Backward):
    """How many samples there are, as one real number."""

    like: Value

    def result(self) -> TensorType:
        return TensorType((), DType.FLOAT, batched=False)


class Gate(Backward):
    """`dy` where `x` is positive, else 0: the gradient of relu."""

    dy: Value
    x: Value

    def result(self) -> TensorType:
        return self.dy.type


class ScatterLike(Backward):
    """Zeros of the shape of `x` to which each number of `dy` is added at its place, counted through the whole batch.

    `overlap` says whether one place may be named twice; `gated` that nothing arrives where `x` is not positive.
    """

    dy: Value
    places: Value
    x: Value
    overlap: Bool = True
    gated: Bool = False

    def result(self) -> TensorType:
        return self.x.type


def fixed_shape(weight: TensorType) -> tuple[int, ...]:
    """The shape of a weight, whose sizes are numbers."""
    return tuple(fixed(size, "a weight's size") for size in weight.shape)
