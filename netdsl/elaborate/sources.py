"""Blocks that take nothing: without an `input` row, and with a first row that begins with a value of their own.

Such a block is a value when it is called, `x + positions(T, width)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import Arrows, BlockLayer, arrows
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span


def takes_nothing(site: Site, definition: syntax.Definition, home: Scope) -> bool:
    """Whether a block reads nothing of what is outside."""
    known = site.context.sources
    if id(definition) not in known:
        known[id(definition)] = True  # of one that uses itself, which is refused where it is built
        known[id(definition)] = _begins_with_own(site, definition, home)
    return known[id(definition)]


def _begins_with_own(site: Site, definition: syntax.Definition, home: Scope) -> bool:
    rows = definition.body.rows
    if definition.keyword != "block" or any(isinstance(r, syntax.InputRow) for r in rows):
        return False
    own: set[str] = set()
    for row in rows:
        if isinstance(row, syntax.ParamRow | syntax.ConstRow):
            own.add(row.name.id)
        elif isinstance(row, syntax.OutputRow) and row.pipeline is None:
            return all(name.id in own for name in row.names)
        elif isinstance(row, syntax.LayerRow | syntax.OutputRow) and not getattr(row, "shared", False):
            found = list(_starts(site, row.pipeline, own, home))
            return True in found and None not in found
        elif isinstance(row, syntax.If | syntax.ForRow):
            return False
    return False


def _starts(site: Site, expr: Any, own: set[str], home: Scope) -> Iterator[bool | None]:
    """Of what an expression begins with, True for a value of the block's own, None for what is outside."""
    if isinstance(expr, syntax.Previous):
        yield None
    elif isinstance(expr, syntax.Name | syntax.Call):
        word = expr.function if isinstance(expr, syntax.Call) else expr
        if isinstance(word, syntax.Name):
            yield (word is expr and word.id in own) or _names(site, word, home)
    else:
        for part in _parts(expr):
            yield from _starts(site, part, own, home)


def _names(site: Site, word: syntax.Name, home: Scope) -> bool:
    """Whether a word is the name of a block that takes nothing."""
    found = site.library.definition(home, word.id)
    return found is not None and takes_nothing(site, *found)


def _parts(expr: Any) -> Sequence[Any]:
    if isinstance(expr, syntax.Pipeline):
        return expr.stages[:1]
    if isinstance(expr, syntax.Binary):
        return expr.left, expr.right
    if isinstance(expr, syntax.Unary):
        return (expr.operand,)
    if isinstance(expr, syntax.TupleOf):
        return expr.items
    return (expr.value,) if isinstance(expr, syntax.Index | syntax.Attribute | syntax.Spread) else ()


def measures(site: Site, layer: BlockLayer) -> tuple[Value, ...]:
    """Inputs of the body at work that have the open sizes among a block's settings."""
    sizes = [s.value for s in layer.settings.values() if isinstance(s.value, Dim)]
    wanted = {symbol for size in sizes for symbol in size.symbols}
    found: list[Value] = []
    for value in site.build.graph.inputs:
        held = {s for d in value.shape if isinstance(d, Dim) for s in d.symbols}
        if wanted & held:
            found.append(value)
            wanted -= held
    return tuple(found)


def called(site: Site, stage: syntax.Expr) -> syntax.Definition | None:
    """The block that takes nothing which a call, or a name, is the value of."""
    word = stage.function if isinstance(stage, syntax.Call) else stage
    found = site.library.definition(site.scope, word.id) if isinstance(word, syntax.Name) else None
    return found[0] if found is not None and takes_nothing(site, *found) else None


def refuse_given(site: Site, definition: syntax.Definition, text: str, given: Arrows, span: Span) -> NoReturn:
    """`x -> positions(T, width)`: what is wanted is a sum."""
    comes = "1 comes" if len(arrows(given)) == 1 else f"{len(arrows(given))} come"
    message = f"`{definition.name.id}` takes nothing, but {comes} in"
    label = Label(definition.name.span, "it has no `input` row, and begins with a value of its own")
    site.error("wrong-inputs", message, span, label, help=f"add it: `x + {text}` for an arrow `x`")
