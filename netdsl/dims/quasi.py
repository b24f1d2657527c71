"""Quasi-affine functions of one integer: `f(x + P) = f(x) + A` for every x.

Adding, subtracting, multiplying by a number and floor-dividing stay inside this class, so every size that a network
makes of one symbol is one of them. The form kept here (least period P, increment A, one period of values) is unique:
two functions are equal for every x exactly when their forms are.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, lcm
from typing import TYPE_CHECKING

from netdsl.dims.effort import SizeTooComplex, spend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PERIOD_LIMIT = 100_000


@lru_cache(maxsize=4096)
def primes(number: int) -> tuple[int, ...]:
    """Distinct prime factors, smallest first."""
    found, candidate = [], 2
    while candidate * candidate <= number:
        if number % candidate == 0:
            found.append(candidate)
            while number % candidate == 0:
                number //= candidate
        candidate += 1
    return (*found, number) if number > 1 else tuple(found)


def check_period(period: int) -> int:
    if period > PERIOD_LIMIT:
        raise SizeTooComplex(f"a size repeats its pattern only every {period} pixels; the limit is {PERIOD_LIMIT}")
    return period


class Quasi:
    """`f(x) = base + increment * (x // period) + table[x % period]`, with `table[0] == 0` and the least period."""

    __slots__ = ("base", "increment", "period", "table")

    def __init__(self, period: int, increment: int, base: int, table: tuple[int, ...]) -> None:
        self.period = period
        self.increment = increment
        self.base = base
        self.table = table

    @staticmethod
    def affine(slope: int, base: int) -> Quasi:
        return Quasi(1, slope, base, (0,))

    @staticmethod
    def of(period: int, increment: int, values: Sequence[int]) -> Quasi:
        """From one period of values f(0), …, f(period - 1), which need not be the least period."""
        spend(period // 4)
        for prime in primes(period):
            while period % prime == 0 and _repeats(values, period, period // prime, increment):
                period, increment = period // prime, increment // prime
        base = values[0]
        return Quasi(period, increment, base, tuple(v - base for v in values[:period]))

    def __call__(self, x: int) -> int:
        turns, rest = divmod(x, self.period)
        return self.base + self.increment * turns + self.table[rest]

    def values(self, count: int) -> list[int]:
        """f(0), …, f(count - 1)."""
        spend(count // 16)
        out: list[int] = []
        start = self.base
        while len(out) < count:
            out.extend([start + v for v in self.table])
            start += self.increment
        return out[:count]

    @property
    def constant(self) -> bool:
        return self.period == 1 and self.increment == 0

    def shifted(self, number: int) -> Quasi:
        """f + number."""
        return Quasi(self.period, self.increment, self.base + number, self.table) if number else self

    def times(self, number: int) -> Quasi:
        """f * number, for a number other than 0."""
        if number == 1:
            return self
        return Quasi(self.period, self.increment * number, self.base * number, tuple(v * number for v in self.table))

    def plus(self, other: Quasi) -> Quasi:
        if self.period == other.period == 1:
            return Quasi(1, self.increment + other.increment, self.base + other.base, self.table)
        period = check_period(lcm(self.period, other.period))
        increment = self.increment * (period // self.period) + other.increment * (period // other.period)
        values = [a + b for a, b in zip(self.values(period), other.values(period), strict=True)]
        return Quasi.of(period, increment, values)

    def divided(self, number: int) -> Quasi:
        """floor(f / number), for a positive number."""
        if number == 1:
            return self
        turns = number // gcd(self.increment, number)
        period = check_period(self.period * turns)
        return Quasi.of(period, self.increment * turns // number, [v // number for v in self.values(period)])

    def after(self, inner: Quasi) -> Quasi:
        """x ↦ f(inner(x))."""
        turns = self.period // gcd(inner.increment, self.period)
        period = check_period(inner.period * turns)
        increment = self.increment * (inner.increment * turns // self.period)
        return Quasi.of(period, increment, [self(y) for y in inner.values(period)])

    def content(self) -> int:
        """The greatest number that divides every value."""
        return gcd(self.increment, self.base, *self.table)

    def reduced(self, content: int) -> Quasi:
        """f / content, for a divisor of every value."""
        if content == 1:
            return self
        table = tuple(v // content for v in self.table)
        return Quasi(self.period, self.increment // content, self.base // content, table)

    def low(self, first: int, last: int | None) -> int | None:
        """Least value over first <= x <= last (None: no end), or None when there is none."""
        if self.increment < 0:
            return None if last is None else self._extreme(min, max(first, last - self.period + 1), last)
        return self._extreme(min, first, last)

    def high(self, first: int, last: int | None) -> int | None:
        """Greatest value over first <= x <= last (None: no end), or None when there is none."""
        if self.increment > 0:
            return None if last is None else self._extreme(max, max(first, last - self.period + 1), last)
        return self._extreme(max, first, last)

    def _extreme(self, pick: Callable[[Iterable[int]], int], first: int, last: int | None) -> int:
        """Least or greatest value over the first period from first on, as far as last."""
        turns, rest = divmod(first, self.period)
        count = self.period if last is None else min(last - first + 1, self.period)
        found = pick(self.table[rest : rest + count])
        again = self.table[: max(0, rest + count - self.period)]
        if again:
            found = pick((found, self.increment + pick(again)))
        return self.base + self.increment * turns + found

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Quasi) and self._key() == other._key())

    def __hash__(self) -> int:
        return hash((self.period, self.increment, self.base, self.table[-1]))

    def _key(self) -> tuple[int, int, int, tuple[int, ...]]:
        return self.period, self.increment, self.base, self.table


def _repeats(values: Sequence[int], period: int, shorter: int, increment: int) -> bool:
    turns = period // shorter
    if increment % turns:
        return False
    step = increment // turns
    return all(values[i + shorter] - values[i] == step for i in range(period - shorter))
