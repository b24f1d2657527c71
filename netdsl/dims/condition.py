"""Comparisons of sizes and combinations of them, and the set of sizes for which one holds."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from itertools import pairwise
from math import comb, gcd, inf
from typing import TYPE_CHECKING

from netdsl.dims.effort import SizeTooComplex, spend
from netdsl.dims.extent import Dim, Extent, substitute, subtract
from netdsl.dims.polynomial import SumOfProducts, quasi_polynomial
from netdsl.dims.sizeset import ANY, NONE, Runs, Segment, SizeSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SIGNS: dict[str, tuple[int, ...]] = {
    "==": (0,),
    "!=": (-1, 1),
    "<": (-1,),
    "<=": (-1, 0),
    ">": (1,),
    ">=": (0, 1),
}
"""The signs of left - right for which a comparison holds."""
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
ALTERNATIVES_LIMIT = 64


class Condition:
    """Something that sizes may or may not fulfil; never a foregone conclusion, which is a plain bool."""

    __slots__ = ()

    @property
    @abstractmethod
    def symbols(self) -> frozenset[str]:
        """Names of the symbols it is about."""

    @abstractmethod
    def at(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds for these sizes."""

    @abstractmethod
    def substitute(self, sizes: Mapping[str, Extent]) -> bool | Condition:
        """The condition with some symbols replaced."""

    @abstractmethod
    def alternatives(self) -> list[list[Comparison]]:
        """It holds when, in one of these lists, all comparisons do."""

    def __bool__(self) -> bool:
        raise TypeError(f"`{self}` depends on sizes; ask a Domain")

    def __repr__(self) -> str:
        return f"Condition({self})"


class Comparison(Condition):
    """`left op right`."""

    __slots__ = ("difference", "left", "op", "right")

    def __init__(self, op: str, left: Extent, right: Extent, difference: Dim) -> None:
        self.op = op
        self.left = left
        self.right = right
        self.difference = difference

    @property
    def symbols(self) -> frozenset[str]:
        return self.difference.symbols

    def at(self, sizes: Mapping[str, int]) -> bool:
        return _sign(self.difference.at(sizes)) in SIGNS[self.op]

    def substitute(self, sizes: Mapping[str, Extent]) -> bool | Condition:
        if self.symbols.isdisjoint(sizes):
            return self
        return compare(self.op, substitute(self.left, sizes), substitute(self.right, sizes))

    def alternatives(self) -> list[list[Comparison]]:
        return [[self]]

    def excluded(self, ranges: Mapping[str, tuple[int, int | None]]) -> bool:
        """True when bounds of the difference over these ranges show that it never holds."""
        return not _possible_signs(self.difference, ranges) & set(SIGNS[self.op])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Comparison) and self.op == other.op and self.difference == other.difference

    def __hash__(self) -> int:
        return hash((self.op, self.difference.symbols, self.difference))

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"


class Combination(Condition):
    """All (`and`) or one (`or`) of several conditions."""

    __slots__ = ("parts", "word")

    def __init__(self, word: str, parts: tuple[Condition, ...]) -> None:
        self.word = word
        self.parts = parts

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset().union(*(p.symbols for p in self.parts))

    def at(self, sizes: Mapping[str, int]) -> bool:
        holding = (p.at(sizes) for p in self.parts)
        return all(holding) if self.word == "and" else any(holding)

    def substitute(self, sizes: Mapping[str, Extent]) -> bool | Condition:
        return _combined(self.word, (p.substitute(sizes) for p in self.parts))

    def alternatives(self) -> list[list[Comparison]]:
        if self.word == "or":
            return few([a for p in self.parts for a in p.alternatives()])
        out: list[list[Comparison]] = [[]]
        for part in self.parts:
            out = few([a + b for a in out for b in part.alternatives()])
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combination) and (self.word, self.parts) == (other.word, other.parts)

    def __hash__(self) -> int:
        return hash((self.word, self.parts))

    def __str__(self) -> str:
        texts = (f"({p})" if isinstance(p, Combination) else str(p) for p in self.parts)
        return f" {self.word} ".join(texts)


def few(alternatives: list[list[Comparison]]) -> list[list[Comparison]]:
    """The alternatives, when they are not too many to go through."""
    if len(alternatives) > ALTERNATIVES_LIMIT:
        raise SizeTooComplex(f"a condition has {len(alternatives)} alternatives; the limit is {ALTERNATIVES_LIMIT}")
    return alternatives


def compare(op: str, left: Extent, right: Extent) -> bool | Condition:
    """`left op right`: a bool when it is the same for all sizes >= 1 of each symbol."""
    difference = subtract(left, right) if isinstance(left, Dim) or isinstance(right, Dim) else left - right
    if isinstance(difference, int):
        return _sign(difference) in SIGNS[op]
    decided = _decided(op, difference)
    return Comparison(op, left, right, difference) if decided is None else decided


def _decided(op: str, difference: Dim) -> bool | None:
    possible, wanted = _possible_signs(difference, {}), set(SIGNS[op])
    if possible <= wanted:
        return True
    if not possible & wanted:
        return False
    if len(difference.symbols) == 1:
        sizes = _solved(op, difference)
        return True if sizes.everything else False if sizes.empty else None
    if op in ("==", "!=") and _indivisible(difference):
        return op == "!="
    return None


def _possible_signs(difference: Dim, ranges: Mapping[str, tuple[int, int | None]]) -> set[int]:
    low, high = difference.bounds(ranges)
    reached = {-1: low is None or low < 0, 1: high is None or high > 0}
    reached[0] = (low is None or low <= 0) and (high is None or high >= 0)
    return {sign for sign, out in reached.items() if out}


def _indivisible(difference: Dim) -> bool:
    """True when a common divisor of all terms but the constant shows that the sum is never zero."""
    if not isinstance(difference, SumOfProducts):
        return False
    common = gcd(*(c for p, c in difference.terms.items() if p))
    return difference.terms.get((), 0) % common != 0


def both(left: bool | Condition, right: bool | Condition) -> bool | Condition:
    """Holds where left and right do."""
    return _combined("and", (left, right))


def either(left: bool | Condition, right: bool | Condition) -> bool | Condition:
    """Holds where left or right does."""
    return _combined("or", (left, right))


def negate(condition: bool | Condition) -> bool | Condition:
    """Holds where the condition does not."""
    if isinstance(condition, bool):
        return not condition
    if isinstance(condition, Comparison):
        return Comparison(OPPOSITE[condition.op], condition.left, condition.right, condition.difference)
    assert isinstance(condition, Combination)
    return _combined("or" if condition.word == "and" else "and", (negate(p) for p in condition.parts))


def _combined(word: str, conditions: Iterable[bool | Condition]) -> bool | Condition:
    neutral = word == "and"
    parts: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, bool):
            if condition is not neutral:
                return not neutral
        elif isinstance(condition, Combination) and condition.word == word:
            parts.extend(condition.parts)
        else:
            parts.append(condition)
    parts = list(dict.fromkeys(parts))
    if not parts:
        return neutral
    if len(parts) == 1:
        return parts[0]
    whole = Combination(word, tuple(parts))
    if len(whole.symbols) == 1:
        sizes = solve(whole, *whole.symbols)
        if sizes.everything or sizes.empty:
            return sizes.everything
    return whole


def solve(condition: bool | Condition, symbol: str) -> SizeSet:
    """The sizes of the one symbol of a condition for which it holds."""
    if isinstance(condition, bool):
        return ANY if condition else NONE
    if condition.symbols != {symbol}:
        raise ValueError(f"`{condition}` is not about `{symbol}` alone")
    if isinstance(condition, Comparison):
        return _solved(condition.op, condition.difference)
    assert isinstance(condition, Combination)
    found = [solve(p, symbol) for p in condition.parts]
    out = found[0]
    for more in found[1:]:
        out = out & more if condition.word == "and" else out | more
    return out


@lru_cache(maxsize=2048)
def _solved(op: str, difference: Dim) -> SizeSet:
    """The sizes for which `difference op 0`, one residue class after the other."""
    (symbol,) = difference.symbols
    period, degree = quasi_polynomial(difference)
    spend(4 * period * (degree + 1))
    wanted = SIGNS[op]
    classes: list[Runs] = []
    for r in range(period):
        first = r or period
        values = [difference.at({symbol: first + k * period}) for k in range(degree + 1)]
        classes.append(_runs(sign_pieces(_newton(values)), wanted, first, period))
    return SizeSet(period, tuple(classes))


def _runs(pieces: Sequence[tuple[int, int]], wanted: tuple[int, ...], first: int, step: int) -> Runs:
    out: list[Segment] = []
    for (begin, sign), end in zip(pieces, [*(p[0] for p in pieces[1:]), None], strict=True):
        if sign not in wanted:
            continue
        last = inf if end is None else first + (end - 1) * step
        if out and out[-1][1] == first + (begin - 1) * step:
            out[-1] = (out[-1][0], last)
        else:
            out.append((first + begin * step, last))
    return tuple(out)


def _newton(values: list[int]) -> tuple[int, ...]:
    """Coefficients a_i with value(k) = Σ a_i * binomial(k, i), from value(0), value(1), …"""
    out = []
    while values:
        out.append(values[0])
        values = [b - a for a, b in pairwise(values)]
    while len(out) > 1 and out[-1] == 0:
        out.pop()
    return tuple(out)


def sign_pieces(coefficients: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where on k = 0, 1, … a polynomial changes its sign: (first k, sign) of each piece.

    Its differences are a polynomial of lower degree; between their changes of sign it runs one way, so each change
    of its own is found by bisection.
    """
    if len(coefficients) == 1:
        return [(0, _sign(coefficients[0]))]
    if len(coefficients) == 2:
        return _linear_pieces(*coefficients)
    slopes = sign_pieces(coefficients[1:])
    out: list[tuple[int, int]] = []
    for (begin, slope), end in zip(slopes, [*(s[0] for s in slopes[1:]), None], strict=True):
        k = begin
        while end is None or k <= end:
            sign = _sign(_value(coefficients, k))
            if not out or out[-1][1] != sign:
                out.append((k, sign))
            following = _next_change(coefficients, k, sign, slope, end)
            if following is None:
                break
            k = following
    return out


def _linear_pieces(base: int, slope: int) -> list[tuple[int, int]]:
    sign, direction = _sign(base), _sign(slope)
    if sign == direction:
        return [(0, sign)]
    root, rest = divmod(abs(base), abs(slope))
    if rest:
        return [(0, sign), (root + 1, direction)]
    return [*([(0, sign)] if root else []), (root, 0), (root + 1, direction)]


def _next_change(a: tuple[int, ...], k: int, sign: int, slope: int, end: int | None) -> int | None:
    """First later point, up to end, of another sign, where the polynomial runs in the direction `slope`."""
    if slope == 0 or sign == slope:
        return None
    reach = 1
    while _sign(_value(a, k + reach)) == sign:
        if end is not None and k + reach >= end:
            return None
        reach *= 2
    if end is not None and k + reach > end and _sign(_value(a, end)) == sign:
        return None
    low, high = k, k + reach if end is None else min(k + reach, end)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _sign(_value(a, middle)) == sign else (low, middle)
    return high


def _value(coefficients: tuple[int, ...], k: int) -> int:
    return sum(a * comb(k, i) for i, a in enumerate(coefficients))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
