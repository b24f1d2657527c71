"""Calls: functions of numbers, and layers with their settings."""

from __future__ import annotations

from typing import Any, NoReturn

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
import netdsl.elaborate.parameters as parameters
from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.elaborate.arguments import bind_op
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import dotted_name, find_layer, unknown_layer
from netdsl.elaborate.values import (
    LAYERS,
    SHAPE_ATTRIBUTES,
    BlockLayer,
    Bundle,
    Failed,
    Layer,
    OpLayer,
    describe,
    holds,
)
from netdsl.text import syntax


@core.evaluates(syntax.Call)
def _call(site: Site, expr: syntax.Call) -> Any:
    function = expr.function
    if isinstance(function, syntax.Name) and function.id in functions.FUNCTIONS and not site.scope.find(function.id):
        if expr.arguments or find_layer(site, function) is None:
            return builtin(site, expr, function.id)
    return core.valued(site, configure(site, expr), expr.span)


def shared_instead(row: str) -> str:
    """The way out where the name of a row is used as the layer that stands in it."""
    return f"`{row}` is what came out of its row; a layer with one set of weights for several rows: `shared {row}: …`"


def builtin(site: Site, expr: syntax.Call, name: str) -> Any:
    for argument in expr.arguments:
        if argument.name:
            message, help = f"`{name}` takes no named values", None
            if name in ("max", "min") and argument.name.id in ("axis", "dim"):
                help = f"it is for numbers; along an axis of an arrow, `reduce_{name}({argument.span.text})`"
            help = help or _of_named(site, expr, name)
            site.error("unknown-setting", message, argument.name.span, help=help)
    given = [core.evaluate(site, a.value) for a in expr.arguments]
    try:
        result = functions.FUNCTIONS[name](site, expr, *given)
    except Failed:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError):
        if any(isinstance(g, Dim) for g in given):
            site.error("not-known-yet", f"`{expr.span.text}` depends on the size of the input", expr.span)
        site.error(
            "wrong-kind",
            f"`{name}` does not take {', '.join(map(describe, given)) or 'nothing'}",
            expr.span,
            help=_of_arrows(site, expr, name) if holds(given, (Value, Bundle)) else _of_axis(site, expr, name),
        )
    functions.bounded_number(site, result, expr.span)
    return result


def _of_arrows(site: Site, expr: syntax.Call, name: str) -> str:
    """Help for a function of numbers that is given arrows."""
    import netdsl.elaborate.numbers as numbers  # late: right texts need none

    return numbers.of_arrows(site, expr, name)


def _of_axis(site: Site, expr: syntax.Call, name: str) -> str | None:
    """Help for `x -> max(0)`."""
    text = expr.span.source.text[: expr.span.start].rstrip()
    axis = expr.arguments[0].span.text if len(expr.arguments) == 1 else ""
    if name not in ("max", "min") or not text.endswith("->") or not axis.lstrip("-").isdecimal():
        return None
    return f"along an axis of an arrow it is `reduce_{name}(axis={axis})`"


def _of_named(site: Site, expr: syntax.Call, name: str) -> str | None:
    """Help for a function of numbers that is given what it takes by name."""
    import netdsl.elaborate.numbers as numbers  # late: right texts need none

    return numbers.led(site, expr, name)


def configure(site: Site, call: syntax.Call) -> Layer:
    """`conv(64, 3)`: the layer with its settings bound."""
    layer = _callee(site, call)
    if not isinstance(layer, OpLayer | BlockLayer) or layer.settings:
        _called_twice(site, layer, call)
    if isinstance(layer, OpLayer):
        return OpLayer(layer.op, bind_op(site, layer.op, call.arguments, call.span), call.span)
    given = parameters.bind(site, layer.definition, call.arguments, call.span)
    return BlockLayer(layer.definition, layer.home, given, call.span, tuple(site.library.at_work))


def _called_twice(site: Site, layer: Layer, call: syntax.Call) -> NoReturn:
    """`conv(6, 5)(image)`, as Keras and PyTorch apply a layer."""
    import netdsl.elaborate.places as places  # late: right texts need none

    help = places.given(site, call.arguments[0]) if call.arguments else None
    message = f"`{layer.title}` has its settings already"
    help = help or f"write `{call.function.span.text}` without brackets"
    site.error("unknown-setting", message, call.span, help=help)


def _callee(site: Site, call: syntax.Call) -> Layer:
    function = call.function
    if isinstance(function, syntax.Name) and not site.scope.find(function.id):
        layer = find_layer(site, function)
        if layer is None:
            unknown_layer(site, function, function.id, call.span.text)
        return layer
    root = function
    while isinstance(root, syntax.Call):
        root = root.function
    if isinstance(root, syntax.Name) and not site.scope.find(root.id) and find_layer(site, root) is None:
        unknown_layer(site, root, root.id, call.span.text)
    dotted = dotted_name(site, root)
    if dotted:
        unknown_layer(site, root, dotted, call.span.text)
    if isinstance(function, syntax.Attribute) and function.name.id not in SHAPE_ATTRIBUTES:
        import netdsl.elaborate.methods as methods  # late: right texts need none

        methods.refuse(site, function, call)
    value = core.evaluate(site, function)
    if not isinstance(value, LAYERS):
        message = f"`{function.span.text}` is {describe(value)}, not a layer"
        help = "only layers take settings in brackets"
        if isinstance(value, Value) and isinstance(function, syntax.Name):
            help = shared_instead(function.id)
        elif isinstance(function, syntax.Name) and find_layer(site, function) is not None:
            help = f"a setting hides the layer of its name: call it something else, such as `{function.id}_rate`"
        site.error("not-a-layer", message, function.span, help=help)
    return value
