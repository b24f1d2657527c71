"""The optimizer's update appended to a differentiated network: gradients in, new weights and new state out.

Each update is PyTorch's arithmetic in PyTorch's order, written in our own operations on values without a batch; state
has PyTorch's names (`exp_avg`, `momentum_buffer`), so that a run can change engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netdsl.dims.tensors import Init, Value, Weight, WeightValue
from netdsl.ops.arithmetic import Add, Div, Minimum, Mul, Sqrt, Sub
from netdsl.ops.base import Op
from netdsl.ops.shape import Concat, Split
from netdsl.ops.step import Correction, Select, SquaredNorm
from netdsl.passes.tape import Pen
from netdsl.recipe import Optimizer
from netdsl.recipe.optimizers import Adagrad, Adam, Adamw, Rmsprop, Sgd

SEPARATOR = ":"
"""Between the key of a weight and the name of what is remembered of it."""

UPDATES_MADE = "updates"
"""How many updates there were: PyTorch keeps a `step` for each weight, which is the same number for all."""

JOINED = 16384
"""A weight of one axis with no more numbers than this is updated together with the others of its kind."""

CLIP_EPS = 1e-6
"""What `torch.nn.utils.clip_grad_norm_` adds to the norm."""


AVERAGE = "average"
"""The slot that holds the running average of a weight."""


def counter_of(part: str, start: int) -> str:
    """What counts the updates of the weights that a part moves from an epoch on is called."""
    return of_part(part, f"{UPDATES_MADE}_after_{start}" if start else UPDATES_MADE)


def of_part(part: str, name: str) -> str:
    """What a number is called that a part of a recipe carries, or the whole where it has no name."""
    return f"{part}{SEPARATOR}{name}" if part else name


def slot_of(key: str, name: str, shape: tuple[int, ...]) -> WeightValue:
    """A tensor that is carried beside a weight, zero at first."""
    kept = Weight(f"{key}{SEPARATOR}{name}", shape, Init("zeros"), trainable=False)
    return WeightValue(kept.name, kept)


@dataclass(eq=False)
class Common:
    """What one step computes once for all weights that are moved alike; `ready` says whether they change in it (None:
    always)."""

    pen: Pen
    rate: Value
    ready: Value | None = None
    counter: str = UPDATES_MADE
    """What counts the updates is called."""
    counting: Common | None = None
    """What counts the updates in its place: of weights that differ in their rates alone."""
    made: dict[object, Value] = field(default_factory=dict)
    state: list[tuple[WeightValue, Value]] = field(default_factory=list)
    """What came in and what goes out."""

    def once(self, key: object, write: Callable[[], Value]) -> Value:
        if key not in self.made:
            self.made[key] = write()
        return self.made[key]

    def steps(self) -> Value:
        """How many updates there were, this one included."""
        return self.once(UPDATES_MADE, self._steps) if self.counting is None else self.counting.steps()

    def _steps(self) -> Value:
        before = WeightValue(self.counter, Weight(self.counter, (), Init("zeros"), trainable=False))
        after: Value = self.pen(Add, (before, self.pen.number(1.0)))
        self.state.append((before, self.when_ready(self.pen, after, before)))
        return after

    def when_ready(self, pen: Pen, after: Value, before: Value) -> Value:
        """The new value, or the old one where nothing changes."""
        return after if self.ready is None else pen(Select, self.ready, after, before)


@dataclass(eq=False)
class Update:
    """The update of weights being written: operations go to `pen`, state is kept under `<weight>:<slot>`.

    Several weights of one axis are updated as one, end to end: nothing in an update looks beyond an element.
    """

    pen: Pen
    weights: tuple[WeightValue, ...]
    gradients: tuple[Value, ...]
    common: Common
    decay: float
    """The weight decay."""
    state: list[tuple[WeightValue, Value]] = field(default_factory=list)
    """What came in and what goes out."""

    def __post_init__(self) -> None:
        self.weight = self.joined(self.weights)
        self.gradient = self.joined(self.gradients)
        self.rate = self.common.rate

    def joined(self, values: tuple[Value, ...]) -> Value:
        return values[0] if len(values) == 1 else self.pen(Concat, values)

    def parted(self, value: Value) -> tuple[Value, ...]:
        if len(self.weights) == 1:
            return (value,)
        return self.pen.several(Split, value, tuple(w.weight.shape[0] for w in self.weights))

    def become(self, before: tuple[WeightValue, ...], old: Value, new: Value) -> None:
        """Let `new` follow on `old`, which are these tensors end to end."""
        self.state += zip(before, self.parted(self.common.when_ready(self.pen, new, old)), strict=True)

    def slot(self, name: str, write: Callable[[Value], Value]) -> Value:
        """A state tensor's next value; it has the weight's shape."""
        before = tuple(slot_of(w.name, name, w.weight.shape) for w in self.weights)
        old = self.joined(before)
        after = write(old)
        self.become(before, old, after)
        return after

    def steps(self) -> Value:
        return self.common.steps()

    def average(self, name: str, value: Value, beta: float) -> Value:
        """A running average: `beta` of the old one and the rest of the new value."""
        return self.slot(name, lambda before: self.sum(self.scaled(before, beta), self.scaled(value, 1 - beta)))

    def drift(self, name: str, value: Value, share: float) -> Value:
        """A running average as `torch.lerp` takes it: the old one moved a share of the way to the new value."""

        def moved(before: Value) -> Value:
            way = self.difference(value, before)
            if share < 0.5:
                return self.sum(before, self.scaled(way, share))
            return self.difference(value, self.scaled(way, 1 - share))

        return self.slot(name, moved)

    def number(self, value: float) -> Value:
        return self.pen.number(value)

    def scaled(self, value: Value, factor: float) -> Value:
        return self.product(value, self.number(factor))

    def sum(self, *values: Value) -> Value:
        result: Value = self.pen(Add, values)
        return result

    def product(self, *values: Value) -> Value:
        result: Value = self.pen(Mul, values)
        return result

    def difference(self, a: Value, b: Value) -> Value:
        result: Value = self.pen(Sub, a, b)
        return result

    def quotient(self, a: Value, b: Value) -> Value:
        result: Value = self.pen(Div, a, b)
        return result

    def root(self, value: Value) -> Value:
        result: Value = self.pen(Sqrt, value)
        return result

    def correction(self, beta: float) -> Value:
        """`1 - beta^t`, which makes up for averages that began at zero."""
        steps, pen = self.steps(), self.common.pen
        return self.common.once(("correction", beta), lambda: pen(Correction, steps, beta))

    def once(self, name: object, op: type[Op], *operands: object) -> Value:
        """What is the same for all weights."""
        return self.common.once(name, lambda: self.common.pen(op, *operands))

    def descend(self, direction: Value, rate: Value | None = None) -> Value:
        """`weight - rate * direction`."""
        return self.difference(self.weight, self.product(direction, rate or self.rate))

    def decayed(self) -> Value:
        """The gradient with the weight's own share added: decay as part of the gradient."""
        if not self.decay:
            return self.gradient
        return self.sum(self.gradient, self.scaled(self.weight, self.decay))

    def averaged(self, new: Value, share: Value) -> None:
        """Keep the average of the weight's values: a share of it becomes the new one."""
        kept = self.common.once(AVERAGE, lambda: self.common.pen(Sub, self.common.pen.number(1.0), share))
        self.slot(AVERAGE, lambda before: self.sum(self.product(before, kept), self.product(new, share)))


def sgd(optimizer: Sgd, update: Update) -> Value:
    """Momentum as PyTorch has it: the buffer starts as the first gradient, which zeros give as well (no dampening)."""
    gradient = update.decayed()
    if not optimizer.momentum:
        return update.descend(gradient)
    after = update.slot(
        "momentum_buffer", lambda before: update.sum(update.scaled(before, optimizer.momentum), gradient)
    )
    if optimizer.nesterov:
        return update.descend(update.sum(gradient, update.scaled(after, optimizer.momentum)))
    return update.descend(after)


def adam(optimizer: Adam, update: Update) -> Value:
    """Adam, and with `Adamw` its decay taken off the weight first, as PyTorch orders it."""
    apart = isinstance(optimizer, Adamw)
    gradient = update.gradient if apart else update.decayed()
    if apart and update.decay:
        lost = update.once(("lost", update.decay), Mul, (update.rate, update.number(update.decay)))
        kept = update.once(("kept", update.decay), Sub, update.number(1.0), lost)
        base = update.product(update.weight, kept)
    else:
        base = update.weight
    mean = update.drift("exp_avg", gradient, 1 - optimizer.beta1)
    square = update.average("exp_avg_sq", update.product(gradient, gradient), optimizer.beta2)
    spread = update.quotient(update.root(square), update.once("root", Sqrt, update.correction(optimizer.beta2)))
    size = update.once("size", Div, update.rate, update.correction(optimizer.beta1))
    direction = update.quotient(mean, update.sum(spread, update.number(optimizer.eps)))
    return update.difference(base, update.product(direction, size))


def rmsprop(optimizer: Rmsprop, update: Update) -> Value:
    """The gradient over the root of its mean square; `centered` takes the square of the mean off."""
    gradient = update.decayed()
    update.steps()
    square = update.average("square_avg", update.product(gradient, gradient), optimizer.alpha)
    if optimizer.centered:
        mean = update.drift("grad_avg", gradient, 1 - optimizer.alpha)
        square = update.difference(square, update.product(mean, mean))
    spread = update.sum(update.root(square), update.number(optimizer.eps))
    direction = update.quotient(gradient, spread)
    if not optimizer.momentum:
        return update.descend(direction)
    return update.descend(
        update.slot("momentum_buffer", lambda before: update.sum(update.scaled(before, optimizer.momentum), direction))
    )


def adagrad(optimizer: Adagrad, update: Update) -> Value:
    """The gradient over the root of the sum of all its squares; the rate itself falls with `lr_decay`."""
    gradient = update.decayed()
    steps = update.steps()
    square = update.slot("sum", lambda before: update.sum(before, update.product(gradient, gradient)))
    direction = update.quotient(gradient, update.sum(update.root(square), update.number(optimizer.eps)))
    if not optimizer.lr_decay:
        return update.descend(direction)
    past = update.once("past", Sub, steps, update.number(1.0))
    fallen = update.once("fallen", Mul, (past, update.number(optimizer.lr_decay)))
    divisor = update.once("divisor", Add, (fallen, update.number(1.0)))
    return update.descend(direction, update.once("rate", Div, update.rate, divisor))


UPDATES: dict[type[Optimizer], Callable[..., Value]] = {
    Sgd: sgd,
    Adam: adam,
    Adamw: adam,
    Rmsprop: rmsprop,
    Adagrad: adagrad,
}
"""By optimizer: writes an update and returns the weight's next value."""


def squared_norm(gradients: Iterable[Value], pen: Pen) -> Value:
    """The squares of all elements of all gradients, added up."""
    squares = tuple(pen(SquaredNorm, g) for g in gradients)
    result: Value = pen(Add, squares) if len(squares) > 1 else squares[0]
    return result


def clipping(gradients: Iterable[Value], limit: float, pen: Pen) -> Value:
    """What all gradients are multiplied by so that their norm together is no larger than `limit`."""
    norm = pen(Add, (pen(Sqrt, squared_norm(gradients, pen)), pen.number(CLIP_EPS)))
    return pen(Minimum, pen(Div, pen.number(limit), norm), pen.number(1.0))
