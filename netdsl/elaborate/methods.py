"""Methods, which arrows and layers have in other languages: `x.relu()`, `(a + b).mean()`, `linear(24).chunk(3)`.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import netdsl.elaborate.advice as advice
import netdsl.elaborate.core as core
import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.reading import reader
from netdsl.elaborate.values import LAYERS, Bundle
from netdsl.text import syntax
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.attributes import asked

COMING = "_"


def refuse(site: Site, function: syntax.Attribute, call: syntax.Call) -> None:
    """Refuse a method of an arrow or of a call of a layer; what is called may be of a layer: `tower.conv1`."""
    found = site.scope.find(function.value.id) if isinstance(function.value, syntax.Name) else None
    if found is not None:
        value = found.value
        called = isinstance(value, Value | Bundle)
    elif isinstance(function.value, syntax.Call) and (whole := reader(site).rewrite(call.span.text)):
        _refuse_chain(site, function, call, whole)
    else:
        value = core.evaluate(site, function.value)
        called = isinstance(value, (Value, Bundle, *LAYERS))
    if called:
        _refuse(site, function, call, value)


def _refuse(site: Site, function: syntax.Attribute, call: syntax.Call, value: Any) -> None:
    layer, name = isinstance(value, LAYERS), function.name.id
    help = (_of_layer if layer else _of_arrow)(site, function, call, value)
    place = places.place_of(site, function.span, False)
    text = re.escape(function.value.span.text)
    if place is not None and place.row and re.search(rf"write `\(?{text}\)?\.", help):
        help = help.replace("write `", "rows carry tensors, and `let` names numbers, as in `let n = ", 1)
    message = f"{'a layer' if layer else 'an arrow'} has no `.{name}(…)`: layers are applied by `->`"
    site.error("unknown-attribute", message, function.name.span, help=help or None)


def _refuse_chain(site: Site, function: syntax.Attribute, call: syntax.Call, whole: str) -> NoReturn:
    """`x.pow(2).sum(1)`: one method behind another."""
    place = places.place_of(site, function.span, False)
    written = arithmetic.enclosed(whole) if place is not None and place.term else whole
    message = f"nothing here has a `.{function.name.id}(…)`: layers are applied by `->`"
    site.error("unknown-attribute", message, call.span, help=f"write `{written}`")


def _of_arrow(site: Site, function: syntax.Attribute, call: syntax.Call, value: Value | Bundle) -> str:
    arrow, texts = function.value.span.text, [a.span.text for a in call.arguments]
    type = value.type if isinstance(value, Value) else None
    help = None if type is None else asked(arrow, function.name.id, ", ".join(texts), type.rank, type.dtype)
    if help is not None and not re.fullmatch(r"[\w.]+", arrow):
        help = help.replace(f"`{arrow}.", f"`({arrow}).")
    named = isinstance(function.value, syntax.Name | syntax.Attribute)
    shown = arrow if named or arithmetic.bracketed(arrow) is not None else f"({arrow})"
    return help or advice.called_on(site, function.name.id, shown, texts, function.span) or ""


def _of_layer(site: Site, function: syntax.Attribute, call: syntax.Call, layer: Any) -> str:
    """`conv(8, 3).relu()`: what comes out of the layer is read, whose place `_` has meanwhile."""
    texts, name = [a.span.text for a in call.arguments], function.name.id
    help = asked(COMING, name, ", ".join(texts), 0, "") if name in ("contiguous", "cuda", "cpu", "clone") else None
    help = help or advice.unknown(site, name, f"F.{name}({', '.join([COMING, *texts])})") or ""
    text = function.value.span.text
    help = help.replace("`_ ->", f"`{text} ->").replace("`_`", f"`{text}`")
    return help if f"`{text}" in help else re.sub(r"^write `", f"write `{text} -> ", help)
