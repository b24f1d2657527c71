"""What a formula comes to, with numbers for its letters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne

from netdsl.base.record import entity
from netdsl.lesson import algebra as a
from netdsl.lesson.numbers.arrays import (
    ArrayPlace,
    NumberArray,
    joined,
    made,
    matrix_product,
    moved,
    places,
    put_back,
    reduced,
    repeated,
    single,
    stretch,
    together,
    turned,
    with_axes,
)

MOST_TERMS = 200_000
"""Terms of one sum that are added up."""

FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "exp": math.exp,
    "log": lambda x: math.log(x) if x else -math.inf,
    "√": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "|": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "max": max,
    "min": min,
    "σ": lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x)),
    "Φ": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2,
    "φ": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}
RELATIONS: Mapping[str, Callable[[float, float], bool]] = {">": gt, "≥": ge, "<": lt, "≤": le, "=": eq, "≠": ne}


class NotComputed(Exception):
    """A formula that has no number, with the reason."""


@entity
class Letters:
    """Numbers for letters; what stands for a formula is computed when it is asked for."""

    numbers: dict[str, NumberArray]
    batch: int
    where: Mapping[str, a.Formula]

    def __getitem__(self, name: str) -> NumberArray:
        if name not in self.numbers:
            if name not in self.where:
                raise NotComputed(f"`{name}` has no number")
            self.numbers[name] = computed(self.where[name], self)
        return self.numbers[name]

    def of(self, letter: a.Letter) -> NumberArray:
        if letter.when is not None:
            raise NotComputed("it runs step by step")
        return self[letter.name]


def computed(expr: a.Formula, letters: Letters) -> NumberArray:
    """The numbers of a formula.

    Raises `NotComputed` for what has none, `Unfitting` for arrays that do not meet, and the errors of arithmetic.
    """

    def value(part: a.Formula) -> NumberArray:
        return computed(part, letters)

    match expr:
        case a.Letter():
            return letters.of(expr)
        case a.Numeral():
            return single(expr.value)
        case a.SizeOf():
            return single(math.prod(expr.rest) * (letters.batch if expr.batch else 1))
        case a.Added():
            return together(lambda *terms: sum(terms), *map(value, expr.terms))
        case a.Minus():
            return together(lambda x: -x, value(expr.term))
        case a.Factors():
            return together(lambda *factors: math.prod(factors), *map(value, expr.factors))
        case a.Quotient():
            return together(lambda x, y: x / y, value(expr.above), value(expr.below))
        case a.Raised():
            return together(_power, value(expr.base), value(expr.exponent))
        case a.MatrixProduct():
            return matrix_product(value(expr.left), value(expr.right))
        case a.Indicator():
            return _indicator(expr, value(expr.left), value(expr.right))
        case a.GroupMean():
            return _of_groups(value(expr.term), expr.groups)
        case a.AxisWeights():
            return NumberArray((expr.made, expr.given), tuple(itertools.chain.from_iterable(expr.rows())))
        case a.SumOver():
            take = (lambda items: sum(items) / len(items)) if expr.mean else sum
            return reduced(value(expr.term), expr.axes, expr.keep, take)
        case a.Applied():
            return _called(expr, list(map(value, expr.arguments)))
        case a.IndexSum():
            return Gathering(expr, letters).whole()
    return _placed(expr, value)


def _placed(expr: a.Formula, value: Callable[[a.Formula], NumberArray]) -> NumberArray:
    """What has the numbers of something else, at other places."""
    match expr:
        case a.Rearranged():
            return value(expr.term)
        case a.Transposed():
            return turned(value(expr.term))
        case a.AsRows():
            inner = value(expr.term)
            last = inner.shape[-1] if inner.shape else 1
            return NumberArray((len(inner.items) // last, last), inner.items)
        case a.OnAxes():
            return with_axes(value(expr.term), [i for i in range(expr.rank) if i not in expr.axes])
        case a.Everywhere():
            return with_axes(value(expr.term), expr.axes)
        case a.AxesMoved():
            return moved(value(expr.term), expr.order)
        case a.AxisPart():
            return stretch(value(expr.term), expr.axis, expr.start, expr.stop)
        case a.PutBack():
            return put_back(value(expr.term), expr.axis, expr.start, expr.size)
    raise NotComputed(f"{type(expr).__name__} has no number")


def _power(base: float, exponent: float) -> float:
    found = base**exponent
    if isinstance(found, complex):
        raise NotComputed("a root of a number below 0 is none")
    return float(found)


def _indicator(expr: a.Indicator, left: NumberArray, right: NumberArray) -> NumberArray:
    """1 where it holds; of several along the axes `first` the first alone."""
    relation = RELATIONS[expr.relation]
    found = together(lambda x, y: float(relation(x, y)), left, right)
    if not expr.first:
        return found
    met: set[ArrayPlace] = set()

    def once(place: ArrayPlace) -> float:
        window = tuple(0 if i in expr.first else p for i, p in enumerate(place))
        won = found.at(place) and window not in met
        met.update([window] if won else [])
        return float(won)

    return made(found.shape, once)


def _of_groups(array: NumberArray, groups: int) -> NumberArray:
    """The mean of each group at each of its places."""
    apart = NumberArray((array.shape[0] * groups, len(array.items) // (array.shape[0] * groups)), array.items)
    means = reduced(apart, (1,), True, lambda items: sum(items) / len(items))
    return NumberArray(array.shape, repeated(means, apart.shape).items)


def _called(expr: a.Applied, arguments: list[NumberArray]) -> NumberArray:
    first = arguments[0]
    match expr.function:
        case "softmax":
            return _softmax(first, expr.axis or 0)
        case "onehot":
            return _onehot(first, expr)
        case "causal":
            queries, keys = first.shape[-2:]
            return made(first.shape, lambda p: first.at(p) if p[-1] - p[-2] <= keys - queries else -math.inf)
        case "joined":
            return joined(arguments, expr.axis or 0)
        case "side by side":
            apart = turned(first, -2, -3)
            return NumberArray((*apart.shape[:-2], apart.shape[-2] * apart.shape[-1]), apart.items)
    if expr.function.endswith(" heads"):
        count = int(expr.function.split()[0])
        return turned(NumberArray((*first.shape[:-1], count, first.shape[-1] // count), first.items), -2, -3)
    if expr.function not in FUNCTIONS:
        raise NotComputed(f"{expr.function} has no number")
    return together(FUNCTIONS[expr.function], *arguments)


def _softmax(scores: NumberArray, axis: int) -> NumberArray:
    powers = together(lambda x, top: math.exp(x - top), scores, reduced(scores, (axis,), True, max))
    return together(lambda x, y: x / y, powers, reduced(powers, (axis,), True, sum))


def _onehot(labels: NumberArray, expr: a.Applied) -> NumberArray:
    """1 at the place of each label; nowhere for one that counts nowhere."""
    count = expr.size or 0
    spread = with_axes(labels, (expr.axis or 0,))
    axis = (expr.axis or 0) % len(spread.shape)
    numbers = NumberArray(
        tuple(count if i == axis else 1 for i in range(len(spread.shape))), tuple(map(float, range(count)))
    )
    return together(lambda x, y: float(x == y), spread, numbers)


class Gathering:
    """A sum by index, term by term."""

    def __init__(self, expr: a.IndexSum, letters: Letters) -> None:
        self.expr, self.letters = expr, letters
        self.names = [name for name, _ in expr.ranges]
        self.sizes = [letters.batch if size is None else size for _, size in expr.ranges]
        if math.prod(self.sizes) > MOST_TERMS:
            raise NotComputed(f"it adds up {math.prod(self.sizes):,} terms; {MOST_TERMS:,} are the most")
        self.arrays = {id(e): computed(e.term, letters) for e in _elements(expr.term)}
        self.met: set[ArrayPlace] = set()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.letters.batch if size is None else size for size in self.expr.shape)

    def whole(self) -> NumberArray:
        found: dict[ArrayPlace, float] = {}
        for place, at in self.each():
            item = self.term(self.expr.term, at)
            if item is not None:
                before = found.get(place)
                joined = max if self.expr.largest else float.__add__
                found[place] = item if before is None else joined(before, item)
        return made(self.shape, lambda place: found.get(place, 0.0))

    def each(self) -> Iterator[tuple[ArrayPlace, dict[str, int]]]:
        """The place of each term, with the numbers of its letters."""
        shape = self.shape
        for numbers in places(self.sizes):
            at = dict(zip(self.names, numbers, strict=True))
            place = _index(self.expr.at, at, shape)
            if place is not None:
                yield place, at

    def at_first(self) -> tuple[ArrayPlace, list[list[float]]]:
        """The first place that terms are added at, with the factors of each of them."""
        first: ArrayPlace | None = None
        found: list[list[float]] = []
        for place, at in self.each():
            parts = self.expr.term.factors if isinstance(self.expr.term, a.Factors) else (self.expr.term,)
            factors = [self.term(part, at) for part in parts]
            if None in factors or (first is not None and place != first):
                continue
            first = place
            found.append([factor for factor in factors if factor is not None])
        return first or (0,) * len(self.shape), found

    def term(self, expr: a.Formula, at: Mapping[str, int]) -> float | None:
        """One term; None where it reads what is not there."""
        match expr:
            case a.ElementAt():
                array = self.arrays[id(expr)]
                place = _index(expr.places, at, array.shape)
                return None if place is None else float(array.at(place))
            case a.Factors():
                factors = [self.term(factor, at) for factor in expr.factors]
                return None if None in factors else math.prod(f for f in factors if f is not None)
            case a.Quotient():
                above, below = self.term(expr.above, at), self.term(expr.below, at)
                return None if above is None or below is None else above / below
            case a.Indicator():
                return self.indicator(expr, at)
        return computed(expr, self.letters).only

    def indicator(self, expr: a.Indicator, at: Mapping[str, int]) -> float | None:
        left, right = self.term(expr.left, at), self.term(expr.right, at)
        if left is None or right is None:
            return None
        holds = RELATIONS[expr.relation](left, right)
        if holds and expr.first and isinstance(expr.right, a.ElementAt):
            window = _index(expr.right.places, at, self.arrays[id(expr.right)].shape)
            holds = window not in self.met
            self.met.update([window] if window is not None else [])
        return float(holds)


def _elements(expr: a.Formula) -> Iterator[a.ElementAt]:
    """The elements of arrays in a term."""
    if isinstance(expr, a.ElementAt):
        yield expr
        return
    parts = [getattr(expr, name) for name in getattr(expr, "__match_args__", ())]
    flat = itertools.chain.from_iterable(part if isinstance(part, tuple) else (part,) for part in parts)
    for part in flat:
        if isinstance(part, a.Formula):
            yield from _elements(part)


def _index(at: Sequence[a.IndexPlace], letters: Mapping[str, int], shape: Sequence[int]) -> ArrayPlace | None:
    """The place that letters come to; None where it is not whole, or outside."""
    found = []
    for place, size in zip(at, shape, strict=True):
        number = sum(letters[name] * factor for name, factor in place.letters) + place.shift
        if number % place.over or not 0 <= number // place.over < size:
            return None
        found.append(number // place.over)
    return tuple(found)
