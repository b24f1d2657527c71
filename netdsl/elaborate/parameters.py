"""Settings of blocks: bound by name and place, checked against what their parameters are declared to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import netdsl.elaborate.core as core
from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.elaborate.arguments import match_arguments
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import chain, find_layer
from netdsl.elaborate.reporting import EachTold
from netdsl.elaborate.scope import Setting
from netdsl.elaborate.values import LAYERS, Bundle, describe, holds
from netdsl.ops.fields import Word
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span


def _whole(value: Any) -> bool:
    return isinstance(value, int | Dim) and not isinstance(value, bool)


def _size(value: Any) -> bool:
    """One whole number, or one an axis."""
    return _whole(value) or (isinstance(value, list | tuple) and len(value) > 0 and all(map(_whole, value)))


KINDS: dict[str, tuple[str, Any]] = {
    "int": ("a whole number", _whole),
    "size": ("a whole number, or one an axis such as `(3, 5)`", _size),
    "float": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "bool": ("`true` or `false`", lambda v: isinstance(v, bool)),
    "text": ("a text in quotes", lambda v: isinstance(v, str)),
    "word": ("a word", lambda v: isinstance(v, Word)),
    "list": ("a list", lambda v: isinstance(v, list | tuple)),
    "layer": ("a layer", lambda v: isinstance(v, LAYERS)),
    "init": ("an initialiser", lambda v: isinstance(v, Word | int | float)),
}
"""Kinds that a block's parameter can be declared with: `c: int`, `act: layer = relu`."""

# ---------------------------------------------------------------- settings


def bind(
    site: Site, definition: syntax.Definition, arguments: Sequence[syntax.Argument], span: Span
) -> dict[str, Setting]:
    """The settings of a call of a block, each checked against what its parameter is declared to be."""
    parameters = {p.name.id: p for p in definition.parameters}
    told, bound = EachTold(site.errors), dict[str, Setting]()
    matched = match_arguments(site, definition.name.id, list(parameters), arguments, definition.positional, told)
    for name, argument in matched.items():
        with told.tried(argument.name is not None):
            value = _argument(site, parameters[name], argument.value)
            checked = _checked(site, parameters[name], value, argument.value.span, argument)
            bound[name] = Setting(checked, argument.span, argument.value)
    told.done()
    return bound


def _kind(parameter: syntax.Parameter) -> str | None:
    """The declared kind, or what the default says."""
    if parameter.kind is not None:
        return parameter.kind.id
    default = parameter.default
    if isinstance(default, syntax.Literal):
        kinds = {bool: "bool", int: "number", float: "number", str: "text"}
        return kinds[type(default.value)]
    return "list" if isinstance(default, syntax.ListOf) else None


def _argument(site: Site, parameter: syntax.Parameter, expr: syntax.Expr) -> Any:
    kind = _kind(parameter)
    if kind == "layer" and isinstance(expr, syntax.Pipeline) and len(expr.stages) > 1:
        return chain(site, expr)
    if kind in ("word", "init"):
        return core.evaluate_setting(site, expr)
    if kind is None and isinstance(expr, syntax.Name) and not site.scope.find(expr.id):
        return find_layer(site, expr) or Word(expr.id)
    return core.evaluate(site, expr)


def _checked(
    site: Site, parameter: syntax.Parameter, value: Any, span: Span, argument: syntax.Argument | None = None
) -> Any:
    kind = _kind(parameter)
    if holds(value, (Value, Bundle)):
        message = f"`{parameter.name.id}` is a setting, but this is {describe(value)}"
        import netdsl.elaborate.places as places  # late: right texts need none

        known = "settings are known before the network runs; arrows lead into a block by `->`"
        help = (places.given(site, argument) if argument else None) or known
        site.error("wrong-kind", message, span, Label(parameter.span, "declared here"), help=help)
    if kind is None:
        return value
    if kind not in KINDS:
        assert parameter.kind is not None
        from netdsl.text import foreign  # late: right texts need none

        same = foreign.kind(kind, KINDS)
        help = f"did you mean `{same}`?" if same else did_you_mean(kind, KINDS) or f"kinds are {', '.join(KINDS)}"
        site.error("unknown-kind", f"there is no kind of setting called `{kind}`", parameter.kind.span, help=help)
    says, accepts = KINDS[kind]
    if kind == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not accepts(value) and not (kind == "number" and isinstance(value, Dim)):
        message = f"`{parameter.name.id}` takes {says}, not {describe(value)}"
        site.error(
            "wrong-kind", message, span, Label(parameter.span, "declared here"), help=_instead(parameter, kind, value)
        )
    return value


def _instead(parameter: syntax.Parameter, kind: str, value: Any) -> str | None:
    """The way out for a value of another kind than a parameter is declared to be."""
    if kind == "layer" and isinstance(value, int) and not isinstance(value, bool):
        usual = parameter.default.span.text if parameter.default is not None else f"conv({value}, 3, pad=1)"
        return f"a layer is wanted, such as `{usual}`"
    if kind == "bool" and value in (0, 1):
        return f"write `{'true' if value else 'false'}`"
    if _size(value) and kind in ("int", "number", "list") and _sized(parameter):
        default = f" = {parameter.default.span.text}" if parameter.default is not None else ""
        return f"to take one number or one an axis, declare it `{parameter.name.id}: size{default}`"
    return None


def _sized(parameter: syntax.Parameter) -> bool:
    """Whether the default of a parameter, if there is one, is a size."""
    default = parameter.default
    whole = (
        isinstance(default, syntax.Literal) and isinstance(default.value, int) and not isinstance(default.value, bool)
    )
    return default is None or whole or isinstance(default, syntax.ListOf | syntax.TupleOf)


def bind_parameters(
    site: Site, definition: syntax.Definition, given: Mapping[str, Setting], span: Span
) -> dict[str, Any]:
    """Every parameter's value, bound in the scope of the body; defaults may use earlier parameters."""
    values: dict[str, Any] = {}
    for parameter in definition.parameters:
        name = parameter.name.id
        if name in values:
            message = f"`{definition.name.id}` has two parameters called `{name}`"
            first = next(p for p in definition.parameters if p.name.id == name)
            site.error("duplicate-name", message, parameter.name.span, Label(first.name.span, "first here"))
        if name in given:
            values[name] = given[name].value
        elif parameter.default is not None:
            value = _argument(site, parameter, parameter.default)
            values[name] = _checked(site, parameter, value, parameter.default.span)
        else:
            message = f"`{definition.name.id}` needs its `{name}`"
            label = Label(parameter.span, "declared here")
            help = f"write `{definition.name.id}({name}=…)`"
            if definition.keyword == "net":
                help = (
                    f"give it a default, `{name} = …`, or a value from outside: `--set {name}=…` (in Python `{name}=…`)"
                )
            site.error("missing-setting", message, span, label, help=help)
        site.scope.bind(name, values[name], parameter.name.span)
    return values
