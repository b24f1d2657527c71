"""Backward forms of convolutions. `of` is the convolution, whose settings they read.

The weight of a convolution is `[O, C / groups, K…]`; that of a transposed one `[C, O / groups, K…]`, which is the same
thing read from the other side: the input gradient of each is the other, and both share one weight gradient.
"""

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward, ForwardOp
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected


class ConvBiasGradient(Backward):
    """The sum over samples and positions of each channel: the gradient of a bias. `[C, …] -> [C]`, without a batch."""

    dy: Value

    def result(self) -> TensorType:
        return TensorType(self.dy.shape[:1], self.dy.type.dtype, batched=False)


class InputGradient(Backward, abstract=True):
    """What each position of `x` adds to the loss, from `dy` through the filters of an operation."""

    dy: Value
    weight: Value
    x: Value

    def result(self) -> TensorType:
        return self.x.type


class ConvInputGradient(InputGradient):
    """Every position of `dy` paints its window into what was read: a transposed convolution to the size of `x`."""

    of: ForwardOp[Conv]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.dy.type.spatial, *self.weight.shape),)


class ConvTransposeInputGradient(InputGradient):
    """What each input position painted, gathered again: a convolution of `dy`, cut to the size of `x`."""

    of: ForwardOp[ConvTranspose]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.x.type.spatial, *self.weight.shape),)


class ConvWeightGradient(Backward):
    """For each tap the products of `dy` with what the tap read of `x`, over samples and positions.

    Of a transposed convolution `dy` is its input and `x` its outgoing gradient: the one with as many positions as
    there are windows comes first.
    """

    dy: Value
    x: Value
    of: ForwardOp[Conv | ConvTranspose]

    def result(self) -> TensorType:
        shape = (self.dy.shape[0], self.x.shape[0] // self.of.groups, *self.of.kernels)
        return TensorType(shape, self.dy.type.dtype, batched=False)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.dy.type.spatial, *self.result().shape),)


class LocalInputGradient(InputGradient):
    """As `ConvInputGradient`, with filters that differ from place to place."""

    of: ForwardOp[LocallyConnected]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return (self.weight.shape,)


class LocalWeightGradient(Backward):
    """As `ConvWeightGradient`, a product of its own for every place: `[O, P, channels, C, kernel…]`."""

    dy: Value
    x: Value
    of: ForwardOp[LocallyConnected]

    def result(self) -> TensorType:
        shape = (*self.of.positions, self.of.channels, self.of.in_channels, *self.of.kernels)
        return TensorType(shape, self.dy.type.dtype, batched=False)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return (self.result().shape,)
