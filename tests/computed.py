"""What a formula of the lesson comes to, with numbers for its letters: by numpy, in the simplest way there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np

from netdsl.lesson import algebra as a

Numbers = Mapping[str, object]
"""Arrays by letter; a list of arrays for a letter that has one for each step."""

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "√": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "|": np.abs,
    "sign": np.sign,
    "max": np.maximum,
    "min": np.minimum,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "Φ": lambda x: np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x),
    "φ": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}
RELATIONS = {
    ">": np.greater, "≥": np.greater_equal, "<": np.less, "≤": np.less_equal, "=": np.equal, "≠": np.not_equal,
}  # fmt: skip


class Steps:
    """Numbers at each step of a sequence, where a formula runs over them; before and after it there is zero."""

    def __init__(self, numbers: Numbers, step: int = 0) -> None:
        self.numbers, self.step = numbers, step

    def of(self, symbol: a.Letter) -> np.ndarray:
        found = self.numbers[symbol.name]
        if symbol.when is None:
            array = np.asarray(found)
            return array.astype(float) if array.dtype == bool else array
        place = self.step + symbol.when
        if 0 <= place < len(found):
            return np.asarray(found[place])
        return np.zeros_like(found[self.step] if self.step < len(found) and found[self.step] is not None else found[0])


def computed(expr: a.Formula, numbers: Numbers | Steps) -> np.ndarray:
    at = numbers if isinstance(numbers, Steps) else Steps(numbers)

    def value(part: a.Formula) -> np.ndarray:
        return np.asarray(computed(part, at))

    match expr:
        case a.Letter():
            return at.of(expr)
        case a.Numeral():
            return np.asarray(expr.value)
        case a.SizeOf():
            return np.asarray(math.prod(expr.rest) * (int(at.numbers["N"]) if expr.batch else 1))
        case a.Added():
            return sum(value(t) for t in expr.terms)
        case a.Minus():
            return -value(expr.term)
        case a.Factors():
            return math.prod(value(f) for f in expr.factors)
        case a.Quotient():
            return value(expr.above) / value(expr.below)
        case a.Raised():
            return value(expr.base) ** value(expr.exponent)
        case a.MatrixProduct():
            return value(expr.left) @ value(expr.right)
        case a.Transposed():
            return np.swapaxes(value(expr.term), -1, -2)
        case a.AsRows():
            inner = value(expr.term)
            return inner.reshape(-1, inner.shape[-1])
        case a.OnAxes():
            return np.expand_dims(value(expr.term), [i for i in range(expr.rank) if i not in expr.axes])
        case a.Everywhere():
            return np.expand_dims(value(expr.term), expr.axes)
        case a.AxesMoved():
            return np.transpose(value(expr.term), expr.order)
        case a.Rearranged():
            return value(expr.term)
        case a.AxisPart():
            return np.take(value(expr.term), range(expr.start, expr.stop), expr.axis)
        case a.PutBack():
            inner = value(expr.term)
            sides = [(expr.start, expr.size - expr.stop) if i == expr.axis else (0, 0) for i in range(inner.ndim)]
            return np.pad(inner, sides)
        case a.Indicator():
            return RELATIONS[expr.relation](value(expr.left), value(expr.right)).astype(float)
        case a.GroupMean():
            inner = value(expr.term)
            apart = inner.reshape(len(inner), expr.groups, -1)
            return np.broadcast_to(apart.mean(-1, keepdims=True), apart.shape).reshape(inner.shape)
        case a.AxisWeights():
            return np.array(expr.rows())
        case a.SumOver():
            if expr.letters[:1] == "t" and expr.axes[:1] == (0,) and isinstance(at.numbers.get("T"), int):
                return over_steps(expr, at)
            take = np.mean if expr.mean else np.sum
            return take(value(expr.term), axis=expr.axes, keepdims=expr.keep)
        case a.Applied():
            return function(expr, [value(v) for v in expr.arguments], at)
        case a.IndexSum():
            return gathered(expr, at)
    raise TypeError(expr)


def over_steps(expr: a.SumOver, at: Steps) -> np.ndarray:
    each = [computed(expr.term, Steps(at.numbers, t)) for t in range(at.numbers["T"])]
    return sum(e.sum(0) if "n" in expr.letters else e for e in each)


def function(expr: a.Applied, arguments: list[np.ndarray], at: Steps) -> np.ndarray:
    first = arguments[0]
    if expr.function == "softmax":
        powers = np.exp(first - first.max(expr.axis, keepdims=True))
        return powers / powers.sum(expr.axis, keepdims=True)
    if expr.function == "onehot":
        return np.moveaxis(np.eye(expr.size)[first], -1, expr.axis)
    if expr.function == "causal":
        queries, keys = first.shape[-2:]
        return np.where(np.tril(np.ones((queries, keys)), keys - queries) > 0, first, -np.inf)
    if expr.function.endswith(" heads"):
        count = int(expr.function.split()[0])
        return np.swapaxes(first.reshape(*first.shape[:-1], count, -1), -2, -3)
    if expr.function == "side by side":
        turned = np.swapaxes(first, -2, -3)
        return turned.reshape(*turned.shape[:-2], -1)
    if expr.function == "joined":
        return np.concatenate(arguments, expr.axis)
    return FUNCTIONS[expr.function](*arguments)


def gathered(expr: a.IndexSum, at: Steps) -> np.ndarray:
    batch = int(at.numbers["N"])
    result = np.zeros([batch if size is None else size for size in expr.shape])
    names = [name for name, _ in expr.ranges]
    arrays = {id(e): computed(e.term, at) for e in elements(expr.term)}
    for numbers in itertools.product(*(range(batch if size is None else size) for _, size in expr.ranges)):
        letters = dict(zip(names, numbers, strict=True))
        place = index(expr.at, letters, result.shape)
        if place is not None:
            result[place] += term(expr.term, letters, arrays, at)
    return result


def elements(expr: a.Formula) -> list[a.ElementAt]:
    if isinstance(expr, a.ElementAt):
        return [expr]
    parts = [getattr(expr, name) for name in expr.__match_args__]
    flat = itertools.chain.from_iterable(p if isinstance(p, tuple) else (p,) for p in parts)
    return [found for part in flat if isinstance(part, a.Formula) for found in elements(part)]


def term(expr: a.Formula, letters: dict[str, int], arrays: dict[int, np.ndarray], at: Steps) -> float:
    match expr:
        case a.ElementAt():
            array = arrays[id(expr)]
            place = index(expr.places, letters, array.shape)
            return 0.0 if place is None else float(array[place])
        case a.Factors():
            return math.prod(term(f, letters, arrays, at) for f in expr.factors)
        case a.Quotient():
            return term(expr.above, letters, arrays, at) / term(expr.below, letters, arrays, at)
        case a.Indicator():
            sides = (term(expr.left, letters, arrays, at), term(expr.right, letters, arrays, at))
            return float(RELATIONS[expr.relation](*sides))
    return float(computed(expr, at))


def index(places: tuple[a.IndexPlace, ...], letters: dict[str, int], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    found = []
    for place, size in zip(places, shape, strict=True):
        number = sum(letters[name] * factor for name, factor in place.letters) + place.shift
        if number % place.over or not 0 <= number // place.over < size:
            return None
        found.append(number // place.over)
    return tuple(found)
