"""The optimizer's update appended to a differentiated network: gradients in, new weights and new state out.

Each update is PyTorch's arithmetic, written in our own operations on values without a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from netdsl.ops.arithmetic import Add, Mul, Sub
from netdsl.passes.tape import Pen
from netdsl.recipe import Optimizer
from netdsl.recipe.optimizers import Sgd
from netdsl.tensors import Init, Value, Weight, WeightValue


@dataclass(eq=False)
class Update:
    """The update of one weight being written: operations go to `pen`, state is kept under `<weight>:<slot>`."""

    pen: Pen
    weight: WeightValue
    gradient: Value
    rate: Value
    state: dict[str, tuple[Value, Value]] = field(default_factory=dict)
    """By slot: the value that came in and the value that goes out."""

    def slot(self, name: str, shape: tuple[int, ...] | None = None) -> WeightValue:
        """A state tensor, zero at first, of the weight's shape unless another is given."""
        kept = Weight(f"{self.weight.name}:{name}", self.weight.weight.shape if shape is None else shape, Init("zeros"))
        return WeightValue(kept.name, kept)

    def keep(self, name: str, before: Value, after: Value) -> None:
        self.state[name] = (before, after)

    def scaled(self, value: Value, factor: float) -> Value:
        result: Value = self.pen(Mul, (value, self.pen.number(factor)))
        return result

    def sum(self, *values: Value) -> Value:
        result: Value = self.pen(Add, values)
        return result

    def descend(self, direction: Value) -> Value:
        """`weight - rate * direction`."""
        result: Value = self.pen(Sub, self.weight, self.pen(Mul, (direction, self.rate)))
        return result


UPDATES: dict[type[Optimizer], Callable[[Optimizer, Update, bool], Value]] = {}
"""By optimizer: writes an update, given whether this weight decays; returns the weight's next value."""


def sgd(optimizer: Optimizer, update: Update, decays: bool) -> Value:
    """Momentum as PyTorch has it: the buffer starts as the first gradient, which zeros give as well (no dampening)."""
    assert isinstance(optimizer, Sgd)
    gradient = update.gradient
    if optimizer.weight_decay and decays:
        gradient = update.sum(gradient, update.scaled(update.weight, optimizer.weight_decay))
    if not optimizer.momentum:
        return update.descend(gradient)
    before = update.slot("momentum_buffer")
    after = update.sum(update.scaled(before, optimizer.momentum), gradient)
    update.keep("momentum_buffer", before, after)
    if optimizer.nesterov:
        return update.descend(update.sum(gradient, update.scaled(after, optimizer.momentum)))
    return update.descend(after)


UPDATES[Sgd] = sgd
