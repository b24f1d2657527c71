"""Trainings that are broken off, as a process that is killed is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from netdsl.runtime.training.trainer import Trainer


class Killed(Exception):
    """What ends a training that is broken off."""


@contextmanager
def broken_off(steps: int, epochs: int = 0) -> Iterator[None]:
    """A training within it has to come so far, so many steps behind so many epochs, and takes no step more."""
    step, taken = Trainer._step, 0

    def killed(self: Trainer, *given: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken > epochs * self.steps + steps:
            raise Killed
        return step(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", killed)
        with pytest.raises(Killed):
            yield
