"""What a recipe says of some of the weights: which are frozen and for how long, and whose rates are others."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from netdsl.base.record import record
from netdsl.ops.fields import FieldError, Kind, is_int

MOST = 1000
"""Rows and patterns that one row of a recipe names."""
LONGEST = 200
"""Letters of one of them."""
SIGNS = frozenset("*?[")
"""What makes a pattern of a text."""


class Aim(NamedTuple):
    """Some weights, and a number that is said of them."""

    where: str
    """A row of the net, `trunk` or `trunk.conv1`, or a pattern of keys, `*.bias`."""
    value: float | None = None
    """A factor, or for how many epochs; None for all of them."""

    def __str__(self) -> str:
        shown = f'"{self.where}"' if SIGNS & set(self.where) else self.where
        return shown if self.value is None else f"{shown}({self.value:g})"

    def fits(self, key: str) -> bool:
        """Whether a weight, or a running statistic, is one of those that are meant."""
        if SIGNS & set(self.where):
            return fnmatchcase(key, self.where)
        return key == self.where or key.startswith(f"{self.where}.")


@record
class AimsKind(Kind):
    """Rows of the net with a number each, as `freeze` and `rate` have them; what is read is what a run has kept."""

    epochs: bool
    """Whether the number is one of epochs, which may be left out; else it is a factor."""

    @property
    def says(self) -> str:  # type: ignore[override]
        return "rows of the net" + (", each for some epochs if it says so" if self.epochs else ", each with a factor")

    def read(self, value: object) -> tuple[Aim, ...]:
        if not isinstance(value, (list, tuple)) or len(value) > MOST or not all(map(self._is_aim, value)):
            raise FieldError(f"takes {self.says}")
        return tuple(Aim(where, number) for where, number in value)

    def _is_aim(self, item: object) -> bool:
        if not isinstance(item, (list, tuple)) or len(item) != 2:
            return False
        where, number = item
        named = isinstance(where, str) and 0 < len(where) <= LONGEST
        return named and (self.counts(number) or (self.epochs and number is None))

    def counts(self, number: object) -> bool:
        """Whether a number is one that may stand there."""
        if self.epochs:
            return is_int(number) and number >= 1
        return isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number <= 1e6


@record
class RowsKind(Kind):
    """Rows of the net, as `checkpoint` has them."""

    says = "rows of the net"

    def read(self, value: object) -> tuple[str, ...]:
        known = isinstance(value, (list, tuple)) and len(value) <= MOST
        if not known or not all(isinstance(row, str) and 0 < len(row) <= LONGEST for row in value):  # type: ignore[attr-defined]
            raise FieldError(f"takes {self.says}")
        return tuple(value)  # type: ignore[arg-type]


@record
class Steering:
    """What a recipe says of single weights, by their keys. Epochs count from 0."""

    freeze: tuple[Aim, ...] = ()
    rate: tuple[Aim, ...] = ()
    decay: tuple[Aim, ...] = ()

    def thaws(self, key: str) -> int | None:
        """The first epoch in which a weight is trained; None where it never is."""
        aim = next((aim for aim in self.freeze if aim.fits(key)), None)
        if aim is None:
            return 0
        return None if aim.value is None else int(aim.value)

    def still(self, keys: Iterable[str], epoch: int) -> frozenset[str]:
        """The weights and running statistics that are frozen in an epoch."""
        starts = {key: self.thaws(key) for key in keys} if self.freeze else {}
        return frozenset(key for key, start in starts.items() if start is None or start > epoch)

    @property
    def stages(self) -> tuple[int, ...]:
        """The epochs from which on other weights are trained than before; the first is 0."""
        return tuple(sorted({0, *(int(aim.value) for aim in self.freeze if aim.value is not None)}))

    def stage_of(self, epoch: int) -> int:
        """The one of them that an epoch belongs to."""
        return max(stage for stage in self.stages if stage <= epoch)

    def speed(self, key: str) -> float:
        """What the learning rate of a weight is multiplied by."""
        return _factor(self.rate, key)

    def shrink(self, key: str) -> float:
        """What the weight decay of a weight is multiplied by."""
        return _factor(self.decay, key)


def _factor(aims: Iterable[Aim], key: str) -> float:
    return next((float(aim.value) for aim in aims if aim.value is not None and aim.fits(key)), 1.0)


def steering_of(settings: Mapping[str, Any]) -> Steering:
    """That of a recipe's plain settings."""
    return Steering(settings.get("freeze", ()), settings.get("rate", ()), settings.get("decay", ()))
