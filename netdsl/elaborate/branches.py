"""Sums of layers, as papers draw branches: `(conv(16, 3) + identity)`. What is written here leads an arrow into each.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import netdsl.elaborate.places as places
from netdsl.elaborate.context import Site
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.places import Place
from netdsl.elaborate.values import written
from netdsl.text import syntax

BARE = re.compile(r"[\w.\[\]]+")
"""What may be written several times and stays one arrow; a layer that is written twice is two layers."""
UNKNOWN = "say what leads into each layer, as in `(… -> {})`"


def told(site: Site, expr: syntax.Binary | syntax.Unary) -> str:
    """Help for arithmetic on layers, which `expr` is or is a part of."""
    place = places.place_of(site, expr.span, False, outermost=True)
    whole = place.call if place is not None else expr
    found = [leaf for leaf in leaves(whole) if _layer(site, leaf)]
    if isinstance(whole, syntax.Unary) and place is not None and place.heads:
        if expr.span.text[1:2].strip():
            return f"arithmetic works on arrows: write `{expr.operator}(_ -> {expr.span.text[1:]})`"
        return f"a row begins with no sign: write `{expr.span.text[1:].lstrip()}`"
    if place is None or not found or place.alone or _repeated(whole):
        return "arithmetic works on arrows: the sum is the body of a `block`, and that may stand here by its name"
    return _behind(whole) + _ways(place, found)


def _behind(whole: syntax.Expr) -> str:
    """`conv(16, 3) - relu`: a minus between two layers may be half an arrow."""
    if not isinstance(whole, syntax.Binary) or whole.operator != "-" or _bracketed(whole):
        return ""
    sides = whole.left, whole.right
    if not all(isinstance(side, syntax.Call | syntax.Name) for side in sides):
        return ""
    return f"write `{written(sides[0].span)} -> {written(sides[1].span)}` for one behind the other; "


def _ways(place: Place, found: list[syntax.Expr]) -> str:
    says = "arithmetic works on arrows"
    coming = place.coming or ("_" if place.heads else "")
    own = coming == "_" and not _numbers(place.call, found)
    unclear = not BARE.fullmatch(coming) and not _bracketed(place.call)
    if not coming or own or unclear:
        return f"{says}: {UNKNOWN.format(written(found[0].span))}"
    if BARE.fullmatch(coming) or len(found) == 1:
        return f"{says}: write `{_filled(place, found, coming)}`"
    if not place.row:
        return (
            f"{says}: name the row of what leads into them, and write the name, as in `(a -> {written(found[0].span)})`"
        )
    above = coming.removeprefix("_ -> ")
    return f"{says}: write `{above}` in a row of its own, and below it `{_filled(place, found, '_')}`"


def _filled(place: Place, found: list[syntax.Expr], coming: str) -> str:
    """The sum with an arrow into each layer, and what follows it in its pipeline."""
    text, at, pieces = place.call.span.source.text, place.call.span.start, list[str]()
    for leaf in found:
        pieces += [text[at : leaf.span.start], _led(leaf, coming)]
        at = leaf.span.end
    pieces.append(text[at : place.call.span.end])
    rest = text[place.call.span.end : place.end].strip().removeprefix(")")
    return " ".join(f"{''.join(pieces)} {rest}".split())


def _led(leaf: syntax.Expr, coming: str) -> str:
    if isinstance(leaf, syntax.Name) and leaf.id == "identity":
        return coming
    led = f"{coming} -> {written(leaf.span)}"
    return led if _bracketed(leaf) else f"({led})"


def leaves(expr: syntax.Expr) -> Iterator[syntax.Expr]:
    """What stands between the signs, in the order of the text."""
    if isinstance(expr, syntax.Binary):
        yield from leaves(expr.left)
        yield from leaves(expr.right)
    elif isinstance(expr, syntax.Unary):
        yield from leaves(expr.operand)
    else:
        yield expr


def _layer(site: Site, leaf: syntax.Expr) -> bool:
    function = leaf.function if isinstance(leaf, syntax.Call) else None
    if isinstance(function, syntax.Name) and function.id in FUNCTIONS:
        return False
    return places.carries_on(site, leaf)


def _numbers(whole: syntax.Expr, found: list[syntax.Expr]) -> bool:
    """Whether all that is no layer is a number."""
    return all(isinstance(leaf, syntax.Literal) or leaf in found for leaf in leaves(whole))


def _repeated(whole: syntax.Expr) -> bool:
    """`(conv(8, 3) + identity) * 3`, which is no product."""
    times = whole.right if isinstance(whole, syntax.Binary) and whole.operator == "*" else None
    return isinstance(times, syntax.Literal) and isinstance(times.value, int)


def _bracketed(expr: syntax.Expr) -> bool:
    text = expr.span.source.text
    return text[: expr.span.start].rstrip().endswith("(") and text[expr.span.end :].lstrip().startswith(")")
