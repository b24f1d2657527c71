"""What a body says before any of it is built: its inputs, the names of its rows, where its states start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from netdsl.dims.tensors import Value
from netdsl.text import syntax
from netdsl.text.source import Span


def labels_of(body: syntax.Body) -> dict[str, Span]:
    """Every row label that may be bound in a body with its place, so that numbered names keep clear of them."""
    found: dict[str, Span] = {}
    for row in body.rows:
        names: Iterable[syntax.Name] = ()
        if isinstance(row, syntax.LayerRow) or (isinstance(row, syntax.OutputRow) and row.pipeline is not None):
            names = row.names
        elif isinstance(row, syntax.ParamRow | syntax.ConstRow | syntax.LetRow | syntax.StateRow):
            names = (row.name,)
        elif isinstance(row, syntax.InputRow):
            names = (i.name for i in row.items)
        for name in names:
            found.setdefault(name.id, name.span)
        for inner in _bodies(row):
            for name_of, span in labels_of(inner).items():
                found.setdefault(name_of, span)
    return found


def _bodies(row: syntax.BodyRow) -> tuple[syntax.Body, ...]:
    if isinstance(row, syntax.ForRow):
        return (row.body,)
    if isinstance(row, syntax.If):
        return (row.then, row.otherwise) if row.otherwise else (row.then,)
    return ()


def input_items(definition: syntax.Definition) -> list[syntax.InputItem]:
    """The declared inputs, those that are given whole behind the others.

    A block without any has one called `x`, unless nothing is there to go over.
    """
    items, whole = _items(definition, given=False), _items(definition, given=True)
    if not items and not whole and steps_of(definition.body) is None:
        items = [syntax.InputItem(definition.name.span, syntax.Name(definition.name.span, "x"), None, None)]
    return [*items, *whole]


def _items(definition: syntax.Definition, given: bool) -> list[syntax.InputItem]:
    rows = (r for r in definition.body.rows if isinstance(r, syntax.InputRow) and r.given is given)
    return [i for r in rows for i in r.items]


def steps_of(body: syntax.Body) -> syntax.StepsRow | None:
    """The row that says how often a recurrent block runs."""
    for row in body.rows:
        if isinstance(row, syntax.StepsRow):
            return row
        found = next((s for inner in _bodies(row) if (s := steps_of(inner))), None)
        if found is not None:
            return found
    return None


def batch_rows(definition: syntax.Definition) -> list[syntax.InputRow]:
    """The rows of inputs that see all samples at once."""
    return [r for r in definition.body.rows if isinstance(r, syntax.InputRow) and r.batch]


def given_names(definition: syntax.Definition) -> set[str]:
    """Inputs that every step sees as they are."""
    return {i.name.id for i in _items(definition, given=True)} if definition.keyword == "recurrent" else set()


def initial_names(definition: syntax.Definition) -> set[str]:
    """Inputs that are the initial value of a state and nothing else: whole values, not sequences."""
    inputs = {i.name.id for i in _items(definition, given=False)}
    states = (r for r in definition.body.rows if isinstance(r, syntax.StateRow))
    return {r.initial.id for r in states if isinstance(r.initial, syntax.Name) and r.initial.id in inputs}


def step_text(definition: syntax.Definition, given: Sequence[Value]) -> str:
    """Said of a recurrent block in which something is wrong, when its input is a vector: a step is then one number."""
    if definition.keyword != "recurrent" or not given or given[0].type.rank != 1:
        return ""
    first = next((i.name.id for i in input_items(definition)), None)
    if first is None or first in initial_names(definition) | given_names(definition):
        return ""
    return f", where each step is a single number of {given[0].type}: a sequence of vectors is [steps, features]"


def names_in(expr: Any) -> list[syntax.Name]:
    """The names that stand in arithmetic and conditions."""
    if isinstance(expr, syntax.Name):
        return [expr]
    if isinstance(expr, syntax.Binary):
        return names_in(expr.left) + names_in(expr.right)
    return names_in(expr.operand) if isinstance(expr, syntax.Unary) else []


def bound_names(row: syntax.BodyRow) -> dict[str, Span]:
    """The names that a row would have bound, with those of rows inside it."""
    if isinstance(row, syntax.OutputRow) and row.pipeline is None:
        return {}
    return labels_of(syntax.Body(row.span, (row,)))
