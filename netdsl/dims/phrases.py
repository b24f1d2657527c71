"""Sets of sizes in an author's words."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdsl.dims.sizeset import SizeSet

LISTED = 6
"""How many single sizes or ranges are listed before the list is cut."""


def describe(sizes: SizeSet, symbol: str) -> str:
    if sizes.empty:
        return "no size"
    if sizes.finite:
        return _finite(sizes, symbol)
    if sizes.regular:
        return _tail(sizes, symbol)
    gaps, extras = sizes.gaps, sizes.exceptions
    if sizes.strays.empty and gaps.size <= min(extras.size, LISTED):
        return f"{_tail(sizes, symbol, sizes.minimum)} except {_listed(gaps, 'and')}"
    return f"{_finite(extras, symbol)}, and {_tail(sizes - extras, symbol)}"


def _tail(sizes: SizeSet, symbol: str, start: int | None = None) -> str:
    """The phrase for all sizes with some remainders, from a size on."""
    modulus, remainders = sizes.modulus, sizes.remainders
    first = start or sizes.minimum or 1
    natural = first == min(r or modulus for r in remainders)
    since = "" if natural else f" from {first}"
    name = _class_name(modulus, remainders)
    if name is not None:
        return name + since
    shown = ", ".join(str(x) for x in sizes.first(3 if natural else 2))
    if len(remainders) == 1:
        return f"{modulus}k + {remainders[0]}: {shown}, …"
    if len(remainders) == modulus - 1:
        (left_out,) = set(range(modulus)) - set(remainders)
        missing = f"multiples of {modulus}" if left_out == 0 else f"{modulus}k + {left_out}"
        return f"any size{since} except {missing}"
    if len(remainders) > LISTED:
        return f"{len(remainders)} of every {modulus} sizes: {shown}, …"
    return f"{symbol} % {modulus} is {_either([str(r) for r in remainders])}: {shown}, …"


def _class_name(modulus: int, remainders: tuple[int, ...]) -> str | None:
    if modulus == 1:
        return "any size"
    if modulus == 2:
        return "even sizes" if remainders == (0,) else "odd sizes"
    return f"multiples of {modulus}" if remainders == (0,) else None


def _finite(sizes: SizeSet, symbol: str) -> str:
    first, last = sizes.minimum, sizes.maximum
    if sizes.size == 1:
        return f"exactly {first}"
    if sizes.size == 2:
        return f"{first} or {last}"
    if sizes.regular and sizes.modulus == 1:
        return f"{first} to {last}"
    name = _class_name(sizes.modulus, sizes.remainders)
    if sizes.regular and name is not None:
        return f"{name} from {first} to {last}"
    if sizes.regular and len(sizes.remainders) == 1 and sizes.size > LISTED:
        return f"{sizes.modulus}k + {sizes.remainders[0]} from {first} to {last}"
    return _listed(sizes, "or")


def _listed(sizes: SizeSet, last_word: str) -> str:
    """`3, 5 to 7 or 12`; cut with its count and end when long."""
    ranges: list[list[int]] = []
    for x in sizes:
        if ranges and ranges[-1][1] == x - 1:
            ranges[-1][1] = x
            continue
        if len(ranges) > LISTED:
            break
        ranges.append([x, x])
    texts = [_range(a, b) for a, b in ranges]
    if len(ranges) <= LISTED:
        return _either(texts, last_word)
    members = "sizes" if sizes.size == inf else f"{int(sizes.size)} sizes"
    return f"{', '.join(texts[: LISTED - 2])}, …, {sizes.maximum} ({members})"


def _range(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first} to {last}" if last > first + 1 else f"{first}, {last}"


def _either(texts: list[str], word: str = "or") -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"
