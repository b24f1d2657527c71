"""Arithmetic of bounds: (low, high), where None stands for no bound."""

from __future__ import annotations

Bounds = tuple[int | None, int | None]


def plus(left: Bounds, right: Bounds) -> Bounds:
    low = None if left[0] is None or right[0] is None else left[0] + right[0]
    high = None if left[1] is None or right[1] is None else left[1] + right[1]
    return low, high


def times(left: Bounds, right: Bounds) -> Bounds:
    """Bounds of a product of two numbers within these bounds."""
    corners = [_corner(a, i, b, j) for i, a in enumerate(left) for j, b in enumerate(right)]
    lows = [None if c == "-" else c for c in corners if c != "+"]
    highs = [None if c == "+" else c for c in corners if c != "-"]
    low = None if None in lows or not lows else min(c for c in lows if isinstance(c, int))
    high = None if None in highs or not highs else max(c for c in highs if isinstance(c, int))
    return low, high


def _corner(a: int | None, i: int, b: int | None, j: int) -> int | str:
    """a * b where None is minus infinity on side 0 and plus infinity on side 1: a number, "+" or "-"."""
    if a == 0 or b == 0:
        return 0
    if a is not None and b is not None:
        return a * b
    negative = (a < 0 if a is not None else i == 0) != (b < 0 if b is not None else j == 0)
    return "-" if negative else "+"
