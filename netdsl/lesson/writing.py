"""A formula as a line of text, with no bracket too many."""

from __future__ import annotations

import re

from netdsl.lesson.algebra import (
    Added,
    Applied,
    AsRows,
    AxesMoved,
    AxisPart,
    AxisWeights,
    ElementAt,
    Everywhere,
    Factors,
    Formula,
    GroupMean,
    IndexPlace,
    IndexSum,
    Indicator,
    Letter,
    MatrixProduct,
    Minus,
    Numeral,
    OnAxes,
    PutBack,
    Quotient,
    Raised,
    Rearranged,
    SizeOf,
    SumOver,
    Transposed,
)

LOW = dict(zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
POWERS = str.maketrans("0123456789−/.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ⋅")

LOOSE, SUM, PRODUCT, TIGHT = range(4)
"""How strongly a formula holds together: not at all, as a sum, as a product, as a letter."""


def written(expr: Formula) -> str:
    """`(∂J/∂y)ᵀ · x`."""
    return _write(expr)[0]


def number_text(value: float) -> str:
    """`0.1`, `1e-8`: as short as it is the same number."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:g}" if float(f"{value:g}") == value else repr(value)
    text = re.sub(r"e([-+])0*", r"e\1", text).replace("e+", "e")
    return text.replace("-", "−", 1) if value < 0 else text


def low(letters: str) -> str:
    """Letters as an index below the line; those that have none in brackets."""
    if all(c in LOW for c in letters):
        return "".join(LOW[c] for c in letters)
    return f"[{','.join(letters)}]"


def _inside(expr: Formula, least: int) -> str:
    """A part of a formula, in brackets where it holds together less strongly than it must."""
    text, strength = _write(expr)
    return text if strength >= least else f"({text})"


def _write(expr: Formula) -> tuple[str, int]:
    """The text and how strongly it holds together."""
    match expr:
        case Letter():
            return _symbol(expr)
        case AxisWeights():
            return expr.name, TIGHT
        case Numeral():
            return number_text(expr.value), TIGHT if expr.value >= 0 else SUM
        case SizeOf():
            factors = [*(["N"] if expr.batch else []), *(f"{n:,}" for n in expr.rest if n != 1)]
            return "·".join(factors) or "1", TIGHT if len(factors) < 2 else PRODUCT
        case AsRows() | OnAxes():
            return _write(expr.term)
        case Transposed():
            return f"{_turned(expr.term)}ᵀ", TIGHT
        case Added():
            return _sum(expr), SUM
        case Minus():
            return f"−{_inside(expr.term, PRODUCT)}", SUM
        case Factors():
            return _product(expr), PRODUCT
        case MatrixProduct():
            return " · ".join(_matrix(part) for part in (expr.left, expr.right)), PRODUCT
        case Quotient():
            return _quotient(expr), PRODUCT
        case Raised():
            return _power(expr), TIGHT
        case _:
            return _further(expr)


def _matrix(part: Formula) -> str:
    """A factor of a product of matrices; what is multiplied element by element in brackets."""
    return _inside(part, TIGHT if isinstance(part, Factors | Quotient) else PRODUCT)


def _further(expr: Formula) -> tuple[str, int]:
    match expr:
        case Applied():
            return _called(expr), TIGHT
        case SumOver(mean=True):
            return f"mean{low(expr.letters)}({written(expr.term)})", TIGHT
        case SumOver():
            return f"Σ{low(expr.letters)} {_inside(expr.term, PRODUCT)}", SUM
        case GroupMean():
            return f"mean[g]({written(expr.term)})", TIGHT
        case Indicator():
            return f"[{written(expr.left)} {expr.relation} {written(expr.right)}]", TIGHT
        case Rearranged():
            return f"{_inside(expr.term, PRODUCT)} {expr.like}", LOOSE
        case Everywhere():
            return f"{_inside(expr.term, PRODUCT)} at every place", LOOSE
        case AxesMoved():
            return f"{_inside(expr.term, PRODUCT)} with its axes turned back", LOOSE
        case AxisPart():
            return f"{_inside(expr.term, TIGHT)}{_stretch(expr)}", TIGHT
        case PutBack():
            return f"{_inside(expr.term, PRODUCT)} at {_stretch(expr)}, else 0", LOOSE
        case ElementAt():
            return f"{_inside(expr.term, TIGHT)}[{','.join(map(place_text, expr.places))}]", TIGHT
        case IndexSum():
            return "".join(_gathered(expr)), LOOSE
    raise TypeError(f"{expr!r} is no formula")


def _stretch(expr: AxisPart | PutBack) -> str:
    """`[:, 0:64]`: a stretch along an axis, all along those before it."""
    return f"[{':, ' * expr.axis}{expr.start}:{expr.stop}]"


def _symbol(symbol: Letter) -> tuple[str, int]:
    if symbol.when is None:
        return symbol.name, TIGHT
    step = f"t{'+' if symbol.when > 0 else '−'}{abs(symbol.when)}" if symbol.when else "t"
    return f"{symbol.name}({step})", TIGHT


def _turned(term: Formula) -> str:
    text = _inside(term, TIGHT)
    return f"({text})" if "/" in text and not text.startswith("(") else text


def _sum(expr: Added) -> str:
    """What is said of the place of a gathered term stands behind the whole."""
    text = behind = ""
    for place, term in enumerate(expr.terms):
        minus = isinstance(term, Minus)
        inner = term.term if isinstance(term, Minus) else term
        if isinstance(inner, IndexSum):
            body, behind = _gathered(inner)
        else:
            body = _inside(inner, PRODUCT if minus else SUM)
        text += (f" {'−' if minus else '+'} " if place else "−" if minus else "") + body
    return text + behind


def _plain(factor: Formula) -> bool:
    """Whether it is one number, or one element of an array: multiplied with a dot, arrays with a ring."""
    if isinstance(factor, Letter):
        return factor.single
    if isinstance(factor, Quotient | Factors | Added):
        return all(map(_plain, _parts(factor)))
    return isinstance(factor, Numeral | SizeOf | ElementAt) or (isinstance(factor, Raised) and _plain(factor.base))


def _parts(expr: Quotient | Factors | Added) -> tuple[Formula, ...]:
    if isinstance(expr, Quotient):
        return expr.above, expr.below
    return expr.factors if isinstance(expr, Factors) else expr.terms


def _product(expr: Factors) -> str:
    text = ""
    for place, factor in enumerate(expr.factors):
        before = expr.factors[place - 1]
        dotted = _plain(before) or _plain(factor)
        sign = "" if not place else " · " if isinstance(before, ElementAt) else "·" if dotted else " ∘ "
        tight = isinstance(factor, MatrixProduct) or (isinstance(factor, Quotient | SizeOf) and place)
        text += sign + _inside(factor, TIGHT if tight else PRODUCT)
    return text


def _quotient(expr: Quotient) -> str:
    """A sum over a number as `1/N · Σ …`, twice something over a number as `2/N · …`."""
    above, below = expr.above, _inside(expr.below, TIGHT)
    minus = isinstance(above, Minus)
    inner = above.term if isinstance(above, Minus) else above
    sign = "−" if minus else ""
    if isinstance(inner, SumOver) and not inner.mean:
        return f"{sign}1/{below} {written(inner)}"
    if isinstance(inner, Factors) and isinstance(inner.factors[0], Numeral) and isinstance(expr.below, SizeOf):
        rest = Factors(inner.factors[1:]) if len(inner.factors) > 2 else inner.factors[1]
        start = f"{sign}{written(inner.factors[0])}/{below}"
        return f"{start} {written(rest)}" if isinstance(rest, SumOver) else f"{start} · {_inside(rest, PRODUCT)}"
    return f"{sign}{_inside(inner, PRODUCT)} / {below}"


def _power(expr: Raised) -> str:
    exponent = written(expr.exponent)
    base = _inside(expr.base, TIGHT)
    if "/" in base and not base.endswith(")"):
        base = f"({base})"
    if expr.exponent == Letter("t", single=True):
        return f"{base}ᵗ"
    if isinstance(expr.exponent, Numeral) and float(expr.exponent.value).is_integer():
        return base + exponent.translate(POWERS)
    return f"{base}^{_inside(expr.exponent, TIGHT)}"


def _called(expr: Applied) -> str:
    if " " in expr.function:
        return f"{expr.function} of {', '.join(_inside(part, TIGHT) for part in expr.arguments)}"
    if expr.function == "√":
        return f"√{_inside(expr.arguments[0], TIGHT)}"
    if expr.function == "|":
        return f"|{written(expr.arguments[0])}|"
    return f"{expr.function}({', '.join(map(written, expr.arguments))})"


def place_text(place: IndexPlace) -> str:
    """`2i+u−3`, `(p−u+3)/2`."""
    text = ""
    for name, factor in place.letters:
        sign = "−" if factor < 0 else "+" if text else ""
        text += f"{sign}{'' if abs(factor) == 1 else abs(factor)}{name}"
    if place.shift or not text:
        text += f"{'−' if place.shift < 0 else '+' if text else ''}{abs(place.shift)}"
    return text if place.over == 1 else f"({text})/{place.over}" if len(text) > 1 else f"{text}/{place.over}"


def _gathered(expr: IndexSum) -> tuple[str, str]:
    """The sum with its letters, and the place that it is of."""
    fixed = {name for place in expr.at for name, _ in place.letters}
    summed = "".join(name for name, size in expr.ranges if name not in fixed and size != 1)
    plain = all(place.over == 1 and not place.shift and len(place.letters) < 2 for place in expr.at)
    plain = plain and all(factor == 1 for place in expr.at for _, factor in place.letters)
    where = f"[{','.join(map(place_text, expr.at))}]"
    total = f"Σ{low(summed)} {_inside(expr.term, PRODUCT)}" if summed else written(expr.term)
    return total, f"  at {where}" if plain else f"  added at {where}"
