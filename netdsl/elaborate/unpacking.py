"""Rows that name, ask or send on several arrows as other programs do: how many a layer gives here, and the way out.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import netdsl.elaborate.places as places
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import Arrows, Bundle, arrows
from netdsl.graph import Node
from netdsl.ops.linear import Linear
from netdsl.ops.shape import Split
from netdsl.text import syntax
from netdsl.text.foreign import several
from netdsl.text.source import Span

RESULTS = {"top_k": ("values", "places"), "sort": ("values", "places"), "maxpool": ("values", "places")}
"""Layers that give where numbers were beside the numbers, the last two where they are told so."""
ASKED = {
    **dict.fromkeys(("values", "value", "output"), 0),
    **dict.fromkeys(("indices", "index", "idx", "places"), 1),
}
"""What such results are asked for elsewhere, with its place."""
ACROSS = {
    "sum": "`add` adds several arrows up: write `{0} -> add`",
    "mean": "`add` adds several arrows up: write `({0} -> add) / {1}`",
    "reduce_max": "the largest of several arrows is `maximum`, of two at a time",
    "reduce_min": "the least of several arrows is `minimum`, of two at a time",
}
"""Layers along axes of one arrow, with what brings several together."""
STATES = ("lstm", "gru", "rnn")
WEIGHTS = ("attention", "multihead_attention")


def maker(site: Site, value: Arrows) -> Node | None:
    """The node that gives the first of some arrows, in the body at work."""
    first = next(iter(arrows(value)), None)
    return next((n for n in reversed(site.build.graph.nodes) if any(v is first for v in n.results)), None)


# ---------------------------------------------------------------- names


def named(site: Site, names: Sequence[syntax.Name], row: Span, value: Arrows) -> str:
    """Help for a row whose several names are not as many as its arrows."""
    node, words = maker(site, value), [n.id for n in names]
    text = row.text[names[-1].span.end - row.start :].partition(":")[2]
    text = " ".join(re.sub(r"#[^\n]*", "", text).split())
    label = f"({', '.join(words)})"
    if isinstance(value, Bundle):
        return _bundle(node, label, len(words), text, value)
    kind = node.kind if node is not None else ""
    says = "the places come out where `indices=true` asks for them" if kind in several.TOLD else ""
    says = says or (f"`{kind}` gives the numbers alone, and `argmax` their places" if kind in several.EXTREMES else "")
    if says and len(words) == 2:
        rows = several.row(label, text, row.source.unused("scores"))
        return f"{says}: {rows}" if rows is not None else says
    one = f"the row gives one arrow: `{words[0]}: …` names it"
    if kind in STATES:
        return f"the row gives one arrow (the state behind the last step is `-> last` of it): `{words[0]}: …` names it"
    if kind in WEIGHTS:
        return f"{one}; the weights of `{kind}` are no arrow"
    cut = _cut(node, len(words))
    return f"{one}, and a layer cuts it: `{label}: {text} -> {cut}`" if cut else one


def _bundle(node: Node | None, label: str, count: int, text: str, value: Bundle) -> str:
    """Names for a bundle of another length."""
    last = text.rpartition("-> ")[2]
    if node is not None and isinstance(node.op, Split) and re.fullmatch(r"split\(\s*(?:parts\s*=\s*)?\d+\b.*\)", last):
        extent = node.op.x.shape[node.op.along]
        told = re.sub(r"\d+", str(count), last, count=1)
        size = re.search(r"\d+", last)
        if isinstance(extent, int) and size and extent == int(size[0]) * count:
            return f"`split` is told how many parts there are, not how large one is: write `{told}`"
        if isinstance(extent, int) and extent % count == 0:
            return f"name every part, or cut it into {count}: `{told}`"
    if value.names:
        known = ", ".join(value.names)
        return f"its outputs are {known}: name each of them, or the whole, as in `both: …` and `both.{value.names[0]}`"
    if node is not None and node.kind in RESULTS:
        names = ", ".join(RESULTS[node.kind])
        return f"`{node.kind}` gives the numbers, and their places: name both, as in `({names}): {text}`"
    return "name every arrow, or the bundle: behind `parts: …` the first is `parts[0]`"


def _cut(node: Node | None, count: int) -> str | None:
    """The `split` of a projection into so many equal parts, which other programs do in one with it."""
    value = node.results[0] if node is not None and isinstance(node.op, Linear) else None
    if value is None or not isinstance(value.shape[-1], int) or value.shape[-1] % count:
        return None
    return f"split({count}, axis=-1)" if value.type.rank > 1 else f"split({count})"


# ---------------------------------------------------------------- items


def asked(site: Site, expr: syntax.Attribute, value: Bundle) -> str | None:
    """`best.values`, `best.indices`: results that have no name here, but a place."""
    node, name = maker(site, value), expr.name.id
    at = ASKED.get(name)
    if at is None or node is None or node.kind not in RESULTS or len(value.items) != 2:
        return f"its arrows have no names: they are `{expr.value.span.text}[0]` and so on" if not value.names else None
    text = expr.value.span.text
    return f"write `{text}[{at}]`" if isinstance(expr.value, syntax.Name) else f"write `({text})[{at}]`"


def crowded(site: Site, value: Arrows, span: Span, usual: str) -> str:
    """Help where several arrows come into a layer of one: those of one layer are named, others joined."""
    node = maker(site, value)
    whole = node is not None and [*node.results] == [*arrows(value)]
    place = places.place_of(site, span, False)
    across = ACROSS.get(span.text.partition("(")[0])
    if (
        place is not None
        and place.coming
        and across is not None
        and (not whole or node is None or node.kind == "split")
    ):
        return across.format(place.coming, len(arrows(value)))
    if node is None or not whole or place is None or not place.coming:
        return usual
    count, call = f"{len(node.results)} arrows", span.text
    if len(node.results) > 4:
        all = f"`parts: {place.coming.removeprefix('_ -> ')}`"
        return f"`{node.kind}` gives {count}: name them all, {all}, and go on from one, `parts[0] -> {call}`"
    if re.fullmatch(r"\w+", place.coming):
        return f"`{place.coming}` holds {count}: write `{place.coming}[0] -> {call}` for the first of them"
    names = RESULTS.get(node.kind, [f"part{i + 1}" for i in range(len(node.results))])
    coming = f"({', '.join(names)}): {place.coming.removeprefix('_ -> ')}"
    return f"`{node.kind}` gives {count}: name them, `{coming}`, and go on from one, `{names[0]} -> {call}`"
