"""Sums of products of lines: sizes over several symbols (`256 * (H // 32) * (W // 32)`) or of higher degree (`T * T`).

Kept as terms: a coefficient for each product of primitive factors. Products that differ in one factor only are merged.
What merging does not see (two forms of one function) is decided by values: on each residue class of each symbol a sum
is a polynomial, so degree + 1 points a class prove that it vanishes.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import TYPE_CHECKING

from netdsl.dims import intervals, wording
from netdsl.dims.effort import SizeTooComplex, spend
from netdsl.dims.extent import Dim, Extent, QuasiAffine, line, sample
from netdsl.dims.intervals import Bounds
from netdsl.dims.quasi import Quasi

if TYPE_CHECKING:
    from collections.abc import Mapping

DEGREE_LIMIT = 16
TERMS_LIMIT = 500
POINTS_LIMIT = 1_000_000


class Floor(Dim):
    """floor(sum / number), where that is no sum itself."""

    __slots__ = ("inner", "number")

    def __init__(self, inner: SumOfProducts, number: int) -> None:
        self.inner = inner
        self.number = number

    @property
    def symbols(self) -> frozenset[str]:
        return self.inner.symbols

    def at(self, sizes: Mapping[str, int]) -> int:
        return self.inner.at(sizes) // self.number

    def substitute(self, sizes: Mapping[str, Extent]) -> Extent:
        return self.inner.substitute(sizes) // self.number

    def bounds(self, ranges: Mapping[str, tuple[int, int | None]]) -> Bounds:
        low, high = self.inner.bounds(ranges)
        return None if low is None else low // self.number, None if high is None else high // self.number

    def text(self) -> wording.RankedText:
        return wording.divided(self.inner.text(), self.number)

    def __eq__(self, other: object) -> bool:
        """Of one make; floors of two makes may be equal, too, which `vanishes` finds out for the sums they stand in."""
        return isinstance(other, Floor) and self.number == other.number and self.inner == other.inner

    __hash__ = Dim.__hash__


Factor = QuasiAffine | Floor
Product = tuple[Factor, ...]
Coefficients = dict[Product, int]


class SumOfProducts(Dim):
    """Coefficients of products of factors; the empty product carries the constant."""

    __slots__ = ("remainder_of", "symbols_", "terms")

    def __init__(self, terms: Coefficients, remainder_of: tuple[Dim, int] | None = None) -> None:
        self.terms = terms
        self.symbols_ = _symbols(terms)
        self.remainder_of = remainder_of

    @property
    def symbols(self) -> frozenset[str]:
        return self.symbols_

    @property
    def constant(self) -> int:
        return self.terms.get((), 0)

    def slopes(self) -> dict[str, int] | None:
        """The factor of each symbol when the sum is affine in all of them; None otherwise."""
        out: dict[str, int] = {}
        for product, coefficient in self.terms.items():
            if product and not (
                len(product) == 1 and isinstance(product[0], QuasiAffine) and product[0].quasi.period == 1
            ):
                return None
            out.update((f.name, coefficient) for f in product if isinstance(f, QuasiAffine))
        return out

    def at(self, sizes: Mapping[str, int]) -> int:
        return _value(self.terms, sizes)

    def substitute(self, sizes: Mapping[str, Extent]) -> Extent:
        touched = self.symbols_ & sizes.keys()
        if not touched:
            return self
        total: Extent = 0
        for product, coefficient in self.terms.items():
            term: Extent = coefficient
            for factor in product:
                term = term * factor.substitute(sizes)
            total = total + term
        return total

    def bounds(self, ranges: Mapping[str, tuple[int, int | None]]) -> Bounds:
        total: Bounds = (0, 0)
        for product, coefficient in self.terms.items():
            term: Bounds = (coefficient, coefficient)
            for factor in product:
                term = intervals.times(term, factor.bounds(ranges))
            total = intervals.plus(total, term)
        return total

    def text(self) -> wording.RankedText:
        if self.remainder_of is not None:
            return wording.divided(self.remainder_of[0].text(), self.remainder_of[1], "%")
        return wording.signed((c, _product_text(p)) for p, c in sorted(self.terms.items(), key=_shown_order))


def add(left: Extent, right: Extent) -> Extent:
    terms, more = _addends(left), _addends(right)
    spend(2 * (len(terms) + len(more)))
    if isinstance(left, SumOfProducts):
        terms = dict(terms)
    new = False
    for product, coefficient in more.items():
        new = new or (product not in terms and product != ())
        terms[product] = terms.get(product, 0) + coefficient
    return _settled(terms, merge=new)


def multiply(left: Extent, right: Extent) -> Extent:
    terms: Coefficients = {}
    spend(4 * len(_factored(left)) * len(_factored(right)))
    for p, c in _factored(left).items():
        for q, d in _factored(right).items():
            product = tuple(sorted(p + q, key=_order)) if p and q else p or q
            terms[product] = terms.get(product, 0) + c * d
    return _settled(terms, merge=True)


def divide(left: Extent, number: int) -> Extent:
    """floor(left / number): exact on the terms whose coefficients divide, an opaque factor for the others."""
    terms = _addends(left)
    whole: Coefficients = {p: c // number for p, c in terms.items() if c % number == 0}
    rest = _settled({p: c for p, c in terms.items() if c % number}, merge=False)
    return _settled(whole, merge=False) + _floor(rest, number)


def _floor(rest: Extent, number: int) -> Extent:
    if not isinstance(rest, SumOfProducts):
        return rest // number
    common = gcd(number, *(c for p, c in rest.terms.items() if p))
    if common > 1:
        return _floor(_settled({p: c // common for p, c in rest.terms.items()}, merge=False), number // common)
    if number == 1:
        return rest
    (product, coefficient), constant = next(i for i in rest.terms.items() if i[0]), rest.terms.get((), 0)
    if coefficient == 1 and len(product) == 1 and len(rest.terms) == (2 if constant else 1):
        factor = product[0]
        if isinstance(factor, Floor):
            return (factor.inner + constant * factor.number) // (factor.number * number)
    return _settled({(Floor(rest, number),): 1}, merge=False)


def with_remainder_text(extent: Extent, of: Dim, number: int) -> Extent:
    """The same sum, to be written as `of % number`."""
    return SumOfProducts(extent.terms, (of, number)) if isinstance(extent, SumOfProducts) else extent


def _addends(extent: Extent) -> Coefficients:
    """Terms to add: a line gives its constant away."""
    if isinstance(extent, int):
        return {(): extent} if extent else {}
    if isinstance(extent, QuasiAffine):
        base = extent.quasi.base
        terms = _factored(line(extent.name, extent.quasi.shifted(-base)))
        return {**terms, (): base} if base else terms
    return extent.terms if isinstance(extent, SumOfProducts) else {(extent,): 1}  # type: ignore[dict-item]


def _factored(extent: Extent) -> Coefficients:
    """Terms to multiply: a line becomes a number times a line without common divisor that does not fall."""
    if not isinstance(extent, QuasiAffine):
        return _addends(extent)
    quasi = extent.quasi
    content = quasi.content() * _sign(quasi)
    origin = extent.origin if content == 1 else None
    primitive = quasi.reduced(content)
    return {(QuasiAffine(extent.name, primitive, origin, extent.weight if origin else 1),): content}


def _sign(quasi: Quasi) -> int:
    leading = quasi.increment or next(v for v in (quasi.base, *quasi.values(quasi.period)) if v)
    return 1 if leading > 0 else -1


def _settled(terms: Coefficients, merge: bool) -> Extent:
    """The extent with these terms, in its simplest form."""
    terms = {p: c for p, c in (_merged(terms) if merge else terms).items() if c}
    if len(terms) > TERMS_LIMIT or any(len(p) > DEGREE_LIMIT for p in terms):
        raise SizeTooComplex(f"a size is a sum of {len(terms)} products; it is too complex to be kept exactly")
    symbols = _symbols(terms)
    if not symbols:
        return terms.get((), 0)
    found = _as_line(terms, symbols)
    if found is not None:
        return found
    if not _grows(terms):
        for symbol in sorted(symbols):
            if not _depends(terms, symbol):
                return _settled(_fixed(terms, symbol, 1), merge=True)
        if len(symbols) == 1:
            return _collapsed(terms, *symbols)
    return SumOfProducts(terms)


def _as_line(terms: Coefficients, symbols: frozenset[str]) -> Extent | None:
    if len(symbols) > 1 or any(len(p) > 1 or isinstance(p[0], Floor) for p in terms if p):
        return None
    total: Extent = terms.get((), 0)
    for product, coefficient in terms.items():
        if product:
            total = total + product[0] * coefficient
    return total


def _merged(terms: Coefficients) -> Coefficients:
    """Lines of one symbol added up, and products that agree but for one line merged."""
    terms = _plain(terms)
    while True:
        pair = _mergeable(terms)
        if pair is None:
            return terms
        (p, i), (q, j) = pair
        total = p[i] * terms[p] + q[j] * terms[q]
        rest = p[:i] + p[i + 1 :]
        terms = {product: c for product, c in terms.items() if product not in (p, q)}
        for product, coefficient in (_factored(total) if rest else _addends(total)).items():
            whole = tuple(sorted(product + rest, key=_order))
            terms[whole] = terms.get(whole, 0) + coefficient
        terms = {p: c for p, c in terms.items() if c}


def _plain(terms: Coefficients) -> Coefficients:
    """The terms with the constant of every line that stands alone moved into the constant."""
    if not any(len(p) == 1 and isinstance(p[0], QuasiAffine) and p[0].quasi.base for p in terms):
        return terms
    out: Coefficients = {}
    for product, c in terms.items():
        for p, d in (_addends(product[0]) if len(product) == 1 else {product: 1}).items():
            out[p] = out.get(p, 0) + c * d
    return out


def _mergeable(terms: Coefficients) -> tuple[tuple[Product, int], tuple[Product, int]] | None:
    seen: dict[tuple[Product, str], tuple[Product, int]] = {}
    for product in terms:
        for i, factor in enumerate(product):
            rest = product[:i] + product[i + 1 :]
            if not isinstance(factor, QuasiAffine) or any(factor.name in r.symbols for r in rest):
                continue
            other = seen.setdefault((rest, factor.name), (product, i))
            if other[0] != product:
                return other, (product, i)
    return None


def _symbols(terms: Coefficients) -> frozenset[str]:
    return frozenset().union(*(f.symbols for p in terms for f in p))


def _value(terms: Coefficients, sizes: Mapping[str, int]) -> int:
    total = 0
    for product, coefficient in terms.items():
        for factor in product:
            coefficient *= factor.at(sizes)
        total += coefficient
    return total


def _fixed(terms: Coefficients, symbol: str, size: int) -> Coefficients:
    """The terms with a number for one symbol, like products added up but not brought into simplest form."""
    out: Coefficients = {}
    sizes = {symbol: size}
    for product, coefficient in terms.items():
        kept: list[Factor] = []
        extra: Extent = coefficient
        for factor in product:
            if symbol in factor.symbols:
                extra = extra * factor.substitute(sizes)
            else:
                kept.append(factor)
        for more, c in _factored(extra).items():
            whole = tuple(sorted((*kept, *more), key=_order))
            out[whole] = out.get(whole, 0) + c
    return {p: c for p, c in out.items() if c}


def _grows(terms: Coefficients) -> bool:
    """True when it certainly depends on each of its symbols: everything in it rises together."""
    signs = {c > 0 for p, c in terms.items() if p}
    return len(signs) == 1 and all(isinstance(f, QuasiAffine) and f.quasi.increment > 0 for p in terms for f in p)


def _depends(terms: Coefficients, symbol: str) -> bool:
    names = _symbols(terms)
    for i in range(3):
        point = {n: sample(n, i) for n in names}
        if _value(terms, point) != _value(terms, {**point, symbol: point[symbol] + i + 1}):
            return True
    difference = dict(terms)
    for product, c in _fixed(terms, symbol, 1).items():
        difference[product] = difference.get(product, 0) - c
    return not vanishes({p: c for p, c in difference.items() if c})


def vanishes(terms: Coefficients) -> bool:
    """True when the sum is zero for every size of every symbol, decided on finitely many points."""
    symbols = _symbols(terms)
    if not symbols:
        return not terms.get((), 0)
    if any(_value(terms, {s: sample(s, i) for s in symbols}) for i in range(3)):
        return False
    points = {s: _points(terms, s) for s in symbols}
    if len(symbols) == 1:
        (symbol,) = symbols
        spend(2 * points[symbol] * len(terms))
        return all(_value(terms, {symbol: x}) == 0 for x in range(_allowed(points[symbol])))
    # The symbol with most points comes last: by then it may have vanished from the terms.
    symbol = min(sorted(symbols), key=points.__getitem__)
    return all(vanishes(_fixed(terms, symbol, x)) for x in range(_allowed(points[symbol])))


def _allowed(points: int) -> int:
    if points > POINTS_LIMIT:
        raise SizeTooComplex(f"two sizes would have to be compared at {points} points")
    return points


def _points(terms: Coefficients, symbol: str) -> int:
    period, degree = _shape(terms, symbol)
    return period * (degree + 1)


def _shape(terms: Coefficients, symbol: str) -> tuple[int, int]:
    """(period, degree) of the sum as a quasi-polynomial in one symbol."""
    period, degree = 1, 0
    for product in terms:
        own = 0
        for factor in product:
            p, d = _factor_shape(factor, symbol)
            period, own = lcm(period, p), own + d
        degree = max(degree, own)
    return period, degree


def _factor_shape(factor: Factor, symbol: str) -> tuple[int, int]:
    if symbol not in factor.symbols:
        return 1, 0
    if isinstance(factor, QuasiAffine):
        return factor.quasi.period, 1 if factor.quasi.increment else 0
    period, degree = _shape(factor.inner.terms, symbol)
    # binomial(k, i) repeats modulo n after n * lcm(1, …, i) steps, and a polynomial is a sum of binomials.
    return period * factor.number * lcm(*range(1, degree + 1)), degree


def quasi_polynomial(dim: Dim) -> tuple[int, int]:
    """(period, degree) of a size of one symbol: on each residue class it is a polynomial of that degree."""
    if isinstance(dim, QuasiAffine):
        return dim.quasi.period, 1 if dim.quasi.increment else 0
    (symbol,) = dim.symbols
    return _shape(_addends(dim), symbol)


def _collapsed(terms: Coefficients, symbol: str) -> Extent:
    """A line when the sum of one symbol is quasi-affine after all, such as (H + 1) * (H + 1) - H * H."""
    period, degree = _shape(terms, symbol)

    def bends(x: int) -> bool:
        a, b, c = (_value(terms, {symbol: x + i * period}) for i in range(3))
        return a + c != 2 * b

    if any(bends(sample(symbol, i)) for i in range(3)):
        return SumOfProducts(terms)
    spend(2 * period * (degree + 2) * len(terms))
    values = [_value(terms, {symbol: x}) for x in range(_allowed(period * (degree + 2)))]
    rises = {b - a for a, b in zip(values, values[period:], strict=False)}
    if len(rises) > 1:
        return SumOfProducts(terms)
    return line(symbol, Quasi.of(period, rises.pop(), values[:period]))


def _order(factor: Factor) -> tuple[int, str, str, tuple[int, ...]]:
    if isinstance(factor, QuasiAffine):
        q = factor.quasi
        return 0, factor.name, "", (q.period, q.increment, q.base, *q.table)
    return 1, "", str(factor), ()


def _shown_order(item: tuple[Product, int]) -> tuple[int, list[str]]:
    return -len(item[0]), [f.text()[0] for f in item[0]]


def _product_text(product: Product) -> wording.RankedText:
    if len(product) == 1:
        return product[0].text()
    return wording.product(f.text() for f in product)


def period_of(extent: Extent, symbol: str) -> int:
    """A number of sizes of one symbol after which the extent is a polynomial in it again, whatever the others are."""
    return _shape(_addends(extent), symbol)[0]
