"""Backward forms of images read between their pixels."""

from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward, ForwardOp
from netdsl.ops.sample import GridSample


class GridSampleGradient(Backward):
    """The gradients of the image and of the positions."""

    dy: Value
    x: Value
    grid: Value
    of: ForwardOp[GridSample]

    def result(self) -> tuple[TensorType, TensorType]:
        return self.x.type, self.grid.type
