"""Where a call stands in its row, and what is written there for one that is given arrows.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from netdsl.base.record import contents, record
from netdsl.elaborate.context import Site
from netdsl.elaborate.reading import reader
from netdsl.elaborate.values import LAYERS
from netdsl.ops import REGISTRY
from netdsl.ops.weighed import WEIGHED
from netdsl.text import syntax
from netdsl.text.foreign import arithmetic, several
from netdsl.text.foreign.calls import CallReader
from netdsl.text.foreign.inflow import ONE_OF, Inflow, least
from netdsl.text.source import Span

DOTTED = (syntax.Name, syntax.Attribute)
ROWS = (syntax.LayerRow, syntax.OutputRow, syntax.NextRow)


@record
class Place:
    """Where a call stands."""

    call: syntax.Expr
    coming: str
    """What leads into it by an arrow, as it may be written anywhere in the row; "" at a head."""
    heads: bool
    """Whether it begins a row, so that the value of the row before may come in."""
    term: bool
    """Whether it stands in arithmetic, where a pipeline needs brackets."""
    alone: bool
    """Whether it stands where a layer is wanted, so that no arrow can lead into it."""
    row: bool
    """Whether what leads into it is the row itself, from its beginning on."""
    end: int
    """Where the pipeline ends in which it stands."""
    named: int = 0
    """How many names in brackets its row has, if it ends the row."""
    label: str = ""
    """What its row is named."""
    row_text: str = ""
    """The text of its row."""
    item: str = ""
    """Which of its results is asked for: `1` in `x.max(1)[1]`, `values` in `x.max(1).values`."""


def place_of(site: Site, near: Span, argument: bool, outermost: bool = False) -> Place | None:
    """The place of the call that begins with a word, or that is given an `argument`; all arithmetic if `outermost`."""
    path = path_to(site, near)
    if argument:
        at = next((i for i, node in enumerate(path) if isinstance(node, syntax.Argument) and _ends(node, near)), 0) - 1
    else:
        at = max((i for i, node in enumerate(path) if node.span == near), default=-1)
    while at > 0 and _called(path[at - 1], path[at]):
        at -= 1
    while outermost and at > 0 and isinstance(path[at - 1], syntax.Binary | syntax.Unary):
        at -= 1
    return _place(site, path, at) if at > 0 else None


def path_to(site: Site, near: Span) -> list[Any]:
    """The parts of its file that hold a place, each inside the one before; none for a text that is no file's."""
    file = next((m.file for m in site.library.modules.values() if m.file.source is near.source), None)
    return [*_holding(file, near)] if file is not None else []


def _holding(node: Any, near: Span) -> Iterator[Any]:
    """The parts of a tree that hold a place, each inside the one before."""
    for inner in contents(node).values():
        for part in inner if isinstance(inner, tuple) else (inner,):
            if hasattr(part, "span") and part.span.start <= near.start and near.end <= part.span.end:
                yield part
                yield from _holding(part, near)
                return


def _ends(argument: syntax.Argument, near: Span) -> bool:
    return near in (argument.span, argument.value.span)


def _called(outer: Any, inner: Any) -> bool:
    """Whether a part of a text is what another part calls: `conv(8, 3)` in `conv(8, 3)(x)`, `nn` in `nn.ReLU`."""
    callee = outer.function if isinstance(outer, syntax.Call) else None
    dotted = outer.value if isinstance(outer, syntax.Attribute) and isinstance(inner, DOTTED) else None
    return inner is callee or inner is dotted


def _place(site: Site, path: list[Any], at: int) -> Place:
    call, outer = path[at], path[at - 1]
    around = path[at - 2] if at > 1 else None
    piped = isinstance(outer, syntax.Pipeline)
    first = not piped or call is outer.stages[0]
    shared = isinstance(around, syntax.LayerRow) and around.shared
    alone = isinstance(around if piped else outer, syntax.Argument | syntax.Parameter) or shared
    row = piped and isinstance(around, ROWS)
    term = isinstance(outer, syntax.Binary | syntax.Unary | syntax.Index | syntax.Attribute)
    labelled = next((part for part in reversed(path) if isinstance(part, syntax.LayerRow)), None)
    ends = isinstance(around, syntax.LayerRow) and around.bundle and call.span.end == outer.span.end
    return Place(
        call,
        "" if first else _coming(site, outer, call),
        first and row,
        term,
        alone,
        row,
        (outer if piped else call).span.end,
        len(around.names) if isinstance(around, syntax.LayerRow) and ends else 0,
        labelled.names[0].id if labelled is not None and len(labelled.names) == 1 else "",
        labelled.span.text if labelled is not None else "",
        _item(outer),
    )


def _item(outer: Any) -> str:
    """Which result is asked of a call that stands in such a part of a text."""
    if isinstance(outer, syntax.Index):
        return outer.index.span.text
    return outer.name.id if isinstance(outer, syntax.Attribute) else ""


def _coming(site: Site, pipeline: syntax.Pipeline, stage: syntax.Expr) -> str:
    """What a pipeline is up to a stage, as an arrow."""
    text = pipeline.span.source.text[pipeline.span.start : stage.span.start]
    text = " ".join(re.sub(r"#[^\n]*", "", text).split()).rstrip("( ").removesuffix("->").rstrip()
    return f"_ -> {text}" if carries_on(site, pipeline.stages[0]) else text


def carries_on(site: Site, head: syntax.Expr | syntax.Claim) -> bool:
    """Whether a pipeline that begins so carries on from the row before: its head is a layer."""
    if isinstance(head, syntax.Name):
        bound = site.scope.find(head.id)
        return bound is None or isinstance(bound.value, LAYERS)
    if isinstance(head, syntax.Pipeline):
        return carries_on(site, head.stages[0])
    if isinstance(head, syntax.Binary):
        return head.operator == "*" and carries_on(site, head.left)
    return isinstance(head, syntax.Call | syntax.Claim)


# ---------------------------------------------------------------- what is written


def led(site: Site, reading: CallReader, near: Span, argument: bool = True, text: str = "") -> str | None:
    """Help for a call that is given arrows; None for one that is given none. `text` says it in another way."""
    place = place_of(site, near, argument)
    if place is None:
        return None
    flow = reading.flow(text or place.call.span.text, bool(place.coming) or place.heads)
    if flow is None or not flow.arrows:
        return None
    ways = _ways(reading, place, flow, text or place.call.span.text)
    if not ways:
        layer = (reading.layer(flow.word) if place.coming else None) or flow.word
        return _why(reading, place, flow) if reading.settings(layer) is not None or not flow.rest else None
    if place.named == 2 and (both := several.both(ways[0])):
        return f"the places are another arrow: write `{both}`"
    if place.item and (one := several.picked(ways[0][1:-1] if place.term else ways[0], place.item)):
        behind = f"[{place.item}]" if place.item.isdecimal() else f".{place.item}"
        return f"such a layer gives one arrow: write `{one}`, without `{behind}`"
    other = f", or as `{ways[1]}` where that is meant" if len(ways) > 1 else ""
    says = f"arrows lead into a layer by `->`: {_write(place)} `{ways[0]}`{other}"
    return "; ".join([says, *dict.fromkeys(reading.lost)])


def branched(site: Site, near: Span, written: str, lost: Sequence[str]) -> str:
    """Help where several ways lead from `_`, what comes in: behind an arrow each begins with all before that."""
    place = place_of(site, near, False)
    if place is None or place.alone or place.term:
        return f"it needs an arrow to begin from, as in `{written}`"
    text = written.replace("_ ->", f"{place.coming} ->") if place.coming else written
    return "; ".join([f"{_write(place)} `{text}`", *dict.fromkeys(lost)])


def given(site: Site, argument: syntax.Argument) -> str | None:
    """Help for the call that holds an argument, where it is given arrows."""
    return led(site, reader(site), argument.span)


def _write(place: Place) -> str:
    """The words before what is to be written: for the call alone, or for all that leads into it as well."""
    return f"write {'the row' if place.row else 'the pipeline'} up to here as" if place.coming else "write"


def _ways(reading: CallReader, place: Place, flow: Inflow, text: str) -> list[str]:
    """What is to be written; several where it is not certain which is meant."""
    if place.alone:
        return []
    if place.coming:
        return reading.led(flow, place.coming)
    written = reading.sent(flow.word, reading.layer(flow.word), flow.arrows, flow.rest) or reading.rewrite(text)
    if written is None and place.heads:
        return reading.led(flow, "_")[:1]
    return [arithmetic.enclosed(written) if place.term else written] if written is not None else []


def _why(reading: CallReader, place: Place, flow: Inflow) -> str:
    """What stands against the arrows that a layer is given, in words."""
    layer = reading.layer(flow.word) or flow.word
    if place.alone:
        bare = None if place.coming else reading.sent(flow.word, layer, [], flow.rest)
        return f"a layer is wanted here, and no arrow: {f'write `{bare}`' if bare else 'write a block for it'}"
    needed = reading.lacking(layer, flow.rest)
    arrows = [*([place.coming] if place.coming else []), *flow.arrows]
    takes = least(layer) if layer in ONE_OF and flow.rest else reading.takes(layer)
    if len(arrows) > takes:
        alone = [way for a in arrows if (way := reading.sent(flow.word, layer, [a], flow.rest))]
        certain = takes == 1 and len({*alone}) == len(arrows) == 2
        ways = f": {_write(place)} `{'` or `'.join(alone)}`" if certain else ""
        most = "one arrow" if takes == 1 else f"{takes} arrows at most"
        if REGISTRY.get(layer) in WEIGHED:
            most = "one arrow beside weights that all samples share"
        return f"`{layer}` takes {most}, but {len(arrows)} come in here{ways}"
    count = sum(reading.counts.get(arrow, 1) for arrow in arrows)
    if not needed and count < least(layer):
        return f"`{layer}` needs {least(layer)} arrows, but {f'{count} come' if count > 1 else 'one comes'} in here"
    if layer == "where" and not needed:
        return f"the first arrow of `where` holds truth values, as in `{arithmetic.enclosed(arrows[0])} > 0`"
    lacks = f", where `{layer}` needs its `{needed[0]}`" if needed else ""
    return f"arrows lead into a layer by `->`, and its brackets hold its settings alone{lacks}"


def applied(site: Site, layer: syntax.Expr, sum: syntax.Binary) -> str:
    """Help for arithmetic with a layer that nothing leads into: `x -> conv(8, 3) + a`."""
    place = place_of(site, sum.span, False)
    if place is None or place.alone or layer is not sum.left or not (place.coming or place.heads):
        arrow = sum.left if isinstance(sum.left, syntax.Name) and not carries_on(site, sum.left) else None
        led = f"({arrow.id if arrow else '…'} -> {layer.span.text})"
        so = f"as in `{arrow.id} {sum.operator} {led}`" if arrow and layer is sum.right else f"`{led}`"
        return f"arithmetic works on arrows: say what leads into the layer, {so}"
    coming = place.coming or "_"
    rest = sum.span.source.text[layer.span.end : sum.span.end].strip().lstrip(")").strip()
    return f"an arrow leads on from all before it: {_write(place)} `({coming} -> {layer.span.text}) {rest}`"
