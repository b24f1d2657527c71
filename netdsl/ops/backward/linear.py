"""Backward forms of fully connected layers and look-up tables."""

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import Int


class LinearInputGradient(Backward):
    """`dy W`: what each input feature adds to the loss."""

    dy: Value
    weight: Value

    def result(self) -> TensorType:
        return self.dy.type.with_shape(*self.dy.shape[:-1], self.weight.shape[1])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.dy.shape, self.weight.shape[1]),)


class LinearWeightGradient(Backward):
    """`dyᵀ x` over all samples and steps."""

    dy: Value
    x: Value

    def result(self) -> TensorType:
        return TensorType((self.dy.shape[-1], self.x.shape[-1]), self.dy.type.dtype, batched=False)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.dy.shape, self.x.shape[-1]),)


class EmbeddingGradient(Backward):
    """Every row of `dy` added to the row of the table that it came from: `[count, width]`, without a batch."""

    dy: Value
    x: Value
    weight: Value

    def result(self) -> TensorType:
        return self.weight.type


class GatherGradient(Backward):
    """Every part of `dy` added to the part of the table that it came from, along an axis of the table."""

    dy: Value
    places: Value
    table: Value
    axis: Int

    def result(self) -> TensorType:
        return self.table.type
