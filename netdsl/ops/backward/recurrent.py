"""Training forms and gradients of recurrent layers: one layer and direction at a time, forward and backward in time.

The forward keeps the gates of every step; the backward first turns them, for all steps at once, into the factors with
which a step's gradient is multiplied, so that little is left to do one step after the other: a sum, a product and the
product with the recurrent weights. Gradients of weights are one matrix product over all samples and steps.
"""

from collections.abc import Sequence
from typing import ClassVar

import netdsl.ops.arithmetic as arithmetic
import netdsl.ops.shape as shape
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.base import Gradients, Tape, fixed
from netdsl.ops.declared import Values
from netdsl.ops.fields import Bool


class Steps(Backward, abstract=True):
    """One layer in one direction: the hidden states `[T, hidden]`, then what the gradient needs."""

    gates: ClassVar[int] = 1
    kept: ClassVar[tuple[int, ...]] = ()
    """Widths of what is kept, in units of `hidden`."""

    x: Value
    weight_ih: Value
    weight_hh: Value
    bias_ih: Value | None = None
    bias_hh: Value | None = None
    backwards: Bool = False

    @property
    def hidden(self) -> int:
        return fixed(self.weight_hh.shape[1], "the number of hidden units")

    def result(self) -> tuple[TensorType, ...]:
        return tuple(self.x.type.with_shape(self.x.shape[0], n * self.hidden) for n in (1, *self.kept))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((self.x.shape[0], self.gates, self.hidden, self.x.shape[1] + self.hidden),)


class RnnSteps(Steps, abstract=True):
    """Elman's recurrence; its hidden states are all that the gradient needs."""


class TanhSteps(RnnSteps):
    """`h = tanh(W x + U h)`."""


class ReluSteps(RnnSteps):
    """`h = max(0, W x + U h)`."""


class LstmSteps(Steps):
    """Keeps input and forget gate, the candidate, the output gate, what was not forgotten, and tanh of the cell."""

    gates: ClassVar[int] = 4
    kept: ClassVar[tuple[int, ...]] = (1, 1, 1, 1, 1, 1)


class GruSteps(Steps):
    """Keeps reset and update gate side by side, the candidate, and the recurrent part of the candidate."""

    gates: ClassVar[int] = 3
    kept: ClassVar[tuple[int, ...]] = (2, 1, 1)


class StepsGradient(Backward, abstract=True):
    """Gradients of `x`, of both weights and of both bias vectors. `y` and `kept` are what the forward gave."""

    gates: ClassVar[int] = 1

    dy: Value
    x: Value
    weight_ih: Value
    weight_hh: Value
    y: Value
    kept: Values
    backwards: Bool = False

    @property
    def hidden(self) -> int:
        return fixed(self.weight_hh.shape[1], "the number of hidden units")

    def result(self) -> tuple[TensorType, ...]:
        bias = TensorType(self.weight_hh.shape[:1], self.x.type.dtype, batched=False)
        return self.x.type, self.weight_ih.type, self.weight_hh.type, bias, bias

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((self.x.shape[0], self.gates, self.hidden, 2, self.x.shape[1] + self.hidden),)


class TanhStepsGradient(StepsGradient):
    """Backward in time through tanh."""


class ReluStepsGradient(StepsGradient):
    """Backward in time through relu."""


class LstmStepsGradient(StepsGradient):
    """Backward in time through the gates and the cell."""

    gates: ClassVar[int] = 4


class GruStepsGradient(StepsGradient):
    """Backward in time through the gates."""

    gates: ClassVar[int] = 3


GRADIENTS: dict[type[Steps], type[StepsGradient]] = {
    TanhSteps: TanhStepsGradient,
    ReluSteps: ReluStepsGradient,
    LstmSteps: LstmStepsGradient,
    GruSteps: GruStepsGradient,
}
OPERANDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
Layers = Sequence[tuple[str, ...]]
"""The suffixes of the weights' names, one for each direction of each layer."""


def recurrence_training(tape: Tape, steps: type[Steps], x: Value, layers: Layers, biases: int) -> tuple[Value, ...]:
    """Layer after layer; what each keeps is saved under its weights' suffix."""
    for suffixes in layers:
        sides = []
        for back, suffix in enumerate(suffixes):
            own = {name: tape.weight(f"{name}{suffix}") for name in OPERANDS[: 2 + biases]}
            results = tape.several(steps, x, backwards=bool(back), **own)
            for i, value in enumerate((x, *results)):
                tape.save(f"{i}{suffix}", value)
            sides.append(results[0])
        x = sides[0] if len(sides) == 1 else tape(shape.Concat, tuple(sides), axis=-1)
    return (x,)


def recurrence_gradient(tape: Tape, steps: type[Steps], dy: Value | None, layers: Layers, biases: int) -> Gradients:
    found: dict[str, Value] = {}
    for suffixes in reversed(layers):
        parts = (dy,) if len(suffixes) == 1 else tape.several(shape.Split, dy, 2, axis=-1)
        inputs = []
        for back, (suffix, part) in enumerate(zip(suffixes, parts, strict=True)):
            x, y, *kept = (tape.saved(f"{i}{suffix}") for i in range(2 + len(steps.kept)))
            weights = [tape.weight(f"{name}{suffix}") for name in OPERANDS[:2]]
            dx, *own = tape.several(GRADIENTS[steps], part, x, *weights, y, tuple(kept), backwards=bool(back))
            inputs.append(dx)
            found |= {f"{name}{suffix}": g for name, g in zip(OPERANDS[: 2 + biases], own, strict=False)}
        dy = inputs[0] if len(inputs) == 1 else tape(arithmetic.Add, tuple(inputs))
    assert dy is not None
    return {"x": dy, **found}
