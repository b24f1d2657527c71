"""Rows that repeat or choose: `for`, `if`, `each`, unrolled while the graph is built."""

from __future__ import annotations

from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
import netdsl.elaborate.phases as phases
from netdsl.dims import Dim
from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import SHAPE_ATTRIBUTES, UNKNOWN, Bundle, Failed, describe
from netdsl.text import syntax

# ---------------------------------------------------------------- compile-time control


@core.runs(syntax.ForRow)
def for_row(site: Site, row: syntax.ForRow) -> None:
    items = _items(site, row.items)
    build = site.build
    build.loops += 1
    try:
        with site.limits.times(len(items), row.span):
            for item in items:
                inner = site.inner()
                named = core.unpack(site, row.target, item, row.items.span)
                for name, value in named:
                    inner.scope.bind(name.id, value, name.span)
                before = site.errors.failures
                with site.errors.going(named, row.items.span, len(items)):
                    core.run(inner, row.body)
                if site.errors.failures > before:
                    raise Failed  # the other rounds would say the same
    finally:
        build.loops -= 1


def _items(site: Site, expr: syntax.Expr) -> list[Any]:
    value = core.evaluate(site, expr)
    if isinstance(value, Bundle):
        return list(value.items)
    if not isinstance(value, list | tuple):
        message = f"a loop goes over a list, not {describe(value)}"
        help = f"write `range({expr.span.text})`" if isinstance(value, int) else None
        if isinstance(value, str) and value:
            help = f"a list stands in square brackets: write `[{value.strip('[]()')}]`, without quotes"
        site.error("wrong-kind", message, expr.span, help=help)
    return list(value)


@core.runs(syntax.If)
def if_row(site: Site, row: syntax.If) -> None:
    """An `if` as a row of its own: its rows, in the body around it."""
    taken = phases.decided(site, row.condition, core.truth)
    if taken[True] is not taken[False]:
        phases.run(site, row, taken, core.run)
        return
    body = row.then if taken[True] else row.otherwise
    if body is not None:
        core.run(site.inner(), body)


@core.evaluates(syntax.If)
def choose(site: Site, expr: syntax.If) -> Any:
    """An `if` as a value: that of the last row of the branch taken. Without `else`, what comes in goes on."""
    taken = phases.decided(site, expr.condition, core.truth)
    if taken[True] is not taken[False]:
        return phases.value(site, expr, taken, lambda here, holds: _taken(here, expr, holds))
    return _taken(site, expr, taken[True])


def _taken(site: Site, expr: syntax.If, holds: bool) -> Any:
    """The value of one branch."""
    body = expr.then if holds else expr.otherwise
    if body is None:
        return core.previous(site, expr.span)
    number = _only_number(site.scope, body)
    if number is not None:
        return core.evaluate(site, number)
    return branch_value(site.inner(), body)


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
def branch(site: Site, expr: syntax.Each) -> Bundle:
    """`each`: one branch an item, all starting from the same row before."""
    items = _items(site, expr.items)
    made = []
    with site.limits.times(len(items), expr.span):
        for item in items:
            inner = site.inner()
            named = core.unpack(site, expr.target, item, expr.items.span)
            for name, value in named:
                inner.scope.bind(name.id, value, name.span)
            with site.errors.going(named, expr.items.span, len(items)):
                made.append(branch_value(inner, expr.body))
    return Bundle(functions.bounded(site, tuple(made), expr.span))


def branch_value(site: Site, body: syntax.Body) -> Any:
    """The value of a small body inside a row. Its labels are its own."""
    build = site.build
    held = build.previous, build.scope, build.loops
    count = len(build.rows)
    build.scope = site.scope
    build.nested += 1
    try:
        core.run(site, body)
        last = build.previous
    finally:
        build.nested -= 1
        build.previous, build.scope, build.loops = held
    if last is None or (last is build.previous and len(build.rows) == count):
        site.error("empty-body", "this has no row that gives a value", body.span)
    last.used = True
    if last.value is UNKNOWN:
        raise Failed
    return phases.settled(site, last.value, last.span)
