"""Arrows that come into a block in another order than it declares them. Read when a mistake is made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.outline import given_names, initial_names, input_items
from netdsl.text import syntax
from netdsl.text.foreign.pieces import bundled
from netdsl.text.source import Span

MOST = 4
"""With more arrows than these no other order is looked for."""


def way_out(site: Site, definition: syntax.Definition, given: Sequence[Value], span: Span) -> str | None:
    """Help that offers the one other order in which the arrows are as the block declares them."""
    items = input_items(definition)
    if not 1 < len(items) == len(given) <= MOST:
        return None
    steps = _stepped(definition, items)
    orders = [
        order
        for order in permutations(range(len(given)))
        if all(_fits(item, given[at], s) for item, at, s in zip(items, order, steps, strict=True))
    ]
    return _written(site, definition, items, orders[0], span) if len(orders) == 1 else None


def told(site: Site, definition: syntax.Definition, given: Sequence[Value], span: Span, before: int) -> None:
    """Say of the use of a recurrent block what failed in it for the order of its arrows, from a diagnostic on."""
    order = _order_of_steps(definition, given)
    if order is None:
        return
    items = input_items(definition)
    at = _stepped(definition, items).index(True)
    message = (
        f"`{definition.name.id}` goes over `{items[at].name.id}` step by step, but {given[at].type} comes in for it, "
        f"and {given[order[at]].type} for `{items[order[at]].name.id}`, which is no sequence"
    )
    del site.errors.collector.found[before:]
    site.errors.collector.report("wrong-inputs", message, span, help=_written(site, definition, items, order, span))


def _order_of_steps(definition: syntax.Definition, given: Sequence[Value]) -> Sequence[int] | None:
    """Two arrows the other way round, where what a block goes over are bare numbers, and vectors elsewhere."""
    items = input_items(definition)
    steps = _stepped(definition, items)
    if len(items) != len(given) or steps.count(True) != 1:
        return None
    at = steps.index(True)
    others = [i for i, value in enumerate(given) if i != at and value.type.rank == 2]
    if given[at].type.rank != 1 or len(others) != 1:
        return None
    order = [*range(len(given))]
    order[at], order[others[0]] = others[0], at
    fits = all(_fits(item, given[i], s) for item, i, s in zip(items, order, steps, strict=True))
    return order if fits else None


def _stepped(definition: syntax.Definition, items: Sequence[syntax.InputItem]) -> list[bool]:
    """By input whether a step has one element of it."""
    whole = initial_names(definition) | given_names(definition)
    return [definition.keyword == "recurrent" and item.name.id not in whole for item in items]


def _fits(item: syntax.InputItem, value: Value, stepped: bool) -> bool:
    """Whether an arrow can be what an input is declared as."""
    if item.dims is None:
        return True
    shape = value.type.shape[stepped:]
    sizes = [dim.span.text for dim in item.dims]
    kind = item.kind.id if item.kind is not None else "float"
    numbers = all(not size.isdecimal() or str(n) == size for size, n in zip(sizes, shape, strict=False))
    return value.type.rank >= stepped and len(shape) == len(sizes) and numbers and value.type.dtype.value == kind


def _written(
    site: Site, definition: syntax.Definition, items: Sequence[syntax.InputItem], order: Sequence[int], span: Span
) -> str:  # fmt: skip
    place = places.place_of(site, span, False)
    told = bundled(place.coming) if place is not None else []
    if len(told) != len(order):
        return f"they come in as they are declared: {', '.join(f'`{item.name.id}`' for item in items)}"
    written = f"({', '.join(told[at] for at in order)}) -> {span.text}"
    given = given_names(definition)
    says = "what is `given` comes behind the inputs" if given else "what is declared first comes first"
    return f"{says}: write `{written}`"
