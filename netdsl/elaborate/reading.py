"""How calls are read that stand in a scope: its arrows, layers and blocks. Read when a mistake is made."""

from __future__ import annotations

from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.outline import input_items
from netdsl.elaborate.values import LAYERS, UNKNOWN, Bundle, arrows
from netdsl.text import syntax
from netdsl.text.foreign.calls import CallReader


def reader(site: Site) -> CallReader:
    """How calls are read that stand in a scope."""
    bound = {n: b.value for s in reversed([*site.scope.chain()]) for n, b in s.names.items()}
    counts = {text: count for n, value in bound.items() for text, count in _arrows(n, value).items()}
    layers = {n: 1 for n, value in bound.items() if isinstance(value, LAYERS)}
    found = definitions(site)
    blocks = {name: {p.name.id: p.default is None for p in block.parameters} for name, block in found.items()}
    layers.update({name: len(input_items(block)) for name, block in found.items()})
    flowing = {n for n in bound if n in counts}
    numbers = {n for n in bound if n not in counts and n not in layers}
    most = {name: block.positional for name, block in found.items()}
    reading = CallReader(flowing, blocks, most, numbers, counts, layers)
    shapes = [(n, v.type.shape) for n, v in [*bound.items(), ("", site.build.coming)] if isinstance(v, Value)]
    reading.free = {n for n, value in bound.items() if isinstance(value, Value) and not value.type.batched}
    coming = [("_", site.build.coming)]
    reading.truths = {n: v.type.dtype is DType.BOOL for n, v in [*bound.items(), *coming] if isinstance(v, Value)}
    reading.batched = {n for n in flowing if _batched(bound[n])}
    reading.shapes.update({n: [*map(str, shape)] for n, shape in shapes})
    reading.ranks.update({n: r for n, v in [*bound.items(), ("", site.build.coming)] if (r := _rank(v)) is not None})
    return reading


def _batched(value: object) -> bool:
    """Whether an arrow, or one of a bundle, differs from sample to sample."""
    found = arrows(value) if isinstance(value, Bundle) else [value]
    return any(isinstance(v, Value) and v.type.batched for v in found)


def _rank(value: object) -> int | None:
    """How many axes an arrow has, or those of a bundle."""
    found = arrows(value) if isinstance(value, Bundle) else [value]
    return found[0].type.rank if found and isinstance(found[0], Value) else None


def _arrows(name: str, value: object) -> dict[str, int]:
    """The texts by which a name is read as an arrow, with how many arrows each of them is."""
    if not isinstance(value, Bundle):
        return {name: 1} if value is UNKNOWN or isinstance(value, Value) else {}
    items = {f"{name}[{place}]": len(arrows(item)) for place, item in enumerate(value.items)}
    named = {f"{name}.{output}": len(arrows(item)) for output, item in zip(value.names, value.items, strict=False)}
    return {name: len(arrows(value)), **items, **named}


def definitions(site: Site) -> dict[str, syntax.Definition]:
    """The blocks and nets in reach."""
    found = {name: site.library.definition(site.scope, name) for name in site.library.names(site.scope)}
    return {name: definition[0] for name, definition in found.items() if definition is not None}
