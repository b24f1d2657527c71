"""Backward forms of activations: gradients that pass in some places and not, or otherwise, in others."""

from typing import Annotated

from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Bool, ChoiceKind, FloatKind


class Choose(Backward):
    """`above` where `x` is positive, `below` elsewhere. Either may be one number."""

    x: Value
    above: Value
    below: Value

    def result(self) -> TensorType:
        return self.x.type


class Between(Backward):
    """`dy` where `x` lies between two numbers, else 0. A `closed` range holds its ends, as PyTorch's clamp has it."""

    dy: Value
    x: Value
    low: Annotated[float | None, FloatKind()] = None
    high: Annotated[float | None, FloatKind()] = None
    closed: Bool = False

    def prepare(self) -> None:
        if self.low is None and self.high is None:
            raise RuleError("a range needs an end")

    def result(self) -> TensorType:
        return self.dy.type


class Curved(Backward, abstract=True):
    """`dy` times the slope of a function at `x`."""

    dy: Value
    x: Value

    def result(self) -> TensorType:
        return self.dy.type


class GeluGradient(Curved):
    """Exactly `P(x) + x p(x)`, with the normal distribution and its density; or the slope of the formula with tanh."""

    approximate: Annotated[str, ChoiceKind(("none", "tanh"))] = "none"


class HardswishGradient(Curved):
    """0 up to -3, 1 from 3 on, `x / 3 + 1 / 2` between."""
