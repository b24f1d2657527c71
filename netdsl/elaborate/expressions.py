"""Compile-time evaluation: names, arithmetic, lists. Total and bounded: nothing of the host is ever run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
import netdsl.elaborate.keyed as keyed
import netdsl.elaborate.nodes as nodes
import netdsl.elaborate.phases as phases
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import chain, dotted_name, find_layer, read_name, unknown_layer, unknown_name
from netdsl.elaborate.values import LAYERS, NUMBERS, SHAPE_ATTRIBUTES, Bundle, Failed, Shared, describe, written
from netdsl.ops.fields import Word
from netdsl.text import syntax
from netdsl.text.diagnostics import did_you_mean

# ---------------------------------------------------------------- names and literals


@core.evaluates(syntax.Name)
def _name(site: Site, expr: syntax.Name) -> Any:
    if site.scope.find(expr.id):
        return read_name(site, expr)
    if expr.id == phases.WORD:
        return phases.word(site, expr)
    layer = find_layer(site, expr)
    if layer is None and expr.id in functions.FUNCTIONS:
        help = "arrows take `to(int)`" if expr.id == "int" else None
        if expr.id in ("max", "min"):
            help = f"along an axis of an arrow it is `reduce_{expr.id}(axis=0)`, of two arrows `{expr.id}imum`"
        site.error("wrong-kind", f"`{expr.id}` is a function of numbers: write `{expr.id}(…)`", expr.span, help=help)
    if layer is None:
        unknown_name(site, expr)
    return core.valued(site, layer, expr.span)


@core.evaluates(syntax.Previous)
def _previous(site: Site, expr: syntax.Previous) -> Any:
    return core.previous(site, expr.span)


@core.evaluates(syntax.Literal)
def _literal(site: Site, expr: syntax.Literal) -> Any:
    return expr.value


@core.evaluates(syntax.ListOf)
def _list(site: Site, expr: syntax.ListOf) -> Any:
    return functions.bounded(site, [_item(site, item) for item in expr.items], expr.span)


def _item(site: Site, expr: syntax.Expr) -> Any:
    """An item of a list: layers are meant where there are some, words otherwise."""
    if isinstance(expr, syntax.Name) and not site.scope.find(expr.id):
        return find_layer(site, expr) or Word(expr.id)
    return core.evaluate(site, expr)


@core.evaluates(syntax.TupleOf)
def _tuple(site: Site, expr: syntax.TupleOf) -> Any:
    parts = [(item, part) for part in expr.items for item in _parts(site, part)]
    items = tuple(item for item, _ in parts)
    if items and not any(isinstance(i, Value | Bundle) for i in items):
        return functions.bounded(site, items, expr.span)
    among = [item for item, _ in parts]
    items = tuple(_arrow_of(site, item, part, among) for item, part in parts)
    for item, (_, part) in zip(items, parts, strict=True):
        if not isinstance(item, Value | Bundle):
            table = f"its weights are arrows, as in `{part.span.text}.weight`" if isinstance(item, Shared) else None
            site.error("wrong-kind", f"a bundle holds arrows, not {describe(item)}", part.span, help=table)
    return Bundle(functions.bounded(site, items, expr.span))


def _parts(site: Site, part: syntax.Expr | syntax.Spread) -> Sequence[Any]:
    """What a part of a bundle or a tuple brings: itself, or with a `*` all that it holds."""
    if not isinstance(part, syntax.Spread):
        return (core.evaluate(site, part),)
    value = core.evaluate(site, part.value)
    if isinstance(value, Bundle):
        return value.items
    if not isinstance(value, list | tuple):
        help = f"without the `*` it is one of them: `{written(part.value.span)}`"
        site.error("wrong-kind", f"`*` opens a bundle or a list, not {describe(value)}", part.span, help=help)
    return value


def _arrow_of(site: Site, item: Any, expr: syntax.Expr | syntax.Spread, among: Sequence[Any]) -> Any:
    """A number among arrows is a constant arrow: `(x, 0.5) -> maximum`."""
    if isinstance(item, NUMBERS) and not isinstance(item, bool):
        return nodes.constant(site, item, expr, nodes.is_whole(item, among))
    return item


# ---------------------------------------------------------------- access


@core.evaluates(syntax.Attribute)
def _attribute(site: Site, expr: syntax.Attribute) -> Any:
    dotted = dotted_name(site, expr)
    if dotted and isinstance(expr.value, syntax.Name) and expr.name.id in SHAPE_ATTRIBUTES:
        unknown_name(site, expr.value, arrows_only=True)
    if dotted:
        unknown_layer(site, expr, dotted, dotted)
    weight = keyed.read(site, expr)
    if weight is not None:
        return weight
    value = core.evaluate(site, expr.value)
    name = expr.name.id
    if isinstance(value, Bundle):
        if name in value.names:
            return value.items[value.names.index(name)]
        if site.library.damage:
            raise Failed
        import netdsl.elaborate.unpacking as unpacking  # late: right texts need none

        help = did_you_mean(name, value.names) or (f"its outputs are {', '.join(value.names)}" if value.names else None)
        help = unpacking.asked(site, expr, value) or help
        site.error("unknown-attribute", f"this bundle has no output `{name}`", expr.name.span, help=help)
    if not isinstance(value, Value):
        help = "only arrows have shapes that can be asked: `x.channels`"
        if isinstance(expr.value, syntax.Literal) and find_layer(site, expr.name):
            help = "a row begins with no number: leave it out"
        known = site.scope.find(name)
        if known is not None and isinstance(known.value, Value):  # the net's output, in its recipe
            help = f"write `{name}`"
        site.error("unknown-attribute", f"{describe(value)} has no `.{name}`", expr.name.span, help=help)
    if name not in SHAPE_ATTRIBUTES and site.library.damage:
        raise Failed
    if name not in SHAPE_ATTRIBUTES:
        from netdsl.text.foreign.attributes import asked  # late: right texts need none

        help = asked(expr.value.span.text, name, "", value.type.rank, value.type.dtype)
        if help is None and find_layer(site, expr.name):  # `(x -> conv(8, 3)).relu`
            help = f"layers are applied by `->`: write `{name}` behind an arrow, as in `x -> {name}` for an arrow `x`"
        help = help or did_you_mean(name, SHAPE_ATTRIBUTES)
        help = help or f"arrows have {', '.join(SHAPE_ATTRIBUTES)}"
        site.error("unknown-attribute", f"an arrow has no `.{name}`", expr.name.span, help=help)
    least, read = SHAPE_ATTRIBUTES[name]
    if value.type.rank < least:
        message = f"`.{name}` needs {least} axes, but the shape is {value.type}"
        site.error("wrong-rank", message, expr.span)
    return read(value)


@core.evaluates(syntax.Index)
def _index(site: Site, expr: syntax.Index) -> Any:
    value = core.peek(site, expr.value)
    if isinstance(value, Bundle):
        value = value.items
    if not isinstance(value, list | tuple):
        import netdsl.elaborate.habits as habits  # late: right texts need none
        import netdsl.elaborate.places as places

        around = places.place_of(site, expr.span, False)
        term = around is not None and around.term
        message = f"only lists and bundles have items, not {describe(value)}"
        help = habits.looked_up(site, expr, value, term) or habits.item_of(expr, value, term)
        site.error("wrong-kind", message, expr.value.span, help=help)
    place = core.number(site, expr.index, "an index")
    if not -len(value) <= place < len(value):
        site.error("index-out-of-range", f"there is no item {place}: the list has {len(value)}", expr.index.span)
    return value[place]


# ---------------------------------------------------------------- values with rows of their own


@core.evaluates(syntax.Pipeline)
def _pipeline(site: Site, expr: syntax.Pipeline) -> Any:
    if len(expr.stages) == 1 and not isinstance(expr.stages[0], syntax.Claim):
        return core.evaluate(site, expr.stages[0])
    head = expr.stages[0]
    assert not isinstance(head, syntax.Claim)
    value = core.evaluate(site, head)
    if isinstance(value, LAYERS):
        return chain(site, expr)
    if not isinstance(value, Value | Bundle):
        core.not_a_start(site, "pipeline", expr, value)
    return core.flow(site, value, expr.stages[1:])
