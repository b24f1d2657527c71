"""How a net says a text: which token it takes by its scores, how far it goes, and who is told meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.asking import named
from netdsl.base.errors import RunError

MOST = 100_000
"""Tokens that are said of one sample at most."""


@dataclass(frozen=True)
class Saying:
    """What a person asks of a text that a net says."""

    temperature: float = 0.0
    """0 takes the likeliest token; above it tokens are drawn, from scores that are divided by it."""
    length: int | None = None
    """How many tokens are said at most."""
    told: Callable[[int], None] | None = None
    """Is told how many there are so far."""

    def __post_init__(self) -> None:
        if not isinstance(self.temperature, int | float) or not isinstance(self.length, int | None):
            numbers = f"{named(self.temperature)} and {named(self.length)}"
            raise RunError(f"`temperature` and `length` of netdsl.Saying are numbers, not {numbers}: write length=20")
        if not 0 <= self.temperature < math.inf:
            raise RunError(f"a temperature is a number of 0 or more, not {self.temperature:g}")
        if self.length is not None and not 1 <= self.length <= MOST:
            raise RunError(f"a text is said up to 1 to {MOST:,} tokens, not {self.length:,}")

    @property
    def asks(self) -> bool:
        """Whether it asks for anything that only a net which says texts can do."""
        return self.temperature > 0 or self.length is not None


class Chooser:
    """Chooses tokens by scores; what is drawn for a sample follows from the seed alone, not from what is beside it."""

    def __init__(self, saying: Saying, seed: int) -> None:
        self.temperature, self.draw = saying.temperature, np.random.default_rng(seed)

    def __call__(self, scores: Array) -> Array:
        """Of scores `[samples, tokens]` a token each, `int64 [samples]`."""
        found: Array
        if not self.temperature:
            found = scores.argmax(axis=-1)
            return found
        wide = scores.astype(np.float64)
        if not np.isfinite(best := wide.max(axis=-1, keepdims=True)).all():
            raise RunError("the scores are no numbers (NaN or infinite), so that no token can be drawn from them")
        until = np.exp((wide - best) / self.temperature).cumsum(axis=-1)
        found = (until <= self.draw.random() * until[:, -1:]).sum(axis=-1)
        return found
