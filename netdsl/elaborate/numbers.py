"""Functions of numbers that Python has and this language writes otherwise. Read when a mistake is made."""

from __future__ import annotations

import re
from typing import NoReturn

import netdsl.elaborate.places as places
from netdsl.base.slips import nearest
from netdsl.elaborate.context import Site
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.reading import reader
from netdsl.elaborate.values import NUMBERS, UNKNOWN
from netdsl.ops import REGISTRY
from netdsl.ops.fields import INITIALISERS
from netdsl.text import syntax
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.attributes import number
from netdsl.text.foreign.inflow import OF_ARROWS
from netdsl.text.source import Span

LISTED = 8
"""So many items of a list are added one by one."""


def written(site: Site, text: str) -> str | None:
    """`pow(2, 3)` as `2 ** 3`: a call on numbers, as it is written here; None for any other."""
    found = re.fullmatch(r"([\w.]*)\((\w+)\)", text)
    bound = site.scope.find(found[2]) if found else None
    if found is not None and bound is not None and isinstance(bound.value, list) and 1 < len(bound.value) <= LISTED:
        text = f"{found[1]}([{', '.join(f'{found[2]}[{at}]' for at in range(len(bound.value)))}])"
    return number(text, lambda name: _known(site, name))


def told(site: Site, text: str, near: Span, argument: bool = False) -> str | None:
    """Help for a call on numbers, `near` it or given that `argument`; None where an arrow comes in."""
    here = written(site, text)
    place = places.place_of(site, near, argument) if here is not None else None
    if here is None or (place is not None and place.coming):
        return None
    if place is not None and place.row:
        return f"rows carry tensors, and `let` names numbers, as in `let n = {here}`"
    return f"write `{arithmetic.enclosed(here) if place is not None and place.term else here}`"


def _known(site: Site, name: str) -> bool:
    found = site.scope.find(name)
    return found is not None and (found.value is UNKNOWN or isinstance(found.value, (*NUMBERS, list)))


def refuse_function(site: Site, call: syntax.Call, name: syntax.Name) -> None:
    """`conv(pow(2, 3), 3)`: a function of numbers that is none here stands for no word."""
    here = written(site, call.span.text)
    if here is not None:
        message = f"`{name.id}` is no function of numbers"
        site.error("unknown-name", message, name.span, help=f"write `{here}`")


def refuse_call(site: Site, call: syntax.Call) -> NoReturn:
    """`let n = foo(2)`, which is no number."""
    name = call.function
    assert isinstance(name, syntax.Name)
    if name.id in REGISTRY or site.library.definition(site.scope, name.id) is not None:
        help = "a layer is written where it is used, or in a `block`"
        site.error("wrong-kind", f"`let` names a number or a list, not the layer `{name.id}`", call.span, help=help)
    near = nearest(name.id, [*FUNCTIONS, *INITIALISERS])
    help = f"did you mean `{near}`?" if near else f"those of numbers are {', '.join(FUNCTIONS)}"
    site.error("unknown-name", f"there is no function called `{name.id}`", name.span, help=help)


def led(site: Site, call: syntax.Call, name: str) -> str | None:
    """Help for a function of numbers that is a layer too, where it is given arrows."""
    if name not in OF_ARROWS and name not in REGISTRY:
        return None
    return places.led(site, reader(site), call.function.span, False, call.span.text)


def of_arrows(site: Site, call: syntax.Call, name: str) -> str:
    """`max(x, image)`, `len(x)`: help for a function of numbers that is given arrows."""
    first = call.arguments[0].span.text
    layer = led(site, call, name)
    if layer is not None:
        return layer
    if name == "int":
        return f"write `{first} -> to(int)`"
    if name == "len":
        return f"a batch is never counted; the sizes of one sample are `{first}.shape`"
    return f"what an arrow holds is not known before the net runs; its sizes are, as in `{first}.shape`"
