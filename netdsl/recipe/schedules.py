"""How the learning rate changes over a run: plain arithmetic, the same for every engine that trains."""

import math
from collections.abc import Iterable
from typing import Annotated, ClassVar

from netdsl.ops.base import RuleError
from netdsl.ops.declared import Declared
from netdsl.ops.fields import Bool, Count, Fraction, IntKind, NonNegative, Whole
from netdsl.recipe.options import OptionKind

SCHEDULES: dict[str, type["Schedule"]] = {}


class Schedule(Declared, abstract=True):
    """How the learning rate changes: `scale` is what it is multiplied by. `warmup` epochs climb to it linearly."""

    follows: ClassVar[bool] = False
    """Whether it follows how good each epoch was."""

    warmup: NonNegative = 0.0

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            SCHEDULES[cls.name] = cls

    def scale(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        """The multiplier at optimizer step `step`, counted from 0 over all `total_steps` of the run."""
        warm = round(self.warmup * steps_per_epoch)
        if step < warm:
            return (step + 1) / warm
        return self.curve(step - warm, max(1, total_steps - warm), steps_per_epoch)

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        """The multiplier once the warm-up is over, steps counted from there."""
        raise NotImplementedError

    def lowered(self, measures: Iterable[float], higher_is_better: bool) -> float:
        """What else the rate is multiplied by behind epochs that were so good."""
        return 1.0


class ConstantRate(Schedule):
    """The same learning rate throughout."""

    name: ClassVar[str] = "constant"
    warmup: NonNegative = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return 1.0


class Cosine(Schedule):
    """Half a cosine from 1 down to `floor`; `every` so many epochs it begins anew, each time `growth` times as long
    (Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017)."""

    warmup: NonNegative = 0.0
    floor: Fraction = 0.0
    every: Annotated[int | None, OptionKind(IntKind(1))] = None
    growth: Count = 1

    def prepare(self) -> None:
        if self.every is None and self.growth > 1:
            raise RuleError("`growth` is for restarts: say the epochs to the first, as in `every=10`", field="growth")

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        if self.every is None:
            share = min(1.0, step / total_steps)
        else:
            share = self._since_restart(step, self.every * steps_per_epoch)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * share)) / 2

    def _since_restart(self, step: int, length: int) -> float:
        """Which share of the stretch between two restarts is over; the first has a length in steps."""
        while step >= length and self.growth > 1:
            step, length = step - length, length * self.growth
        return step % length / length


class StepDecay(Schedule):
    """Multiply by `factor` every `every` epochs."""

    name: ClassVar[str] = "step"
    positional: ClassVar[int] = 1

    every: Count  # type: ignore[misc]  # ours are ordered by their class, not by the base
    factor: NonNegative = 0.1
    warmup: NonNegative = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return float(self.factor ** (step // (self.every * steps_per_epoch)))


class Polynomial(Schedule):
    """`(1 - step / steps) ** power` (Chen et al., DeepLab, 2017)."""

    positional: ClassVar[int] = 1

    power: NonNegative = 0.9
    warmup: NonNegative = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return float(max(0.0, 1 - step / total_steps) ** self.power)


class LinearDecay(Schedule):
    """A straight line from 1 down to `floor`."""

    name: ClassVar[str] = "linear"
    floor: Fraction = 0.0
    warmup: NonNegative = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return 1 - (1 - self.floor) * min(1.0, step / total_steps)


class OneCycle(Schedule):
    """Up to 1 for a share `rise` of all steps, from a share `start`, then down to `floor`, along half cosines or
    straight lines (Smith and Topin, "Super-Convergence", 2018; as in PyTorch, without its cycle of the momentum)."""

    name: ClassVar[str] = "onecycle"

    rise: Fraction = 0.3
    start: Fraction = 0.04
    floor: Fraction = 0.000004
    linear: Bool = False
    warmup: NonNegative = 0.0

    def prepare(self) -> None:
        if self.warmup:
            raise RuleError("`onecycle` climbs by itself, for a share `rise` of all steps", field="warmup")

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        top, last = self.rise * total_steps - 1, total_steps - 1
        if step <= top:
            return self._between(self.start, 1.0, step, top)
        return self._between(1.0, self.floor, step - top, last - top)

    def _between(self, first: float, last: float, step: float, steps: float) -> float:
        share = min(1.0, step / steps) if steps > 0 else 1.0
        if self.linear:
            return first + (last - first) * share
        return last + (first - last) / 2 * (1 + math.cos(math.pi * share))


class Plateau(Schedule):
    """Multiply by `factor` when no epoch was better for more than `patience` epochs, as PyTorch's `ReduceLROnPlateau`.

    Better is what beats the best so far by a share `threshold`. For `cooldown` epochs behind that none counts as worse.
    """

    follows: ClassVar[bool] = True

    factor: Fraction = 0.1
    patience: Whole = 10
    threshold: NonNegative = 0.0001
    cooldown: Whole = 0
    floor: Fraction = 0.0
    warmup: NonNegative = 0.0

    def prepare(self) -> None:
        if self.factor >= 1:
            raise RuleError("`factor` must be below 1", field="factor")

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return 1.0

    def lowered(self, measures: Iterable[float], higher_is_better: bool) -> float:
        scale, best, worse, resting = 1.0, -math.inf if higher_is_better else math.inf, 0, 0
        for measure in measures:
            wanted = best * (1 + self.threshold if higher_is_better else 1 - self.threshold)
            better = measure > wanted if higher_is_better else measure < wanted
            best, worse = (measure, 0) if better else (best, worse + 1)
            if resting:
                resting, worse = resting - 1, 0
            if worse > self.patience:
                scale, worse, resting = max(scale * self.factor, self.floor), 0, self.cooldown
        return scale
