"""Formulas with numbers in the place of their letters, as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from netdsl.lesson import algebra as a
from netdsl.lesson.numbers.arrays import NumberArray
from netdsl.lesson.numbers.computing import Gathering, Letters, NotComputed, computed
from netdsl.lesson.writing import number_text, written

DIGITS = 5
"""Digits of a number."""
SHOWN = 12
"""Numbers of an array that is put into a formula; of a larger one the letter stays."""
LISTED = 36
"""Numbers of a result that are written."""
TERMS = 9
"""Terms of a sum that are written out."""
SEVERAL = 4
"""Samples over which a sum is written out."""


def short(value: float) -> str:
    """A number with as many digits as are read: `0.66667`."""
    return number_text(_rounded(value))


def _rounded(value: float) -> float:
    near = float(f"{value:.{DIGITS}g}")
    return 0.0 if near == 0 else near


def array_text(array: NumberArray, most: int = LISTED) -> str:
    """`[[1, 2], [3, 4]]`, without axes of size 1; of a large one the beginning."""
    shape = tuple(size for size in array.shape if size != 1)
    texts = [short(item) for item in array.items]
    if len(texts) > most:
        return f"[{', '.join(texts[:3])}, … {len(texts):,} numbers]"
    for size in reversed(shape):
        texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0]


def equation(formula: a.Formula, letters: Letters, result: NumberArray, left: str = "") -> str:
    """`y = 2·1 + 0 = 2`: what a formula is with its numbers, and what they come to."""
    came, parts = array_text(result), formula.terms if isinstance(formula, a.Added) else (formula,)
    total = next((part for part in parts if isinstance(part, a.IndexSum)), None)
    if total is not None:
        beside = [part for part in parts if part is not total] if len(result.items) == 1 else []
        return f"{left}{' = ' if left else ''}{came}{_first(total, beside, letters)}"
    text = written(inserted(formula, letters))
    steps = [left] if left else []
    steps += [] if text in (came, written(formula)) else [text]
    return " = ".join([*steps, came])


def _first(total: a.IndexSum, beside: Sequence[a.Formula], letters: Letters) -> str:
    """`; at [0,0,0,0] 1·2 + 3·1`: of a sum by index its first place, written out, with what is added to it."""
    place, terms = Gathering(total, letters).at_first()
    if total.largest or not terms:
        return ""
    texts = ["·".join(_factor(factor) for factor in factors) for factors in terms[:TERMS]]
    texts += ["…"] if len(terms) > TERMS else []
    texts += [written(inserted(part, letters)) for part in beside]
    return f";  at [{','.join(map(str, place))}]: {' + '.join(texts)}"


def _factor(value: float) -> str:
    return short(value) if value >= 0 else f"({short(value)})"


def inserted(expr: a.Formula, letters: Letters) -> a.Formula:
    """The formula with numbers for its letters; sums over one number are the number."""

    def put(part: a.Formula) -> a.Formula:
        return inserted(part, letters)

    match expr:
        case a.Letter():
            return _value(expr, letters)
        case a.SizeOf():
            return a.SizeOf(False, (letters.batch, *expr.rest)) if expr.batch else expr
        case a.Added():
            return a.Added(tuple(map(put, expr.terms)))
        case a.Minus():
            return a.Minus(put(expr.term))
        case a.Factors():
            return a.Factors(tuple(map(put, expr.factors)))
        case a.Quotient():
            return a.Quotient(put(expr.above), put(expr.below))
        case a.Raised():
            return a.Raised(put(expr.base), put(expr.exponent))
        case a.MatrixProduct():
            left, right = put(expr.left), put(expr.right)
            numbers = isinstance(left, a.Numeral) or isinstance(right, a.Numeral)
            return a.Factors((left, right)) if numbers else a.MatrixProduct(left, right)
        case a.Applied():
            return a.Applied(expr.function, tuple(map(put, expr.arguments)), expr.axis, expr.size)
        case a.Indicator():
            return a.Indicator(put(expr.left), expr.relation, put(expr.right))
        case a.GroupMean():
            return a.GroupMean(put(expr.term), expr.groups)
        case a.SumOver():
            return _sum(expr, letters)
    return _placed(expr, put)


def _placed(expr: a.Formula, put: Callable[[a.Formula], a.Formula]) -> a.Formula:
    """What is at other places: of a single number the number."""
    if isinstance(expr, a.Transposed | a.AsRows | a.OnAxes | a.Everywhere | a.Rearranged):
        term = put(expr.term)
        if isinstance(term, a.Numeral) or isinstance(expr, a.AsRows | a.OnAxes):
            return term
        return a.Transposed(term) if isinstance(expr, a.Transposed) else expr
    return expr


def _value(letter: a.Letter, letters: Letters) -> a.Formula:
    try:
        array = letters[letter.name]
    except NotComputed:
        return letter
    if len(array.items) == 1:
        return a.Numeral(_rounded(array.only))
    return a.Letter(array_text(array)) if len(array.items) <= SHOWN else letter


def _sum(expr: a.SumOver, letters: Letters) -> a.Formula:
    """A sum over one number is it; one over all samples of a course's letters is written out for a few."""
    if not expr.letters:
        return _over_samples(expr, letters)
    term = inserted(expr.term, letters)
    whole = computed(expr.term, letters)
    if prod(whole.shape[axis] for axis in expr.axes if whole.shape) == 1 or not whole.shape:
        return term
    return a.SumOver(term, expr.axes, expr.letters, expr.keep, expr.mean)


def _over_samples(expr: a.SumOver, letters: Letters) -> a.Formula:
    """Term by term; of more than a few samples the lists of all."""
    if letters.batch > SEVERAL:
        return a.SumOver(inserted(expr.term, letters), expr.axes, "")
    terms = []
    for sample in range(letters.batch):
        own = {n: NumberArray((), (array.items[sample],)) for n, array in letters.numbers.items() if array.shape}
        terms.append(inserted(expr.term, Letters({**letters.numbers, **own}, 1, {})))
    return terms[0] if len(terms) == 1 else a.Added(tuple(terms))
