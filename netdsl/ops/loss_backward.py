"""Backward forms of losses, one score at a time: before they are divided by the number of scores."""

from netdsl.dims import Extent
from netdsl.ops.backward import Backward
from netdsl.ops.fields import Positive
from netdsl.tensors import TensorType, Value


class LossSlope(Backward, abstract=True):
    """How the sum of a loss over all scores changes with each of them."""

    x: Value
    label: Value

    def result(self) -> TensorType:
        return self.x.type

    def pointwise(self) -> Extent:
        return self.x.type.elements * 4


class BinaryCrossEntropySlope(LossSlope):
    """`(x - y) / (x (1 - x))`, whose divisor is no smaller than 1e-12, as in PyTorch."""


class HingeSlope(LossSlope):
    """`-y` where a score is short of the margin, else 0; y is 1 for a positive label and -1 for any other."""

    margin: Positive = 1.0


class MultiMarginSlope(LossSlope):
    """1 for each wrong class within the margin, and minus their number for the right one."""

    margin: Positive = 1.0
