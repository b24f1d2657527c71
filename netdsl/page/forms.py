"""Exact sizes as data: every extent once, each made of those before it, so that a page can put numbers in.

A form is a number; `["line", symbol, period, increment, base, table]` for the quasi-affine function of a symbol that
`netdsl.dims.quasi` describes, in its one normal form; `["sum", [[coefficient, [form, …]], …]]` for a sum of products;
or `["floor", form, number]`. Symbols and forms are numbers in their lists. A number beyond 2⁵³ is written as a text,
since JSON of browsers keeps no larger one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netdsl.dims import Extent
from netdsl.dims.condition import Combination, Comparison, Condition
from netdsl.dims.extent import Dim, QuasiAffine
from netdsl.dims.polynomial import Floor, SumOfProducts

Json = bool | int | float | str | None | Sequence["Json"] | Mapping[str, "Json"]

SAFE = 2**53


class PerBatch(NamedTuple):
    """A number of a batch: what is there once and what every sample adds, all of it so many times.

    The product is not multiplied out: as a sum of products it may be too long to be exact.
    """

    once: Extent = 0
    each: Extent = 0
    times: Extent = 1

    def plus(self, other: PerBatch) -> PerBatch:
        """The sum with a number of as many times."""
        return PerBatch(self.once + other.once, self.each + other.each, self.times)


class Forms:
    """The forms of a page, and the numbers that are made of three of them."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = {symbol: place for place, symbol in enumerate(symbols)}
        self.forms: list[Json] = []
        self.numbers: list[tuple[int, int, int]] = []
        """Of each number the forms of what is there once, of what every sample adds, and of how many times."""
        self._places: dict[Extent, int] = {}
        self._number_places: dict[tuple[int, int, int], int] = {}

    def form(self, extent: Extent) -> int:
        """The place of an extent in the list."""
        found = self._places.get(extent)
        if found is None:
            made = self._made(extent)  # before its own place is known: what it is made of stands before it
            found = self._places[extent] = len(self.forms)
            self.forms.append(made)
        return found

    def number(self, number: PerBatch) -> int:
        """The place of a number in the list."""
        if number[:2] == (0, 0):
            number = PerBatch()  # so many times nothing is nothing
        parts = self.form(number.once), self.form(number.each), self.form(number.times)
        found = self._number_places.get(parts)
        if found is None:
            found = self._number_places[parts] = len(self.numbers)
            self.numbers.append(parts)
        return found

    def condition(self, condition: Condition) -> Json:
        """`[comparison, form of left - right]` or `["and", […]]` or `["or", […]]`."""
        if isinstance(condition, Comparison):
            return [condition.op, self.form(condition.difference)]
        assert isinstance(condition, Combination)
        return [condition.word, [self.condition(part) for part in condition.parts]]

    def _made(self, extent: Extent) -> Json:
        if not isinstance(extent, Dim):
            return whole(extent)
        if isinstance(extent, QuasiAffine):
            quasi = extent.quasi
            table = [whole(value) for value in quasi.table]
            place = self.symbols[extent.name]
            return ["line", place, quasi.period, whole(quasi.increment), whole(quasi.base), table]
        if isinstance(extent, Floor):
            return ["floor", self.form(extent.inner), whole(extent.number)]
        assert isinstance(extent, SumOfProducts)
        return ["sum", [[whole(c), [self.form(f) for f in product]] for product, c in extent.terms.items()]]


def whole(number: int) -> Json:
    """A whole number that a browser reads as it is."""
    return number if -SAFE < number < SAFE else str(number)
