"""`param scale [channels] = ones`, `const step [T] = arange`: tensors that are arrows of their own."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import MOST, DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import check_label, kind_of
from netdsl.elaborate.requirements import check_amounts
from netdsl.elaborate.scope import Build, RowValue, Setting
from netdsl.graph import result_types
from netdsl.ops import REGISTRY
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.fields import INITIALISERS, FieldError, Word, beyond
from netdsl.text import syntax


@core.runs(syntax.ParamRow)
def param_row(site: Site, row: syntax.ParamRow) -> None:
    """A free parameter: an arrow that is a weight."""
    from netdsl.ops.const import STARTS  # late: few texts hold tensors

    check_label(site, row.name)
    shape = tuple(core.number(site, d, "a size of a param") for d in row.dims)
    op_type = REGISTRY["free_param"]
    fields = {f.name: f for f in op_type.settings()}
    values: dict[str, Any] = {"shape": shape}
    if row.init is not None:
        given = _start(site, row.init, {*INITIALISERS, *STARTS})
        try:
            values["init"] = read_setting(fields["init"], given)
        except RuleError as error:
            known = isinstance(given, list | tuple) or (isinstance(given, Word) and given.name in STARTS)
            help = f"a `const` may be that: add `{row.name.id}`, which starts as `zeros`, to one" if known else None
            from netdsl.elaborate.starts import told  # late: right texts need none

            help = help or told(row.init.span.text)
            site.error(error.code, f"{error} (in `param`)", row.init.span, help=help)
    try:
        op = op_type(**values)
        types = result_types(op)
    except RuleError as error:
        site.error(error.code, str(error), row.span, help=error.help)
    check_amounts(site, types, row.span)
    value = nodes.append(site, row.name.id, op, (), types, row.span, {})
    node = site.build.fresh.pop()
    node.name = _node_name(site.build, row.name.id)
    site.build.scope.bind(row.name.id, value, row.name.span, RowValue(row.span, value))


def _node_name(build: Build, name: str) -> str:
    """Its name, numbered where rows are repeated: by `for`, and from the second on by `each`."""
    again = build.loops or name in build.params
    build.params.add(name)
    return build.names.number(name) if again else name


# ---------------------------------------------------------------- tensors of the text


@core.runs(syntax.ConstRow)
def const_row(site: Site, row: syntax.ConstRow) -> None:
    """A constant: an arrow that the text says."""
    from netdsl.ops.const import STARTS, Const, measured  # late: few texts hold tensors

    check_label(site, row.name)
    shape = tuple(core.extent(site, d) for d in row.dims)
    given = Setting(_start(site, row.start, STARTS), row.start.span, row.start)
    dtype = kind_of(site, row.kind, row.name)
    try:
        op = Const(measured(shape, site.build.graph.inputs), shape, _read(site, row, given.value), dtype.value)
        value = nodes.add(site, op, row.span, {"start": given})
    except RuleError as error:
        site.error(error.code, f"{error} (in `const`)", row.start.span, help=error.help)
    if dtype is DType.INT and isinstance(value, Value) and op.ends is not None:
        site.build.ends[value] = site.build.reach[value] = op.ends
    node = site.build.fresh.pop()
    node.name = _node_name(site.build, row.name.id)
    site.build.scope.bind(row.name.id, value, row.name.span, RowValue(row.span, value))


def _start(site: Site, expr: syntax.Expr, words: Container[str]) -> Any:
    """What a tensor starts as, or is; the words for that are looked up before other names."""
    if isinstance(expr, syntax.Name) and expr.id in words:
        return Word(expr.id)
    return core.evaluate_setting(site, expr)


def _read(site: Site, row: syntax.ConstRow, value: object) -> Any:
    """What a constant is said to be, in normal form."""
    from netdsl.ops.const import StartKind  # late: few texts hold tensors

    try:
        found = StartKind().read(value)
    except FieldError as error:
        import netdsl.elaborate.habits as habits  # late: right texts need none

        help = habits.instead_of_constant(row, value)
        site.error("wrong-kind", f"a `const` {error}", row.start.span, help=help)
    wrong = beyond(found, MOST)
    if wrong is not None:
        site.error("number-too-large", f"{wrong} (in `const`)", row.start.span)
    return found
