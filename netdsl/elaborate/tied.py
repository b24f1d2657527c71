"""Weights of one layer in another, as other languages tie them: `linear(10, weight=emb.weight)`, `h -> emb`.

Read when a mistake is made.
"""

from __future__ import annotations

import re

import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import OpLayer, Shared
from netdsl.ops.linear import Embedding
from netdsl.text import syntax
from netdsl.text.foreign.pieces import given_in
from netdsl.text.foreign.weighed import piped
from netdsl.text.source import Span

SAID = frozenset(
    ("weight", "weights", "w", "kernel_weight", "tie", "tied", "tie_to", "tied_to", "tie_weight", "tie_weights",
     "share", "shared", "share_weights", "shared_weights", "table", "embedding", "embeddings")
)  # fmt: skip
"""Settings by which a layer is told weights elsewhere."""
LAYERS = ("linear", "conv")
AN_ARROW = "weights come beside what is read"


def setting(site: Site, title: str, argument: syntax.Argument, call: str) -> str | None:
    """Help for `linear(10, weight=emb.weight)`; None for what is no weight."""
    assert argument.name is not None
    if title not in LAYERS or argument.name.id.lower() not in SAID:
        return None
    weight, first = _weight(site, argument.value)
    if weight is None:
        return f"{AN_ARROW}: `(x, words.weight) -> {title}` scores by the table of `shared words: embedding(…)`"
    settings = [a for a in given_in(call) if a.name in ("stride", "pad", "dilation")]
    place = places.place_of(site, argument.span, True)
    coming = (place.coming if place is not None else "") or "_"
    written = piped(title, [coming, weight], settings if title == "conv" else [])
    bias = "" if re.search(r"bias\s*=\s*false", call) or title == "conv" else ", which has no bias"
    return f"{AN_ARROW}{first}: write `{written}`{bias}"


def _weight(site: Site, expr: syntax.Expr) -> tuple[str | None, str]:
    """The arrow that a value is as weights, and what is to be written first for it."""
    root = expr
    while isinstance(root, syntax.Attribute):
        root = root.value
    bound = site.scope.find(root.id) if isinstance(root, syntax.Name) else None
    if bound is None or not isinstance(root, syntax.Name):
        return None, ""
    if isinstance(bound.value, Shared):
        return (expr.span.text if root is not expr else f"{root.id}.weight"), ""
    if not isinstance(bound.value, Value):
        return None, ""
    if root is expr and not bound.value.type.batched:
        return root.id, ""
    declared = _declared(site, root, bound.span)
    return (f"{declared[0]}.weight", f", of a layer that is declared first, {declared[1]}") if declared else (None, "")


def _declared(site: Site, name: syntax.Name, row: Span) -> tuple[str, str] | None:
    """The rows that share the layer of a row, and its new name: `emb: ids -> embedding(10, 4)`."""
    new, line = name.span.source.unused(name.id), row.source.line(row.line)
    found = re.fullmatch(rf"\s*{name.id}\s*:\s*(?:(.*\S)\s*->\s*)?([a-z_]+\([^()]*\))\s*", line)
    if found is None:
        return None
    return new, f"`shared {new}: {found[2]}`, and used as in `{name.id}: {f'{found[1]} -> ' if found[1] else ''}{new}`"


def row_of(site: Site, name: syntax.Name, row: Span) -> str:
    """Help for `emb.weight`, where `emb` is what a row gives."""
    declared = _declared(site, name, row)
    if declared is None:
        new = name.span.source.unused(name.id)
        return f"a layer whose weights are read is declared first, `shared {new}: …`, and used as `x -> {new}`"
    return f"a layer whose weights are read is declared first, {declared[1]}: its table is `{declared[0]}.weight`"


def scores(site: Site, value: Value, span: Span) -> str | None:
    """Help for `h -> emb`, where vectors come into a shared table."""
    bound = site.scope.find(span.text) if span.text.isidentifier() else None
    layer = bound.value.layer if bound is not None and isinstance(bound.value, Shared) else None
    if not isinstance(layer, OpLayer) or layer.op is not Embedding or value.type.rank == 0:
        return None
    place = places.place_of(site, span, False)
    coming = (place.coming if place is not None else "") or "_"
    return f"a table is looked up by whole numbers; to score by it write `({coming}, {span.text}.weight) -> linear`"


def behind(site: Site, stage: syntax.Expr) -> str | None:
    """Help for `h -> emb.weight`."""
    if not isinstance(stage, syntax.Attribute) or stage.name.id != "weight":
        return None
    place = places.place_of(site, stage.span, False)
    coming = place.coming if place is not None else ""
    return f"{AN_ARROW}: write `({coming}, {stage.span.text}) -> linear`" if coming else None
