"""Backward forms of pooling, and the training forms that tell where each maximum was."""

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward, ForwardOp
from netdsl.ops.base import Op
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, Maxpool


class MaxpoolPlaces(Backward):
    """Max-pooling with a second result: where each maximum was, counted through the whole batch.

    Of equal values the first of the window is meant, row by row, as in PyTorch. `of` is the pool.
    """

    x: Value
    of: ForwardOp[Maxpool]

    def result(self) -> tuple[TensorType, TensorType]:
        pooled = self.of.pooled()
        return pooled, pooled.with_dtype(DType.INT)


class PlacesInChannel(Backward):
    """Places counted through the batch as places counted within each channel of `x`."""

    places: Value
    x: Value

    def result(self) -> TensorType:
        return self.places.type


class FromX(Backward, abstract=True):
    """A gradient with the type of the forward operation's `x`."""

    dy: Value
    x: Value

    def result(self) -> TensorType:
        return self.x.type


class AvgpoolGradient(FromX):
    """Each number of `dy` divided among the positions of its window."""

    of: ForwardOp[Avgpool]


class AdaptiveAvgGradient(FromX):
    """As `AvgpoolGradient`, with the windows of `adaptive_avgpool`."""

    of: ForwardOp[AdaptiveAvgpool]


class AdaptiveMaxGradient(FromX):
    """Each number of `dy` at the first maximum of its window, of windows that do not divide evenly."""

    of: ForwardOp[AdaptiveMaxpool]


class MeanGradient(FromX):
    """`dy` divided evenly over all positions of its channel."""


class GlobalMaxGradient(FromX):
    """`dy` at the first position of its channel that equals the maximum `y`."""

    y: Value


def overlapping(pool: Op) -> bool:
    """Whether two windows of a sliding pool may read one position."""
    return any(window.reach > window.stride for window in pool.windows() or ())
