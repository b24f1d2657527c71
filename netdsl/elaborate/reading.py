"""How calls are read that stand in a scope: its arrows, layers and blocks. Read when a mistake is made."""

from __future__ import annotations

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import LAYERS, UNKNOWN, Bundle
from netdsl.text import syntax
from netdsl.text.foreign.calls import CallReader


def reader(site: Site) -> CallReader:
    """How calls are read that stand in a scope."""
    arrows = {n for s in site.scope.chain() for n, b in s.names.items() if _flows(b.value)}
    numbers = {n for n in site.scope.known() if n not in arrows}
    found = definitions(site)
    blocks = {name: {p.name.id: p.default is None for p in block.parameters} for name, block in found.items()}
    return CallReader(arrows, blocks, {name: block.positional for name, block in found.items()}, numbers)


def _flows(value: object) -> bool:
    return value is UNKNOWN or isinstance(value, (Value, Bundle, *LAYERS))


def definitions(site: Site) -> dict[str, syntax.Definition]:
    """The blocks and nets in reach."""
    found = {name: site.library.definition(site.scope, name) for name in site.library.names(site.scope)}
    return {name: definition[0] for name, definition in found.items() if definition is not None}
