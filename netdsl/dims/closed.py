"""Exact sizes as polynomials: what they are where each symbol leaves one remainder, whole numbers over a denominator.

On such sizes every floor-division of a quasi-affine function is a line, so sums of products are polynomials with
rational coefficients. Reports write totals so.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from netdsl.dims.extent import Extent, QuasiAffine
from netdsl.dims.polynomial import Floor, SumOfProducts

if TYPE_CHECKING:
    from collections.abc import Mapping

Powers = tuple[tuple[str, int], ...]
"""Symbols with their exponents, in the order of their names; () stands for the number 1."""


class ClosedForm:
    """A sum of coefficients times powers of symbols, with the arithmetic of numbers."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Powers, Fraction]) -> None:
        self.terms = {powers: c for powers, c in terms.items() if c}

    @staticmethod
    def number(value: int) -> ClosedForm:
        return ClosedForm({(): Fraction(value)})

    @staticmethod
    def symbol(name: str) -> ClosedForm:
        return ClosedForm({((name, 1),): Fraction(1)})

    def __add__(self, other: ClosedForm | int) -> ClosedForm:
        total = dict(self.terms)
        for powers, c in _terms(other).items():
            total[powers] = total.get(powers, Fraction(0)) + c
        return ClosedForm(total)

    __radd__ = __add__

    def __mul__(self, other: ClosedForm | int) -> ClosedForm:
        total: dict[Powers, Fraction] = {}
        for p, c in self.terms.items():
            for q, d in _terms(other).items():
                powers = _raised(p, q)
                total[powers] = total.get(powers, Fraction(0)) + c * d
        return ClosedForm(total)

    __rmul__ = __mul__

    def at(self, sizes: Mapping[str, int]) -> Fraction:
        """Its value where every symbol has the given size: a whole number on the sizes that it was made for."""
        total = Fraction(0)
        for powers, c in self.terms.items():
            for name, exponent in powers:
                c *= sizes[name] ** exponent
            total += c
        return total

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(name for powers in self.terms for name, _ in powers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClosedForm) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __bool__(self) -> bool:
        return bool(self.terms)


def _terms(value: ClosedForm | int) -> Mapping[Powers, Fraction]:
    return {(): Fraction(value)} if isinstance(value, int) else value.terms


def _raised(left: Powers, right: Powers) -> Powers:
    powers = dict(left)
    for name, exponent in right:
        powers[name] = powers.get(name, 0) + exponent
    return tuple(sorted(powers.items()))


def closed(extent: Extent, remainders: Mapping[str, int]) -> ClosedForm:
    """The extent where each symbol leaves one remainder, when divided by a multiple of its `period_of` the extent."""
    if isinstance(extent, int):
        return ClosedForm.number(extent)
    if isinstance(extent, QuasiAffine):
        return _line(extent, remainders[extent.name])
    if isinstance(extent, Floor):
        rest = extent.inner.at(remainders) % extent.number
        return (closed(extent.inner, remainders) + -rest) * ClosedForm({(): Fraction(1, extent.number)})
    assert isinstance(extent, SumOfProducts)
    total = ClosedForm({})
    for product, coefficient in extent.terms.items():
        term = ClosedForm.number(coefficient)
        for factor in product:
            term = term * closed(factor, remainders)
        total = total + term
    return total


def _line(extent: QuasiAffine, remainder: int) -> ClosedForm:
    quasi = extent.quasi
    slope = Fraction(quasi.increment, quasi.period)
    return ClosedForm({((extent.name, 1),): slope, (): quasi(remainder) - remainder * slope})
