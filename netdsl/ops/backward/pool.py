"""Backward forms of pooling, and the training forms that tell where each maximum was."""

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward, ForwardOp
from netdsl.ops.base import Op
from netdsl.ops.fields import Bool


class MaxpoolPlaces(Backward):
    """Max-pooling with a second result: where each maximum was, counted through the whole batch.

    Of equal values the first of the window is meant, row by row, as in PyTorch. `of` is the pool.
    """

    x: Value
    of: ForwardOp

    def result(self) -> tuple[TensorType, TensorType]:
        pooled = self.of.pooled()
        return pooled, pooled.with_dtype(DType.INT)

    def pointwise(self) -> Extent:
        return self.of.pointwise()  # type: ignore[no-any-return]


class PlacesInChannel(Backward):
    """Places counted through the batch as places counted within each channel of `x`."""

    places: Value
    x: Value

    def result(self) -> TensorType:
        return self.places.type


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

    def pointwise(self) -> Extent:
        return self.dy.type.elements if self.overlap else 0


class FromX(Backward, abstract=True):
    """A gradient with the type of the forward operation's `x`."""

    dy: Value
    x: Value

    def result(self) -> TensorType:
        return self.x.type

    def pointwise(self) -> Extent:
        return self.x.type.elements


class AvgpoolGradient(FromX):
    """Each number of `dy` divided among the positions of its window."""

    of: ForwardOp


class AdaptiveAvgGradient(FromX):
    """As `AvgpoolGradient`, with the windows of `adaptive_avgpool`."""

    of: ForwardOp


class AdaptiveMaxGradient(FromX):
    """Each number of `dy` at the first maximum of its window, of windows that do not divide evenly."""

    of: ForwardOp


class MeanGradient(FromX):
    """`dy` divided evenly over all positions of its channel."""


class GlobalMaxGradient(FromX):
    """`dy` at the first position of its channel that equals the maximum `y`."""

    y: Value


def overlapping(pool: Op) -> bool:
    """Whether two windows of a sliding pool may read one position."""
    return any(window.reach > window.stride for window in pool.windows() or ())
