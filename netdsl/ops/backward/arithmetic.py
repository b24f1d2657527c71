"""Backward forms of arithmetic, and what undoes broadcasting and transposes matrices."""

from typing import Annotated

from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward, SumTo
from netdsl.ops.base import Tape
from netdsl.ops.fields import ChoiceKind
from netdsl.ops.shape import Transpose


def fit(tape: Tape, gradient: Value | None, like: Value) -> Value:
    """A gradient summed over what broadcasting had repeated of an operand."""
    assert gradient is not None
    if gradient.type == like.type:
        return gradient
    return tape(SumTo, gradient, like)


def turned(tape: Tape, matrices: Value) -> Value:
    """Matrices with their rows as columns."""
    rank = matrices.type.rank
    return tape(Transpose, matrices, (*range(rank - 2), rank - 1, rank - 2))


class Won(Backward):
    """`dy` where `a` is larger than `b`, else 0. Equal ones have half each, or one of them takes `all` or `none`."""

    dy: Value
    a: Value
    b: Value
    ties: Annotated[str, ChoiceKind(("half", "all", "none"))] = "half"

    def result(self) -> TensorType:
        return self.dy.type


class Sign(Backward):
    """1, 0 or -1."""

    x: Value

    def result(self) -> TensorType:
        return self.x.type


class PowerGradient(Backward, abstract=True):
    """A gradient of `a` to the power `b`."""

    dy: Value
    a: Value
    b: Value

    def result(self) -> TensorType:
        return self.dy.type


class PowerBaseGradient(PowerGradient):
    """`dy b a^(b - 1)`, and 0 where `b` is 0."""


class PowerExponentGradient(PowerGradient):
    """`dy a^b log(a)`, given the power itself, and 0 where `a` is 0 and `b` is not negative."""

    power: Value
