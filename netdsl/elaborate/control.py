"""Rows that repeat or choose: `for`, `if`, `each`, unrolled while the graph is built."""

from __future__ import annotations

from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
from netdsl.dims import Dim
from netdsl.elaborate.context import Context
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import SHAPE_ATTRIBUTES, UNKNOWN, Bundle, Failed, describe
from netdsl.text import syntax

# ---------------------------------------------------------------- compile-time control


@core.runs(syntax.ForRow)
def for_row(context: Context, scope: Scope, row: syntax.ForRow) -> None:
    items = _items(context, scope, row.items)
    build = context.build
    build.loops += 1
    try:
        with context.times(len(items), row.span):
            for item in items:
                inner = Scope(scope)
                for name, value in core.unpack(context, row.target, item, row.items.span):
                    inner.bind(name.id, value, name.span)
                before = context.failures
                with context.going(row.target, item, row.items.span, len(items)):
                    core.run(context, inner, row.body)
                if context.failures > before:
                    raise Failed  # the other rounds would say the same
    finally:
        build.loops -= 1


def _items(context: Context, scope: Scope, expr: syntax.Expr) -> list[Any]:
    value = core.evaluate(context, scope, expr)
    if isinstance(value, Bundle):
        return list(value.items)
    if not isinstance(value, list | tuple):
        message = f"a loop goes over a list, not {describe(value)}"
        help = f"write `range({expr.span.text})`" if isinstance(value, int) else None
        context.error("wrong-kind", message, expr.span, help=help)
    return list(value)


@core.runs(syntax.If)
def if_row(context: Context, scope: Scope, row: syntax.If) -> None:
    """An `if` as a row of its own: its rows, in the body around it."""
    taken = core.truth(context, scope, row.condition)
    body = row.then if taken else row.otherwise
    if body is not None:
        core.run(context, Scope(scope), body)


@core.evaluates(syntax.If)
def choose(context: Context, scope: Scope, expr: syntax.If) -> Any:
    """An `if` as a value: that of the last row of the branch taken. Without `else`, what comes in goes on."""
    taken = core.truth(context, scope, expr.condition)
    body = expr.then if taken else expr.otherwise
    if body is None:
        return core.previous(context, expr.span)
    number = _only_number(scope, body)
    if number is not None:
        return core.evaluate(context, scope, number)
    return branch_value(context, Scope(scope), body)


def _only_number(scope: Scope, body: syntax.Body) -> syntax.Expr | None:
    """The expression of a body that is one row without a name and can only be a number or a list."""
    row = body.rows[0] if len(body.rows) == 1 else None
    if not isinstance(row, syntax.LayerRow) or row.names or row.shared or len(row.pipeline.stages) != 1:
        return None
    stage = row.pipeline.stages[0]
    return stage if not isinstance(stage, syntax.Claim) and _is_number(scope, stage) else None


def _is_number(scope: Scope, expr: syntax.Expr) -> bool:
    if isinstance(expr, syntax.Name):
        found = scope.find(expr.id)
        return found is not None and isinstance(found.value, int | float | str | list | Dim)
    if isinstance(expr, syntax.Binary):
        return _is_number(scope, expr.left) and _is_number(scope, expr.right)
    if isinstance(expr, syntax.Unary):
        return _is_number(scope, expr.operand)
    if isinstance(expr, syntax.Attribute):
        return expr.name.id in SHAPE_ATTRIBUTES
    return isinstance(expr, syntax.Literal)


@core.evaluates(syntax.Each)
def branch(context: Context, scope: Scope, expr: syntax.Each) -> Bundle:
    """`each`: one branch an item, all starting from the same row before."""
    items = _items(context, scope, expr.items)
    made = []
    with context.times(len(items), expr.span):
        for item in items:
            inner = Scope(scope)
            for name, value in core.unpack(context, expr.target, item, expr.items.span):
                inner.bind(name.id, value, name.span)
            with context.going(expr.target, item, expr.items.span, len(items)):
                made.append(branch_value(context, inner, expr.body))
    return Bundle(functions.bounded(context, tuple(made), expr.span))


def branch_value(context: Context, scope: Scope, body: syntax.Body) -> Any:
    """The value of a small body inside a row. Its labels are its own."""
    build = context.build
    held = build.previous, build.scope, build.loops
    count = len(build.rows)
    build.scope = scope
    build.nested += 1
    try:
        core.run(context, scope, body)
        last = build.previous
    finally:
        build.nested -= 1
        build.previous, build.scope, build.loops = held
    if last is None or (last is build.previous and len(build.rows) == count):
        context.error("empty-body", "this has no row that gives a value", body.span)
    last.used = True
    if last.value is UNKNOWN:
        raise Failed
    return last.value
