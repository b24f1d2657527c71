"""How a size is written: `(H + 1) // 2`, `16 * ((H + 4) // 16) - 188`, `256 * (H // 32) * (W // 32)`.

A text is derived from the exact form where one floor-division or remainder says it, so equal sizes mostly read alike;
otherwise from the expression that made the size, and when that has grown out of hand, from a sum of steps.
"""

from __future__ import annotations

from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING

from netdsl.dims.effort import spend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netdsl.dims.quasi import Quasi

SUM, PRODUCT, FACTORS, ATOM = range(4)
RankedText = tuple[str, int]
"""A text and how tightly it binds."""

STEPS_SHOWN = 8


def signed(parts: Iterable[tuple[int, RankedText]]) -> RankedText:
    """`2 * x - y + 3` from coefficients and texts; a text of "" stands for 1."""
    kept = [(c, t) for c, t in parts if c]
    if any(c > 0 for c, _ in kept) and kept[0][0] < 0:
        kept.sort(key=lambda part: part[0] < 0)
    if not kept:
        return "0", ATOM
    out = ""
    for coefficient, text in kept:
        sign = (" - " if coefficient < 0 else " + ") if out else ("-" if coefficient < 0 else "")
        term = scaled(abs(coefficient), text)
        loose = term[1] == SUM if out else coefficient == -1  # -(H // 2), but -2 * H and x - H // 2
        out += sign + (grouped(term) if coefficient < 0 and loose else term[0])
    if len(kept) > 1:
        return out, SUM
    coefficient, text = kept[0]
    return out, SUM if coefficient < 0 else scaled(coefficient, text)[1]


def scaled(coefficient: int, text: RankedText) -> RankedText:
    """`coefficient * text` for a positive coefficient."""
    if not text[0]:
        return str(coefficient), ATOM
    if coefficient == 1:
        return text
    return f"{coefficient} * {text[0] if text[1] == FACTORS else grouped(text)}", PRODUCT


def product(texts: Iterable[RankedText]) -> RankedText:
    """`(H // 32) * (W // 32)`; a number in front of it needs no parentheses."""
    return " * ".join(grouped(t) for t in texts), FACTORS


def grouped(text: RankedText) -> str:
    return text[0] if text[1] == ATOM else f"({text[0]})"


def affine(symbol: str, slope: int, base: int) -> RankedText:
    return signed([(slope, (symbol, ATOM)), (base, ("", ATOM))])


def divided(text: RankedText, number: int, sign: str = "//") -> RankedText:
    return f"{grouped(text)} {sign} {number}", PRODUCT


def derived(symbol: str, f: Quasi) -> RankedText | None:
    """A text with one floor-division or remainder, when there is one."""
    if f.period == 1:
        return affine(symbol, f.increment, f.base)
    spend(f.period // 2)
    values = f.values(f.period + 1)
    steps = sorted({b - a for a, b in pairwise(values)})
    if len(steps) != 2:
        return None
    low, high = steps
    if f.increment == 0:
        return _remainder(symbol, f, low, high)
    slopes = [0] if low % (high - low) == 0 else [low, high]
    texts = (_single(symbol, f, slope, high - low) for slope in slopes)
    return next((t for t in texts if t is not None), None)


def _floor(f: Quasi, slope: int, step: int) -> tuple[int, int, int, int] | None:
    """(m, a, b, d) such that f = slope * x + m * ((a * x + b) // P) + d, where |m| is `step`."""
    period = f.period
    increment = f.increment - slope * period
    factor = step if increment > 0 else -step
    rise, rest = divmod(increment, factor)
    if increment == 0 or rest or gcd(rise, period) != 1:
        return None
    values = [v - slope * x for x, v in enumerate(f.values(period))]
    steps = [divmod(v - values[0], factor) for v in values]
    if any(rest for _, rest in steps):
        return None
    offsets = [period * g - rise * x for x, (g, _) in enumerate(steps)]
    offset = max(offsets)
    if offset >= min(offsets) + period:
        return None
    return factor, rise, offset, values[0]


def _single(symbol: str, f: Quasi, slope: int, step: int) -> RankedText | None:
    found = _floor(f, slope, step)
    if found is None:
        return None
    factor, rise, offset, base = found
    if base % factor == 0:
        shift = base // factor
    else:
        near = {-(offset // f.period), -(offset // f.period) - 1, base // factor, base // factor + 1}
        shift = min(near, key=lambda k: (abs(offset + f.period * k) + abs(base - factor * k), k))
    inner = divided(affine(symbol, rise, offset + f.period * shift), f.period)
    return signed([(slope, (symbol, ATOM)), (factor, inner), (base - factor * shift, ("", ATOM))])


def _remainder(symbol: str, f: Quasi, low: int, high: int) -> RankedText | None:
    for slope in (high, low):
        found = _floor(f, slope, high - low)
        if found is None or found[0] != -slope * f.period or found[1] != 1:
            continue
        _, _, offset, base = found
        if slope > 0:
            inner, rest = affine(symbol, 1, offset), base - slope * offset
        else:
            inner = affine(symbol, -1, f.period - 1 - offset)
            rest = base + slope * (f.period - 1 - offset)
        return signed([(abs(slope), divided(inner, f.period, "%")), (rest, ("", ATOM))])
    return None


def stepped(symbol: str, f: Quasi) -> RankedText:
    """f as a sum of floor-divisions, one for each step within a period; shortened when there are many."""
    values = f.values(f.period + 1)
    rises = [(b - a, i) for i, (a, b) in enumerate(pairwise(values), 1) if a != b]
    if len(rises) > STEPS_SHOWN:
        return f"[{', '.join(map(str, values[:4]))}, …][{symbol}]", ATOM
    parts = [(rise, divided(affine(symbol, 1, f.period - i), f.period)) for rise, i in rises]
    return signed([*parts, (f.base, ("", ATOM))])


def infix(op: str, left: RankedText, right: RankedText) -> RankedText:
    """The text of an operation on two texts, with only the parentheses that help."""
    if op in "+-":
        return f"{left[0]} {op} {grouped(right) if right[1] == SUM else right[0]}", SUM
    return f"{grouped(left)} {op} {grouped(right)}", PRODUCT
