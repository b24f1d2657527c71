"""What only training steps are written with: a norm, the correction of running averages, a choice, a batch's mean."""

from typing import ClassVar

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.arithmetic import Div
from netdsl.ops.backward.base import Backward, BatchSize, ExpandTo
from netdsl.ops.base import Gradients, Tape
from netdsl.ops.fields import Fraction

SCALAR = TensorType((), DType.FLOAT, batched=False)


class SquaredNorm(Backward):
    """The sum of the squares of all elements."""

    x: Value

    def result(self) -> TensorType:
        return SCALAR


class Correction(Backward):
    """`1 - beta ** steps`: the share of a running average that its start at zero has not taken (Kingma and Ba, 2015).

    Computed in float64: after one step with `beta = 0.999` float32 would lose all digits but four.
    """

    steps: Value
    beta: Fraction

    def result(self) -> TensorType:
        return SCALAR


class Select(Backward):
    """`a` where the flag holds, else `b`; one of them may be a number for all elements."""

    flag: Value
    a: Value
    b: Value

    def result(self) -> TensorType:
        return (self.a if self.a.type.rank >= self.b.type.rank else self.b).type


class Finite(Backward):
    """Whether a number is one: not infinite and not NaN."""

    x: Value

    def result(self) -> TensorType:
        return SCALAR.with_dtype(DType.BOOL)


class Both(Backward):
    """Whether two flags hold."""

    a: Value
    b: Value

    def result(self) -> TensorType:
        return self.a.type


class Rescale(Backward):
    """The loss scale of the next step, and for how many steps it has been as it is, as `torch.amp.GradScaler` has them.

    Halved after a step whose gradients were not `finite`, doubled after 2,000 in a row that were (Micikevicius et al.,
    "Mixed Precision Training", ICLR 2018).
    """

    scale: Value
    steps: Value
    finite: Value

    def result(self) -> tuple[TensorType, TensorType]:
        return SCALAR, SCALAR


class BatchMean(Backward):
    """The mean over all samples of a loss that is one number a sample."""

    no_gradient: ClassVar[str] = ""

    x: Value

    def result(self) -> TensorType:
        return SCALAR

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(ExpandTo, tape(Div, outgoing[0], tape(BatchSize, self.x)), self.x)}
