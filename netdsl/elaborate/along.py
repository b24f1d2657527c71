"""`along(layer, axis=0)`: a layer on every item of an axis, which lies in the batch meanwhile."""

from __future__ import annotations

import netdsl.elaborate.core as core
import netdsl.elaborate.nodes as nodes
import netdsl.elaborate.parameters as parameters
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import is_identity
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.sequences import check_lengths, of_samples
from netdsl.elaborate.values import Arrows, BlockLayer, Layer, OpLayer, arrows, mapped
from netdsl.ops.axes import find_axis
from netdsl.ops.base import Op, RuleError
from netdsl.ops.linear import Linear
from netdsl.ops.shape import Transpose
from netdsl.ops.value import IntoBatch, OutOfBatch
from netdsl.text.source import Span, is_library

NAME = "along"
TOGETHER = "the first items of all arrows go in together, then the second ones: cut the longer arrow by `slice`"


def stands_for(layer: Layer) -> bool:
    """Whether a layer is the library's `along`."""
    return (
        isinstance(layer, BlockLayer)
        and layer.title == NAME
        and is_library(layer.definition.span.source.name)
    )  # fmt: skip


def apply(site: Site, layer: BlockLayer, value: Arrows, span: Span) -> Arrows:
    """Apply the layer to the items; its nodes, and so its weights, are those of the row."""
    given = parameters.bind_parameters(site.at(Scope(layer.home)), layer.definition, layer.settings, layer.span)
    inner: Layer = given["layer"]
    wholes = arrows(value)
    axes = [_axis_of(site, layer, v, given["axis"]) for v in wholes]
    if is_identity(inner):
        return value
    if len(wholes) == 1 and _needs_no_fold(inner, wholes[0], axes[0]):
        return core.apply(site, inner, wholes[0], span)
    value, same = of_samples(site, value, span)
    fronts = mapped(value, lambda v: _moved(site, v, find_axis(given["axis"], v.type.rank, NAME), 0, span))
    told = f"`{NAME}` goes over {{}} items of one arrow and {{}} of another"
    check_lengths(site, arrows(fronts), span, told, TOGETHER)
    made = _on_items(site, layer, fronts, given["axis"], span)
    return nodes.freed(site, made, span) if same else made


def _axis_of(site: Site, layer: BlockLayer, whole: Value, axis: Extent) -> int:
    if isinstance(axis, Dim):
        help = f"`{axis}` depends on the size of the input, which is known only when the network runs"
        message = f"`axis` takes a whole number, not `{axis}` (in `{NAME}`)"
        site.error("wrong-kind", message, layer.settings["axis"].span, help=help)
    try:
        return find_axis(axis, whole.type.rank, NAME)
    except RuleError as error:
        nodes.refuse(site, error, layer.settings, layer.span, whole)


def _needs_no_fold(inner: Layer, whole: Value, axis: int) -> bool:
    """Whether a layer does to the whole what it does to each item: one that reads vectors reads a sequence of them."""
    return isinstance(inner, OpLayer) and inner.op is Linear and whole.type.rank == 2 and axis == 0


def _on_items(site: Site, layer: BlockLayer, fronts: Arrows, axis: int, span: Span) -> Arrows:
    """The layer on the items of arrows along their first axis, which is put back where `axis` says."""
    inner: Layer = layer.settings["layer"].value
    items = mapped(fronts, lambda front: _items_of(site, front, span))
    made = core.apply(site, inner, items, inner.span)
    first = arrows(items)[0], arrows(fronts)[0]
    return mapped(made, lambda value: _unfolded(site, layer, value, first, axis, span))


def _items_of(site: Site, front: Value, span: Span) -> Value:
    items = _added(site, IntoBatch(front), span)
    items.name = f"{front.name}_items"
    return items


def _unfolded(
    site: Site, layer: BlockLayer, value: Value, items: tuple[Value, Value], axis: int, span: Span
) -> Value:  # fmt: skip
    """What the layer made of the items, with their axis where it was."""
    made = value if value.type.batched else nodes.repeated(site, value, items[0], span)
    place = axis if axis >= 0 else axis + value.type.rank + 1
    if not 0 <= place <= value.type.rank:
        message = f"axis {axis} cannot go back where it was: every item becomes {value.type}"
        help = "bring the axis to the front by `transpose` and leave `axis` out"
        site.error("wrong-rank", message, layer.settings["axis"].span, help=help)
    result = _moved(site, _added(site, OutOfBatch(made, items[1]), span), 0, place, span)
    result.name = value.name
    return result


def _moved(site: Site, value: Value, old: int, new: int, span: Span) -> Value:
    """The value with one axis at another place."""
    if old == new:
        return value
    order = [i for i in range(value.type.rank) if i != old]
    order.insert(new, old)
    return _added(site, Transpose(value, tuple(order)), span)


def _added(site: Site, op: Op, span: Span) -> Value:
    return arrows(nodes.add(site, op, span, {}))[0]
