"""Backward forms of summaries: how many numbers were summed up."""

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import Ints


class Positions(Backward):
    """How many positions the axes of a value have together, as one real number."""

    like: Value
    axes: Ints

    def result(self) -> TensorType:
        return TensorType((), DType.FLOAT, batched=False)


class Elements(Backward):
    """How many numbers a value holds over the whole batch, as one real number."""

    like: Value

    def result(self) -> TensorType:
        return TensorType((), DType.FLOAT, batched=False)
