"""Which rule says what PyTorch keeps of an operation, and what a rule is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType
from netdsl.fitting.ledger import Growing
from netdsl.fitting.tape import FULL, GradTape, Tensor
from netdsl.ops.base import Op

Result = Tensor | Sequence[Tensor]
O_co = TypeVar("O_co", bound=Op, covariant=True)
F = TypeVar("F", bound=Callable[..., Result])


class OpUse(Generic[O_co]):
    """One use of an operation with numbers for symbols: its operands, weights and the types of its results."""

    __slots__ = ("op", "tape", "types", "weights", "xs")

    def __init__(
        self, tape: GradTape, op: O_co, xs: Sequence[Tensor], weights: dict[str, Tensor], types: Sequence[TensorType]
    ) -> None:
        self.tape = tape
        self.op = op
        self.xs = list(xs)
        self.weights = weights
        self.types = types

    @property
    def x(self) -> Tensor:
        return self.xs[0]

    @property
    def count(self) -> Growing:
        """How many numbers the first result has."""
        return count_of(self.types[0])

    def trained(self) -> list[Tensor]:
        """Its weights, in order."""
        return list(self.weights.values())


def product_of(extents: Sequence[Extent]) -> int:
    """The product of sizes that are numbers."""
    total = 1
    for extent in extents:
        assert isinstance(extent, int)
        total *= extent
    return total


def count_of(type_: TensorType) -> Growing:
    """How many numbers a value of a type with plain sizes has."""
    many = product_of((*type_.shape, *type_.folded))
    return (0, many) if type_.per_sample else (many, 0)


def rows_of(x: Tensor, width: int) -> Growing:
    """How many rows of a width a tensor has."""
    return x.count[0] // width, x.count[1] // width


def width_of(type_: TensorType) -> int:
    """Bytes of a number of it, before any is a half."""
    return FULL if type_.dtype is DType.FLOAT else type_.dtype.size


RULES: dict[type[Op], Callable[..., Result]] = {}


def keeps(*ops: type[Op]) -> Callable[[F], F]:
    """Register a rule for some operations."""

    def add(rule: F) -> F:
        for op in ops:
            RULES[op] = rule
        return rule

    return add
