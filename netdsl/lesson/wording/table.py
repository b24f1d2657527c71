"""The table of what is worded by hand, and what a wording may ask: letters, sizes, what arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from netdsl.base.record import anew, record
from netdsl.dims import Extent, at
from netdsl.dims.tensors import TensorType, Value
from netdsl.lesson.algebra import DY, Formula, Letter, OnAxes, SizeOf, SumOver, letters_of
from netdsl.ops.base import Op
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Rmsnorm

O = TypeVar("O", bound=Op)  # noqa: E741


@record
class Board:
    """What a formula is written with: letters of operands by field, numbers for the sizes, what arrives."""

    letters: Mapping[str, Formula] = anew(factory=dict)
    """Of the operands that have another letter than their field's name: numbers, outputs of the net."""
    sizes: Mapping[str, int] = anew(factory=dict)
    dy: Formula = DY
    frozen: bool = False
    """Whether the row's statistics stay as they are."""

    def letter(self, name: str) -> Formula:
        return self.letters.get(name) or Letter(name)

    def size(self, extent: Extent) -> int:
        return int(at(extent, self.sizes))

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(map(self.size, value.shape))

    def count(self, value: Value, axes: tuple[int, ...] | None = None) -> SizeOf:
        """How many numbers lie along some axes of a value, all of them without any; the batch is axis 0."""
        whole = axes is None
        own = tuple(n for i, n in enumerate(self.shape(value), int(value.type.batched)) if axes is None or i in axes)
        return SizeOf(value.type.batched and (whole or 0 in (axes or ())), own)


@record
class Worded:
    """What a row computes, and the gradients it gives by the name of its input or weight."""

    y: Formula
    """As it is written; where that is words `reckoned` is how it is computed."""
    gradients: Mapping[str, Formula | tuple[Formula, ...]]
    """A tuple for an input of many values. One that is left out is zero."""
    where: tuple[tuple[str, Formula | str], ...] = ()
    """What letters stand for, in the order in which they are computed."""
    steps: tuple[tuple[Letter, Formula], ...] = ()
    """What is computed at each step of a sequence, from the last to the first, before the gradients."""
    forward: tuple[tuple[Letter, Formula], ...] = ()
    """Where it runs over steps what it computes at each, in order; `y` is then the last of them."""
    notes: tuple[str, ...] = ()
    reckoned: Formula | None = None


Wording = Callable[[Op, Board], Worded | None]

TABLE: dict[type[Op], Wording] = {}
"""By operation. A wording gives None where settings make it another one."""


def says(*kinds: type[O]) -> Callable[[Callable[[O, Board], Worded | None]], Callable[[O, Board], Worded | None]]:
    """Let a function word the gradient of some operations."""

    def noted(function: Callable[[O, Board], Worded | None]) -> Callable[[O, Board], Worded | None]:
        def asked(op: Op, board: Board) -> Worded | None:
            assert isinstance(op, kinds)
            return function(op, board)

        TABLE.update(dict.fromkeys(kinds, asked))
        return function

    return noted


def worded(op: Op, board: Board) -> Worded | None:
    """The wording of an operation, or None where there is none."""
    found = TABLE.get(type(op))
    return found(op, board) if found else None


def fitted(gradient: Formula, result: TensorType, operand: TensorType, like: int | None = None) -> Formula:
    """A gradient summed over what broadcasting had repeated of an operand."""
    start = int(result.batched)
    missing = result.rank - operand.rank
    axes = [0] if result.batched and not operand.batched else []
    for axis in range(result.rank):
        lacks = axis < missing or (operand.shape[axis - missing] == 1 and result.shape[axis] != 1)
        axes += [axis + start] if lacks else []
    return summed(gradient, result, tuple(axes)) if axes else gradient


def summed(term: Formula, type: TensorType, axes: tuple[int, ...], keep: bool = False, mean: bool = False) -> Formula:
    """The sum over some axes of an array of a type; the batch is axis 0 where it has one."""
    names = letters_of(type.rank, type.batched)
    return SumOver(term, axes, "".join(names[axis] for axis in axes), keep, mean)


def per_channel(name: str, rank: int) -> Formula:
    """A weight with a number for each channel, beside samples of a rank."""
    return OnAxes(Letter(name), (1,), rank + 1)


SCALES = {"weight": "γ", "bias": "β"}
LETTERS = {"weight": "W", "bias": "b", "weight_ih": "W", "weight_hh": "U", "bias_ih": "b", "bias_hh": "b′"}
LETTERS |= {"in_proj_weight": "W", "in_proj_bias": "b", "out_proj.weight": "W_o", "out_proj.bias": "b_o"}


def weight_letter(op: Op, name: str) -> str:
    """The letter of a weight in formulas: `W`, `b`, of normalisations γ and β, of recurrent layers also `U`."""
    scales = isinstance(op, Batchnorm | Groupnorm | Instancenorm | Layernorm | Rmsnorm)
    return (SCALES if scales else LETTERS).get(name.partition("_l")[0], name)
