"""Backward forms of losses, one score at a time: before they are divided by the number of scores."""

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import NonNegative


class LossSlope(Backward, abstract=True):
    """How the sum of a loss over all scores changes with each of them."""

    x: Value
    label: Value

    def result(self) -> TensorType:
        return self.x.type


class Probability(Backward):
    """The labels of two classes as real numbers, NaN outside 0 to 1."""

    x: Value

    def result(self) -> TensorType:
        return TensorType(self.x.shape, DType.FLOAT, self.x.type.batched)


class BinaryCrossEntropySlope(LossSlope):
    """`(x - y) / (x (1 - x))`, whose divisor is at least 1e-12, as in PyTorch; NaN where either is outside 0 to 1."""


class HingeSlope(LossSlope):
    """`-y` where a score is short of the margin, else 0; y is 1 for a positive label and -1 for any other."""

    margin: NonNegative = 1.0


class MultiMarginSlope(LossSlope):
    """1 for each wrong class within the margin, and minus their number for the right one."""

    margin: NonNegative = 1.0
