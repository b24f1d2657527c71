"""The few functions that a text may call, all of numbers and lists, and the bounds of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from netdsl.dims import Dim, at
from netdsl.dims.tensors import LARGEST
from netdsl.elaborate.bounds import DEPTH, LIMIT
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import NUMBERS, Bundle, written
from netdsl.text import syntax
from netdsl.text.source import Span


def bounded_count(site: Site, count: int, span: Span) -> None:
    if count > LIMIT:
        site.error("too-many-layers", f"a list of {count:,} items is more than {LIMIT:,}", span)


def bounded(site: Site, items: Any, span: Span) -> Any:
    """A list that with everything in it is not too long; lists of lists of lists grow beyond all bounds."""
    count = _weight(items)
    if count is None:
        site.error("nested-too-deep", f"lists lie inside each other more than {DEPTH} deep", span)
    bounded_count(site, count, span)
    return items


LETTERS = 16
"""Letters of a string that are as much work as one item of a list."""


def weight(value: Any) -> int:
    """The work that one look at a long value takes: its items, those of lists inside it counted too."""
    if isinstance(value, str):
        return len(value) // LETTERS
    return _weight(value.items if isinstance(value, Bundle) else value) or LIMIT


def _weight(items: Any, depth: int = 0) -> int | None:
    """The values in a list, those of lists and bundles inside it counted too; None when it is nested too deep."""
    if depth > DEPTH:
        return None
    total = len(items)
    for item in items:
        if isinstance(item, list | tuple | Bundle):
            inside = _weight(item.items if isinstance(item, Bundle) else item, depth + 1)
            if inside is None:
                return None
            total += inside
        if total > LIMIT:
            break
    return total


def _range(site: Site, expr: syntax.Call, *bounds: int) -> list[int]:
    items = range(*bounds)
    bounded_count(site, len(items), expr.span)
    return bounded(site, list(items), expr.span)  # type: ignore[no-any-return]


def _extreme(pick: Callable[..., Any]) -> Callable[..., Any]:
    def extreme(site: Site, expr: syntax.Call, *given: Any) -> Any:
        items: Sequence[Any] = given[0] if len(given) == 1 else given
        if any(isinstance(i, Dim) for i in items):
            site.error("not-known-yet", f"`{expr.span.text}` depends on the size of the input", expr.span)
        return pick(items)

    return extreme


DIGITS = 40
"""Letters of a text that may be read as a number."""


def _whole(site: Site, expr: syntax.Call, value: Any) -> int:
    if isinstance(value, str) and len(value) > DIGITS:
        site.error("number-too-large", f"`{written(expr.span)}` is too large", expr.span)
    return int(value)


def _held(items: Any) -> Any:
    """What a list or a bundle holds."""
    return items.items if isinstance(items, Bundle) else items


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": _extreme(min),
    "max": _extreme(max),
    "len": lambda c, e, items: len(_held(items)),
    "range": _range,
    "round": lambda c, e, x: round(x),
    "floor": lambda c, e, x: math.floor(x),
    "ceil": lambda c, e, x: math.ceil(x),
    "int": _whole,
    "zip": lambda c, e, *lists: bounded(c, list(zip(*map(_held, lists), strict=False)), e.span),
    "enumerate": lambda c, e, items: bounded(c, list(enumerate(_held(items))), e.span),
    "reversed": lambda c, e, items: bounded(c, list(reversed(_held(items))), e.span),
}


def bounded_number(site: Site, value: Any, span: Span) -> None:
    """Refuse numbers beyond reason. A size is looked at where its symbols are no neutral elements."""
    number = at(value, dict.fromkeys(value.symbols, 2)) if isinstance(value, Dim) else value
    if isinstance(number, NUMBERS) and not abs(number) < LARGEST:
        site.error("number-too-large", f"`{written(span)}` is too large", span)
