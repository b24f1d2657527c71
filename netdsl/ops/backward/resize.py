"""Backward forms of resizing and unpooling."""

from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward, ForwardOp
from netdsl.ops.resize import Resize, Unpool


class ResizeGradient(Backward):
    """Each number of `dy` handed back to the positions that it was interpolated from, with the same shares.

    Written as one product with a matrix an axis, except where a position was only repeated. `of` is the `resize`.
    """

    dy: Value
    x: Value
    of: ForwardOp[Resize]

    def result(self) -> TensorType:
        return self.x.type


class RepeatGradient(Backward):
    """The sum over the `factors` copies that each position was repeated to."""

    dy: Value
    x: Value
    of: ForwardOp[Unpool]

    def result(self) -> TensorType:
        return self.x.type


class NailsGradient(Backward):
    """What is left of `dy` at the positions that were not filled with zeros: every `factors`-th."""

    dy: Value
    x: Value
    of: ForwardOp[Unpool]

    def result(self) -> TensorType:
        return self.x.type


class GatherPlaces(Backward):
    """The numbers of `x` at places counted within each channel; the result has the shape of `places`."""

    x: Value
    places: Value

    def result(self) -> TensorType:
        return self.places.type.with_dtype(self.x.type.dtype)
