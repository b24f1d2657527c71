"""Compile-time evaluation: names, arithmetic, lists. Total and bounded: nothing of the host is ever run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NoReturn

import netdsl.elaborate.control as control
import netdsl.elaborate.functions as functions
import netdsl.elaborate.layers as layers
import netdsl.elaborate.operators as operators
import netdsl.elaborate.rows as rows
from netdsl.dims import Condition, Dim, Extent, Verdict
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Context, mark_used
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import LAYERS, UNKNOWN, Bundle, Failed
from netdsl.ops.fields import Word, shown
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

NUMBERS = (int, float)
LONG = (list, tuple, str, Bundle)
"""Values that may be long: what is done with them takes time by their length."""


def evaluate(context: Context, scope: Scope, expr: syntax.Expr) -> Any:
    """The value of an expression: a number, a list, an arrow, a bundle or a layer.

    Whoever asks may look at all of it, so that every item is counted as work, each time.
    """
    value = peek(context, scope, expr)
    if isinstance(value, LONG):
        context.spend(functions.weight(value), expr.span)
    return value


def peek(context: Context, scope: Scope, expr: syntax.Expr) -> Any:
    """As `evaluate`, for somebody who looks at one item at most."""
    context.spend(1, expr.span)
    return evaluators()[type(expr)](context, scope, expr)


def evaluate_setting(context: Context, scope: Scope, expr: syntax.Expr) -> Any:
    """As `evaluate`, where a word that means nothing else stands for itself: `same`, `normal(0.02)`."""
    if isinstance(expr, syntax.Name):
        found = scope.find(expr.id)
        return _read(context, scope, expr) if found and not isinstance(found.value, LAYERS) else Word(expr.id)
    if (
        isinstance(expr, syntax.Call)
        and isinstance(expr.function, syntax.Name)
        and expr.function.id not in functions.FUNCTIONS
    ):
        given = tuple(evaluate_setting(context, scope, a.value) for a in expr.arguments)
        return Word(expr.function.id, given)
    return evaluate(context, scope, expr)


def number(context: Context, scope: Scope, expr: syntax.Expr, what: str) -> int:
    """A whole number that is known now."""
    value = evaluate(context, scope, expr)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Dim):
        context.error("not-known-yet", f"{what} must be a number, but `{value}` depends on the input", expr.span)
    if not isinstance(value, int) or isinstance(value, bool):
        context.error("wrong-kind", f"{what} must be a whole number, not {describe(value)}", expr.span)
    return value


def extent(context: Context, scope: Scope, expr: syntax.Expr) -> Extent:
    """A size: a whole number, or an expression of the input's sizes."""
    value = evaluate(context, scope, expr)
    if isinstance(value, bool) or not isinstance(value, int | Dim):
        context.error("wrong-kind", f"a size is a whole number, not {describe(value)}", expr.span)
    return value


def truth(context: Context, scope: Scope, expr: syntax.Expr) -> bool:
    """A condition that is decided now."""
    value = evaluate(context, scope, expr)
    if isinstance(value, Condition):
        verdict = context.domain.decide(value)
        if verdict is Verdict.SOMETIMES:
            context.error(
                "undecided-condition", f"whether `{expr.span.text}` holds depends on the size of the input", expr.span,
                help="decide by a setting, or fix the size of the input",
            )  # fmt: skip
        return verdict is Verdict.ALWAYS
    if not isinstance(value, bool):
        context.error("wrong-kind", f"a condition is true or false, not {describe(value)}", expr.span)
    return value


def describe(value: Any) -> str:
    """A value in an error message."""
    if isinstance(value, Value):
        return f"an arrow of shape {value.type}"
    if isinstance(value, Bundle):
        return f"a bundle of {len(value.items)} arrows"
    parts = (list, tuple, Condition, Value, Bundle, *LAYERS)
    if isinstance(value, list | tuple) and any(isinstance(v, parts) for v in value):
        return f"a list of {len(value)}"
    if isinstance(value, LAYERS):
        return f"the layer `{value.title}`"
    if isinstance(value, Condition):
        return f"the condition `{value}`"
    return shown(value)


# ---------------------------------------------------------------- names and literals


def _name(context: Context, scope: Scope, expr: syntax.Name) -> Any:
    if scope.find(expr.id):
        return _read(context, scope, expr)
    layer = layers.find(context, scope, expr)
    if layer is None and expr.id in functions.FUNCTIONS:
        context.error("wrong-kind", f"`{expr.id}` is a function of numbers: write `{expr.id}(…)`", expr.span)
    if layer is None:
        unknown_name(context, scope, expr)
    return layer


def unknown_name(
    context: Context, scope: Scope, name: syntax.Name, more: Sequence[str] = (), arrows_only: bool = False
) -> NoReturn:
    """A name without a meaning: that of a later row, a misspelt one, or none at all.

    Where only an arrow can stand, layers are not offered.
    """
    if name.id in context.library.broken(scope) or context.library.damaged():
        raise Failed
    later = context.build.labels.get(name.id)
    if later is not None and later.start > name.span.start:
        message = f"`{name.id}` is named only further down: rows read what stands above them"
        context.error("unknown-name", message, name.span, Label(later, "named here"), help="move this row below it")
    import netdsl.elaborate.advice as advice  # late: right texts need none
    import netdsl.elaborate.habits as habits

    help = habits.of_place(name) or (
        did_you_mean(name.id, advice.own(scope)) if arrows_only else advice.unknown(context, scope, name.id, more=more)
    )
    if help is None:
        arrows = [n for s in scope.chain() for n, b in s.names.items() if isinstance(b.value, Value | Bundle)]
        help = f"arrows in reach: {', '.join(arrows[-6:])}" if arrows else None
        if name.span.source.text[: name.span.start].rstrip().endswith("->"):
            help = f"behind an arrow stands a layer; a row's name stands at its head, as in `{name.id}: conv(64, 3)`"
    if name.id not in context.build.labels:
        context.build.scope.bind(name.id, UNKNOWN, name.span)  # told once
    labels = advice.place(context, scope, help, name.span)
    context.error("unknown-name", f"nothing is called `{name.id}`", name.span, *labels, help=help)


def _read(context: Context, scope: Scope, expr: syntax.Name) -> Any:
    binding = scope.find(expr.id)
    assert binding is not None
    mark_used(binding.row)
    if binding.value is UNKNOWN:
        raise Failed
    return binding.value


def _previous(context: Context, scope: Scope, expr: syntax.Previous) -> Any:
    return rows.previous(context, expr.span)


def _literal(context: Context, scope: Scope, expr: syntax.Literal) -> Any:
    return expr.value


def _list(context: Context, scope: Scope, expr: syntax.ListOf) -> Any:
    return functions.bounded(context, [_item(context, scope, item) for item in expr.items], expr.span)


def _item(context: Context, scope: Scope, expr: syntax.Expr) -> Any:
    """An item of a list: layers are meant where there are some, words otherwise."""
    if isinstance(expr, syntax.Name) and not scope.find(expr.id):
        return layers.find(context, scope, expr) or Word(expr.id)
    return evaluate(context, scope, expr)


def _tuple(context: Context, scope: Scope, expr: syntax.TupleOf) -> Any:
    items = tuple(evaluate(context, scope, item) for item in expr.items)
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
        return layers.constant(context, float(item), expr)
    return item


# ---------------------------------------------------------------- access


def dotted_name(context: Context, scope: Scope, expr: syntax.Expr) -> str | None:
    """`nn.ReLU`: the text of dots that begin with a name that means nothing here."""
    root = expr
    while isinstance(root, syntax.Attribute):
        root = root.value
    if root is expr or not isinstance(root, syntax.Name) or scope.find(root.id):
        return None
    return expr.span.text if layers.find(context, scope, root) is None else None


def _attribute(context: Context, scope: Scope, expr: syntax.Attribute) -> Any:
    dotted = dotted_name(context, scope, expr)
    if dotted:
        layers.unknown_layer(context, scope, expr, dotted, dotted)
    value = evaluate(context, scope, expr.value)
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
        if isinstance(expr.value, syntax.Literal) and layers.find(context, scope, expr.name):
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


SHAPE_ATTRIBUTES: dict[str, tuple[int, Callable[[Value], Any]]] = {
    "channels": (1, lambda v: v.shape[0]),
    "height": (2, lambda v: v.shape[-2]),
    "width": (2, lambda v: v.shape[-1]),
    "depth": (4, lambda v: v.shape[1]),
    "length": (1, lambda v: v.shape[0] if v.type.rank < 3 else v.shape[1]),
    "features": (1, lambda v: v.shape[-1]),
    "shape": (0, lambda v: list(v.shape)),
    "rank": (0, lambda v: v.type.rank),
    "elements": (0, lambda v: v.type.elements),
}


def _index(context: Context, scope: Scope, expr: syntax.Index) -> Any:
    value = peek(context, scope, expr.value)
    if isinstance(value, Bundle):
        value = value.items
    if not isinstance(value, list | tuple):
        import netdsl.elaborate.habits as habits  # late: right texts need none

        message = f"only lists and bundles have items, not {describe(value)}"
        context.error("wrong-kind", message, expr.value.span, help=habits.item_of(expr, value))
    place = number(context, scope, expr.index, "an index")
    if not -len(value) <= place < len(value):
        context.error("index-out-of-range", f"there is no item {place}: the list has {len(value)}", expr.index.span)
    return value[place]


# ---------------------------------------------------------------- calls


def _call(context: Context, scope: Scope, expr: syntax.Call) -> Any:
    function = expr.function
    if isinstance(function, syntax.Name) and function.id in functions.FUNCTIONS and not scope.find(function.id):
        return functions.builtin(context, scope, expr, function.id)
    return layers.configure(context, scope, expr)


# ---------------------------------------------------------------- values with rows of their own


def _pipeline(context: Context, scope: Scope, expr: syntax.Pipeline) -> Any:
    if len(expr.stages) == 1 and not isinstance(expr.stages[0], syntax.Claim):
        return evaluate(context, scope, expr.stages[0])
    head = expr.stages[0]
    assert not isinstance(head, syntax.Claim)
    value = evaluate(context, scope, head)
    if isinstance(value, LAYERS):
        return layers.chain(context, expr, scope)
    if not isinstance(value, Value | Bundle):
        not_a_start(context, "pipeline", expr, value)
    return rows.flow(context, scope, value, expr.stages[1:])


def not_a_start(context: Context, what: str, pipeline: syntax.Pipeline, value: Any) -> NoReturn:
    """A row, or a pipeline, starts with what nothing can be done with."""
    import netdsl.elaborate.habits as habits  # late: right texts need none

    message = f"a {what} starts with an arrow or a layer, not {describe(value)}"
    context.error("wrong-kind", message, pipeline.stages[0].span, help=habits.instead_of_row(pipeline, value))


def _if(context: Context, scope: Scope, expr: syntax.If) -> Any:
    return control.choose(context, scope, expr)


def _each(context: Context, scope: Scope, expr: syntax.Each) -> Any:
    return control.branch(context, scope, expr)


@cache
def evaluators() -> dict[type, Callable[[Context, Scope, Any], Any]]:
    return {
        syntax.Name: _name,
        syntax.Previous: _previous,
        syntax.Literal: _literal,
        syntax.ListOf: _list,
        syntax.TupleOf: _tuple,
        syntax.Unary: operators.unary,
        syntax.Binary: operators.binary,
        syntax.Attribute: _attribute,
        syntax.Index: _index,
        syntax.Call: _call,
        syntax.Pipeline: _pipeline,
        syntax.If: _if,
        syntax.Each: _each,
    }


def unpack(context: Context, targets: tuple[syntax.Name, ...], item: Any, span: Span) -> list[tuple[syntax.Name, Any]]:
    """`for (expand, c) in …`: the names with their parts of an item."""
    if len(targets) == 1:
        return [(targets[0], item)]
    if not isinstance(item, list | tuple) or len(item) != len(targets):
        message = f"{len(targets)} names need items of {len(targets)} values, but one is {describe(item)}"
        context.error("wrong-kind", message, span, Label(targets[0].span.to(targets[-1].span)))
    return list(zip(targets, item, strict=True))
