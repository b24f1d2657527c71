"""How the learning rate changes over a run: plain arithmetic, the same for every engine that trains."""

import math
from typing import ClassVar

from netdsl.ops.declared import Declared
from netdsl.ops.fields import Count, Fraction, NonNegative

SCHEDULES: dict[str, type["Schedule"]] = {}


class Schedule(Declared, abstract=True):
    """How the learning rate changes: `scale` is what it is multiplied by. `warmup` epochs climb to it linearly."""

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


class ConstantRate(Schedule):
    """The same learning rate throughout."""

    name: ClassVar[str] = "constant"
    warmup: NonNegative = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return 1.0


class Cosine(Schedule):
    """Half a cosine from 1 down to `floor` (Loshchilov and Hutter, 2017, without restarts)."""

    warmup: NonNegative = 0.0
    floor: Fraction = 0.0

    def curve(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        share = min(1.0, step / total_steps)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * share)) / 2


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
