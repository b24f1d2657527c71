"""What only training steps are written with: a norm, the correction of running averages, a choice, a batch's mean."""

from typing import Any

from netdsl.ops.arithmetic import Div
from netdsl.ops.backward import Backward, BatchSize, ExpandTo
from netdsl.ops.base import Gradients, Tape
from netdsl.ops.fields import Share
from netdsl.tensors import DType, TensorType, Value

SCALAR = TensorType((), DType.FLOAT, batched=False)


class SquaredNorm(Backward):
    """The sum of the squares of all elements."""

    x: Value

    def result(self) -> TensorType:
        return SCALAR

    def pointwise(self) -> Any:
        return 2 * self.x.type.elements


class Correction(Backward):
    """`1 - beta ** steps`: the share of a running average that its start at zero has not taken (Kingma and Ba, 2015).

    Computed in float64: after one step with `beta = 0.999` float32 would lose all digits but four.
    """

    steps: Value
    beta: Share

    def result(self) -> TensorType:
        return SCALAR

    def transcendentals(self) -> int:
        return 1


class Select(Backward):
    """`a` where the flag holds, else `b`; one of them may be a number for all elements."""

    flag: Value
    a: Value
    b: Value

    def result(self) -> TensorType:
        return (self.a if self.a.type.rank >= self.b.type.rank else self.b).type


class BatchMean(Backward):
    """The mean over all samples of a loss that is one number a sample."""

    x: Value

    def result(self) -> TensorType:
        return SCALAR

    def pointwise(self) -> int:
        return 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(ExpandTo, tape(Div, outgoing[0], tape(BatchSize, self.x)), self.x)}
