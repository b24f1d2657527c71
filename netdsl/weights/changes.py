"""What a rule of a map may do to tensors on their way: turn, reshape, join and cut them, and add a number."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netdsl.base.arrays import Array

TensorShape = tuple[int, ...]

CALL = re.compile(r"([a-z_]+)(?:\(([^()]{0,100})\))?")
NUMBER = re.compile(r"-?\d{1,9}")
REAL = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
MOST_PIECES = 1_000


class ChangeError(ValueError):
    """A change that cannot be made, in words."""


@dataclass(frozen=True)
class TensorChange:
    """One change of the tensors that come in, each by itself or all together."""

    counts: ClassVar[range] = range(17)
    """How many numbers it takes."""
    real: ClassVar[bool] = False
    """Whether these need not be whole."""
    along: ClassVar[bool] = False
    """Whether it takes an axis."""

    text: str
    numbers: tuple[float, ...]
    axis: int

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        """What comes out of these shapes; `wanted` are those of the targets."""
        raise NotImplementedError

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        raise NotImplementedError

    def integers(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.numbers)


class AxesTurned(TensorChange):
    """The last two axes exchanged, or all in the order that is given."""

    def order(self, shape: TensorShape) -> tuple[int, ...]:
        axes = self.integers() or (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
        if len(shape) < 2 or sorted(axes) != list(range(len(shape))):
            raise ChangeError(f"`{self.text}` does not order the axes of {list(shape)}")
        return axes

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        return [tuple(shape[a] for a in self.order(shape)) for shape in given]

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        return [array.transpose(self.order(array.shape)) for array in given]


class TensorReshaped(TensorChange):
    """The same numbers in order, in the shape that is given or that of the target."""

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        if not self.numbers:
            each = [*wanted] if len(wanted) == len(given) else [wanted[0]] * len(given)
            return [self._whole(shape, want) for shape, want in zip(given, each, strict=True)]
        return [self._whole(shape, self.integers()) for shape in given]

    def _whole(self, shape: TensorShape, wanted: TensorShape) -> TensorShape:
        count, known = math.prod(shape), math.prod(n for n in wanted if n != -1)
        open_ = wanted.count(-1)
        made = tuple(count // known if n == -1 and known else n for n in wanted)
        if open_ > 1 or any(n < -1 for n in wanted) or math.prod(made) != count:
            raise ChangeError(f"`{self.text}` makes no {list(wanted)} of {list(shape)}, which has {count:,} numbers")
        return made

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        shapes = self.shapes([a.shape for a in given], wanted)
        return [array.reshape(shape) for array, shape in zip(given, shapes, strict=True)]


class TensorsJoined(TensorChange):
    """Several tensors one behind the other."""

    counts = range(1)
    along = True

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        axis, first = self.axis, given[0]
        rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in given}
        if len(rests) > 1 or any(not 0 <= axis < len(shape) for shape in given):
            raise ChangeError(f"`{self.text}` cannot join {' and '.join(str(list(s)) for s in given[:3])}")
        return [(*first[:axis], sum(shape[axis] for shape in given), *first[axis + 1 :])]

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        return [np.concatenate(given, axis=self.axis)]


class TensorCut(TensorChange):
    """Each tensor in so many equal pieces, or in pieces of these sizes."""

    counts = range(1, 101)
    along = True

    def sizes(self, shape: TensorShape) -> tuple[int, ...]:
        if not 0 <= self.axis < len(shape):
            raise ChangeError(f"`{self.text}` finds no axis {self.axis} in {list(shape)}")
        there, sizes = shape[self.axis], self.integers()
        if len(sizes) == 1 and 0 < sizes[0] <= MOST_PIECES and there % sizes[0] == 0:
            return (there // sizes[0],) * sizes[0]
        if len(sizes) < 2 or any(n < 1 for n in sizes) or sum(sizes) != there:
            raise ChangeError(f"`{self.text}` cannot cut {list(shape)} along axis {self.axis}")
        return sizes

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        pieces = [(shape, n) for shape in given for n in self.sizes(shape)]
        return [(*shape[: self.axis], n, *shape[self.axis + 1 :]) for shape, n in pieces]

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        ends = [np.cumsum(self.sizes(array.shape))[:-1] for array in given]
        return [p for array, at in zip(given, ends, strict=True) for p in np.split(array, at, axis=self.axis)]


class NumberAdded(TensorChange):
    """A number added to all."""

    counts = range(1, 2)
    real = True

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        return list(given)

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        return [(array + np.asarray(self.numbers[0], array.dtype)).astype(array.dtype) for array in given]


class LogsAdded(TensorChange):
    """The logarithms of 1, 2, 3 … along the last axis, times a number, added."""

    counts = range(1, 2)
    real = True

    def shapes(self, given: Sequence[TensorShape], wanted: Sequence[TensorShape]) -> list[TensorShape]:
        if any(not shape for shape in given):
            raise ChangeError(f"`{self.text}` goes along the last axis, and a single number has none")
        return list(given)

    def arrays(self, given: Sequence[Array], wanted: Sequence[TensorShape]) -> list[Array]:
        logs = [self.numbers[0] * np.log(np.arange(1, array.shape[-1] + 1)) for array in given]
        return [(array + log).astype(array.dtype) for array, log in zip(given, logs, strict=True)]


CHANGES: dict[str, type[TensorChange]] = {
    "transpose": AxesTurned,
    "reshape": TensorReshaped,
    "concat": TensorsJoined,
    "split": TensorCut,
    "add": NumberAdded,
    "add_logs": LogsAdded,
}


def read_change(text: str) -> TensorChange:
    """`transpose`, `split(3, axis=1)`; `ChangeError` says what is wrong with it."""
    call = CALL.fullmatch(text)
    if call is None or call[1] not in CHANGES:
        raise ChangeError(f"`{text[:40]}` is no change of a tensor: there are {', '.join(CHANGES)}")
    given = [part.strip() for part in (call[2] or "").split(",") if part.strip()]
    axes = [part.partition("=")[2].strip() for part in given if part.replace(" ", "").startswith("axis=")]
    numbers = [part for part in given if "=" not in part]
    kind = CHANGES[call[1]]
    form = REAL if kind.real else NUMBER
    sound = all(map(form.fullmatch, (*numbers, *axes)))
    if not sound or len(axes) > 1 or len(axes) + len(numbers) != len(given):
        what = "one number" if kind.real else "whole numbers and `axis=1`"
        raise ChangeError(f"`{text}` takes {what}")
    if len(numbers) not in kind.counts or (axes and not kind.along):
        raise ChangeError(f"`{text}` has too many numbers, or too few: `split(3)`, `concat(axis=1)`, `add(0.5)`")
    return kind(text, tuple(map(float, numbers)), int(axes[0]) if axes else 0)
