"""How each weight is moved: by which share of the learning rate, with how much decay, and from which epoch on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netdsl.graph import Net, Part
from netdsl.graph.depths import depths
from netdsl.recipe import Optimizer, Steering, steering_of


@dataclass(frozen=True)
class Manner:
    """How a weight is moved, by all steps in which it is."""

    speed: float = 1.0
    """What the learning rate is multiplied by."""
    decay: float = 0.0
    """The weight decay."""
    start: int = 0
    """The epoch from which on it is moved, counted from 0."""


class Manners:
    """How the weights of a net are moved by one part of a recipe with these plain settings."""

    def __init__(self, net: Net, part: Part, settings: Mapping[str, Any]) -> None:
        self.optimizer = part.optimizer
        self.steering: Steering = steering_of(settings)
        self.depths = depths(net) if part.optimizer.layer_decay != 1 else {}
        self.top = max(self.depths.values(), default=0)

    def __call__(self, key: str, axes: int) -> Manner:
        """That of a weight with so many axes."""
        speed = self.steering.speed(key) * self.optimizer.layer_decay ** (self.top - self.depths.get(key, self.top))
        decay = plain_decay(self.optimizer, axes) * self.steering.shrink(key)
        return Manner(speed, decay, self.steering.thaws(key) or 0)


def plain_decay(optimizer: Optimizer, axes: int) -> float:
    """The weight decay of a weight with so many axes, of which nothing else is said."""
    return 0.0 if optimizer.no_decay and axes < 2 else float(optimizer.weight_decay)
