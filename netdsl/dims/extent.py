"""Exact symbolic sizes: `Dim`, with the arithmetic of integers.

A `QuasiAffine` is a function of one symbol that is quasi-affine (see `netdsl.dims.quasi`); everything a network does
to one axis gives one. A `SumOfProducts` is the rest: products of lines, over several symbols or of higher degree,
added up, with floors of such sums as factors. Both are quasi-polynomials, so a sum is zero for every size exactly
when it is on finitely many points; that decides equality.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from netdsl.dims import wording
from netdsl.dims.quasi import Quasi

if TYPE_CHECKING:
    from collections.abc import Mapping

WEIGHT_CHECKED, WEIGHT_LIMIT = 40, 160
"""Operations in a remembered expression: beyond the first look for a shorter text, beyond the second drop it."""


class Dim:
    """A size that depends on symbols. Equal dims are equal for every size; a constant is never a `Dim` but an `int`."""

    __slots__ = ("_hash",)
    _hash: int

    @staticmethod
    def symbol(name: str) -> Dim:
        """The size that has this name."""
        return QuasiAffine(name, Quasi.affine(1, 0))

    @property
    @abstractmethod
    def symbols(self) -> frozenset[str]:
        """Names of the symbols that really matter."""

    @abstractmethod
    def at(self, sizes: Mapping[str, int]) -> int:
        """Its value when every symbol has the given size."""

    @abstractmethod
    def substitute(self, sizes: Mapping[str, Extent]) -> Extent:
        """The same size with some symbols replaced."""

    @abstractmethod
    def bounds(self, ranges: Mapping[str, tuple[int, int | None]]) -> tuple[int | None, int | None]:
        """Numbers that its values lie between, when symbols lie in the given ranges (default: 1 and up)."""

    @abstractmethod
    def text(self) -> wording.RankedText:
        """How it is written, and how tightly that binds."""

    def __add__(self, other: Extent) -> Extent:
        return add(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __radd__(self, other: int) -> Extent:
        return add(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __sub__(self, other: Extent) -> Extent:
        return subtract(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rsub__(self, other: int) -> Extent:
        return add(multiply(self, -1), other) if isinstance(other, int) else NotImplemented

    def __mul__(self, other: Extent) -> Extent:
        return multiply(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __rmul__(self, other: int) -> Extent:
        return multiply(self, other) if isinstance(other, (int, Dim)) else NotImplemented

    def __neg__(self) -> Extent:
        return multiply(self, -1)

    def __pos__(self) -> Extent:
        return self

    def __floordiv__(self, other: int) -> Extent:
        return divide(self, _divisor(other))

    def __mod__(self, other: int) -> Extent:
        return remainder(self, _divisor(other))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Dim) or hash(self) != hash(other):
            return False
        return subtract(self, other) == 0

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            # Values at a few points, so that equal dims of different make have one hash.
            self._hash = hash(tuple(self.at({s: sample(s, i) for s in self.symbols}) for i in range(3)))
            return self._hash

    def __str__(self) -> str:
        return self.text()[0]

    def __repr__(self) -> str:
        return f"Dim({self})"

    def __bool__(self) -> NoReturn:
        raise TypeError(f"`{self}` is a size and neither true nor false; use compare()")

    def _order(self, other: object) -> NoReturn:
        raise TypeError(f"`{self}` has no order that holds for every size; use compare()")

    __lt__ = __le__ = __gt__ = __ge__ = _order


Extent = int | Dim


class QuasiAffine(Dim):
    """A quasi-affine function of one symbol."""

    __slots__ = ("name", "origin", "quasi", "weight")

    def __init__(self, name: str, quasi: Quasi, origin: Origin | None = None, weight: int = 1) -> None:
        self.name = name
        self.quasi = quasi
        self.origin = origin
        self.weight = weight

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset((self.name,))

    def at(self, sizes: Mapping[str, int]) -> int:
        return self.quasi(sizes[self.name])

    def substitute(self, sizes: Mapping[str, Extent]) -> Extent:
        inner = sizes.get(self.name)
        if inner is None:
            return self
        if isinstance(inner, int):
            return self.quasi(inner)
        if isinstance(inner, QuasiAffine):
            return line(inner.name, self.quasi.after(inner.quasi))
        return _spread(self.quasi, inner)

    def bounds(self, ranges: Mapping[str, tuple[int, int | None]]) -> tuple[int | None, int | None]:
        first, last = ranges.get(self.name, (1, None))
        return self.quasi.low(first, last), self.quasi.high(first, last)

    def text(self) -> wording.RankedText:
        derived = wording.derived(self.name, self.quasi)
        if derived is not None:
            return derived
        if self.origin is None:
            return wording.stepped(self.name, self.quasi)
        op, left, right = self.origin
        return wording.infix(op, _text(left), _text(right))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, QuasiAffine):
            return self.name == other.name and self.quasi == other.quasi
        return super().__eq__(other)

    __hash__ = Dim.__hash__


Origin = tuple[str, Extent, Extent]


def line(name: str, quasi: Quasi, origin: Origin | None = None) -> Extent:
    """The function as an extent: a plain number when it is constant."""
    if quasi.period == 1:
        return QuasiAffine(name, quasi) if quasi.increment else quasi.base
    if origin is None:
        return QuasiAffine(name, quasi)
    weight = 1 + sum(e.weight for e in origin[1:] if isinstance(e, QuasiAffine))
    if weight > WEIGHT_LIMIT or (weight > WEIGHT_CHECKED and wording.derived(name, quasi) is not None):
        return QuasiAffine(name, quasi)
    return QuasiAffine(name, quasi, origin, weight)


@lru_cache(maxsize=1024)
def sample(symbol: str, index: int) -> int:
    """A size at which to try things out: the same in every run, another one for each symbol."""
    return (int.from_bytes(symbol.encode(), "big") * 7919 + index * 104_729) % 9_973 + 2


def add(left: Extent, right: Extent) -> Extent:
    if isinstance(left, int) or isinstance(right, int):
        return _add_number(left, right) if isinstance(right, int) else _add_number(right, left)
    if isinstance(left, QuasiAffine) and isinstance(right, QuasiAffine) and left.name == right.name:
        return line(left.name, left.quasi.plus(right.quasi), ("+", left, right))
    return _add_sums(left, right)


def _add_number(left: Extent, right: Extent) -> Extent:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if isinstance(left, int):
        left, right = right, left
    if right == 0:
        return left
    if not (isinstance(left, QuasiAffine) and isinstance(right, int)):
        return _add_sums(left, right)
    inner: Extent = left
    total = right
    if left.origin is not None and left.origin[0] in "+-" and isinstance(left.origin[2], int):
        inner, total = left.origin[1], right + (left.origin[2] if left.origin[0] == "+" else -left.origin[2])
    origin = ("+", inner, total) if total >= 0 else ("-", inner, -total)
    if total == 0:
        return inner
    return line(left.name, left.quasi.shifted(right), origin)


def subtract(left: Extent, right: Extent) -> Extent:
    if isinstance(right, int):
        return add(left, -right)
    if isinstance(left, QuasiAffine) and isinstance(right, QuasiAffine) and left.name == right.name:
        return line(left.name, left.quasi.plus(right.quasi.times(-1)), ("-", left, right))
    return add(left, multiply(right, -1))


def multiply(left: Extent, right: Extent) -> Extent:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    if isinstance(left, int):
        left, right = right, left
    if isinstance(right, int) and isinstance(left, QuasiAffine):
        if right in (0, 1):
            return left if right else 0
        return line(left.name, left.quasi.times(right), ("*", right, left))
    return _multiply_sums(left, right)


def divide(left: Extent, number: int) -> Extent:
    """floor(left / number)."""
    if isinstance(left, int):
        return left // number
    if number == 1:
        return left
    if isinstance(left, QuasiAffine):
        return line(left.name, left.quasi.divided(number), ("//", left, number))
    return _divide_sum(left, number)


def remainder(left: Extent, number: int) -> Extent:
    """left - number * floor(left / number)."""
    if isinstance(left, QuasiAffine):
        floor = left.quasi.divided(number)
        return line(left.name, left.quasi.plus(floor.times(-number)), ("%", left, number))
    if isinstance(left, int):
        return left % number
    rest = subtract(left, multiply(divide(left, number), number))
    return _named_remainder(rest, left, number)


def at(extent: Extent, sizes: Mapping[str, int]) -> int:
    """The extent as a number, given a size for each of its symbols."""
    return extent if isinstance(extent, int) else extent.at(sizes)


def substitute(extent: Extent, sizes: Mapping[str, Extent]) -> Extent:
    """The extent with some symbols replaced by numbers or other extents."""
    return extent if isinstance(extent, int) else extent.substitute(sizes)


def symbols_of(extent: Extent) -> frozenset[str]:
    return frozenset() if isinstance(extent, int) else extent.symbols


def _spread(f: Quasi, inner: Dim) -> Extent:
    """f(inner) through floors: f(y) = f(0) + Σ (f(i) - f(i - 1)) * floor((y + P - i) / P)."""
    if f.period == 1:
        return inner * f.increment + f.base
    total: Extent = f.base
    for i in range(1, f.period + 1):
        rise = f(i) - f(i - 1)
        if rise:
            total = total + rise * divide(inner + (f.period - i), f.period)
    return total


def _text(extent: Extent) -> wording.RankedText:
    return (str(extent), wording.ATOM) if isinstance(extent, int) else extent.text()


def _divisor(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError("a size can be divided by a number only")
    if number <= 0:
        raise ZeroDivisionError("a size can be divided by a positive number only")
    return number


# Sums build on lines, so what leaves the lines is looked up when it happens.


def _add_sums(left: Extent, right: Extent) -> Extent:
    from netdsl.dims.polynomial import add

    return add(left, right)


def _multiply_sums(left: Extent, right: Extent) -> Extent:
    from netdsl.dims.polynomial import multiply

    return multiply(left, right)


def _divide_sum(left: Dim, number: int) -> Extent:
    from netdsl.dims.polynomial import divide

    return divide(left, number)


def _named_remainder(rest: Extent, of: Dim, number: int) -> Extent:
    from netdsl.dims.polynomial import with_remainder_text

    return with_remainder_text(rest, of, number)
