"""Amounts with the units of reports and of papers: `10MB`, `1 GFLOPs`, `5 million`, `50%`."""

from __future__ import annotations

import re
from decimal import Decimal

AMOUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)")
UNIT = re.compile(r"([kKmMgGtT])(i)?(?:[bB]|bytes?|[fF][lL][oO][pP][sS]?|[mM][aA][cC][sS]?|[oO]ps|params?)?")
WORDS = {"thousand": "K", "million": "M", "millions": "M", "billion": "G", "billions": "G", "trillion": "T"}
PLAIN = frozenset(("b", "bytes", "byte", "flops", "macs", "ops", "params", "parameters", "pixels", "px", "layers"))


def counted(number: str, unit: str) -> str | None:
    """`10` and `MB` as `10M`; None for what is no unit."""
    if unit.lower() in PLAIN:
        return number
    found = UNIT.fullmatch(unit)
    if found is not None and found[2]:
        power = "KMGT".index(found[1].upper()) + 1
        return f"{Decimal(number.replace('_', '')) * 1024**power:.0f}"
    sign = WORDS.get(unit.lower()) or (found[1].upper() if found is not None else None)
    return f"{number}{sign}" if sign else None


def amount(text: str) -> str | None:
    """A text such as `1 G` or `300M` as the number that it means; None for any other."""
    found = AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    return counted(found[1], found[2]) if found[2] else found[1]


def share(percent: str) -> str:
    """`50` of a hundred as `0.5`."""
    value = Decimal(percent.replace("_", "")) / 100
    return f"{value.normalize():f}"
