"""`param scale [channels] = ones`: weights that are arrows of their own."""

from __future__ import annotations

from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.nodes as nodes
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import check_label
from netdsl.elaborate.requirements import check_amounts
from netdsl.elaborate.scope import Build, RowValue
from netdsl.graph import result_types
from netdsl.ops import REGISTRY
from netdsl.ops.base import RuleError, read_setting
from netdsl.text import syntax


@core.runs(syntax.ParamRow)
def param_row(site: Site, row: syntax.ParamRow) -> None:
    """A free parameter: an arrow that is a weight."""
    check_label(site, row.name)
    shape = tuple(core.number(site, d, "a size of a param") for d in row.dims)
    op_type = REGISTRY["free_param"]
    fields = {f.name: f for f in op_type.settings()}
    values: dict[str, Any] = {"shape": shape}
    if row.init is not None:
        given = core.evaluate_setting(site, row.init)
        try:
            values["init"] = read_setting(fields["init"], given)
        except RuleError as error:
            site.error(error.code, f"{error} (in `param`)", row.init.span)
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
