"""Compile-time evaluation: names, arithmetic, lists. Total and bounded: nothing of the host is ever run."""

from __future__ import annotations

from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Context
from netdsl.elaborate.lookup import chain, dotted_name, find_layer, read_name, unknown_layer, unknown_name
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import LAYERS, NUMBERS, SHAPE_ATTRIBUTES, Bundle, Failed, describe
from netdsl.ops.fields import Word
from netdsl.text import syntax
from netdsl.text.diagnostics import did_you_mean

# ---------------------------------------------------------------- names and literals


@core.evaluates(syntax.Name)
def _name(context: Context, scope: Scope, expr: syntax.Name) -> Any:
    if scope.find(expr.id):
        return read_name(context, scope, expr)
    layer = find_layer(context, scope, expr)
    if layer is None and expr.id in functions.FUNCTIONS:
        context.error("wrong-kind", f"`{expr.id}` is a function of numbers: write `{expr.id}(…)`", expr.span)
    if layer is None:
        unknown_name(context, scope, expr)
    return layer


@core.evaluates(syntax.Previous)
def _previous(context: Context, scope: Scope, expr: syntax.Previous) -> Any:
    return core.previous(context, expr.span)


@core.evaluates(syntax.Literal)
def _literal(context: Context, scope: Scope, expr: syntax.Literal) -> Any:
    return expr.value


@core.evaluates(syntax.ListOf)
def _list(context: Context, scope: Scope, expr: syntax.ListOf) -> Any:
    return functions.bounded(context, [_item(context, scope, item) for item in expr.items], expr.span)


def _item(context: Context, scope: Scope, expr: syntax.Expr) -> Any:
    """An item of a list: layers are meant where there are some, words otherwise."""
    if isinstance(expr, syntax.Name) and not scope.find(expr.id):
        return find_layer(context, scope, expr) or Word(expr.id)
    return core.evaluate(context, scope, expr)


@core.evaluates(syntax.TupleOf)
def _tuple(context: Context, scope: Scope, expr: syntax.TupleOf) -> Any:
    items = tuple(core.evaluate(context, scope, item) for item in expr.items)
    if any(isinstance(i, Value | Bundle) for i in items):
        items = tuple(_arrow_of(context, i, w) for i, w in zip(items, expr.items, strict=True))
        for item, written in zip(items, expr.items, strict=True):
            if not isinstance(item, Value | Bundle):
                context.error("wrong-kind", f"a bundle holds arrows, not {describe(item)}", written.span)
        return Bundle(functions.bounded(context, items, expr.span))
    return functions.bounded(context, items, expr.span)


def _arrow_of(context: Context, item: Any, expr: syntax.Expr) -> Any:
    """A number beside arrows is a constant arrow: `(x, 0.5) -> maximum`."""
    if isinstance(item, NUMBERS) and not isinstance(item, bool):
        return nodes.constant(context, float(item), expr)
    return item


# ---------------------------------------------------------------- access


@core.evaluates(syntax.Attribute)
def _attribute(context: Context, scope: Scope, expr: syntax.Attribute) -> Any:
    dotted = dotted_name(context, scope, expr)
    if dotted:
        unknown_layer(context, scope, expr, dotted, dotted)
    value = core.evaluate(context, scope, expr.value)
    name = expr.name.id
    if isinstance(value, Bundle):
        if name in value.names:
            return value.items[value.names.index(name)]
        if context.library.damage:
            raise Failed
        help = did_you_mean(name, value.names) or (f"its outputs are {', '.join(value.names)}" if value.names else None)
        context.error("unknown-attribute", f"this bundle has no output `{name}`", expr.name.span, help=help)
    if not isinstance(value, Value):
        help = "only arrows have shapes that can be asked: `x.channels`"
        if isinstance(expr.value, syntax.Literal) and find_layer(context, scope, expr.name):
            help = "a row begins with no number: leave it out"
        known = scope.find(name)
        if known is not None and isinstance(known.value, Value):  # the net's output, in its recipe
            help = f"write `{name}`"
        context.error("unknown-attribute", f"{describe(value)} has no `.{name}`", expr.name.span, help=help)
    if name not in SHAPE_ATTRIBUTES and context.library.damage:
        raise Failed
    if name not in SHAPE_ATTRIBUTES:
        help = did_you_mean(name, SHAPE_ATTRIBUTES) or f"arrows have {', '.join(SHAPE_ATTRIBUTES)}"
        context.error("unknown-attribute", f"an arrow has no `.{name}`", expr.name.span, help=help)
    least, read = SHAPE_ATTRIBUTES[name]
    if value.type.rank < least:
        message = f"`.{name}` needs {least} axes, but the shape is {value.type}"
        context.error("wrong-rank", message, expr.span)
    return read(value)


@core.evaluates(syntax.Index)
def _index(context: Context, scope: Scope, expr: syntax.Index) -> Any:
    value = core.peek(context, scope, expr.value)
    if isinstance(value, Bundle):
        value = value.items
    if not isinstance(value, list | tuple):
        import netdsl.elaborate.habits as habits  # late: right texts need none

        message = f"only lists and bundles have items, not {describe(value)}"
        context.error("wrong-kind", message, expr.value.span, help=habits.item_of(expr, value))
    place = core.number(context, scope, expr.index, "an index")
    if not -len(value) <= place < len(value):
        context.error("index-out-of-range", f"there is no item {place}: the list has {len(value)}", expr.index.span)
    return value[place]


# ---------------------------------------------------------------- values with rows of their own


@core.evaluates(syntax.Pipeline)
def _pipeline(context: Context, scope: Scope, expr: syntax.Pipeline) -> Any:
    if len(expr.stages) == 1 and not isinstance(expr.stages[0], syntax.Claim):
        return core.evaluate(context, scope, expr.stages[0])
    head = expr.stages[0]
    assert not isinstance(head, syntax.Claim)
    value = core.evaluate(context, scope, head)
    if isinstance(value, LAYERS):
        return chain(context, expr, scope)
    if not isinstance(value, Value | Bundle):
        core.not_a_start(context, "pipeline", expr, value)
    return core.flow(context, scope, value, expr.stages[1:])
